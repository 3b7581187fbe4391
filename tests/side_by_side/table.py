"""The results as a table, one column a system: the terminal's and the README's are the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnemic.storage.token_counters import HeuristicTokenCounter
from tests.side_by_side.quality import SHOWN, best_way

NOTHING = "–"
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """``value`` is what systems are compared by, None where a system has none; ``cell`` how it is shown."""

    label: str
    value: Callable[[Entry], float | None]
    cell: Callable[[Entry], str]
    less_is_better: bool = True


def _seconds(name: str, label: str) -> Row:
    return Row(label, lambda e: e["start"][name], lambda e: f"{e['start'][name]:.2f}")


def _milliseconds(size: str, act: str, label: str) -> Row:
    def value(entry: Entry) -> float | None:
        return None if "over_the_limit" in entry[size] else float(entry[size][act]["p50_ms"])

    def cell(entry: Entry) -> str:
        if "over_the_limit" in entry[size]:
            return "over the limit"
        return f"{entry[size][act]['p50_ms']:.1f} / {entry[size][act]['p95_ms']:.1f}"

    return Row(label, value, cell)


def _resident(size: str, label: str) -> Row:
    def value(entry: Entry) -> float | None:
        found: float | None = entry[size].get("resident_mb")
        return found

    return Row(label, value, lambda e: "over the limit" if value(e) is None else f"{value(e):.0f}")


def _tokens(entry: Entry) -> str:
    found = entry["start"]
    if found["tool_tokens"] is None:
        return NOTHING
    rough = ", by rule of thumb" if found["token_counter"] == HeuristicTokenCounter.name else ""
    return f"{found['tool_tokens']:,} ({found['tools']} tools{rough})"


def _syncs(entry: Entry) -> str:
    found = entry["syncs_per_remember"]
    return NOTHING if found is None else f"{found:.0f}"


def _writers(entry: Entry) -> str:
    found = entry["writers"]
    errors = f", {found['errors']} refused" if found["errors"] else ""
    return f"{found['unlisted']} / {found['unfound']} of {found['acknowledged']}{errors}"


def _kills(entry: Entry) -> str:
    found = entry["kills"]
    broken = f", {found['unusable']} stores unusable" if found["unusable"] else ""
    return f"{found['unlisted'] + found['known_missing']} / {found['unfound']} of {found['acknowledged']:,}{broken}"


def _quality(name: str) -> Row:
    def value(entry: Entry) -> float:
        return float(entry["quality"]["ways"][best_way(entry["quality"])][name]["mean"])

    def cell(entry: Entry) -> str:
        found = entry["quality"]["ways"][best_way(entry["quality"])][name]
        return "{:.1f} ({:.0f}-{:.0f})".format(found["mean"], *found["interval"])

    return Row(f"LoCoMo dev, {name}, percent", value, cell, less_is_better=False)


ROWS = (
    _seconds("handshake_seconds", "start to handshake, s"),
    _seconds("first_recall_seconds", "start to first recall, 1,000 memories, s"),
    _milliseconds("small", "recall", "recall p50 / p95, 1,000 memories, ms"),
    _milliseconds("small", "remember", "remember p50 / p95, 1,000 memories, ms"),
    _milliseconds("large", "recall", "recall p50 / p95, 10,000 memories, ms"),
    _milliseconds("large", "remember", "remember p50 / p95, 10,000 memories, ms"),
    _resident("small", "resident memory, 1,000 memories, MB"),
    _resident("large", "resident memory, 10,000 memories, MB"),
    Row("syncs to disk in a remember", lambda _: None, _syncs),
    Row("tokens of the tool definitions", lambda e: e["start"]["tool_tokens"], _tokens),
    Row("two writers: lost from listing / search", lambda e: e["writers"]["unlisted"] + e["writers"]["unfound"], _writers),
    Row("ten kill -9: lost from listing / search",
        lambda e: e["kills"]["unlisted"] + e["kills"]["known_missing"] + e["kills"]["unfound"], _kills),
    *map(_quality, SHOWN),
)  # fmt: skip


def heads(results: dict[str, Any]) -> list[str]:
    """Nothing above the rows' names, then the systems."""
    return ["", *(entry["title"] for entry in results["systems"].values())]


