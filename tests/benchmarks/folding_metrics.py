"""What an agent can still read in a folded prompt and what the prompt costs, for `tests.benchmarks.folding`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mnemic.domain.folding import Folder, FoldingItem, FoldingPreset, ItemKind, folded_arguments, is_json_call
from tests.benchmarks.folding_data import (
    Episode,
    words,
)

READ_PRICE, WRITE_PRICE = 0.1, 1.25
_REFERENCE = re.compile(r"\[(?:same as (\S+)|(\S+) with changes)\]")

Count = Callable[[str], int]


def wire(item: FoldingItem, shown: str) -> str:
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
        note_answers(episode, fed, act.position, answers)
        fed = act.position
        raw = episode.items[:fed]
        prompt = [wire(item, shown) for item, shown in zip(raw, folder.shown, strict=True)]
        bags = readable_bags(folder.shown, reader, lambda name: folder.shown[int(name.removeprefix("#"))])
        sizes = [shown_size(item, shown, count) for item, shown in zip(raw, folder.shown, strict=True)]
        same = next((at for at, (old, new) in enumerate(zip(before, prompt, strict=False)) if old != new), len(before))
        total = sum(sizes)
        cached = sum(sizes[:same])
        totals.history += total
        totals.invalidated += sum(sizes_before[same:])
        price = READ_PRICE * cached + WRITE_PRICE * (total - cached)
        totals.price += price
        totals.price_with_head += price + count(episode.head) * (
            READ_PRICE if act is not episode.acts[0] else WRITE_PRICE
        )
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
                    results = (item.text for item in reversed(raw) if item.kind is ItemKind.OBSERVATION)
                    tally_record(phrase, results, bags, reader, totals.records)
        _tally_stale(answers, raw, bags, reader, totals.stale)
    totals.peak += peak
    return folder


def shown_size(item: FoldingItem, shown: str, count: Count) -> int:
    if not is_json_call(item):
        return count(shown)
    return count(item.name) + count(shown if shown == item.text else folded_arguments(shown))


def readable_bags(shown: Sequence[str], reader: Reader, named: Callable[[str], str]) -> list[frozenset[str]]:
    """The words that can be read in each text; of a reference also those of the text that ``named`` gives for its name."""
    bags = []
    for text in shown:
        reference = _REFERENCE.match(text)
        bags.append(
            reader.bag(text) | reader.bag(named(reference[1] or reference[2])) if reference else reader.bag(text)
        )
    return bags


def can_read(wanted: frozenset[str], bags: Sequence[frozenset[str]], share: float) -> bool:
    """Whether so large a share of the words stands in one of the texts; the newest are looked at first."""
    need = share * len(wanted)
    return any(len(bag) >= need and len(wanted & bag) >= need for bag in reversed(bags))


def tally_record(
    phrase: str, results: Iterable[str], bags: Sequence[frozenset[str]], reader: Reader, tally: list[int]
) -> None:
    """Count whether the record round a phrase can be read; ``results`` are all there were, the latest first."""
    wanted = f" {phrase} "
    latest = next((text for text in results if wanted in reader.key(text)), None)
    if latest is None:
        return
    tally[1] += 1
    tally[0] += can_read(reader.record(latest, phrase), bags, 0.9)


def note_answers(episode: Episode, start: int, end: int, answers: dict[str, list[int]]) -> None:
    """Results by what was asked: the call, and for a listing its first line."""
    for at in range(max(start, 1), end):
        item = episode.items[at]
        if item.kind is ItemKind.OBSERVATION and item.text and episode.items[at - 1].kind is ItemKind.CALL:
            call = episode.items[at - 1]
            header = item.text.partition("\n")[0] if "\n" in item.text else ""
            answers.setdefault(f"{call.name} {call.text} {header}", []).append(at)


def _tally_stale(
    answers: dict[str, list[int]],
    raw: list[FoldingItem],
    bags: Sequence[frozenset[str]],
    reader: Reader,
    tally: list[int],
) -> None:
    for places in answers.values():
        if len(places) < 2:
            continue
        latest = raw[places[-1]].text
        older = {raw[at].text for at in places[:-1]} - {latest}
        if not older:
            continue
        tally[1] += 1
        if can_read(reader.bag(latest), bags, 0.8):
            continue
        tally[0] += any(can_read(reader.bag(text), bags, 0.8) for text in older)


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
