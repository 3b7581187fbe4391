"""Several ledgers at work: writers, kills, what is open and followed, Chroma, moving in."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import anyio
import psycopg
import pytest

import mnemic
from mnemic import Channel, NewMemory, Origin
from mnemic.errors import InvalidInput, StoreUnavailable, WrongPartitions
from mnemic.migration import migrate_memory
from mnemic.partitioning import MOST_OPEN
from mnemic.services.backends import Backends
from tests.faults.test_chroma_server import chroma_server
from tests.ports import free_port
from tests.postgres.divided import COUNT, ONE_IN_EACH, command, divided, environment, opened_parts, texts_in
from tests.postgres.servers import PostgresServer, postgres_server
from tests.waiting import until

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
