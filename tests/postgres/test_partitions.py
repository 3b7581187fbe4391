"""A memory that is divided by the first label of the namespace: several ledgers, which serve as one or say why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import psycopg
import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp.client.stdio import stdio_client
from mcp_types import ElicitRequestParams, ElicitResult

import mnemic
from mnemic import Channel, Memory, NewMemory, Origin
from mnemic.domain.access import make_access
from mnemic.domain.partitions import partition_of
from mnemic.errors import (
    AccessDenied,
    InvalidInput,
    SeveralPartitions,
    StoreUnavailable,
    UnknownMemory,
    WrongPartitions,
)
from mnemic.migration import migrate_memory
from mnemic.partitioning import MOST_OPEN, OpenPartitions
from mnemic.services.backends import Backends
from mnemic.services.health import shared_secret
from mnemic.storage.postgres.ledger import PostgresLedger, drop_ledger
from mnemic.storage.postgres.schema import DIVIDED
from mnemic_mcp.http.tokens import TokenFile
from tests.conftest import ROOT
from tests.e2e.servers import parameters, served
from tests.faults.test_chroma_server import chroma_server
from tests.ports import free_port
from tests.postgres.servers import PostgresServer, postgres_server
from tests.serving.test_callers import call, client_of
from tests.waiting import until

COUNT = 4
# The first label in the alphabet that lies in each part.
ONE_IN_EACH = [
    next(label for label in map("tenant{}".format, range(100)) if partition_of((label,), COUNT) == number)
    for number in range(COUNT)
]
COMMAND = str(Path(sys.executable).parent / "mnemic")


def divided(home: Path, postgres: PostgresServer, schema: str, **settings: Any) -> Memory:
    given = {"database_partitions": COUNT, "chroma": "off", **settings}
    return mnemic.open_memory(home, database=postgres.url, database_schema=schema, **given)


def environment(postgres: PostgresServer, schema: str, count: int = COUNT) -> dict[str, str]:
    return {
        "MNEMIC_DATABASE": postgres.url, "MNEMIC_DATABASE_SCHEMA": schema, "MNEMIC_DATABASE_PARTITIONS": str(count),
    }  # fmt: skip


def texts_in(postgres: PostgresServer, schema: str) -> list[str]:
    """What the table of a schema holds, as the database itself says."""
    with psycopg.connect(postgres.url) as raw:
        if raw.execute("SELECT to_regclass(%s)", (f"{schema}.memories",)).fetchone() == (None,):
            return []
        return [text for (text,) in raw.execute(f"SELECT text FROM {schema}.memories ORDER BY key")]


def opened_parts(memory: Memory) -> set[int]:
    found = memory._opened()
    assert isinstance(found, OpenPartitions)
    return set(found.parts._parts)


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


_WRITE = """
import asyncio, sys, mnemic
from mnemic.storage.postgres import connections
connections.TURN_SECONDS = 600.0
async def main():
    async with mnemic.open_memory(sys.argv[1], namespace=sys.argv[2], chroma="off") as memory:
        print("open", flush=True)
        for line in sys.stdin:
            print((await memory.remember(line.strip())).id, flush=True)
