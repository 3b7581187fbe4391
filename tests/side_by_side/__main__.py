"""Build the environments, measure every system, write the results, show the table: ``make side-by-side``.

    python -m tests.side_by_side [--only mnemic mem0 ...] [--measures start cost large faults quality] [--json FILE]

Measures that are not named keep what the JSON file has of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mnemic.testing.recall_bench import load_cases
from mnemic.testing.recall_bench.surroundings import commit
from tests.side_by_side import faults, measures
from tests.side_by_side.client import SystemFailed
from tests.side_by_side.environments import NotInstalled, install, minilm, version_of
from tests.side_by_side.quality import measure_quality
from tests.side_by_side.systems import SYSTEMS, Places, System
from tests.side_by_side.table import heads, rows, where_others_are_ahead

MEASURES = ("start", "cost", "large", "faults", "quality")


@dataclass(slots=True)
class Run:
    """One run: its systems, where they keep their stores, and the results so far, which are saved after every part."""

    systems: list[System]
    scratch: Path
    stores: Path
    results: dict[str, Any]
    target: Path
    tell: measures.Told
    bases: dict[str, Path]
    texts: list[str]
    questions: list[str]
    limit_seconds: float

    def note(self, system: System, **found: Any) -> None:
        entry = self.results["systems"].setdefault(system.key, {})
        entry |= {"title": system.title, "driven": system.driven, "embedder": system.embedder, **found}
        load = max(os.getloadavg()[0], self.results.get("load_average", 0.0))
        self.results["load_average"] = round(load, 1)
        self.results["measured"] = datetime.now(UTC).date().isoformat()
        self.target.write_text(json.dumps(self.results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def copies(self, name: str) -> dict[str, Path]:
        """A copy of every system's store of a thousand memories."""
        found = {}
        for system in self.systems:
            found[system.key] = self.scratch / f"{system.key}-{name}"
            shutil.copytree(self.bases[system.key], found[system.key], symlinks=True)
        return found


def fill_small(run: Run) -> None:
    for system in run.systems:
        run.bases[system.key] = store = run.stores / system.key
        if store.exists():
            continue  # of an earlier run that kept them
        seconds = measures.fill(system, store, run.texts[: measures.SMALL])
        run.note(system, fill_seconds=round(seconds, 1))
        run.tell(f"{measures.SMALL:,} memories: {system.title}")


def measure_starts(run: Run) -> None:
    found = measures.starts(run.systems, run.copies("start"), run.questions, run.tell)
    for system in run.systems:
        run.note(system, start=found[system.key])


def measure_costs(run: Run) -> None:
    fresh = run.texts[-measures.REMEMBERS :]
    found = measures.costs(run.systems, run.copies("cost"), run.questions, fresh, run.tell)
    for system in run.systems:
        syncs = measures.syncs_per_remember(system, run.bases[system.key])
        run.note(system, small=found[system.key], syncs_per_remember=syncs)
        run.tell(f"syncs: {system.title}")


def measure_large(run: Run) -> None:
    taking, stores = [], run.copies("large")
    more = run.texts[measures.SMALL : measures.LARGE]
    for system in run.systems:
        entry = run.results["systems"][system.key]
        each_ms = entry["small"]["remember"]["p50_ms"]
        thousand = entry.get("fill_seconds", each_ms)  # as many seconds as one takes milliseconds
        why = measures.over_the_limit(thousand, len(more), run.limit_seconds)
        if why is not None:
            run.note(system, large={"over_the_limit": why})
            continue
        measures.fill(system, stores[system.key], more)
        taking.append(system)
        run.tell(f"{measures.LARGE:,} memories: {system.title}")
    fresh = run.texts[-measures.REMEMBERS :]
    found = measures.costs(taking, stores, run.questions, fresh, run.tell)
    for system in taking:
        run.note(system, large=found[system.key])


def measure_faults(run: Run) -> None:
    for system in run.systems:
        run.note(system, writers=faults.two_writers(system, run.scratch / f"{system.key}-writers", run.tell))
    for system in run.systems:
        base = run.bases[system.key]
        found = faults.kills(system, base, run.texts[: measures.SMALL], run.scratch, run.tell)
        run.note(system, kills=found)


def measure_recall_quality(run: Run, data: Path) -> None:
    if not data.exists():
        run.tell(f"recall quality is left out: {data} is not there")
        return
    cases = load_cases(data, "locomo")
    for system in run.systems:
        run.note(system, quality=measure_quality(system, cases, run.scratch, run.tell))


