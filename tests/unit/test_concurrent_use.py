"""One memory used from many tasks at once, cancelled, and closed under them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

import mnemic
from mnemic.errors import StoreUnavailable
from mnemic.protocols import Vectors
from mnemic.services.health import probe
from mnemic.testing import FailingEmbedder, WordEmbedder
from tests.conftest import ROOT
from tests.waiting import until


class GatedEmbedder(WordEmbedder):
    """Waits before it embeds a question, so that a test can do something meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.gate = threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        if list(texts) == ["slow question"]:
            self.reached.set()
            assert self.gate.wait(60)
        return super().embed(texts)


async def test_a_recall_under_way_does_not_trip_over_what_is_written_meanwhile(tmp_path: Path) -> None:
    embedder = GatedEmbedder()
    async with mnemic.open_memory(tmp_path, embedder=embedder, chroma="off") as memory:
        await memory.remember("a slow first note")
        async with anyio.create_task_group() as tasks:
            found: list[int] = []

            async def ask() -> None:
                found.append(len((await memory.recall("slow question", min_score=0)).hits))

            tasks.start_soon(ask)
            await anyio.to_thread.run_sync(embedder.reached.wait)
            await memory.remember("a slow second note")
            await memory.recall("another question")
            embedder.gate.set()
        assert found


async def test_an_index_that_knows_more_than_a_snapshot_gives_only_what_the_snapshot_has(tmp_path: Path) -> None:
    from mnemic.domain.recall import RECALLED_KINDS, MemoryFilter
    from mnemic.retrieval.packing import Bookmark
    from mnemic.services.asking import understand
    from mnemic.services.recalling.recall import RecallQuery, _ranked

    async with mnemic.open_memory(tmp_path, embedder=WordEmbedder(), chroma="off", namespace=("n",)) as memory:
        first = await memory.remember("red apple one")
        backends = memory._opened().backends
        filter = MemoryFilter(namespace=("n",), kinds=RECALLED_KINDS, now=backends.clock.now())
        query = RecallQuery(text="red apple", filter=filter, min_score=0)
        asked = understand(backends, query.text, query.filter, [])
        with backends.ledger.snapshot() as snapshot:
            assert snapshot.last_seq() == 1
            await memory.remember("red apple two")
            await memory.archive([(await memory.remember("red apple three")).id])
            await memory.recall("red apple")  # another thread brings the shared index up to date
            found = list(_ranked(backends, snapshot, query, asked, Bookmark(), []).found)
        assert [one.hit.memory.id for one in found] == [first.id]


async def test_closing_waits_for_calls_and_refuses_new_ones(tmp_path: Path) -> None:
    embedder = GatedEmbedder()
    memory = mnemic.open_memory(tmp_path, embedder=embedder, chroma="off")
    await memory.open()
    await memory.remember("a note")
    opened = memory._opened()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(memory.recall, "slow question")
        await anyio.to_thread.run_sync(embedder.reached.wait)
        tasks.start_soon(memory.close)

        def is_refused() -> bool:
            try:
                opened.run(probe)
            except StoreUnavailable:
                return True
            return False

        await until(is_refused)  # closing begins in a thread of its own
        embedder.gate.set()
    with pytest.raises(StoreUnavailable):
        await memory.recall("x")


_CANCELLED = """
import asyncio, sys, mnemic
from mnemic import NewMemory
async def main():
    for _ in range(5):
        try:
            async with mnemic.open_memory(sys.argv[1], chroma="off") as memory:
                await memory.remember_many([NewMemory(text=f"note {n} about topic {n % 97}") for n in range(3000)])
                async with asyncio.timeout(0.03):
                    await asyncio.gather(*(memory.recall(f"topic {n}") for n in range(50)))
        except TimeoutError:
            print("cancelled", flush=True)
asyncio.run(main())
print("alive")
"""


@pytest.mark.slow
def test_cancelled_calls_do_not_crash_the_process_when_the_memory_is_closed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _CANCELLED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("alive\n")
    assert "cancelled" in done.stdout


def test_one_memory_serves_several_event_loops_at_once(tmp_path: Path) -> None:
    memory = mnemic.open_memory(tmp_path, chroma="off")
    asyncio.run(memory.open())
    asyncio.run(memory.remember("a seed"))
    done: list[int] = []

    async def work() -> None:
        for _ in range(5):
            await asyncio.gather(*(memory.recall("seed") for _ in range(12)))
        done.append(1)

    threads = [threading.Thread(target=lambda: asyncio.run(work()), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert len(done) == 3
    asyncio.run(memory.close())


async def test_opening_twice_opens_once(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    memory = mnemic.open_memory(tmp_path, chroma="off")
    await asyncio.gather(memory.open(), memory.open(), memory.open())
    await memory.close()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("mnemic-")]


async def test_what_could_not_be_embedded_is_embedded_as_soon_as_it_can_be(tmp_path: Path) -> None:
    embedder = FailingEmbedder()
    async with mnemic.open_memory(tmp_path, embedder=embedder, chroma="off") as memory:
        await memory.remember("violet umbrella")
        embedder.failing = False
        # A write by anybody is what makes the housekeeper look again.
        await memory.remember("another note")
        with anyio.fail_after(60):
            while (await memory.recall("violet umbrella")).hits[0].similarity is None:
                continue  # each recall gives the housekeeper's thread its turn


async def test_vectors_written_by_another_embedders_process_are_filled_in_while_both_run(tmp_path: Path) -> None:
    async with (
        mnemic.open_memory(tmp_path, embedder=WordEmbedder(16, id="one"), chroma="off") as one,
        mnemic.open_memory(tmp_path, embedder=WordEmbedder(32, id="two"), chroma="off") as two,
    ):
        await one.remember("violet umbrella")
        assert (await two.recall("violet umbrella")).hits
        with anyio.fail_after(60):
            while (await two.recall("violet umbrella")).hits[0].similarity is None:
                continue  # each recall gives the housekeeper's thread its turn
