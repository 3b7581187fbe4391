"""``python -m tests.fuzz``: so many cases, in so much time, over several processes; every finding with its seed.

Of the cases 30 % go to the MCP server on its stdio transport, 10 % to its HTTP application, both within one process, 1 % to
real processes over pipes and sockets; 3 % each to imports of SQLite files and to the inspector's pages, 2 % to imports of
archives and folders, 1 % to hooks, 0.5 % to backups that are restored; the rest to the parsers: by libFuzzer with coverage
(atheris) where it is installed, and by our own mutations, which are repeatable from the seed.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import re
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

PARTS = {
    "stdio": 0.30, "http": 0.10, "pipes": 0.005, "sockets": 0.005, "databases": 0.03, "archives": 0.02, "pages": 0.03,
    "hooks": 0.01, "backups": 0.005, "parsers": 0.495,
}  # fmt: skip
"""The mix: the share of each surface in all cases, if nothing is cut short."""
_CHUNKS = {
    "stdio": 2_000, "http": 1_000, "pipes": 1_000, "sockets": 1_000, "databases": 500, "archives": 500, "pages": 1_000,
    "hooks": 500, "backups": 250,
}  # fmt: skip
_PARSER_CHUNK = 5_000
_MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Job:
    """A part of the work that can be repeated alone."""

    kind: str
    seed: int
    count: int
    parser: str = ""


def run(job: Job) -> dict[str, Any]:
    """Do a part of the work. What is found is told and not raised."""
    import anyio

    from tests.fuzz import hooks, importing, pages, real, restoring, surface
    from tests.fuzz.mutating import mutate, mutate_with_coverage

    kinds: dict[str, Any] = {
        "stdio": lambda *of: anyio.run(surface.fuzz_stdio, *of), "http": lambda *of: anyio.run(surface.fuzz_http, *of),
        "pipes": real.fuzz_process, "sockets": real.fuzz_sockets,
        "databases": importing.fuzz_databases, "archives": importing.fuzz_archives, "pages": pages.fuzz_pages,
        "hooks": hooks.fuzz_hooks, "backups": restoring.fuzz_backups,
        "parser": partial(mutate, job.parser), "coverage": partial(mutate_with_coverage, job.parser),
    }  # fmt: skip
    began = time.perf_counter()
    try:
        outcome = kinds[job.kind](job.seed, job.count)
    except Exception as error:
        outcome = surface.Outcome(findings=[f"the fuzzer itself: {type(error).__name__}: {error}"])
    return {
        "kind": job.kind, "parser": job.parser, "seed": job.seed, "cases": outcome.cases, "answered": outcome.answered,
        "refused": outcome.refused, "unanswered": outcome.unanswered, "findings": outcome.findings,
        "seconds": time.perf_counter() - began,
    }  # fmt: skip


def jobs(cases: int, seed: int, *, coverage: bool) -> list[Job]:
    """All the work, well mixed, so that what is done when time is up has something of everything."""
    from tests.fuzz.parsers import PARSERS

    found: list[tuple[float, Job]] = []

    def add(kind: str, count: int, chunk: int, parser: str = "") -> None:
        chunks = max(1, round(count / chunk))
        for at in range(chunks):
            size = count // chunks + (at < count % chunks)
            if size:
                found.append(((at + 0.5) / chunks, Job(kind, seed * 1_000_000 + len(found), size, parser)))

    for kind, chunk in _CHUNKS.items():
        add(kind, math.ceil(cases * PARTS[kind]), chunk)
    shares = {name: parser.share for name, parser in PARSERS.items()}
    for name, share in shares.items():
        count = math.ceil(cases * PARTS["parsers"] * share / sum(shares.values()))
        if coverage:
            add("coverage", count // 2, _PARSER_CHUNK * 5, name)
            count -= count // 2
        add("parser", count, _PARSER_CHUNK, name)
    return [job for _, job in sorted(found, key=lambda one: (one[0], one[1].seed))]


def main() -> int:
    """Run, show, write; 1 when anything was found."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--cases", type=int, default=1_000_000)
    options.add_argument("--minutes", type=float, default=40.0, help="start nothing new after that")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--no-atheris", action="store_true", help="our own mutations alone")
    options.add_argument("--json", type=Path)
    options.add_argument("--repeat", type=Path, help="run again what had findings there, and note it there")
    given = options.parse_args()
    coverage = not given.no_atheris and find_spec("atheris") is not None
    work = jobs(given.cases, given.seed, coverage=coverage)
    if given.repeat is not None:
        return repeat(given.repeat, work)
    began, done = time.monotonic(), []
    shown = Console(stderr=True)
    how = "with atheris" if coverage else "without atheris"
    shown.print(f"seed {given.seed}, {len(work)} parts, {given.processes} processes, {how}")
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=shown,
        disable=not sys.stderr.isatty(),
    )  # fmt: skip
    with bar, ProcessPoolExecutor(given.processes, mp_context=get_context("spawn"), max_tasks_per_child=40) as pool:
        task = bar.add_task("cases", total=given.cases)
        running: set[Future[dict[str, Any]]] = set()
        while work or running:
            while work and len(running) < given.processes and time.monotonic() - began < given.minutes * 60:
                running.add(pool.submit(run, work.pop(0)))
            if not running:
                break
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for one in ended:
                result = one.result()
                done.append(result)
                bar.advance(task, result["cases"])
                if not sys.stderr.isatty() and len(done) % 20 == 0:
                    shown.print(f"{sum(one['cases'] for one in done):,} cases, {time.monotonic() - began:.0f} s")
                for finding in result["findings"][:3]:
                    shown.print(f"{result['kind']} {result['parser']}: {finding[:600]}", markup=False, style="red")
    report = summary(done, given.seed, time.monotonic() - began, left=sum(job.count for job in work))
    if given.json is not None:
        given.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: report[name] for name in ("cases", "findings_count", "minutes", "not_run")}))
    return 1 if report["findings_count"] else 0


