"""What is given in a wrong form is told as such, with what to do, and never as an error of Python's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Memory
from mnemic.errors import InvalidInput

Call = Callable[[Memory, Any], Awaitable[object]]

TAKES_SEVERAL: dict[str, Call] = {
    "remember_many": lambda memory, given: memory.remember_many(given),
    "import_": lambda memory, given: memory.import_(given),
    "bring_back": lambda memory, given: memory.bring_back(given),
    "append": lambda memory, given: memory.session("one").append(given),
    "append_transcript": lambda memory, given: memory.session("one").append_transcript(given),
    "retrieve": lambda memory, given: memory.session("one").retrieve(given),
}


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "memory", chroma="off", durable=False) as opened:
        yield opened


@pytest.mark.parametrize("given", [None, 1.5, object()], ids=["none", "number", "object"])
@pytest.mark.parametrize("call", list(TAKES_SEVERAL))
async def test_what_is_no_list_is_refused_by_its_name(memory: Memory, call: str, given: Any) -> None:
    with pytest.raises(InvalidInput, match="not a list"):
        await TAKES_SEVERAL[call](memory, given)


async def test_one_text_is_not_stored_letter_by_letter(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="remember takes one"):
        await memory.remember_many("Ana")
    assert await memory.list() == ()


async def test_the_name_of_a_file_is_not_imported_letter_by_letter(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="Give the lines of an export"):
        await memory.import_("backup.jsonl")


async def test_one_id_is_brought_back_as_it_is_archived(memory: Memory) -> None:
    id = (await memory.remember("Ana lives in Lisbon.")).id
    assert await memory.archive(id) == await memory.bring_back(id) == (id,)


async def test_messages_that_are_no_json_are_refused_with_what_makes_them_json(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="messages_to_dict"):
        await memory.session("one").append_transcript([object()])  # type: ignore[list-item]


async def test_a_search_hit_that_no_id_can_name_is_unknown(memory: Memory) -> None:
    session = memory.session("one")
    await session.append("Hello.")
    with pytest.raises(InvalidInput, match="There is no search hit"):
        await session.get_search_detail([])  # type: ignore[arg-type]


@pytest.mark.parametrize("access", [None, "team/ana", {"name": "ana"}])
async def test_what_is_no_access_opens_nothing(memory: Memory, access: Any) -> None:
    with pytest.raises(InvalidInput, match="make_access"):
        memory.within(access)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"home": 5}, "home is int"),
        ({"home": ""}, "home is empty"),
        ({"embedder": object(), "embedder_id": "mine-1"}, "neither embed nor embed_documents"),
        ({"reranker": object()}, "has no rerank"),
    ],
    ids=["home", "no-home", "embedder", "reranker"],
)
def test_what_a_memory_cannot_be_opened_with_is_told_before_it_is_used(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        mnemic.open_memory(**given)
