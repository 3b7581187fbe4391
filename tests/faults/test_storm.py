"""Real processes, real kills: what was acknowledged is there, whoever wrote it and whoever died."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Memory, MemoryRecord
from mnemic.domain.memory import MemoryId
from mnemic.services.backends import Backends
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SURVIVORS = 4
VICTIMS = 5
NOTES = 1_000


class Worker:
    """A process of the storm and what it has acknowledged so far."""

    def __init__(self, folder: Path, name: str, count: int, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.acknowledged: dict[MemoryId, str] = {}
        self.lines = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.storm_worker", str(folder), name, str(count)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})},
        )  # fmt: skip
        self.progress = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.progress:
                # A line without its end was cut off by the kill: nobody could have taken it for an acknowledgement.
                if "\t" in line and line.endswith("\n"):
                    id, text = line.rstrip("\n").split("\t")
                    self.acknowledged[MemoryId(id)] = text
                self.lines += 1
                self.progress.notify_all()
        with self.progress:
            self.lines = 1_000_000
            self.progress.notify_all()

    def wait_for(self, lines: int) -> None:
        with self.progress:
            assert self.progress.wait_for(lambda: self.lines >= lines, timeout=600), self.name

    def finish(self) -> int:
        code = self.process.wait(timeout=900)
        self.reader.join(60)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            if pipe is self.process.stderr:
                self.errors = pipe.read()
            pipe.close()
        return code


@dataclass(frozen=True)
class Storm:
    """What is left of a storm: where its memory is, and what was acknowledged."""

    folder: Path
    where: dict[str, str]
    acknowledged: dict[MemoryId, str]

    def open(self, **settings: Any) -> Memory:
        return mnemic.open_memory(self.folder, namespace=("storm",), **{**self.where, **settings})


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Storm:
    """Four processes remember 1,000 notes each while five siblings are killed at random moments."""
    return storm_over(tmp_path_factory.mktemp("storm"), {}, notes=NOTES)


def storm_over(folder: Path, where: dict[str, str], *, notes: int) -> Storm:
    env = {f"MNEMIC_{name.upper()}": value for name, value in where.items()}
    moments = random.Random(11)
    survivors = [Worker(folder, f"survivor {at}", notes, env) for at in range(SURVIVORS)]
    acknowledged: dict[MemoryId, str] = {}
    for at in range(VICTIMS):
        victim = Worker(folder, f"victim {at}", 100_000, env)
        victim.wait_for(moments.randint(20, 200))
        victim.process.kill()
        assert victim.finish() != 0
        acknowledged |= victim.acknowledged
    for survivor in survivors:
        assert survivor.finish() == 0, survivor.errors
        assert len(survivor.acknowledged) == notes
        acknowledged |= survivor.acknowledged
    return Storm(folder, where, acknowledged)


async def test_no_acknowledged_memory_is_lost_and_no_ghost_is_there(storm: Storm) -> None:
    acknowledged = storm.acknowledged
    async with storm.open(chroma="off") as memory:
        texts = {record.id: record.text async for record in all_of(memory)}
    assert {id: texts.get(id) for id in acknowledged} == acknowledged
    # What is there beyond that was stored, but its writer was killed before it could say so: at most one note each.
    assert len(texts) - len(acknowledged) <= VICTIMS


async def test_the_ledger_and_its_full_text_are_intact(storm: Storm) -> None:
    async with storm.open(chroma="off") as memory:
        diagnosis = await memory.doctor()
    assert diagnosis.healthy, diagnosis.findings


@pytest.mark.parametrize("served_by", ["exact", "chroma"])
async def test_every_acknowledged_memory_is_found_by_its_own_vector(storm: Storm, served_by: str) -> None:
    if storm.where and served_by == "chroma":
        pytest.skip(
            "machines that share a database cannot share a folder for Chroma: tests/postgres has it as a server"
        )
    acknowledged = storm.acknowledged
    chroma = "off" if served_by == "exact" else "embedded"
    async with storm.open(chroma=chroma, chroma_from_memories=500, chroma_poll_seconds=0.05) as memory:
        if served_by == "chroma":
            follower = memory._opened().follower
            assert follower is not None
            assert follower.wait_until((await memory.status()).last_seq, timeout_seconds=240)
        missing = await memory.run(missing_by_vector, list(acknowledged), acknowledged)
        assert missing == []
        assert (await memory.status()).index["served_by"] == served_by
        assert (await memory.doctor()).healthy


def missing_by_vector(backends: Backends, ids: list[MemoryId], texts: dict[MemoryId, str]) -> list[MemoryId]:
    """Those whose own vector does not bring them back among the ten nearest."""
    missing = []
    with backends.ledger.snapshot() as snapshot:
        namespace = snapshot.namespace_key(("storm",))
        assert namespace is not None
        keys = {id: key for id, (key, _) in snapshot.find(ids).items()}
        for id in ids:
            vector = backends.embedder.embed([texts[id]])[0]
            found = backends.index.search(snapshot, vector, namespace, limit=10, among=None)
            if keys[id] not in dict(found):
                missing.append(id)
    return missing


async def all_of(memory: Memory) -> AsyncIterator[MemoryRecord]:
    before = None
    while page := await memory.list(limit=1_000, before=before):
        for record in page:
            yield record
        before = page[-1].id
