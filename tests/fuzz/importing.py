"""Importing what strangers made: all of it or a typed error, the source as it was, and nothing beside it read or left."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import anyio

import mnemic
from mnemic import Memory
from mnemic.errors import InvalidInput
from tests.fuzz.archives import SECRET, hand_in_archive, hand_in_folder
from tests.fuzz.bounds import bounded, inside_told
from tests.fuzz.databases import hand_in
from tests.fuzz.surface import Outcome
from tests.soak.tally import scratch

# Of what one memory takes in before the next one begins empty.
_PER_MEMORY = 250
HandIn = Callable[[Random, Path], tuple[str, Path, str]]


def fuzz_databases(seed: int, count: int) -> Outcome:
    """``count`` SQLite files of other memories."""

    def one(r: Random, folder: Path) -> tuple[str, Path, str]:
        kind, path, how = hand_in(r, folder)
        return kind.format, path, how

    return anyio.run(_fuzz, seed, count, one)


def fuzz_archives(seed: int, count: int) -> Outcome:
    """``count`` archives and, a fifth of them, folders."""

    def one(r: Random, folder: Path) -> tuple[str, Path, str]:
        return hand_in_folder(r, folder) if r.random() < 0.2 else hand_in_archive(r, folder)

    return anyio.run(_fuzz, seed, count, one)


async def _fuzz(seed: int, count: int, make: HandIn) -> Outcome:
    r, outcome = Random(seed), Outcome()
    before = tempfile.tempdir
    with scratch() as base:
        temporary = base / "tmp"
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        try:
            while outcome.cases < count:
                home = base / f"home-{outcome.cases}"
                async with mnemic.open_memory(home, chroma="off", durable=False) as memory:
                    await memory.recall("warm up", k=1)
                    for _ in range(min(_PER_MEMORY, count - outcome.cases)):
                        await _one(r, outcome, memory, base / "given", make, f"seed {seed}, case {outcome.cases}")
                        if any(temporary.iterdir()):
                            outcome.findings.append(f"seed {seed}: left behind: {sorted(temporary.iterdir())}")
                shutil.rmtree(home)
        finally:
            tempfile.tempdir = before
    return outcome


async def _one(r: Random, outcome: Outcome, memory: Memory, folder: Path, make: HandIn, where: str) -> None:
    folder.mkdir()
    format, path, how = make(r, folder)
    what = f"{where}: {format} of {path.name}, {how}"
    given = _contents(folder)
    before = _seq(memory)
    planned = done = False
    with bounded(outcome, what):
        # What hangs is told: nobody comes to take what is written to a pipe.
        with anyio.fail_after(60):
            plan = await memory.imports.plan(path, format=format)
        planned = True
        told = f"{plan.summary()} {plan.damaged} {plan.too_long}"
        if (word := inside_told(told)) is not None:
            outcome.findings.append(f"{what}: inside told ({word}): {told[:400]}")
        if SECRET in "".join(one.record.text for one in plan.records):
            outcome.findings.append(f"{what}: what is outside was read")
        if _seq(memory) != before:
            outcome.findings.append(f"{what}: a plan wrote something")
        skipping = r.random() < 0.5
        if (plan.damaged or plan.too_long) and not skipping:
            try:
                await memory.imports.run(plan)
                outcome.findings.append(f"{what}: damage was passed over")
            except InvalidInput:
                done = _seq(memory) != before
                raise
        report = await memory.imports.run(plan, on_error="skip" if skipping else "stop")
        held = report.present + report.stored + report.confirmed + report.quarantined + len(report.refused)
        if held != len(plan.records):
            outcome.findings.append(f"{what}: {held} of {len(plan.records)} records became something")
    if done or (not planned and _seq(memory) != before):
        outcome.findings.append(f"{what}: refused and yet something was stored")
    if _contents(folder) != given:
        outcome.findings.append(f"{what}: the source was changed")
    shutil.rmtree(folder)


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        for path in sorted(folder.rglob("*"))
    }


def _seq(memory: Memory) -> int:
    with memory._opened().backends.ledger.snapshot() as snapshot:
        return snapshot.last_seq()
