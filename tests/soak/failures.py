"""Calls fail, and go on failing until somebody mends what is behind it; the process lives."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.soak import forks
from tests.soak.crashes import acknowledged_steps, count_calls
from tests.soak.faultfs import ALWAYS, Calls, Fault, FaultFs
from tests.soak.plan import Step, make_plan, states
from tests.soak.tally import Tally, scratch
from tests.soak.verify import verify
from tests.soak.worker import Worker

_HOME = "memory"
_CAPABILITIES_VERSION = 0x20080522
_ROOT_IGNORES_MODES = 0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def fail_at(
    calls: Calls, error: int, *, every: int, jobs: int, seed: int, sample: int | None = None,
    how: tuple[tuple[Fault, int], ...] = ((Fault.FAIL, 1), (Fault.FAIL, ALWAYS)),
) -> Tally:  # fmt: skip
    """Every ``every``-th of ``calls`` fails with ``error``: alone, or with all that follow until a caller has seen it.

    The caller then tries again. What it sees in between is the state before or after the call, nothing between.
    """
    steps = make_plan(seed)
    total = count_calls(calls, steps)
    cases = [(at, *one) for at in range(1, total + 1, every) for one in how]
    if sample is not None:
        cases = sorted(random.Random(seed).sample(cases, min(sample, len(cases))))

    def one(case: tuple[int, Fault, int]) -> dict[str, Any]:
        at, fault, how_many = case

        def begin(base: Path) -> Callable[[], None]:
            faults = FaultFs()
            faults.arm(base, fault, calls=calls, at=at, error=error, how_many=how_many)
            return faults.disarm

        # SQLite calls a file damaged when the disk cannot read it (SQLITE_IOERR_CORRUPTFS).
        allowed = ("StoreCorrupted",) if calls == Calls.READ else ()
        often = "until mended" if how_many == ALWAYS else "once"
        name = f"{errno.errorcode[error]} {often} at {calls!r} {at} of {total} ({fault.name})"
        return failing_run(steps, begin, name=name, seed=at, fired=lambda: FaultFs().fired, errors_allowed=allowed)

    return Tally("").add(forks.in_shards(cases, one, jobs=jobs))


def outgrow_a_limit(*, count: int, jobs: int, seed: int) -> Tally:
    """The process may write no file larger than so many bytes (RLIMIT_FSIZE), which is another error than a full disk."""
    steps = make_plan(seed)

    def one(at: int) -> dict[str, Any]:
        bytes_ = 8_192 * (at + 1)

        def begin(base: Path) -> Callable[[], None]:
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, most))
            return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

        return failing_run(steps, begin, name=f"no file beyond {bytes_:,} bytes", seed=at, fired=None)

    return Tally("").add(forks.in_shards(range(count), one, jobs=jobs))


def turn_read_only(*, count: int, jobs: int, seed: int) -> Tally:
    """Folder and files belong to somebody else, or only the files do, from some step on."""
    steps = make_plan(seed)

    def one(at: int) -> dict[str, Any]:
        step = at % len(steps)
        with scratch() as base:
            home = base / _HOME
            before = forks.run(lambda to: Worker(home, to).run(steps[:step]))
            assert before.code == 0, before
            for path in (home, *home.iterdir()) if at % 2 else home.iterdir():
                path.chmod(0o555 if path.is_dir() else 0o444)

            def work(to: int) -> None:
                _heed_modes()
                Worker(home, to).run([Step("recall"), Step("remember", ("Nobody may write this here",))])

            refused = forks.run(work)
            problems = _untyped(refused)
            if not any("error" in value for value in refused.values):
                problems.append("a memory that cannot be written took a memory without a word")
            for path in (home, *home.iterdir()):
                path.chmod(0o700 if path.is_dir() else 0o600)
            result = verify(home, steps, step, seed=at)
            problems += result["problems"]
            what = "folder and files" if at % 2 else "files"
            return {
                **result, "problems": problems, "recovered": result["recovered"] and not problems,
                "case": f"read-only {what} after step {step}",
            }  # fmt: skip

    return Tally("").add(forks.in_shards(range(count), one, jobs=jobs))


def failing_run(
    steps: list[Step], begin: Callable[[Path], Callable[[], None]], *, name: str, seed: int,
    fired: Callable[[], int] | None, errors_allowed: tuple[str, ...] = (),
) -> dict[str, Any]:  # fmt: skip
    """A whole run during which calls fail; ``begin`` makes them and gives what mends it."""
    expected = states(steps)
    with scratch() as base:

        def work(to: int) -> None:
            mend = begin(base)
            Worker(base / _HOME, to, on_error=mend).run(steps)
            if fired is not None:
                forks.say(to, {"fired": fired()})

        ended = forks.run(work)
        problems = _untyped(ended, *errors_allowed)
        if ended.code:
            problems.append(f"the process ended with {ended.code}: {ended.values[-1:]}")
        for value in ended.values:
            if "seen" in value:
                allowed = [set(state.texts) for state in expected[value["step"] : value["step"] + 2]]
                if set(value["seen"]) not in allowed:
                    problems.append(f"after a failed step {value['step']} its state was half-written")
        result = verify(base / _HOME, steps, min(acknowledged_steps(ended), len(steps)), seed=seed)
    problems += result["problems"]
    errors = sum("error" in value for value in ended.values)
    return {
        **result, "problems": problems, "recovered": result["recovered"] and not problems, "case": name,
        "fired": errors > 0 or bool(ended.code) or any(value.get("fired") for value in ended.values),
    }  # fmt: skip


def _untyped(ended: forks.Ended, *allowed: str) -> list[str]:
    """Errors that told the caller nothing, and defects that came out of the fork itself."""
    return [
        f"step {value['step']} raised {value['error']}: {value['message']}"
        for value in ended.values
        if value.get("error") not in (None, "StoreUnavailable", *allowed)
    ]


def _heed_modes() -> None:
    """Give up root's right to ignore the modes of files; nobody else has it."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    sets[0] &= ~_ROOT_IGNORES_MODES
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")
