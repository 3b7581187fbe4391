"""Disks that take their time, and clocks that jump."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.soak import forks, worker
from tests.soak.crashes import acknowledged_steps
from tests.soak.faultfs import ALWAYS, Calls, Fault, FaultFs
from tests.soak.plan import make_plan
from tests.soak.tally import Tally, scratch
from tests.soak.verify import verify
from tests.soak.worker import Worker

_NOTES = 20
# Times the pause of a slow disk.
_LONGEST = 64
_YEAR = 365.25 * 86_400
# Back, forward, before 1970, a moment back, a leap day on.
JUMPS = (0.0, -10 * _YEAR, 10 * _YEAR, -70 * _YEAR, 60 * _YEAR, -1.0, -0.001, 86_400.0, -3_600.0)


def jump_clocks(*, runs: int, jobs: int, seed: int) -> Tally:
    """The wall clock jumps before every step of a plan; two processes at once, each with jumps of its own."""

    def one(run: int) -> dict[str, Any]:
        steps = make_plan(seed + run)
        with scratch() as base:
            home = base / "memory"

            def work(to: int) -> None:
                Worker(home, to, each=_jumping(random.Random(run))).run(steps)

            def beside(to: int) -> None:
                asyncio.run(_beside(home, random.Random(f"{run} {os.getpid()}"), to))

            ended = forks.run(work)
            problems = [] if ended.code == 0 else [f"it ended with {ended.code}: {ended.values[-1:]}"]
            result = verify(home, steps, min(acknowledged_steps(ended), len(steps)), seed=run)
            pair = [forks.Child(beside) for _ in range(2)]
            for child in pair:
                other = child.wait()
                if other.code:
                    problems.append(f"one of two processes ended with {other.code}: {other.values[-1:]}")
            checked = forks.run(lambda to: forks.say(to, asyncio.run(_check_order(home))))
            problems += checked.values[0] if checked.code == 0 else [str(checked.values)]
        problems += result["problems"]
        return {
            **result, "problems": problems, "recovered": result["recovered"] and not problems,
            "injected": len(steps) + 2 * _NOTES, "case": f"clock jumps, seed {seed + run}",
        }  # fmt: skip

    return Tally("").add(forks.in_shards(range(runs), one, jobs=jobs))


def _jumping(chance: random.Random) -> Callable[[int], None]:
    """Each call sets the clock to where it was not before."""
    faults = FaultFs()
    now = [0.0]

    def jump(_: int) -> None:
        now.append(chance.choice([offset for offset in JUMPS if offset != now[-1]]))
        faults.set_clock_off(now[-1])

    return jump


async def _beside(home: Path, chance: random.Random, to: int) -> None:
    jump = _jumping(chance)
    async with worker.open_memory(home) as memory:
        for at in range(_NOTES):
            jump(at)
            await memory.remember(f"Process {chance.random()} notes jump {at}")
            forks.say(to, at)


async def _check_order(home: Path) -> list[str]:
    """Ids are unique, the order is that of writing, and no memory ends before it begins."""
    problems = []
    async with worker.open_memory(home) as memory:
        records = await memory.records()
        if len({record.id for record in records}) != len(records):
            problems.append("two memories have one id")
        problems += [
            f"{record.id} is valid from {record.valid_from} to {record.valid_to}"
            for record in records
            if record.valid_to is not None and record.valid_to < record.valid_from
        ]
        lines = [line async for line in memory.export()]
        if (await memory.list(limit=1_000, as_of=datetime.now(UTC))) == ():
            problems.append("nothing holds today")
    async with worker.open_memory(home.with_name("copy")) as copy:
        await copy.import_(lines)
        if [line async for line in copy.export()] != lines:
            problems.append("an export that was imported exports otherwise")
    return problems


def slow_disk(*, pause_seconds: float, writes: int) -> Tally:
    """Every sync takes its time; questions that are asked meanwhile are answered meanwhile."""
    with scratch() as base:
        ended = forks.run(lambda to: forks.say(to, asyncio.run(_slow(base, pause_seconds, writes))))
    if ended.code:
        problems = [f"it ended with {ended.code}: {ended.values}"]
        return Tally("", injected=1, problems=problems)
    result = ended.values[0]
    tally = Tally("").add([result])
    tally.figures = result["figures"]
    return tally


async def _slow(base: Path, pause_seconds: float, writes: int) -> dict[str, Any]:
    faults = FaultFs()
    problems: list[str] = []
    waits: list[float] = []
    # Before the files are opened, so that they are known for files of that folder.
    faults.arm(base, Fault.NOTHING)
    async with worker.open_memory(base / "memory") as memory:
        await memory.remember_many([f"Crate {at} stands in aisle {at % 7}" for at in range(100)])
        await memory.recall("crate 42")
        faults.arm(base, Fault.SLOW, calls=Calls.SYNC, how_many=ALWAYS, pause_seconds=pause_seconds)
        answered = wrong = slowed = at = 0
        longer = 1
        while at < writes:
            write = asyncio.create_task(memory.remember(f"Barrel {at} is rolled to gate {at}"))
            during = 0
            while not write.done():
                began = time.perf_counter()
                hits = (await memory.recall(f"crate {at} aisle", k=1)).hits
                if not write.done():
                    during += 1
                    waits.append(time.perf_counter() - began)
                wrong += not hits or f"Crate {at} " not in hits[0].memory.text
            receipt = await write
            answered += during
            wrong += (await memory.get(receipt.id)).text != f"Barrel {at} is rolled to gate {at}"
            at += 1
            if not during and longer < _LONGEST:
                # Questions may have waited for the processor and not for the disk: what comes after waits longer for it.
                longer, writes = 4 * longer, writes + 1
                slowed += faults.fired
                faults.arm(base, Fault.SLOW, calls=Calls.SYNC, how_many=ALWAYS, pause_seconds=longer * pause_seconds)
            elif not during:
                problems.append(f"no question was answered while write {at} waited for the disk")
        slowed += faults.fired
        faults.disarm()
    waits.sort()
    figures = {
        "answers_during_writes": answered, "median_answer_ms": round(1e3 * waits[len(waits) // 2], 1) if waits else 0.0,
        "longest_answer_ms": round(1e3 * waits[-1], 1) if waits else 0.0,
    }  # fmt: skip
    return {
        "recovered": not problems and not wrong, "injected": slowed, "acknowledged": 100 + writes, "lost": 0, "wrong": wrong,
        "problems": problems, "figures": figures, "case": "slow disk",
    }  # fmt: skip
