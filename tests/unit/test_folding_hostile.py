"""Folding under hostile and very long input."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.folding import PRESETS, Folder, FoldingItem, FoldingPreset, ItemKind
from mnemic.domain.working_memory.messages import NOTHING_SHOWN
from tests.unit.folding_items import call, feed, folder, result, say, user

_odd = st.text(max_size=8) | st.sampled_from(
    ["--", "all: a", "null", "", "1", "1.0", "-0", "a|b", "a.b", "a b", "]", "[", "x\n", " y", "{", "k=v", "true", '"']
)


_HOSTILE = {
    "spaces": " " * 1_000_000,
    "one word": "a" * 1_000_000,
    "marks": "(" * 1_000_000,
    "dots": "a." * 500_000,
    "repeats": "ab ab " * 170_000,
    "lines": "k: v\n" * 200_000,
    "long key": "k" * 1_000_000 + ": v\nb: 1\nc: 2",
    "open json": "[" * 1_000_000,
    "half json": '{"a": [' * 100_000,
    "wide json": json.dumps({f"key_{at}": at for at in range(50_000)}),
    "wide rows": json.dumps([{"a": at, "b": None} for at in range(30_000)]),
    "quotes": '"' * 1_000_000,
    "huge number": "[" + "9" * 100_000 + "]",
    "articles": "the a an " * 110_000,
    "separators": "a-b_c/d@" * 120_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", _HOSTILE)
def test_a_megabyte_of_hostile_text_is_survived(name: str) -> None:
    """A pattern that backtracks without end would never come back from these."""
    text = _HOSTILE[name]
    memory = Folder(PRESETS["live"], count_tokens=len)
    feed(memory, user("x"), call("get", q=1), result("get", text), say(text), user(text[:1000]))
    feed(memory, call("get", q=1), result("get", text + "!"), user("y"), say("z"))
    assert memory.shown[0] == "x"
    assert len(memory.shown) == 9


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "·", "{", "}", "[", "[]", "{}", "null", "\x00", "[same as #9]", "\ud800"]
)
def test_odd_texts_of_every_kind_are_survived(text: str) -> None:
    for name, preset in PRESETS.items():
        memory = Folder(preset, count_tokens=len, head=text)
        for _ in range(2):
            feed(memory, user(text), FoldingItem(kind=ItemKind.THOUGHT, text=text), say(text))
            feed(memory, FoldingItem(kind=ItemKind.CALL, text=text, name=text), result(text, text), result("", text))
        feed(memory, user(text))
        assert len(memory.shown) == 13, name


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(ItemKind), st.sampled_from(["", "a", "get_x", "update 7"]), _odd), max_size=40)
)
def test_any_sequence_of_items_keeps_order_users_words_and_a_later_lookup(
    sequence: list[tuple[ItemKind, str, str]],
) -> None:
    for preset in PRESETS.values():
        memory = Folder(dataclasses.replace(preset, maxlen=2), count_tokens=len)
        for kind, name, text in sequence:
            memory.append(FoldingItem(kind=kind, text=text, name=name))
            for change in memory.fold():
                assert memory.shown[change.index] == change.shown and change.reason
        assert len(memory.shown) == len(sequence)
        assert all(
            shown == text for (kind, _, text), shown in zip(sequence, memory.shown, strict=True) if kind == "user"
        )


def test_parameters_of_a_preset_can_be_replaced() -> None:
    world = dataclasses.replace(PRESETS["lean"], maxlen=12)
    assert isinstance(world, FoldingPreset) and world.maxlen == 12 and PRESETS["lean"].maxlen == 6


def test_a_named_record_that_is_nested_too_deeply_is_folded_like_any_other() -> None:
    deep: Any = "HAT123"
    for _ in range(60):
        deep = {"id": "HAT123", "a": deep}
    memory = folder("live")
    feed(memory, user("HAT123"), call("get", a=1), result("get", json.dumps(deep)), say("ok"), user("more"), say("ok"))
    assert memory.shown[2] == NOTHING_SHOWN or len(memory.shown[2]) < 100