def repeat(path: Path, work: list[Job]) -> int:
    """Run again what had findings, with the code as it is now, and write what came of it under ``repeated``."""
    report = json.loads(path.read_text(encoding="utf-8"))
    seeds = {int(seed) for finding in report["findings"] for seed in re.findall(r"seed (\d+)", finding)}
    done = [run(job) for job in work if job.seed in seeds]
    findings = [finding[:1_500] for one in done for finding in one["findings"]]
    report["repeated"] = {
        "parts": len(done), "cases": sum(one["cases"] for one in done), "findings_count": len(findings),
        "findings": findings,
    }  # fmt: skip
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report["repeated"]))
    return 1 if findings or not done else 0


def summary(done: list[dict[str, Any]], seed: int, seconds: float, *, left: int) -> dict[str, Any]:
    """What was run and found, for the file of results."""
    parts: dict[str, Counter[str]] = {}
    for one in done:
        kept = parts.setdefault(f"{one['kind']} {one['parser']}".strip(), Counter())
        for name in ("cases", "answered", "refused", "unanswered"):
            kept[name] += one[name]
        kept["findings"] += len(one["findings"])
    findings = [f"{one['kind']} {one['parser']} {finding}" for one in done for finding in one["findings"]]
    return {
        "seed": seed, "cases": sum(one["cases"] for one in done), "findings_count": len(findings),
        "findings": [finding[:1_500] for finding in findings[:_MOST_SHOWN]], "minutes": round(seconds / 60, 1),
        "not_run": left, "planned_mix": PARTS, "mix": _mix(done),
        "cases_with_coverage": sum(one["cases"] for one in done if one["kind"] == "coverage"),
        "python": platform.python_version(),
        "parts": {name: {key: value for key, value in kept.items() if value or key == "cases"}
                  for name, kept in sorted(parts.items())},
    }  # fmt: skip


def _mix(done: list[dict[str, Any]]) -> dict[str, float]:
    """The share of each surface in the cases that were run."""
    counts: Counter[str] = Counter()
    for one in done:
        counts["parsers" if one["parser"] else one["kind"]] += one["cases"]
    return {name: round(count / max(1, counts.total()), 4) for name, count in sorted(counts.items())}
