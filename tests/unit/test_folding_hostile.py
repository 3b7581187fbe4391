"""Folding under hostile and very long input."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.folding import PRESETS, Decision, Folder, FoldingPreset, Item, ItemKind
from mnemic.domain.working_memory.messages import NOTHING_SHOWN
from mnemic.storage.token_counters import HeuristicTokenCounter

count = HeuristicTokenCounter().count
_odd = st.text(max_size=8) | st.sampled_from(
    ["--", "all: a", "null", "", "1", "1.0", "-0", "a|b", "a.b", "a b", "]", "[", "x\n", " y", "{", "k=v", "true", '"']
)


def user(text: str) -> Item:
    return Item(kind=ItemKind.USER, text=text)


def say(text: str) -> Item:
    return Item(kind=ItemKind.SAY, text=text)


def call(name: str, **arguments: Any) -> Item:
    return Item(kind=ItemKind.CALL, text=json.dumps(arguments), name=name)


def result(name: str, text: str, *, is_error: bool = False) -> Item:
    return Item(kind=ItemKind.OBSERVATION, text=text, name=name, is_error=is_error)


def folder(preset: str = "lean", **options: Any) -> Folder:
    return Folder(dataclasses.replace(PRESETS[preset], **options), count_tokens=count)


def feed(into: Folder, *items: Item) -> list[Decision]:
    """Append the items, folding before each call of the model as a host does."""
    made: list[Decision] = []
    for item in items:
        if item.kind in (ItemKind.SAY, ItemKind.THOUGHT, ItemKind.CALL):
            made += into.fold()
        made += into.append(item)
    return made + into.fold()


def reservation(cabin: str, name: str = "R1X9") -> str:
    flights = [{"number": "HAT001", "price": 120}, {"number": "HAT002", "price": 95}]
    return json.dumps({"reservation_id": name, "cabin": cabin, "flights": flights})


def test_an_identical_result_is_shown_as_a_reference_while_the_first_is_in_view() -> None:
    memory = folder("lossless")
    made = feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")), call("get_r", id="R1X9"))
    assert len(made) == 1
    again = memory.append(result("get_r", reservation("economy")))
    assert again == [Decision(index=3, shown="[same as #1]", reason="identical to the result of item 1")]


def test_a_changed_result_is_shown_as_its_changes() -> None:
    memory = folder("lossless")
    feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")), call("get_r", id="R1X9"))
    (change,) = memory.append(result("get_r", reservation("business")))
    assert change.shown == "[#1 with changes]\n-cabin=economy\n+cabin=business"
    assert change.reason == "differs from item 1 in 1 line"


def test_references_use_the_names_that_the_host_gives() -> None:
    memory = Folder(PRESETS["lossless"], count_tokens=count, refer=lambda index: f"msg{index}")
    feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")), call("get_r", id="R1X9"))
    assert memory.append(result("get_r", reservation("economy")))[0].shown == "[same as msg1]"


def test_a_reference_gets_its_own_text_back_when_its_base_is_hidden() -> None:
    memory = folder("lossless")
    feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")), call("get_r", id="R1X9"))
    memory.append(result("get_r", reservation("economy")))
    memory.exclude(1, visible=False)
    (change,) = memory.fold()
    assert change.index == 3 and "cabin=economy" in change.shown


def test_a_base_is_not_folded_while_something_in_view_refers_to_it() -> None:
    memory = folder("lean", keep=1, milestones=False)
    feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")))
    memory.close_chunk()
    memory.append(call("get_r", id="R1X9"))
    memory.append(result("get_r", reservation("economy")))
    memory.fold()
    assert memory.shown[3] == "[same as #1]" and "HAT001|120" in memory.shown[1]
    memory.close_chunk()
    feed(memory, user("next"))
    assert "HAT001|120" not in memory.shown[1] and not memory.shown[3].startswith("[same")


# ----------------------------------------------------------------------------------------------------- hostile input

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


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_megabyte_of_hostile_text_is_taken_in_linear_time(name: str) -> None:
    text = _HOSTILE[name]
    started = time.perf_counter()
    memory = Folder(PRESETS["live"], count_tokens=len)
    feed(memory, user("x"), call("get", q=1), result("get", text), say(text), user(text[:1000]))
    feed(memory, call("get", q=1), result("get", text + "!"), user("y"), say("z"))
    assert time.perf_counter() - started < 12


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "·", "{", "}", "[", "[]", "{}", "null", "\x00", "[same as #9]", "\ud800"]
)
def test_odd_texts_of_every_kind_are_survived(text: str) -> None:
    for name, preset in PRESETS.items():
        memory = Folder(preset, count_tokens=len, head=text)
        for _ in range(2):
            feed(memory, user(text), Item(kind=ItemKind.THOUGHT, text=text), say(text))
            feed(memory, Item(kind=ItemKind.CALL, text=text, name=text), result(text, text), result("", text))
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
            memory.append(Item(kind=kind, text=text, name=name))
            for change in memory.fold():
                assert memory.shown[change.index] == change.shown and change.reason
        assert len(memory.shown) == len(sequence)
        assert all(
            shown == text for (kind, _, text), shown in zip(sequence, memory.shown, strict=True) if kind == "user"
        )


def test_a_long_session_costs_the_same_at_its_end_as_at_its_start() -> None:
    memory = Folder(PRESETS["lean"], count_tokens=len)

    def run(start: int) -> float:
        started = time.perf_counter()
        for at in range(start, start + 300):
            feed(memory, user(f"please look at order {at} of customer c_{at}"), call("get_order", id=f"o_{at}"))
            feed(
                memory, result("get_order", reservation("economy", f"o_{at}")), say(f"Order o_{at} costs {at} in all.")
            )
        return time.perf_counter() - started

    first = run(0)
    for block in range(1, 5):
        run(300 * block)
    assert run(1500) < 4 * first + 0.05


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


def test_many_versions_of_one_thing_cost_no_more_each() -> None:
    def run(versions: int) -> float:
        memory = folder("live")
        started = time.perf_counter()
        for at in range(versions):
            feed(
                memory, user("R1X9?"), call("get_r", id="R1X9"), result("get_r", reservation(f"class {at}")), say("so")
            )
        return time.perf_counter() - started

    assert run(1200) < 12 * run(200) + 0.1