def rows(results: dict[str, Any]) -> list[list[str]]:
    """A row for everything that was measured; what a system lacks is a dash."""
    versions = results["versions"]
    first = ["version", *(versions.get(_environment(key), NOTHING) for key in results["systems"])]
    return [first, *([row.label, *(_cell(row, entry) for entry in results["systems"].values())] for row in ROWS)]


def where_others_are_ahead(results: dict[str, Any], ours: str = "mnemic") -> list[str]:
    """``row: title, title``, for every row in which a system that is not mnemic has a better figure than ``ours``."""
    found = []
    for row in ROWS:
        mine = _value(row, results["systems"][ours])
        if mine is None:
            continue
        ahead = [
            entry["title"]
            for key, entry in results["systems"].items()
            if not key.startswith("mnemic")
            and (other := _value(row, entry)) is not None
            and (other < mine if row.less_is_better else other > mine)
        ]
        if ahead:
            found.append(f"{row.label} ({', '.join(ahead)})")
    return found


def readme_part(results: dict[str, Any]) -> str:
    """The table in Markdown with the sentence that says where mnemic, as it is installed, is behind."""
    behind = "; ".join(where_others_are_ahead(results))
    return "\n".join(
        [
            f"| {' | '.join(heads(results))} |", "|" + "---|" * len(heads(results)),
            *(f"| {' | '.join(row)} |" for row in rows(results)), "",
            f"Measured on {results['measured']} on {results['machine']['cores']} cores that other work shared, in turns "
            f"(load average up to {results['load_average']:.0f}: good for comparing, slower than a machine of your own). "
            f"**Another system is ahead of mnemic's default in:** {behind}.",
        ]
    )  # fmt: skip


def details_part(results: dict[str, Any]) -> str:
    """What the table leaves out: how each was driven, every way of asking, what clients were told, what took too long."""
    lines = ["| system | driven by | embedder | 1,000 stored in, s |", "|" + "---|" * 4]
    lines += [
        f"| {entry['title']} | {entry['driven']} | {entry['embedder']} | {entry['fill_seconds']:.1f} |"
        for entry in results["systems"].values()
    ]
    lines += ["", f"| LoCoMo dev, percent | way of asking | {' | '.join(SHOWN)} |", "|" + "---|" * (2 + len(SHOWN))]
    for entry in results["systems"].values():
        for way, found in entry["quality"]["ways"].items():
            cells = " | ".join(f"{found[name]['mean']:.1f}" for name in SHOWN)
            lines.append(f"| {entry['title']} | {way} | {cells} |")
    told = [*_told(results)]
    return "\n".join([*lines, *([""] if told else []), *told])


def _told(results: dict[str, Any]) -> list[str]:
    found = []
    for entry in results["systems"].values():
        if "over_the_limit" in entry.get("large", {}):
            found.append(f"- {entry['title']}, 10,000 memories: {entry['large']['over_the_limit']}.")
        told = [
            *entry.get("writers", {}).get("first_errors", ()), *entry.get("kills", {}).get("first_failures", ()),
        ]  # fmt: skip
        found += [f"- {entry['title']} said: `{text.splitlines()[0][:160]}`" for text in told]
    return found


def _cell(row: Row, entry: Entry) -> str:
    try:
        return row.cell(entry)
    except KeyError:
        return NOTHING


def _value(row: Row, entry: Entry) -> float | None:
    try:
        return row.value(entry)
    except KeyError:
        return None


def _environment(key: str) -> str:
    return "mnemic" if key == "mnemic-minilm" else key
