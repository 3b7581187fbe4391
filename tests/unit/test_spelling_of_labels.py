"""Labels that look the same, and labels that look like nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Memory, NewMemory
from mnemic.domain.access import make_access
from mnemic.domain.moving.records import label
from mnemic.domain.validation import check_label, check_namespace, check_tags
from mnemic.errors import AccessDenied, InvalidInput
from mnemic.testing import WordEmbedder

COMPOSED = "jos\u00e9"
APART = unicodedata.normalize("NFD", COMPOSED)


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder(), durable=False) as opened:
        yield opened


@pytest.mark.parametrize(
    "blank", ["\u200b", "\u200d\u2060", "\ufe0f", "\u3164", "\u2800", "\u00a0\u200b\u00a0", "\u0301"]
)
def test_a_label_that_shows_nothing_is_refused_by_its_code_points(blank: str) -> None:
    for check in (
        lambda: check_label(blank, name="session"), lambda: check_tags([blank]), lambda: check_namespace(("a", blank)),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match=r"shows nothing: it is U\+[0-9A-F]{4}"):
            check()
    assert label(blank) is None, "what others exported is not refused for its title"


@pytest.mark.parametrize("shown", ["-", "\u2764\ufe0f", "\U0001f468\u200d\U0001f469", "\ue000", APART, "a\u200bb"])
def test_a_label_with_anything_to_see_is_kept_as_it_is(shown: str) -> None:
    assert check_label(shown, name="session") == shown and check_tags([shown]) == (shown,)


@pytest.mark.parametrize(("first", "second"), [(COMPOSED, APART), (APART, COMPOSED)])
@pytest.mark.parametrize("below", [(), ("notes",)])
async def test_a_name_does_not_become_a_second_namespace_by_how_its_letters_are_written(
    memory: Memory, first: str, second: str, below: tuple[str, ...]
) -> None:
    await memory.remember("The key is under the mat.", namespace=("team", first, *below))
    with pytest.raises(InvalidInput, match="with other code points"):
        await memory.remember("The key is under the stone.", namespace=("team", second))
    with pytest.raises(InvalidInput, match="with other code points"):
        await memory.session("talk", namespace=("team", second, *below)).append("Hello.", role="user")
    await memory.remember("The key is in the lock.", namespace=("team", first, "else"))
    assert {record.namespace[1] for record in await memory.records()} == {first}


async def test_one_batch_does_not_begin_a_namespace_in_two_spellings(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="with other code points"):
        await memory.remember_many([NewMemory(text=name, namespace=(name,)) for name in (COMPOSED, APART)])
    assert not await memory.records()


async def test_a_ledger_that_holds_both_spellings_is_read_written_exported_and_imported_as_ever(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("mnemic.services.storing.remember.check_spellings", lambda *_: None)
        for name in (COMPOSED, APART):
            await memory.remember(f"The key of {name!a}.", namespace=(name,))
    for name in (COMPOSED, APART):
        await memory.remember(f"The lock of {name!a}.", namespace=(name,))
        await memory.remember(f"The door of {name!a}.", namespace=(name, "below"))
        assert len(await memory.list(namespace=(name,))) == 2
    lines = [line async for line in memory.export()]
    async with mnemic.open_memory(tmp_path / "another", chroma="off", embedder=WordEmbedder()) as another:
        await another.import_(lines)
        assert [line async for line in another.export()] == lines


async def test_no_right_reaches_another_spelling_and_none_is_told_that_it_is_there(memory: Memory) -> None:
    await memory.remember("The key is under the mat.", namespace=("team", COMPOSED))
    other = memory.within(make_access("ana", namespaces=[("team", APART)], rights=["read", "write", "admin"]))
    assert not await other.list(namespace=("team", APART))
    for call in (other.list, other.recall):
        with pytest.raises(AccessDenied):
            await call(namespace=("team", COMPOSED))
    for subtree in (False, True):
        told = await other.recall("Where is the key?", namespace=("team", APART), subtree=subtree)
        assert told.reason is not None and ascii(COMPOSED)[1:-1] not in ascii(told.reason)
    # Their own name may be begun: to refuse it would tell them of the other.
    assert (await other.remember("Mine.", namespace=("team", APART))).id
    assert {record.text for record in await other.records()} == {"Mine."}


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ((COMPOSED,), (APART,)),
        (("team", APART, "notes"), ("team", COMPOSED)),
        (("Team", "ana"), ("team", "ana")),
        (("team", "ana"), ("TEAM", "ANA")),
        ((COMPOSED.title(),), (APART,)),
    ],
)
@pytest.mark.parametrize("question", ["Where is the key?", None])
@pytest.mark.parametrize("subtree", [False, True])
async def test_who_asks_in_another_spelling_learns_of_the_one_that_is_there(
    memory: Memory, stored: tuple[str, ...], asked: tuple[str, ...], question: str | None, subtree: bool
) -> None:
    await memory.remember("The key is under the mat.", namespace=stored)
    told = await memory.recall(question, namespace=asked, subtree=subtree)
    there = ascii("/".join(stored[: len(asked)]))
    assert not told.hits and f"The namespace {there}" in str(told.reason) and "holds 1" in str(told.reason)
    await memory.remember("The door is green.", namespace=stored)
    assert "holds 2" in str((await memory.recall(question, namespace=asked)).reason)
    elsewhere = await memory.recall(question, namespace="josefine")
    assert elsewhere.reason == "Nothing relevant: there are no memories in josefine."


@pytest.mark.parametrize(("stored", "asked"), [(COMPOSED, APART), (APART, COMPOSED)])
async def test_tags_sessions_and_speakers_are_found_in_either_spelling(memory: Memory, stored: str, asked: str) -> None:
    await memory.remember("The key is under the mat.", tags=[stored], session=stored, speaker=stored, source=stored)
    given: dict[str, Any]
    for given in ({"tags": [asked]}, {"session": asked}, {"speaker": asked}, {"source": asked}):
        (record,) = await memory.list(**given)
        assert record.tags == (stored,), "what was written is what is kept"
        (hit,) = (await memory.recall("Where is the key?", **given)).hits
        assert hit.memory.id == record.id
