"""What a caller of some namespaces learns of ids that are another's: nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mnemic
from mnemic import Memory
from mnemic.domain.access import Right, make_access
from mnemic.errors import AccessDenied, UnknownMemory

ANA, BOB = ("team", "ana"), ("team", "bob")
ALL_OF_ANA = make_access("ana", namespaces=[ANA], rights=Right)
ALL_OF_BOB = make_access("bob", namespaces=[BOB], rights=Right)


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path, chroma="off", namespace=("team",)) as opened:
        yield opened


async def test_an_id_that_was_erased_elsewhere_is_answered_like_one_that_never_was(memory: Memory) -> None:
    """By the ledger's own owner too, where a namespace is named; whoever may know of an erasure is told again."""
    never = "m" + "0" * 15
    erased = (await memory.remember("The bees were sold.", namespace=BOB)).id
    beside = (await memory.remember("The hives were sold.", namespace=ANA)).id
    await memory.erase([erased])
    ana = memory.within(ALL_OF_ANA)

    async def answer(caller: Memory, *ids: str, namespace: tuple[str, ...] | None = None) -> str:
        with pytest.raises(UnknownMemory) as caught:
            await caller.erase(ids, namespace=namespace)
        return str(caught.value).replace(ids[0], "an id")

    for namespace in (None, ANA):
        assert await answer(ana, erased, namespace=namespace) == await answer(ana, never, namespace=namespace)
        assert await answer(ana, erased, beside, namespace=namespace) == await answer(
            ana, never, beside, namespace=namespace
        )
    assert await answer(memory, erased, namespace=ANA) == await answer(memory, never, namespace=ANA)
    assert (await memory.get(beside)).text == "The hives were sold."
    for caller in (memory, memory.within(ALL_OF_BOB)):
        assert (await caller.erase([erased])).erased == (erased,)
        assert (await caller.erase([erased], namespace=BOB)).erased == (erased,)


async def test_an_import_by_who_has_some_namespaces_does_not_tell_which_ids_are_taken_elsewhere(memory: Memory) -> None:
    own = (await memory.remember("The bees fly.", namespace=ANA)).id
    taken = (await memory.remember("The bees were sold.", namespace=BOB)).id
    erased = (await memory.remember("The hives were sold.", namespace=BOB)).id
    await memory.erase([erased])
    lines = [line async for line in memory.export(namespace=ANA)]
    ana = memory.within(ALL_OF_ANA)
    answers = set()
    for id in ("m" + "0" * 15, taken, erased):
        with pytest.raises(AccessDenied) as caught:
            await ana.import_([line.replace(own, id) for line in lines])
        answers.add(str(caught.value))
    assert len(answers) == 1 and "the memory as a whole" in answers.pop()
    assert {record.id for record in await memory.records()} == {own, taken}
