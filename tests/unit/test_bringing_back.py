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