asyncio.run(main())
"""


class Writer:
    """A process of its own that remembers each line that it is given, in one namespace, and says when it is acknowledged."""

    def __init__(self, home: Path, env: dict[str, str], namespace: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WRITE, str(home), namespace], env={**os.environ, **env}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.answer() == "open"

    def ask(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


async def test_whoever_writes_one_part_waits_for_no_writer_of_another(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    env = environment(postgres, schema)
    with (
        Writer(tmp_path / "one", env, ONE_IN_EACH[0]) as one, Writer(tmp_path / "two", env, ONE_IN_EACH[1]) as two,
        psycopg.connect(postgres.url, autocommit=True) as observer,
    ):  # fmt: skip
        for writer in (one, two):
            writer.ask("Both parts are made.")
            assert writer.answer().startswith("m")
        with psycopg.connect(postgres.url) as holder:
            # As long as this transaction lasts, it is the writer of the first part.
            holder.execute(f"SELECT seq FROM {schema}_p0.ledger FOR UPDATE")
            one.ask("Waits for its turn.")

            def blocked() -> bool:
                pids = observer.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))",
                    (holder.info.backend_pid,),
                ).fetchone()
                return pids is not None and pids[0] >= 1  # its housekeeper may wait as well

            await until(blocked)
            for number in range(5):
                two.ask(f"Note {number} of the other part.")
                assert two.answer().startswith("m")
            assert blocked(), "the first part had its writer all the time"
            assert texts_in(postgres, f"{schema}_p0") == ["Both parts are made."]
            assert len(texts_in(postgres, f"{schema}_p1")) == 6
            holder.rollback()
        assert one.answer().startswith("m")


async def test_what_was_acknowledged_in_any_part_survives_a_kill_of_the_process_and_of_the_database(
    tmp_path: Path,
) -> None:
    with postgres_server() as server:
        env = environment(server, "mnemic")
        kept: dict[str, list[str]] = {}
        for label in ONE_IN_EACH:
            with Writer(tmp_path, env, label) as writer:
                for number in range(5):
                    writer.ask(f"{label} has {number} cats.")
                    kept.setdefault(label, []).append(writer.answer())
                writer.process.kill()
        async with divided(tmp_path, server, "mnemic") as memory:
            last = await memory.remember("Dan keeps goats.", namespace=ONE_IN_EACH[3])
            server.kill()
            with pytest.raises(StoreUnavailable):
                await memory.remember("Dan keeps hens.", namespace=ONE_IN_EACH[2])
            server.start()
            # The same open memory goes on, in every part.
            for label in ONE_IN_EACH:
                assert [record.id for record in await memory.records(namespace=label)][:5] == kept[label]
            assert (await memory.get(last.id)).text == "Dan keeps goats."
            assert (await memory.doctor()).healthy


async def test_a_process_holds_few_parts_and_connections_however_many_parts_there_are(
    tmp_path: Path, postgres: PostgresServer, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnemic.partitioning._WAIT_SECONDS", 600.0)
    labels = [f"label{number}" for number in range(40)]

    def connections() -> int:
        with psycopg.connect(postgres.url) as raw:
            row = raw.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mnemic' AND datname = current_database()"
            ).fetchone()
            return int(row[0]) if row else 0

    # The server ends a session some time after its client has gone.
    await until(lambda: not connections())
    async with divided(tmp_path, postgres, schema, database_partitions=16) as memory:

        async def use(label: str) -> None:
            stored = await memory.remember(f"{label} keeps bees.", namespace=label)
            assert (await memory.recall("bees", namespace=label)).hits[0].memory.id == stored.id
            assert len(opened_parts(memory)) <= MOST_OPEN

        async with anyio.create_task_group() as tasks:
            for label in labels:
                tasks.start_soon(use, label)
        await until(lambda: connections() <= 20)
        keepers = [thread for thread in threading.enumerate() if thread.name == "mnemic-housekeeper"]
        assert len(keepers) <= MOST_OPEN
        seen = opened_parts(memory)
        assert (await memory.status()).memories == len(labels)
        assert opened_parts(memory) == seen, "a look at all parts drives out none"
    await until(lambda: not connections())


async def test_what_was_read_in_a_part_is_followed_after_it_was_closed_and_opened_again(
    tmp_path: Path, postgres: PostgresServer, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnemic.partitioning.MOST_OPEN", 1)
    words = "Invoices of Heliotrope Ltd are paid to account DE89 3704 0044 0532 0130 00 from Monday on."
    here, other = ONE_IN_EACH[:2]
    async with divided(tmp_path, postgres, schema, namespace=here) as memory:
        web = Origin(channel=Channel.WEB)
        await memory.remember_many([NewMemory(text=words, source="https://news.example.org/a", origin=web)])
        agent = Origin(channel=Channel.AGENT)
        assert (await memory.recall("Where are invoices of Heliotrope Ltd paid?", origin=agent)).hits
        await memory.remember("Elsewhere.", namespace=other)
        assert opened_parts(memory) == {1}, "the part was closed meanwhile"
        kept = await memory.remember("Note: pay Heliotrope Ltd to account DE89 3704 0044 0532 0130 00.", origin=agent)

        def taints(backends: Backends, *, namespace: tuple[str, ...]) -> int:
            with backends.ledger.snapshot() as snapshot:
                ((key, _),) = snapshot.find([kept.id]).values()
                return len(snapshot.marks([key])[key].taints)

        assert await memory.run(taints, namespace=(here,)) > 1


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.usefixtures("chroma_connections")
async def test_each_part_has_a_feeder_and_a_place_of_its_own_in_chroma(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    port = free_port()
    chroma = {"chroma": "server", "chroma_port": port, "chroma_from_memories": 50, "chroma_poll_seconds": 0.05}
    with chroma_server(tmp_path / "chroma", port):
        async with divided(tmp_path, postgres, schema, **chroma) as memory:
            for label in ONE_IN_EACH[:2]:
                await memory.remember_many(
                    [NewMemory(text=f"parcel {n} of {label} lies beside crate {n}", namespace=label) for n in range(60)]
                )
            await memory.reindex(timeout_seconds=60)
            parts = (await memory.status()).index["partitions"]
            generations = {part["chroma"]["generation"] for part in parts.values()}
            assert len(generations) == 2
            assert None not in generations
            findings = (await memory.doctor()).findings
            agreeing = [one.check for one in findings if one.detail == "Chroma: agrees with the ledger in 1 namespaces"]
            assert agreeing == ["index (partition 0)", "index (partition 1)"], findings
            for label in ONE_IN_EACH[:2]:
                found = await memory.recall("Which parcel lies beside crate 42?", namespace=label)
                assert found.hits[0].memory.text == f"parcel 42 of {label} lies beside crate 42"


async def test_a_part_that_cannot_be_opened_takes_no_other_with_it(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with divided(tmp_path, postgres, schema) as memory:
        for label in ONE_IN_EACH[:2]:
            await memory.remember(f"{label} keeps bees.", namespace=label)
    with psycopg.connect(postgres.url) as raw:
        raw.execute(f"UPDATE {schema}_p0.ledger SET version = version + 1")
    async with divided(tmp_path, postgres, schema) as memory:
        with pytest.raises(StoreUnavailable, match="this mnemic knows versions up to"):
            await memory.recall("bees", namespace=ONE_IN_EACH[0])
        assert (await memory.recall("bees", namespace=ONE_IN_EACH[1])).hits
        # What asks all of them says that one is missing, and does not leave it out.
        with pytest.raises(StoreUnavailable, match="this mnemic knows versions up to"):
            await memory.status()


async def test_a_folder_does_not_move_into_a_divided_memory_but_its_labels_do_one_by_one(
    tmp_path: Path, postgres: PostgresServer, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    async with mnemic.open_memory(home, chroma="off") as memory:
        for label in ONE_IN_EACH:
            await memory.remember(f"{label} keeps bees.", namespace=f"{label}/notes")
    monkeypatch.setenv("MNEMIC_DATABASE_PARTITIONS", str(COUNT))
    with pytest.raises(InvalidInput, match="one ledger") as refused:
        migrate_memory(postgres.url, schema=schema, home=home)
    assert "--namespace" in refused.value.hint
    async with divided(tmp_path / "new", postgres, schema):
        pass
    monkeypatch.delenv("MNEMIC_DATABASE_PARTITIONS")
    # Who forgets the setting would have dropped what says that the memory is divided.
    with pytest.raises(WrongPartitions):
        migrate_memory(postgres.url, schema=schema, home=home)
    with pytest.raises(WrongPartitions):
        migrate_memory(postgres.url, schema=f"{schema}_p0", home=home)
    for label in ONE_IN_EACH:
        file = tmp_path / f"{label}.jsonl"
        command(["export", str(file), "--namespace", label, "--home", str(home)])
        command(["import", str(file), "--home", str(tmp_path / "new")], environment(postgres, schema))
    both = tmp_path / "all.jsonl"
    command(["export", str(both), "--home", str(home)])
    refusal = command(["import", str(both), "--home", str(tmp_path / "new")], environment(postgres, schema), code=1)
    assert "SeveralPartitions" in refusal
    for number, label in enumerate(ONE_IN_EACH):
        assert texts_in(postgres, f"{schema}_p{number}") == [f"{label} keeps bees."]


def command(arguments: list[str], env: dict[str, str] | None = None, *, code: int = 0) -> str:
    done = subprocess.run(
        [COMMAND, *arguments], env={**os.environ, **(env or {})}, text=True, capture_output=True, cwd=ROOT, timeout=600
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_commands_find_their_part_by_the_namespace_or_the_id(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    env = {**environment(postgres, schema), "MNEMIC_HOME": str(tmp_path)}
    ids = []
    for label in ONE_IN_EACH:
        told = command(["remember", f"{label} keeps bees.", "--namespace", label, "--json"], env)
        ids.append(json.loads(told)[0]["id"] if told.lstrip().startswith("[") else json.loads(told)["id"])
        assert f"{label} keeps bees." in command(["recall", "bees", "--namespace", label], env)
    for id, label in zip(ids, ONE_IN_EACH, strict=True):
        assert f"{label} keeps bees." in command(["show", id], env)
    status = command(["status"], env)
    assert f"{COUNT} of {COUNT} hold something" in status
    assert all(label in status for label in ONE_IN_EACH)
    assert json.loads(command(["status", "--json"], env))["memories"] == COUNT
    assert "partition 3" in command(["doctor"], env)
    wrong = command(["status"], {**env, "MNEMIC_DATABASE_PARTITIONS": "2"}, code=1)
    assert "WrongPartitions" in wrong
    assert f"MNEMIC_DATABASE_PARTITIONS={COUNT}" in wrong


async def test_a_server_on_stdio_serves_the_part_of_its_namespace(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    for number, label in enumerate(ONE_IN_EACH[:2]):
        server = parameters(tmp_path, **environment(postgres, schema), MNEMIC_NAMESPACE=f"{label}/desk")
        async with Client(stdio_client(server)) as client:
            assert (await call(client, "remember", text=f"{label} keeps bees."))[0]
            assert len((await call(client, "recall", query="bees"))[2]["memories"]) == 1
        assert texts_in(postgres, f"{schema}_p{number}") == [f"{label} keeps bees."]


def make_tokens(folder: Path) -> dict[str, str]:
    file = TokenFile(folder / "tokens.json")
    full = ["read", "write", "review", "admin"]
    grants: dict[str, list[str]] = {
        "tenant": [f"{ONE_IN_EACH[1]}/ana"], "neighbour": [ONE_IN_EACH[2]], "admin": ONE_IN_EACH,
    }  # fmt: skip
    return {name: file.create(name, namespaces=where, rights=full)[1] for name, where in grants.items()}


async def test_every_tool_serves_a_tenant_over_http_as_if_the_memory_were_one(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    tokens = make_tokens(tmp_path)
    async with served(tmp_path, **environment(postgres, schema)) as url, client_of(url, tokens["tenant"]) as client:
        used: set[str] = set()

        async def done(tool: str, **arguments: Any) -> Any:
            used.add(tool)
            ok, text, told = await call(client, tool, **arguments)
            assert ok, text
            return told

        id = (await done("remember", text="The hives stand on the roof."))["results"][0]["id"]
        other = (await done("remember", text="Queens are marked blue in 2025.", more=["Honey is cut in July."]))[
            "results"
        ]
        assert len(other) == 2
        found = await done("recall", query="Where are the hives?")
        assert found["memories"][0]["id"] == id
        assert len((await done("recall", history_of=id))["memories"]) == 1
        await done("sculpt_context", action="append", text="step one is done", role="user")
        await done("sculpt_context", action="view")
        await done("reflect", mode="outcome", task="Find the hives", reward=1.0, used=[id])
        await done("reflect", mode="prepare", task="hives")
        learnt = {"when_to_use": "Looking for the hives", "content": "The hives stand on the roof.", "evidence": [id]}
        await done("reflect", mode="commit", experiences=[learnt])
        plan = await done("reflect", mode="maintain")
        await done("reflect", mode="maintain", plan=plan["plan"])
        await done("forget", ids=[id])
        await done("forget", ids=[id], action="restore")
        await done("forget", ids=[id], action="erase", confirm=True)
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert used == tools
        for uri in ("memory://status", "memory://guard", "memory://sessions", f"memory://memories/{other[0]['id']}"):
            assert (await client.read_resource(uri)).contents
        status = json.loads((await client.read_resource("memory://status")).contents[0].text)  # type: ignore[union-attr]
        assert set(status["namespaces"]) == {f"{ONE_IN_EACH[1]}/ana"}
        for where in (ONE_IN_EACH[1], ONE_IN_EACH[2], f"{ONE_IN_EACH[1]}/bob"):
            ok, text, _ = await call(client, "recall", query="hives", namespace=where)
            assert not ok
            assert "AccessDenied" in text
    assert len(texts_in(postgres, f"{schema}_p1")) == 2
    assert texts_in(postgres, f"{schema}_p2") == []


async def test_an_administrator_over_http_is_led_to_each_part_and_sees_the_state_of_all(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    tokens = make_tokens(tmp_path)
    env = environment(postgres, schema)
    async with served(tmp_path, **env) as url, client_of(url, tokens["admin"]) as admin:
        base = url.removesuffix("/mcp")
        ids = []
        for label in ONE_IN_EACH:
            ok, text, told = await call(admin, "remember", text=f"{label} keeps bees.", namespace=label)
            assert ok, text
            ids.append(told["results"][0]["id"])
            found = (await call(admin, "recall", query="bees", namespace=label))[2]["memories"]
            assert [hit["id"] for hit in found] == ids[-1:]
        for id in ids:
            assert (await call(admin, "forget", ids=[id]))[0]
            assert (await call(admin, "forget", ids=[id], action="restore"))[0]
            assert len((await call(admin, "recall", history_of=id))[2]["memories"]) == 1
        ok, text, _ = await call(admin, "forget", ids=ids)
        assert not ok
        assert "SeveralPartitions" in text
        assert "each first label" in text
        status = json.loads((await admin.read_resource("memory://status")).contents[0].text)  # type: ignore[union-attr]
        assert status["namespaces"] == dict.fromkeys(ONE_IN_EACH, 1)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as web:
            assert (await web.get(base + "/readyz")).json() == {"ready": True}
            header = {"authorization": f"Bearer {tokens['admin']}"}
            metrics = (await web.get(base + "/metrics", headers=header)).text
            assert 'mnemic_calls_total{outcome="SeveralPartitions",use_case="archive"} 1.0' in metrics


async def test_a_server_that_is_set_to_another_number_is_never_ready(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with divided(tmp_path, postgres, schema):
        pass
    async with (
        served(tmp_path, **environment(postgres, schema, 8)) as url,
        httpx.AsyncClient(trust_env=False, timeout=60) as web,
    ):
        answer = await web.get(url.removesuffix("/mcp") + "/readyz")
        assert (answer.status_code, answer.json()["reason"]) == (503, "WrongPartitions")
        async with Client(url) as client:
            ok, text, _ = await call(client, "recall", query="bees")
        assert not ok
        assert f"MNEMIC_DATABASE_PARTITIONS={COUNT}" in text


async def test_what_one_server_asks_another_is_answered_though_both_have_other_parts_open(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    """The key that seals a call's rounds belongs to the whole: it does not depend on which part was opened first."""
    tokens = make_tokens(tmp_path)
    env = environment(postgres, schema)
    file = ["--tokens", str(tmp_path / "tokens.json")]

    async def ask(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="accept", content={"erase": True})

    async with (
        served(tmp_path / "one", *file, **env, MNEMIC_NAMESPACE=ONE_IN_EACH[0]) as one,
        served(tmp_path / "two", *file, **env, MNEMIC_NAMESPACE=ONE_IN_EACH[3]) as two,
    ):
        from tests.postgres.test_replicas import Pair, between

        servers = Pair((one, two), tokens, TokenFile(tmp_path / "tokens.json"), postgres.url, schema)
        async with between(servers, tokens["tenant"], elicitation_callback=ask) as (client, transport):
            _, _, told = await call(client, "remember", text="The PIN is 4711.")
            before = len(transport.sent)
            ok, text, _ = await call(client, "forget", ids=[told["results"][0]["id"]], action="erase")
            assert ok, text
            assert any("requestState" in body for _, body in transport.sent[before:])
    assert texts_in(postgres, f"{schema}_p1") == []
