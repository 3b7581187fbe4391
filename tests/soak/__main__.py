"""The reliability suite: ``python -m tests.soak [--sample] [--only KIND …] [--seed N] [--json FILE]``, ``make faults``.

Exits with 1 when anything acknowledged was lost, an answer was wrong, or something did not recover by itself. Without a C
compiler, or elsewhere than on Linux, it says so and exits with 3: nothing was tried.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.soak import faultfs
from tests.soak.tally import Tally

NOT_HERE = 3


def kinds(*, jobs: int, seed: int, sample: bool) -> dict[str, Callable[[], Tally]]:
    """Every kind of fault by name; with ``sample`` a few of each, the same ones every time."""
    from tests.soak import chroma, crashes, failures, storms, times, upgrades
    from tests.soak.faultfs import ALWAYS, Calls, Fault

    places = Calls.WRITE | Calls.NAME
    short = ((Fault.SHORT, 1), (Fault.SHORT, ALWAYS))

    def some(few: int) -> int | None:
        return few if sample else None

    def fail(calls: Calls, error: int, every: int, few: int, **options: object) -> Tally:
        return failures.fail_at(calls, error, every=every, jobs=jobs, seed=seed, sample=some(few), **options)  # type: ignore[arg-type]

    found: dict[str, Callable[[], Tally]] = {
        "kill at a sync": lambda: crashes.kill_at(Calls.SYNC, every=1, jobs=jobs, seed=seed, sample=some(10)),
        "kill at a write or name": lambda: crashes.kill_at(places, every=4, jobs=jobs, seed=seed, sample=some(10)),
        "power cut": lambda: crashes.cut_power(every=10, jobs=jobs, seed=seed, sample=some(8)),
        "disk full (ENOSPC)": lambda: fail(places, errno.ENOSPC, 8, 6),
        "disk full, half a write done": lambda: fail(Calls.WRITE, errno.ENOSPC, 20, 4, how=short),
        "failing sync (EIO)": lambda: fail(Calls.SYNC, errno.EIO, 1, 4),
        "failing write (EIO)": lambda: fail(places, errno.EIO, 12, 4),
        "failing read (EIO)": lambda: fail(Calls.READ, errno.EIO, 4, 4),
        "read-only": lambda: failures.turn_read_only(count=4 if sample else 38, jobs=jobs, seed=seed),
        "file size limit": lambda: failures.outgrow_a_limit(count=4 if sample else 40, jobs=jobs, seed=seed),
        "slow disk, 0.2 s a sync": lambda: times.slow_disk(pause_seconds=0.2, writes=2 if sample else 20),
        "clock jumps": lambda: times.jump_clocks(runs=1 if sample else 8, jobs=jobs, seed=seed),
        "kill storm": lambda: storms.storm(rounds=1 if sample else 6, kills=5 if sample else 20, processes=3, seed=seed),
        "upgrade": upgrades.upgrade_all,
        "kill in an upgrade": lambda: upgrades.kill_upgrades(every=8, jobs=jobs, seed=seed, sample=some(10)),
        "power cut in an upgrade": lambda: upgrades.cut_power_in_upgrades(every=10, jobs=jobs, seed=seed, sample=some(2)),
        "newer schema refused": upgrades.refuse_newer,
    }  # fmt: skip
    if sample:
        # That the suite can lose something: not to be counted with the others.
        found["power cut, not durable"] = lambda: crashes.cut_power(
            every=10, jobs=jobs, seed=seed, sample=8, durable=False
        )
    if chroma.available() is None:
        few = ("closes", "garbage", "stalls")
        found["Chroma server"] = lambda: chroma.spoil_chroma(
            rounds=1 if sample else 3, seed=seed, faults=few if sample else chroma.FAULTS
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--sample", action="store_true", help="a few faults of each kind")
    parser.add_argument("--only", nargs="+", metavar="KIND", help="these kinds of fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    reason = faultfs.missing()
    if reason is not None:
        print(f"No faults were injected: {reason}.")
        return NOT_HERE
    if not faultfs.is_loaded():
        # The library must be there when the process starts.
        os.execve(sys.executable, [sys.executable, "-m", "tests.soak", *sys.argv[1:]], faultfs.environment())
    from tests.soak import worker

    worker.load()
    known = kinds(jobs=options.jobs, seed=options.seed, sample=options.sample)
    unknown = set(options.only or ()) - known.keys()
    if unknown:
        parser.error(f"no such kind of fault: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    tallies = []
    for name in options.only or known:
        began = time.monotonic()
        tally = known[name]()
        tally.kind, tally.seconds = name, time.monotonic() - began
        tallies.append(tally)
        if options.json:
            # After each kind: what was found is kept when the rest is interrupted.
            options.json.write_text(json.dumps(report(tallies, seed=options.seed), indent=1) + "\n")
        print(f"{name}: {tally.injected:,} injected, {tally.recovered:,} recovered, {tally.seconds:.0f} s", flush=True)
    show(tallies)
    return 0 if all(tally.ok for tally in tallies) else 1


def report(tallies: list[Tally], *, seed: int) -> dict[str, object]:
    """What is written as JSON: the sums, and each kind."""
    names = ("injected", "recovered", "acknowledged", "lost", "wrong")
    totals = {name: sum(getattr(tally, name) for tally in tallies) for name in names}
    return {"seed": seed, "totals": totals, "kinds": [tally.as_json() for tally in tallies]}


def show(tallies: list[Tally]) -> None:
    """The table, and what went wrong below it."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Faults", caption="acknowledged: memories that had to be there, summed over all injections")
    table.add_column("Kind")
    for name in ("Injected", "Recovered", "Acknowledged", "Lost", "Wrong answers", "Seconds"):
        table.add_column(name, justify="right")
    for tally in tallies:
        numbers = (tally.injected, tally.recovered, tally.acknowledged, tally.lost, tally.wrong)
        table.add_row(
            tally.kind,
            *(f"{number:,}" for number in numbers),
            f"{tally.seconds:.0f}",
            style=None if tally.ok else "red",
        )
    sums = [
        sum(getattr(tally, name) for tally in tallies)
        for name in ("injected", "recovered", "acknowledged", "lost", "wrong")
    ]
    table.add_section()
    table.add_row("All", *(f"{number:,}" for number in sums), f"{sum(tally.seconds for tally in tallies):.0f}")
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(table)
    for tally in tallies:
        for problem in tally.problems[:5]:
            console.print(f"{tally.kind}: {problem}", style="red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
