"""Chroma is fed by whoever holds the lease in the database, and nobody depends on it."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import psycopg
import pytest

import mnemic
from mnemic import Memory, NewMemory
from mnemic.storage.chroma_follower import ChromaFollower
from mnemic.storage.chroma_store import ChromaAddress
from mnemic.storage.postgres.ledger import PostgresLedger
from mnemic.storage.static_embedder import StaticEmbedder
from tests.conftest import ROOT
from tests.faults.test_chroma_server import chroma_server
from tests.ports import free_port
from tests.postgres.servers import PostgresServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.usefixtures("chroma_connections"),
]
BOXES = 80


class Process:
    """`tests.replicas.index_worker`."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.replicas.index_worker", str(home)], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def ready(self) -> None:
        assert self._line() == "ready"

    def ask(self, question: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self._line()

    def until(self, question: str, answer: str) -> None:
        """Ask what changes by itself; recalls in between, because it is they who meet the index."""
        end = time.monotonic() + 240
        while self.ask(question) != answer:
            assert time.monotonic() < end, f"{question} did not become {answer}"
            assert self.ask("parcel 42 beside crate").startswith("parcel 42 ")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")


@contextlib.contextmanager
def processes(folder: Path, count: int) -> Iterator[list[Process]]:
    found = [Process(folder / f"home {at}") for at in range(count)]
    try:
        for one in found:
            one.ready()
        yield found
    finally:
        for one in found:
            if one.process.poll() is None:
                one.kill()


@pytest.fixture
def chroma_port(postgres: PostgresServer, schema: str, monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    values = {
        "database": postgres.url, "database_schema": schema, "chroma": "server", "chroma_port": port,
        "chroma_from_memories": 50, "chroma_poll_seconds": 0.05,
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(f"MNEMIC_{name.upper()}", str(value))
    return port


def writer(folder: Path) -> Memory:
    """A memory whose process has nothing to do with Chroma."""
    return mnemic.open_memory(folder / "writer", namespace=("box",), chroma="off")


async def _fill(memory: Memory, start: int = 0) -> list[str]:
    stored = await memory.remember_many(
        [NewMemory(text=f"parcel {at} lies beside crate {1_000 + at}") for at in range(start, start + BOXES)]
    )
    return [one.id for one in stored]


async def test_when_the_owner_is_killed_the_other_takes_over(tmp_path: Path, chroma_port: int) -> None:
    async with writer(tmp_path) as memory:
        await _fill(memory)
        with chroma_server(tmp_path / "chroma", chroma_port), processes(tmp_path, 2) as both:
            for one in both:
                one.until("served_by", "chroma")
            (owner,) = [one for one in both if one.ask("owns") == "True"]
            (other,) = [one for one in both if one is not owner]
            owner.kill()
            await _fill(memory, BOXES)
            assert other.ask(f"parcel {BOXES + 1} beside crate").startswith(f"parcel {BOXES + 1} ")
            other.until("owns", "True")
            assert other.ask("fed") == "True"
            other.until("served_by", "chroma")


async def test_recall_goes_on_without_chroma_and_chroma_heals_by_itself(tmp_path: Path, chroma_port: int) -> None:
    async with writer(tmp_path) as memory:
        await _fill(memory)
        with processes(tmp_path, 2) as both:
            with chroma_server(tmp_path / "chroma", chroma_port) as chroma:
                for one in both:
                    one.until("served_by", "chroma")
                chroma.send_signal(signal.SIGSTOP)
                try:
                    await memory.remember("a violet umbrella was left in the hall")
                    for one in both:
                        assert one.ask("violet umbrella").startswith("a violet")
                        assert one.ask("served_by") == "exact"
                finally:
                    chroma.send_signal(signal.SIGCONT)
                for one in both:
                    one.until("served_by", "chroma")
            for one in both:
                one.until("served_by", "exact")
            shutil.rmtree(tmp_path / "chroma")
            await memory.remember("an amber lantern stands in the cellar")
            with chroma_server(tmp_path / "chroma", chroma_port):
                for one in both:
                    assert one.ask("amber lantern").startswith("an amber")
                    one.until("served_by", "chroma")
                    assert one.ask("fed") == "True"
                    assert one.ask("amber lantern").startswith("an amber")
                async with mnemic.open_memory(tmp_path / "another", namespace=("box",)) as another:
                    assert (await another.doctor()).healthy


class _Overtaken:
    """A store whose process is held up just before it writes, while ``meanwhile`` happens."""

    def __init__(self, store: Any, meanwhile: Callable[[], None]) -> None:
        self._store = store
        self._meanwhile: Callable[[], None] | None = meanwhile

    def put(self, *arguments: Any) -> None:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        self._store.put(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _follower(postgres: PostgresServer, schema: str, port: int) -> tuple[PostgresLedger, ChromaFollower]:
    ledger = PostgresLedger(postgres.url, schema=schema)
    follower = ChromaFollower(
        ledger, ChromaAddress(mode="server", port=port), embedder_id=StaticEmbedder.id, lease=ledger.lease("chroma"),
        from_memories=10, poll_seconds=1.0,
    )  # fmt: skip
    return ledger, follower


def _cut_off(postgres: PostgresServer) -> None:
    """End the connections that hold leases, as the database does for a machine that it no longer hears of."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )


@pytest.mark.parametrize("afterwards", ["goes on", "erased meanwhile", "both in the middle"])
async def test_a_feeder_that_wakes_after_another_took_over_leaves_no_ghost_and_no_gap(
    tmp_path: Path, postgres: PostgresServer, schema: str, chroma_port: int, afterwards: str
) -> None:
    with chroma_server(tmp_path / "chroma", chroma_port):
        async with writer(tmp_path) as memory:
            ids = await _fill(memory)
            (one_ledger, one), (two_ledger, two) = (_follower(postgres, schema, chroma_port) for _ in range(2))
            await anyio.to_thread.run_sync(one.follow)
            late = (await memory.remember("a violet umbrella was left in the hall")).id
            await memory.archive([ids[1]])

            ended, begun = threading.Event(), threading.Event()
            second = threading.Thread(target=two.follow)

            def held_up() -> None:
                begun.set()
                assert ended.wait(60)

            def meanwhile() -> None:
                _cut_off(postgres)
                anyio.from_thread.run(memory.archive, [late])
                anyio.from_thread.run(memory.bring_back, [ids[1]])
                if afterwards == "erased meanwhile":
                    anyio.from_thread.run(memory.erase, [ids[2]])
                two.follow()
                assert two.is_owner
                if afterwards == "both in the middle":
                    anyio.from_thread.run(memory.remember, "an amber lantern stands in the cellar")
                    two._store = _Overtaken(two._store, held_up)  # type: ignore[assignment]
                    second.start()
                    assert begun.wait(60)

            one._store = _Overtaken(one._store, meanwhile)  # type: ignore[assignment]
            await anyio.to_thread.run_sync(one.follow)
            ended.set()
            if second.ident is not None:
                await anyio.to_thread.run_sync(second.join)
            await anyio.to_thread.run_sync(two.follow)
            expected = {record.id for record in await memory.records() if record.status == "active"}
            assert late not in expected
            assert ids[1] in expected
            assert await memory.run(_held_by_chroma, two) == expected
            assert await memory.run(_collections, two) == 2  # the namespace, and what says that the generation is there
            for follower, ledger in ((one, one_ledger), (two, two_ledger)):
                follower._release()
                ledger.close()


def _held_by_chroma(backends: Any, follower: ChromaFollower) -> set[str]:
    assert follower.store is not None
    with backends.ledger.snapshot() as snapshot:
        namespace = snapshot.namespace_key(("box",))
        keys = [int(key) for key in follower.store._collection(namespace, create=False).get()["ids"]]
        return {str(record.id) for record in snapshot.records(keys).values()}


def _collections(_: Any, follower: ChromaFollower) -> int:
    assert follower.store is not None
    return len(follower.store._client.list_collections())
