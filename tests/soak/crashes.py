"""A process dies, or the power is cut, at every place where it matters."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from tests.soak import forks
from tests.soak.faultfs import Calls, Fault, FaultFs
from tests.soak.plan import Step, make_plan
from tests.soak.power import Moment, images, moments, read_trace
from tests.soak.tally import Tally, scratch
from tests.soak.verify import verify
from tests.soak.worker import Worker

_HOME = "memory"


def acknowledged_steps(ended: forks.Ended) -> int:
    """How many steps of the plan a worker acknowledged."""
    return sum(1 for value in ended.values if value.get("done") and value["step"] >= 0)


def count_calls(calls: Calls, steps: list[Step]) -> int:
    """How many of ``calls`` a whole run makes."""
    with scratch() as base:

        def work(to: int) -> None:
            faults = FaultFs()
            faults.arm(base, Fault.NOTHING, calls=calls)
            Worker(base / _HOME, to).run(steps)
            forks.say(to, {"calls": faults.calls})

        ended = forks.run(work)
        assert ended.code == 0, ended
        return int(ended.values[-1]["calls"])


def kill_at(calls: Calls, *, every: int, jobs: int, seed: int, sample: int | None = None) -> Tally:
    """SIGKILL at every ``every``-th of ``calls``: before it, after it, and in the middle of a write."""
    steps = make_plan(seed)
    total = count_calls(calls, steps)
    how = (Fault.KILL_BEFORE, Fault.KILL_AFTER) if calls == Calls.SYNC else (Fault.KILL_BEFORE, Fault.KILL_TORN)
    cases = [(at, fault) for at in range(1, total + 1, every) for fault in how]
    if sample is not None:
        cases = sorted(random.Random(seed).sample(cases, min(sample, len(cases))))

    def one(case: tuple[int, Fault]) -> dict[str, Any]:
        at, fault = case
        with scratch() as base:

            def work(to: int) -> None:
                FaultFs().arm(base, fault, calls=calls, at=at)
                Worker(base / _HOME, to).run(steps)

            ended = forks.run(work)
            result = verify(base / _HOME, steps, min(acknowledged_steps(ended), len(steps)), seed=at)
            if ended.code == forks.HUNG:
                result |= {"recovered": False, "problems": [*result["problems"], "the process hung"]}
            return {
                **result, "fired": ended.was_killed or ended.code == forks.HUNG,
                "case": f"{fault.name} {calls!r} {at} of {total}",
            }  # fmt: skip

    return Tally("").add(forks.in_shards(cases, one, jobs=jobs))


def cut_power(*, every: int, jobs: int, seed: int, sample: int | None = None, durable: bool = True) -> Tally:
    """The power is cut: before and after each sync, after each acknowledgement and between writes, and what was not synced
    is gone, in several ways. Images of the disk that were tried already are not counted again.
    """
    steps = make_plan(seed)
    with scratch() as base:
        entries = traced(base, steps, durable=durable)
    found = list(moments(entries, every=every))
    if sample is not None:
        found = sorted(random.Random(seed).sample(found, min(sample, len(found))), key=lambda moment: moment.entry)

    def shard(part: int) -> list[dict[str, Any]]:
        return list(_cuts(entries, found, steps, base, part, jobs, seed))

    results = forks.in_shards(range(jobs), lambda part: {"results": shard(part)}, jobs=jobs)
    return Tally("").add(one for result in results for one in result["results"])


def traced(base: Path, steps: list[Step], *, durable: bool = True) -> list[Any]:
    """The trace of a whole run below ``base``."""
    log = base.with_name(f"{base.name}.trace")

    def work(to: int) -> None:
        faults = FaultFs()
        faults.trace(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), acknowledged_on=to)
        faults.arm(base, Fault.NOTHING, calls=Calls.CHANGES)
        Worker(base / _HOME, to, durable=durable).run(steps)

    try:
        ended = forks.run(work)
        assert ended.code == 0, ended
        return read_trace(log)
    finally:
        log.unlink(missing_ok=True)


def _cuts(
    entries: list[Any], found: list[Moment], steps: list[Step], base: Path, part: int, jobs: int, seed: int
) -> Any:
    for moment, variant, target in images(entries, found, base, part=part, jobs=jobs, seed=seed):
        result = verify(target / _HOME, steps, min(moment.acknowledged, len(steps)), seed=moment.entry)
        yield {**result, "case": f"power cut after entry {moment.entry} of {len(entries)}, {variant}"}