def prepare(arguments: argparse.Namespace, say: Callable[[str], None]) -> tuple[list[System], dict[str, str]]:
    """Install everything; the systems that can take part, and why others cannot."""
    cache, missing = arguments.cache.resolve(), {}
    cache.mkdir(parents=True, exist_ok=True)
    environments: dict[str, str] = {}
    for name in dict.fromkeys(("mnemic", *(one.environment_name for one in SYSTEMS))):
        say(f"environment of {name} …")
        try:
            install(name, cache / name)
            environments[name] = version_of(name, cache / name)
        except NotInstalled as error:
            missing[name] = str(error)
    model: Path | None = None
    try:
        model = minilm(cache, arguments.minilm)
    except NotInstalled as error:
        missing["all-MiniLM-L6-v2"] = str(error)
    systems: list[System] = []
    for kind in SYSTEMS:
        if arguments.only and kind.key not in arguments.only:
            continue
        if kind.environment_name in missing or (kind.needs_model and model is None):
            missing.setdefault(kind.key, "all-MiniLM-L6-v2 is not to be had")
            continue
        systems.append(kind(Places(cache, model)))
    return systems, {**missing, **{f"version of {name}": text for name, text in environments.items()}}


def machine() -> dict[str, Any]:
    """On what it was measured, without names of people or places."""
    done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    return {
        "cores": os.cpu_count(), "memory_gb": round(psutil.virtual_memory().total / 1e9), "system": platform.system(),
        "python": platform.python_version(), "node": done.stdout.strip(), "shared_with_other_work": True,
    }  # fmt: skip


def main(arguments: argparse.Namespace) -> None:
    console = Console(stderr=True)
    systems, told = prepare(arguments, lambda text: console.print(text, style="dim"))
    found: dict[str, Any] = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    results = {"systems": {}, **found, "machine": machine(), "mnemic_commit": commit()}
    versions = {key.removeprefix("version of "): text for key, text in told.items() if key.startswith("version of ")}
    results |= {
        "versions": versions,
        "missing": {key: why for key, why in told.items() if not key.startswith("version of ")},
    }
    texts, questions = measures.texts_and_questions(measures.LARGE + measures.REMEMBERS, measures.QUESTIONS)
    with (
        tempfile.TemporaryDirectory(prefix="side-by-side-", ignore_cleanup_errors=True) as scratch,
        Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console,
            transient=True,
        ) as bar,
    ):  # fmt: skip
        task = bar.add_task("side by side", total=None)

        def tell(text: str) -> None:
            bar.update(task, description=text, advance=1)
            if not console.is_terminal and " in turns" not in text:
                console.print(f"{datetime.now(UTC):%H:%M:%S} {text}")

        run = Run(
            systems=systems, scratch=Path(scratch), stores=arguments.stores or Path(scratch) / "stores", results=results,
            target=arguments.json, tell=tell, bases={}, texts=texts, questions=questions,
            limit_seconds=arguments.limit_minutes * 60,
        )  # fmt: skip
        if set(arguments.measures) - {"quality"}:
            fill_small(run)
        parts: dict[str, Callable[[], None]] = {
            "start": lambda: measure_starts(run), "cost": lambda: measure_costs(run), "large": lambda: measure_large(run),
            "faults": lambda: measure_faults(run), "quality": lambda: measure_recall_quality(run, arguments.data),
        }  # fmt: skip
        for name in MEASURES:
            if name in arguments.measures:
                parts[name]()
    show(results, console)


def show(results: dict[str, Any], console: Console) -> None:
    from rich.table import Table

    out = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in heads(results):
        table.add_column(head, overflow="fold")
    for row in rows(results):
        table.add_row(*row)
    out.print(table)
    if "mnemic" in results["systems"]:
        for behind in where_others_are_ahead(results):
            out.print(f"Another is ahead in: {behind}", style="dim", markup=False, highlight=False)
    for key, why in results["missing"].items():
        console.print(f"{key} took no part: {why}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).parents[2]
    parser.add_argument("--only", nargs="*", choices=[one.key for one in SYSTEMS])
    parser.add_argument("--measures", nargs="*", choices=MEASURES, default=MEASURES)
    parser.add_argument("--json", type=Path, default=root / "tests" / "benchmarks" / "results" / "side_by_side.json")
    parser.add_argument("--cache", type=Path, default=root / ".side-by-side")
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data" / "locomo_dev.json.gz")
    parser.add_argument(
        "--minilm", type=Path, help="A folder with model.onnx and tokenizer.json, else they are fetched."
    )
    parser.add_argument(
        "--stores", type=Path, help="Keep the stores of 1,000 memories there, and use those that are there."
    )
    parser.add_argument("--limit-minutes", type=float, default=3, help="Larger stores that take longer are left out.")
    try:
        main(parser.parse_args())
    except SystemFailed as error:
        raise SystemExit(f"A system failed where none should: {error}") from error
