"""What was out of recall, or was superseded, is current again, and never doubled or half back unnoticed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mnemic
from mnemic import Memory
from mnemic.domain.memory import Relation, Status
from mnemic.errors import InvalidInput


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path, chroma="off", durable=False) as opened:
        yield opened


async def status(memory: Memory, id: str) -> Status:
    return (await memory.get(id)).status


async def test_what_is_superseded_and_archived_is_brought_back_whole(memory: Memory) -> None:
    old = await memory.remember("api.port = 1")
    new = await memory.remember("api.port = 2")
    gone = await memory.remember("Ana has two cats")
    await memory.archive([old.id, gone.id])
    assert sorted(await memory.bring_back([old.id, gone.id, new.id])) == sorted([old.id, gone.id])
    assert [await status(memory, one.id) for one in (old, new, gone)] == [Status.ACTIVE] * 3
    links = [(link.source, link.target, link.relation) for link in (await memory.history(old.id)).links]
    assert links == [(old.id, new.id, Relation.CONTRADICTS)]
    assert await memory.bring_back([old.id, gone.id, new.id]) == ()


async def test_what_is_archived_is_not_reinstated_out_of_sight(memory: Memory) -> None:
    old = await memory.remember("api.port = 1")
    await memory.remember("api.port = 2")
    other = await memory.remember("db.port = 1")
    await memory.remember("db.port = 2")
    await memory.archive([old.id])
    with pytest.raises(InvalidInput, match=f"{old.id} is archived.*bring_back"):
        await memory.reinstate([other.id, old.id])
    assert (await memory.history(old.id)).links == ()
    assert await status(memory, other.id) is Status.SUPERSEDED
    await memory.restore([old.id])
    assert sorted(await memory.reinstate([other.id, old.id])) == sorted([other.id, old.id])


async def near_duplicates(memory: Memory, id: str) -> list[tuple[str, str]]:
    links = (await memory.history(id)).links
    return [(link.source, link.target) for link in links if link.relation is Relation.NEAR_DUPLICATE]


async def test_what_was_remembered_again_meanwhile_is_linked_to_what_comes_back(memory: Memory) -> None:
    text = "The sky over Porto looked green that day"
    old = await memory.remember(text)
    await memory.archive([old.id])
    new = await memory.remember(text)
    assert new.id != old.id
    assert await memory.restore([old.id]) == (old.id,)
    assert await near_duplicates(memory, old.id) == [(old.id, new.id)]
    hits = (await memory.recall("Which colour had the sky over Porto?")).hits
    assert [sorted([hit.memory.id, *hit.alike]) for hit in hits] == [sorted([old.id, new.id])]
    await memory.archive([new.id])
    await memory.restore([new.id])
    assert await near_duplicates(memory, new.id) == [(old.id, new.id)], "told once"


async def test_the_same_words_about_two_things_are_not_linked_when_one_comes_back(memory: Memory) -> None:
    old = await memory.remember("8080", subject="gateway", attribute="port")
    await memory.archive([old.id])
    await memory.remember("8080", subject="proxy", attribute="port")
    await memory.restore([old.id])
    assert await near_duplicates(memory, old.id) == []
    await memory.archive([old.id])
    again = await memory.remember("8080", subject="gateway", attribute="port")
    await memory.restore([old.id])
    assert await near_duplicates(memory, old.id) == [(old.id, again.id)]


async def test_a_value_that_is_reinstated_beside_its_repetition_is_linked_to_it(memory: Memory) -> None:
    first = await memory.remember("api.port = 1")
    await memory.remember("api.port = 2")
    third = await memory.remember("api.port = 1")
    assert await memory.reinstate([first.id]) == (first.id,)
    assert await near_duplicates(memory, first.id) == [(first.id, third.id)]
