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
import gzip
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mnemic.domain.folding import PRESETS, Change, Folder, FoldingPreset, Item, ItemKind, folded_arguments, is_json_call
from mnemic.domain.text import STOP_WORDS
from mnemic.storage.token_counters import create_token_counter
from tests.benchmarks.folding_data import (
    INTERFERENCE_FILE,
    TAU_FILE,
    WORLDS_FILE,
    Episode,
    interference,
    tau_bench,
    text_worlds,
    words,
)

READ_PRICE, WRITE_PRICE = 0.1, 1.25
POLICIES = ("none", "lossless", "lean", "live", "k2", "hiagent")
UPDATES = (4, 8, 16, 32, 64, 128, 256)
WORLD_STEPS = 12
_REFERENCE = re.compile(r"\[(?:same as )?#(\d+)(?: with changes)?\]")

Count = Callable[[str], int]


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


def wire(item: Item, shown: str) -> str:
    """What of an item stands in the prompt."""
    if not is_json_call(item):
        return shown
    return f"{item.name} {shown if shown == item.text else folded_arguments(shown)}"


class Reader:
    """What can be read in a text, with everything worked out once per text."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._sets: dict[str, frozenset[str]] = {}
        self._records: dict[tuple[str, str], frozenset[str]] = {}

    def key(self, text: str) -> str:
        found = self._keys.get(text)
        if found is None:
            found = self._keys[text] = f" {words(text)} "
        return found

    def bag(self, text: str) -> frozenset[str]:
        found = self._sets.get(text)
        if found is None:
            found = self._sets[text] = frozenset(self.key(text).split())
        return found

    def record(self, text: str, phrase: str) -> frozenset[str]:
        """The words of the innermost JSON record that holds the phrase, else those of the line that does."""
        found = self._records.get((text, phrase))
        if found is None:
            found = self._records[(text, phrase)] = frozenset(_record(text, phrase).split())
        return found


def _record(text: str, phrase: str) -> str:
    wanted = f" {phrase} "
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict | list):
        inner = document
        while True:
            parts = [inner] if isinstance(inner, list) else list(inner.values())
            flat = [part for part in _containers(parts) if part is not inner and wanted in f" {_words_of(part)} "]
            if not flat:
                return _words_of(inner)
            inner = flat[0]
    return next((words(line) for line in text.split("\n") if wanted in f" {words(line)} "), words(text))


def _containers(parts: Iterable[Any]) -> list[Any]:
    """The records among some values, looking through lists."""
    found = []
    for part in parts:
        if isinstance(part, dict):
            found.append(part)
        elif isinstance(part, list):
            found.extend(_containers(part))
    return found


def _words_of(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{words(key)} {_words_of(item)}" for key, item in value.items())
    if isinstance(value, list):
        return " ".join(map(_words_of, value))
    return "" if value is None else words(value if isinstance(value, str) else json.dumps(value))


@dataclass
class Totals:
    """Sums over the episodes of one data set under one policy."""

    history: int = 0
    peak: int = 0
    price: float = 0.0
    price_with_head: float = 0.0
    invalidated: int = 0
    calls: int = 0
    arguments: list[int] = field(default_factory=lambda: [0, 0])
    said: list[int] = field(default_factory=lambda: [0, 0])
    records: list[int] = field(default_factory=lambda: [0, 0])
    stale: list[int] = field(default_factory=lambda: [0, 0])
    seconds: list[float] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)


def replay(
    episode: Episode, preset: FoldingPreset, count: Count, reader: Reader, totals: Totals, *, max_steps: int | None
) -> Folder:
    """Show an episode to a folder as it happened and measure every prompt on the way."""
    folder = Folder(preset, count_tokens=count, head=episode.head, max_steps=max_steps)
    head = reader.key(episode.head)
    before: list[str] = []
    sizes_before: list[int] = []
    peak = 0
    fed = 0
    answers: dict[str, list[int]] = {}
    for act in episode.acts:
        started = time.perf_counter()
        for item in episode.items[fed : act.position]:
            folder.append(item)
        folder.fold()
        totals.seconds.append(time.perf_counter() - started)
        _note_answers(episode, fed, act.position, answers)
        fed = act.position
        raw = episode.items[:fed]
        prompt = [wire(item, shown) for item, shown in zip(raw, folder.shown, strict=True)]
        sizes = [_size(item, shown, count) for item, shown in zip(raw, folder.shown, strict=True)]
        same = next((at for at, (old, new) in enumerate(zip(before, prompt, strict=False)) if old != new), len(before))
        total = sum(sizes)
        cached = sum(sizes[:same])
        totals.history += total
        totals.invalidated += sum(sizes_before[same:])
        price = READ_PRICE * cached + WRITE_PRICE * (total - cached)
        totals.price += price
        totals.price_with_head += price + count(episode.head) * (READ_PRICE if act is not episode.acts[0] else WRITE_PRICE)
        totals.calls += 1
        peak = max(peak, total)
        before, sizes_before = prompt, sizes
        readable = "\x00".join(map(reader.key, prompt))
        full = "\x00".join(reader.key(wire(item, item.text)) for item in raw)
        for phrases, tally, is_argument in ((act.arguments, totals.arguments, True), (act.said, totals.said, False)):
            for phrase in phrases:
                wanted = f" {phrase} "
                if not phrase or wanted in head or wanted not in full:
                    continue
                tally[1] += 1
                if wanted in readable:
                    tally[0] += 1
                elif is_argument:
                    totals.misses.append(f"{episode.name} item {fed}: {phrase}")
                if is_argument:
                    _tally_record(phrase, raw, folder.shown, reader, totals.records)
        _tally_stale(answers, raw, folder.shown, reader, totals.stale)
    totals.peak += peak
    return folder


def _size(item: Item, shown: str, count: Count) -> int:
    if not is_json_call(item):
        return count(shown)
    return count(item.name) + count(shown if shown == item.text else folded_arguments(shown))


def _tally_record(phrase: str, raw: list[Item], shown: list[str], reader: Reader, tally: list[int]) -> None:
    wanted = f" {phrase} "
    results = (item.text for item in reversed(raw) if item.kind is ItemKind.OBSERVATION)
    latest = next((text for text in results if wanted in reader.key(text)), None)
    if latest is None:
        return
    record = reader.record(latest, phrase)
    tally[1] += 1
    tally[0] += _can_read(record, raw, shown, reader, 0.9)


def _can_read(wanted: frozenset[str], raw: list[Item], shown: list[str], reader: Reader, share: float) -> bool:
    need = share * len(wanted)
    for at in range(len(shown) - 1, -1, -1):
        bag = reader.bag(shown[at])
        if len(bag) < need and not shown[at].startswith("["):
            continue
        reference = _REFERENCE.match(shown[at])
        if reference and len(wanted & (bag | reader.bag(shown[int(reference[1])]))) >= need:
            return True
        if len(wanted & bag) >= need:
            return True
    return False


def _note_answers(episode: Episode, start: int, end: int, answers: dict[str, list[int]]) -> None:
    """Results by what was asked: the call, and for a listing its first line."""
    for at in range(max(start, 1), end):
        item = episode.items[at]
        if item.kind is ItemKind.OBSERVATION and item.text and episode.items[at - 1].kind is ItemKind.CALL:
            call = episode.items[at - 1]
            header = item.text.partition("\n")[0] if "\n" in item.text else ""
            answers.setdefault(f"{call.name} {call.text} {header}", []).append(at)


def _tally_stale(
    answers: dict[str, list[int]], raw: list[Item], shown: list[str], reader: Reader, tally: list[int]
) -> None:
    for places in answers.values():
        if len(places) < 2:
            continue
        latest = raw[places[-1]].text
        older = {raw[at].text for at in places[:-1]} - {latest}
        if not older:
            continue
        tally[1] += 1
        if _can_read(reader.bag(latest), raw, shown, reader, 0.8):
            continue
        tally[0] += any(_can_read(reader.bag(text), raw, shown, reader, 0.8) for text in older)


def measure(
    episodes: list[Episode], preset: FoldingPreset, count: Count, reader: Reader, max_steps: int | None
) -> Totals:
    totals = Totals()
    for episode in episodes:
        replay(episode, preset, count, reader, totals, max_steps=max_steps)
    return totals


def figures(totals: Totals, full: Totals) -> dict[str, Any]:
    """The columns of the table; shares in percent, ``cost`` as a ratio."""

    def share(tally: list[int]) -> float:
        return round(100 * tally[0] / tally[1], 2) if tally[1] else 100.0

    return {
        "hist": round(100 * (1 - totals.history / full.history), 2),
        "peak": round(100 * (1 - totals.peak / full.peak), 2),
        "arg": share(totals.arguments),
        "arg_missed": totals.arguments[1] - totals.arguments[0],
        "arg_all": totals.arguments[1],
        "say": share(totals.said),
        "rec": share(totals.records),
        "stale": round(100 * totals.stale[0] / totals.stale[1], 2) if totals.stale[1] else 0.0,
        "inv": round(totals.invalidated / totals.calls, 1),
        "cost": round(totals.price / full.price, 3),
        "input": round(totals.price_with_head / full.price_with_head, 3),
        "ms_mean": round(1e3 * sum(totals.seconds) / len(totals.seconds), 3),
        "ms_max": round(1e3 * max(totals.seconds), 2),
    }


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
    dirty: list[Change] = []
    for number in range(len(messages) + 1):
        started = time.perf_counter()
        dirty = []
        if number < len(messages):
            text = "\n".join(f"{key}: {value}" for key, value in messages[number])
            dirty += folder.append(Item(kind=ItemKind.CALL, text="{}", name="read_updates"))
            dirty += folder.append(Item(kind=ItemKind.OBSERVATION, text=text, name="read_updates"))
            truth.update(messages[number])
            full += count(text) + count("read_updates") + count("{}")
        else:
            question = "What is the latest value of every key?"
            dirty += folder.append(Item(kind=ItemKind.USER, text=question))
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
        prompts = sum(_size(item, shown, count) for item, shown in zip(folder.items, folder.shown, strict=True))
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
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--counter", choices=["tiktoken", "heuristic"], default="tiktoken")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="every fifth episode and three interference streams")
    main(parser.parse_args())
