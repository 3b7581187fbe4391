"""A memory that is divided by the first label of the namespace: several ledgers, which serve as one or say why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest

import mnemic
from mnemic import NewMemory
from mnemic.domain.access import make_access
from mnemic.errors import AccessDenied, SeveralPartitions, UnknownMemory, WrongPartitions
from mnemic.services.health import shared_secret
from mnemic.storage.postgres.ledger import PostgresLedger, drop_ledger
from mnemic.storage.postgres.schema import DIVIDED
from tests.postgres.divided import COUNT, ONE_IN_EACH, divided, opened_parts, texts_in
from tests.postgres.servers import PostgresServer


async def test_each_first_label_has_a_ledger_and_is_answered_from_it_alone(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with divided(tmp_path, postgres, schema) as memory:
        assert opened_parts(memory) == set()
        for label in ONE_IN_EACH:
            await memory.remember(f"{label} keeps bees.", namespace=label)
            await memory.remember(f"{label} meets on Mondays.", namespace=f"{label}/team/notes")
        for number, label in enumerate(ONE_IN_EACH):
            expected = [f"{label} keeps bees.", f"{label} meets on Mondays."]
            assert texts_in(postgres, f"{schema}_p{number}") == expected
            found = await memory.recall("Who keeps bees?", namespace=label, subtree=True)
            assert {hit.memory.text for hit in found.hits} <= set(expected)
            assert found.hits[0].memory.text == expected[0]
        status = await memory.status()
        assert status.memories == 2 * COUNT
        assert {path for path, _ in status.namespaces} == {
            path for label in ONE_IN_EACH for path in ((label,), (label, "team", "notes"))
        }
        assert (await memory.doctor()).healthy
    # The same door for another process, which begins with nothing open.
    async with divided(tmp_path / "other", postgres, schema, namespace=ONE_IN_EACH[2]) as memory:
        assert (await memory.recall("bees")).hits[0].memory.text == f"{ONE_IN_EACH[2]} keeps bees."
        assert opened_parts(memory) == {2}


async def test_a_memory_is_found_by_its_id_wherever_it_lies(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with divided(tmp_path, postgres, schema) as memory:
        kept = {label: await memory.remember(f"{label} has a cat.", namespace=label) for label in ONE_IN_EACH}
        for label, stored in kept.items():
            assert (await memory.get(stored.id)).namespace == (label,)
            newer = await memory.supersede(stored.id, f"{label} has two cats.")
            assert [one.id for one in (await memory.history(stored.id)).versions] == [stored.id, newer.id]
            assert await memory.archive(iter([newer.id])) == (newer.id,)
            assert await memory.restore([newer.id]) == (newer.id,)
            erased = await memory.erase([newer.id])
            assert set(erased.erased) == {stored.id, newer.id}
            # What was erased is still known for having been.
            assert (await memory.erase([newer.id])).erased == (newer.id,)
            with pytest.raises(UnknownMemory):
                await memory.get(stored.id)
        plan = await memory.learning.plan(namespace=ONE_IN_EACH[3])
        assert (await memory.learning.apply(plan.id)).id == plan.id


async def test_a_call_that_no_single_part_could_answer_is_refused_and_says_what_to_do(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with divided(tmp_path, postgres, schema) as memory:
        one, two = [await memory.remember(f"{label} has a cat.", namespace=label) for label in ONE_IN_EACH[:2]]
        pair = [NewMemory(text="A dog.", namespace=label) for label in ONE_IN_EACH[:2]]

        async def export() -> Any:
            return [line async for line in memory.export()]

        attempts: list[Callable[[], Any]] = [
            lambda: memory.remember_many(pair), lambda: memory.show([one.id, two.id]), lambda: memory.records(), export,
            lambda: memory.archive([one.id, two.id]), lambda: memory.run(lambda backends: backends),
            lambda: memory.learning.utilities([one.id, two.id]),
        ]  # fmt: skip
        for attempt in attempts:
            with pytest.raises(SeveralPartitions) as refused:
                await attempt()
            assert refused.value.hint
        assert (await memory.status()).memories == 2, "nothing was done"
        assert all(record.status == "active" for record in await memory.list(namespace=ONE_IN_EACH[0]))
        # In one part the same calls are done.
        same = [NewMemory(text=f"A dog in {place}.", namespace=f"{ONE_IN_EACH[0]}/{place}") for place in "ab"]
        assert len(await memory.remember_many(same)) == 2
        assert len(await memory.records(namespace=ONE_IN_EACH[0])) == 3


async def test_a_caller_has_what_access_says_in_one_part_or_in_several(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    rights = ["read", "write", "admin"]
    async with divided(tmp_path, postgres, schema) as memory:
        for label in ONE_IN_EACH:
            await memory.remember(f"{label} pays with heliotrope.", namespace=label)
        theirs = (await memory.list(namespace=ONE_IN_EACH[3]))[0].id
        tenant = memory.within(make_access("tenant", namespaces=[ONE_IN_EACH[1]], rights=rights))
        assert [record.namespace for record in await tenant.records()] == [(ONE_IN_EACH[1],)]
        assert (await tenant.status()).memories == 1
        assert (await tenant.recall("heliotrope")).hits[0].memory.namespace == (ONE_IN_EACH[1],)
        several = memory.within(make_access("several", namespaces=ONE_IN_EACH[:3], rights=rights))
        assert {path[0] for path, _ in (await several.status()).namespaces} == set(ONE_IN_EACH[:3])
        for label in ONE_IN_EACH[:3]:
            (record,) = await several.list(namespace=label)
            assert (await several.get(record.id)).namespace == (label,)
        for concerns_all in (several.records(), several.run(shared_secret)):
            with pytest.raises(SeveralPartitions):
                await concerns_all
        assert await tenant.run(shared_secret) is None, "what servers share is not for their callers"
        assert await memory.run(shared_secret)
        await memory.close()
        await memory.open()
        for caller in (tenant, several):
            with pytest.raises(AccessDenied):
                await caller.recall("heliotrope", namespace=ONE_IN_EACH[3])
            assert 3 not in opened_parts(memory), "nobody opens what is not theirs"
            with pytest.raises(UnknownMemory):
                await caller.get(theirs)
            with pytest.raises(AccessDenied):
                await caller.doctor()


async def test_another_number_of_partitions_is_refused_at_every_door(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with divided(tmp_path, postgres, schema) as memory:
        await memory.remember("Ana keeps bees.", namespace=ONE_IN_EACH[1])
    for settings in ({"database_partitions": 2}, {"database_partitions": 1}, {"database_schema": f"{schema}_p1"}):
        other: dict[str, Any] = {"database_schema": schema, "database_partitions": 1, **settings}
        with pytest.raises(WrongPartitions, match=f"divided into {COUNT} partitions") as refused:
            async with mnemic.open_memory(tmp_path, database=postgres.url, **other):
                pass
        assert f"MNEMIC_DATABASE_SCHEMA={schema} and MNEMIC_DATABASE_PARTITIONS={COUNT}" in refused.value.hint
    for name in (schema, f"{schema}_p1"):
        with pytest.raises(WrongPartitions):
            drop_ledger(postgres.url, name)
    # A part that never was, and a memory of its own whose name only looks like one.
    PostgresLedger(postgres.url, schema=f"{schema}_p{COUNT}").close()
    async with divided(tmp_path, postgres, schema) as memory:
        assert (await memory.status()).memories == 1


async def test_a_memory_that_is_not_divided_is_not_opened_as_one_that_is(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with divided(tmp_path, postgres, schema, database_partitions=1) as memory:
        await memory.remember("Ana keeps bees.")
    with pytest.raises(WrongPartitions, match="not divided") as refused:
        async with divided(tmp_path, postgres, schema):
            pass
    assert "mnemic export" in refused.value.hint
    async with divided(tmp_path, postgres, schema, database_partitions=1) as memory:
        assert (await memory.status()).memories == 1


async def test_an_older_mnemic_takes_a_divided_memory_for_that_of_a_newer_one(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    """It knows of no partitions: without a version above its own it would make a ledger of its own there."""
    async with divided(tmp_path, postgres, schema):
        pass
    with psycopg.connect(postgres.url) as raw:
        assert raw.execute(f"SELECT version, partitions FROM {schema}.ledger").fetchone() == (DIVIDED, COUNT)


async def test_processes_that_make_a_divided_memory_at_once_agree(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    told: list[str] = []

    async def make(number: int, count: int) -> None:
        try:
            async with divided(tmp_path / str(number), postgres, schema, database_partitions=count) as memory:
                await memory.remember(f"Note {number}.", namespace=ONE_IN_EACH[number % COUNT])
                told.append(f"made {count}")
        except WrongPartitions:
            told.append(f"refused {count}")

    async with anyio.create_task_group() as tasks:
        for number, count in enumerate((2, 3, 2, 3, 1, 2)):
            tasks.start_soon(make, number, count)
    made = {one.removeprefix("made ") for one in told if one.startswith("made ")}
    assert len(made) == 1
    assert sorted(told) == sorted(f"{'made' if c == next(iter(made)) else 'refused'} {c}" for c in "232312")
