"""What folding a working memory saves, and what the agent can still read, on recorded episodes.

    python -m tests.benchmarks.folding [--data ../shared/data] [--counter tiktoken|heuristic] [--json FILE] [--quick]

hist  sum over all calls of the model of the history's tokens, against never folding (percent saved)
peak  longest history of an episode, summed (percent saved)
arg   later arguments that stand in the full history, and not in the rules or the task, which can be read in the folded
      prompt at that step: the same words side by side within one item (percent; misses of all)
say   the same for ids and numbers in the assistant's replies
rec   the whole line, or the innermost JSON record, round an argument in its latest result can be read: at least 90 % of
      its distinct words in one item, a reference read together with the item it names
stale pairs of a call and a thing asked about more than once of which an older, different answer can be read (80 % of
      its words in one item) and the latest cannot
inv   tokens of the previous prompt behind the first changed item, per call
cost  price of the history with a prompt cache (read 0.1, write 1.25) against never folding, also with a cache
input the same with the rules and the task, which are never edited

A folded chat call is counted as a provider gets it: name and arguments, which stay a JSON object.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mnemic.domain.folding import PRESETS, Decision, Folder, FoldingItem, FoldingPreset, ItemKind
from mnemic.storage.token_counters import create_token_counter
from tests.benchmarks.folding_data import (
    INTERFERENCE_FILE,
    TAU_FILE,
    WORLDS_FILE,
    Episode,
    interference,
    tau_bench,
    text_worlds,
)
from tests.benchmarks.folding_metrics import Count, Reader, figures, measure, shown_size

POLICIES = ("none", "lossless", "lean", "live", "k2", "hiagent")
UPDATES = (4, 8, 16, 32, 64, 128, 256)
WORLD_STEPS = 12


def counter(choice: str) -> tuple[str, Count]:
    """A token counter that remembers what it has counted, and its name."""
    chosen = create_token_counter("heuristic" if choice == "heuristic" else "tiktoken")
    known: dict[str, int] = {}

    def count(text: str) -> int:
        size = known.get(text)
        if size is None:
            size = known[text] = chosen.count(text)
        return size

    return chosen.name, count


def presets_for(world: bool) -> dict[str, FoldingPreset]:
    """The presets as a host would use them: a text world has no user turns, so chunks must close at milestones."""
    chosen = {name: PRESETS[name] for name in POLICIES}
    if world:
        chosen["hiagent"] = dataclasses.replace(PRESETS["hiagent"], milestones=True, maxlen=WORLD_STEPS)
    return chosen


def segmentation(episodes: list[Episode], count: Count) -> dict[str, float]:
    """F1 against rises of the score, within one step and each matched once, beside a boundary after every third step.

    ``milestones`` are the boundaries that say something is done; ``chunk ends`` also those that only the limit of steps
    makes.
    """
    tallies = {"milestones": [0, 0, 0], "chunk ends": [0, 0, 0], "every 3": [0, 0, 0]}
    for episode in episodes:
        folder = Folder(PRESETS["lean"], count_tokens=count, head=episode.head, max_steps=WORLD_STEPS)
        step_of: list[int] = []
        number = -1
        for item in episode.items:
            number += item.kind is ItemKind.CALL
            step_of.append(number)
            folder.append(item)
        predicted = {
            "milestones": sorted({step_of[end - 1] for end in folder.milestones}),
            "chunk ends": sorted({step_of[end - 1] for end in folder.chunk_ends}),
            "every 3": list(range(2, len(episode.acts), 3)),
        }
        for name, found in predicted.items():
            tally = tallies[name]
            tally[0] += _matches(found, episode.rises)
            tally[1] += len(found)
            tally[2] += len(episode.rises)
    return {name: round(2 * hit / max(1, found + true), 3) for name, (hit, found, true) in tallies.items()}


def _matches(found: list[int], true: list[int]) -> int:
    """Size of the greatest one-to-one matching within one step; both ascending, so first fit is best."""
    hits = at = 0
    for step in found:
        while at < len(true) and true[at] < step - 1:
            at += 1
        if at < len(true) and true[at] <= step + 1:
            hits += 1
            at += 1
    return hits


def interfere(folder_path: Path, updates: int, count: Count, seed: int) -> dict[str, float]:
    """A stream of overriding values: can the last one of every key be read, as the last line with that key, throughout?"""
    folder = Folder(PRESETS["lean"], count_tokens=count)
    truth: dict[str, str] = {}
    full = prompts = wrong = cumulative = cumulative_full = steps = 0
    seconds = 0.0
    messages = interference(folder_path, updates=updates, seed=seed)
    last_of: list[dict[str, str]] = []
    dirty: list[Decision] = []
    for number in range(len(messages) + 1):
        started = time.perf_counter()
        dirty = []
        if number < len(messages):
            text = "\n".join(f"{key}: {value}" for key, value in messages[number])
            dirty += folder.append(FoldingItem(kind=ItemKind.CALL, text="{}", name="read_updates"))
            dirty += folder.append(FoldingItem(kind=ItemKind.OBSERVATION, text=text, name="read_updates"))
            truth.update(messages[number])
            full += count(text) + count("read_updates") + count("{}")
        else:
            question = "What is the latest value of every key?"
            dirty += folder.append(FoldingItem(kind=ItemKind.USER, text=question))
            full += count(question)
        dirty += folder.fold()
        seconds += time.perf_counter() - started
        steps += 1
        while len(last_of) < len(folder.items):
            last_of.append(_pairs(folder.shown[len(last_of)]))
        for change in dirty:
            last_of[change.index] = _pairs(folder.shown[change.index])
        read: dict[str, str] = {}
        for pairs in last_of:
            read.update(pairs)
        wrong += sum(read.get(key) != value for key, value in truth.items())
        prompts = sum(shown_size(item, shown, count) for item, shown in zip(folder.items, folder.shown, strict=True))
        cumulative += prompts
        cumulative_full += full
    return {
        "updates": updates,
        "wrong": wrong,
        "final_saved": round(100 * (1 - prompts / full), 1),
        "cumulative_saved": round(100 * (1 - cumulative / cumulative_full), 1),
        "ms_mean": round(1e3 * seconds / steps, 3),
    }


def _pairs(shown: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in shown.split("\n") if ": " in line)


def run(data: Path, choice: str = "tiktoken", *, every: int = 1, policies: Iterable[str] = POLICIES) -> dict[str, Any]:
    """All figures; ``every`` takes only each n-th episode. A data set that is absent is named under ``skipped``."""
    name, count = counter(choice)
    result: dict[str, Any] = {"counter": name, "every": every, "skipped": [], "domains": {}}
    sets: list[tuple[str, list[Episode], int | None]] = []
    if (data / TAU_FILE).is_file():
        sets.append(("tau-bench airline", tau_bench(data)[::every], None))
    else:
        result["skipped"].append(f"{TAU_FILE} is not in {data}")
    if (data / WORLDS_FILE).is_file():
        science, alf = text_worlds(data)
        sets += [("ScienceWorld", science[::every], WORLD_STEPS), ("ALFWorld", alf[::every], WORLD_STEPS)]
        result["segmentation"] = segmentation(science, count)
    else:
        result["skipped"].append(f"{WORLDS_FILE} is not in {data}")
    for domain, episodes, max_steps in sets:
        reader = Reader()
        presets = presets_for(max_steps is not None)
        full = measure(episodes, presets["none"], count, reader, max_steps)
        rows = {"none": figures(full, full)}
        for policy in policies:
            if policy != "none":
                totals = measure(episodes, presets[policy], count, reader, max_steps)
                rows[policy] = figures(totals, full)
                rows[policy]["misses"] = totals.misses[:20]
        result["domains"][domain] = {"episodes": len(episodes), "calls": full.calls, "rows": rows}
    if (data / INTERFERENCE_FILE).is_file():
        wanted = UPDATES if every == 1 else (4, 16, 64)
        result["interference"] = [interfere(data, updates, count, seed=updates) for updates in wanted]
    else:
        result["skipped"].append(f"{INTERFERENCE_FILE} is not in {data}")
    return result


def show(result: dict[str, Any], console: Console) -> None:
    for reason in result["skipped"]:
        console.print(f"skipped: {reason}")
    for domain, found in result["domains"].items():
        table = Table(title=f"{domain}: {found['episodes']} episodes, {found['calls']} calls, {result['counter']}")
        columns = [name for name in found["rows"]["none"] if name != "misses"]
        for name in ("preset", *columns):
            table.add_column(name, justify="left" if name == "preset" else "right")
        for preset, row in found["rows"].items():
            table.add_row("full" if preset == "none" else preset, *(str(row[name]) for name in columns))
        console.print(table)
    if "segmentation" in result:
        console.print(f"segmentation of ScienceWorld, F1 within a step: {result['segmentation']}")
    for row in result.get("interference", ()):
        console.print(f"interference, 46 keys: {row}")


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main(arguments: argparse.Namespace) -> None:
    result = run(arguments.data, arguments.counter, every=5 if arguments.quick else 1)
    result["commit"] = _commit()
    result["versions"] = {"python": sys.version.split()[0], "tiktoken": version("tiktoken")}
    console = Console(width=160)
    show(result, console)
    for found in result["domains"].values():
        for row in found["rows"].values():
            row.pop("misses", None)  # words of the recorded episodes
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--counter", choices=["tiktoken", "heuristic"], default="tiktoken")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="every fifth episode and three interference streams")
    main(parser.parse_args())
