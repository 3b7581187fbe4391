"""What a process holds does not grow with all that it was ever asked."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import mnemic
from mnemic import NewMemory, housekeeping
from mnemic.domain.learning.plan import PlanId, PlanStatus
from mnemic.domain.recall import MemoryFilter
from mnemic.errors import InvalidInput
from mnemic.protocols import Embedder
from mnemic.retrieval import passages as passage_vectors
from mnemic.services import warming
from mnemic.services.backends import Backends
from mnemic.services.live_sessions import LiveSessions
from mnemic.storage import exact_index, layered_index
from mnemic.testing import FailingEmbedder, WordEmbedder


def _backends(memory: mnemic.Memory) -> Backends:
    return memory._opened().backends


async def test_sessions_that_nobody_takes_leave_nothing_behind(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        for number in range(5):
            with pytest.raises(InvalidInput):
                await memory.session(f"never begun {number}").view()
        await memory.session("begun").append("Hello.")
        assert not _backends(memory).sessions._turns


def test_one_thread_at_a_time_has_the_turn_of_a_session_however_many_wait() -> None:
    sessions, where = LiveSessions(), (("here",), "s")
    inside, most = 0, 0

    def take() -> None:
        nonlocal inside, most
        for _ in range(200):
            with sessions.turn(where), sessions.turn(where):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not sessions._turns


def test_it_is_known_of_so_many_namespaces_only_that_they_were_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "_MOST_KNOWN", 10)
    warmth = warming.Warmth()
    for times in (1, 3):
        for number in range(40):
            for _ in range(times):
                with warmth.answering(MemoryFilter(namespace=(f"{times} {number}",))):
                    pass
    assert max(len(warmth._asked), len(warmth._known)) <= 10


async def test_it_is_known_of_so_many_namespaces_only_what_answered_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layered_index, "_MOST_SERVED", 3)
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        await memory.remember_many([NewMemory(text="a boat", namespace=f"n{number}") for number in range(9)])
        for number in range(9):
            assert (await memory.recall("boat", namespace=f"n{number}")).hits
        status = await memory.status()
        assert status.index["served_by"] == "exact"
        index = _backends(memory).index
        assert isinstance(index, layered_index.LayeredIndex)
        assert len(index._served_by) == 3


async def test_the_vectors_of_what_comes_and_goes_are_let_go_and_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact_index, "_FEW_ABSENT", 4)
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        stays = [(await memory.remember(f"The red boat has number {word}.")).id for word in ("one", "two", "six")]
        for round in range(8):
            passing = await memory.remember_many([f"A tram of line {round} {number}" for number in range(5)])
            assert (await memory.recall("tram")).hits
            await memory.erase([receipt.id for receipt in passing])
            assert {hit.memory.id for hit in (await memory.recall("red boat")).hits} == {*stays}
            assert _backends(memory).index.describe()["exact"]["vectors"] <= 3 + 5 + 5
        archived, other, _ = stays
        await memory.archive([archived])
        await memory.cool(days=0)
        assert archived not in {hit.memory.id for hit in (await memory.recall("red boat")).hits}
        await memory.restore([archived])
        assert {archived, other} <= {hit.memory.id for hit in (await memory.recall("red boat")).hits}


async def test_the_passages_of_long_texts_that_come_and_go_are_let_go_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passage_vectors, "_FEW_GONE", 4)
    words = "harbour lighthouse anchor sail rudder mast keel tide".split()

    def long(word: str) -> str:
        return " ".join(f"The {words[at % 8]} of day {at} was quiet and nothing came." for at in range(90)) + f" {word}"

    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        kept = await memory.remember(long("Xenia bought a violin in the harbour."))
        for _ in range(6):
            passing = await memory.remember(long("Boris sold a trumpet."))
            assert (await memory.recall("Who sold a trumpet?")).hits
            await memory.erase([passing.id])
            (hit, *_) = (await memory.recall("Who bought a violin?")).hits
            assert hit.memory.id == kept.id and hit.passage is not None and "violin" in hit.passage.text
        (shelf,) = list(_backends(memory).passages._shelves)
        assert shelf.count <= 3


@pytest.mark.parametrize("embedder", [WordEmbedder(), FailingEmbedder(id="failing")], ids=["works", "fails"])
async def test_what_was_delivered_where_long_ago_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedder: Embedder
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=embedder) as memory:
        await memory.remember("A boat.")
        backends, settings = _backends(memory), memory.settings
        now = backends.clock.now()
        with backends.ledger.transaction() as transaction:
            (key,) = [row[0] for row in transaction.select(MemoryFilter(namespace=settings.namespace), limit=1)]
            transaction.expose("session old", [key], at=now - timedelta(days=2))
            transaction.expose("session new", [key], at=now)
        monkeypatch.setattr(housekeeping, "_TIDYING_SECONDS", 0.0)
        monkeypatch.setattr(housekeeping, "_read_ahead", lambda _, stopping, seconds: stopping.set())
        housekeeping.keep_house(backends, settings, threading.Event())
        with backends.ledger.snapshot() as snapshot:
            exposed = [snapshot.exposures(f"session {name}", since=now - timedelta(days=9)) for name in ("old", "new")]
        assert [len(found) for found in exposed] == [0, 1]


async def test_plans_that_nobody_applied_for_long_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        young = await memory.learning.plan()
        old = replace(young, id=PlanId("p-old"), created_at=young.created_at - timedelta(days=91))
        done = replace(old, id=PlanId("p-done"), status=PlanStatus.APPLIED)
        backends = _backends(memory)
        with backends.ledger.transaction() as transaction:
            transaction.put_plan(old)
            transaction.put_plan(done)
        monkeypatch.setattr(housekeeping, "_TIDYING_SECONDS", 0.0)
        monkeypatch.setattr(housekeeping, "_read_ahead", lambda _, stopping, seconds: stopping.set())
        housekeeping.keep_house(backends, memory.settings, threading.Event())
        assert await memory.learning.plans() == (done, young)
