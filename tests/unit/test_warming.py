"""What ranking needs is read ahead, once a namespace is asked about."""

from __future__ import annotations

import threading
from pathlib import Path

import anyio
import pytest

import mnemic
from mnemic.domain.recall import MemoryFilter
from mnemic.services import warming
from mnemic.services.backends import Backends
from mnemic.services.warming import Warmth


def _unread(backends: Backends) -> list[str]:
    with backends.ledger.snapshot() as snapshot:
        return [record.text for key, record in snapshot.iterate() if not backends.bags.knows(key)]


async def test_the_words_of_a_namespace_are_read_ahead_once_it_is_asked_about(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember_many([mnemic.NewMemory(text=f"note {number} about tea") for number in range(450)])
        await memory.remember("elsewhere", namespace=("other",))
        assert len(await memory.run(_unread)) == 451
        await memory.recall("coffee beans")
        with anyio.fail_after(60):
            while len(await memory.run(_unread)) > 1:
                await memory.recall("coffee beans")  # gives the housekeeper's thread its turn
        assert await memory.run(_unread) == ["elsewhere"]


def test_a_namespace_is_read_ahead_when_the_first_question_is_answered_and_only_once() -> None:
    warmth = Warmth()
    asked = MemoryFilter(namespace=("ours",))
    with warmth.answering(asked):
        assert warmth.next() is None
        assert not warmth.wake.is_set()
    assert warmth.wake.is_set()
    assert warmth.next() == ("ours",)
    with warmth.answering(asked), warmth.answering(MemoryFilter(namespace=(), subtree=True)):
        pass
    assert warmth.next() is None


def test_reading_ahead_waits_for_who_waits_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "_PATIENCE_SECONDS", 600.0)
    warmth = Warmth()
    warmth.make_way()
    gone_on = threading.Event()

    def read_ahead() -> None:
        warmth.make_way()
        gone_on.set()

    reader = threading.Thread(target=read_ahead)
    with warmth.answering(MemoryFilter(namespace=("ours",))):
        reader.start()
        assert not gone_on.is_set()
    reader.join(60)
    assert gone_on.is_set()


def test_a_process_tells_whether_it_still_reads_ahead() -> None:
    warmth = Warmth()
    assert not warmth.reading_ahead
    with warmth.answering(MemoryFilter(namespace=("ours",))):
        assert not warmth.reading_ahead, "there is nothing to read before the first answer"
    assert warmth.reading_ahead
    assert warmth.next() == ("ours",)
    assert warmth.reading_ahead
    assert warmth.next() is None
    assert not warmth.reading_ahead


def test_reading_ahead_goes_on_when_questions_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "_PATIENCE_SECONDS", 0.0)
    warmth = Warmth()
    with warmth.answering(MemoryFilter(namespace=("ours",))):
        warmth.make_way()
