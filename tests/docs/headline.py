"""The README's picture and short table of numbers: the whole of them is in docs/numbers.md."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

from rich.bar import Bar
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tests.docs.svg import as_svg

Read = Callable[[str], Any]
"""What a benchmark has written, by its name."""

_OURS, _OTHERS, _HARM = "bright_green", "grey62", "bright_red"


def headline_table(read: Read) -> str:
    """What was measured of each part, in a line, beside what it is to be compared with."""
    rows = [("", "mnemic", "beside it", "command"), ("---",) * 4, *_rows(read)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def headline_picture(read: Read) -> str:
    """Three comparisons as bars, 0 to 100 percent, as SVG."""
    console = Console(record=True, width=104, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(
        Group(
            _panel("Evidence among the first ten, LoCoMo, no model (percent found)", _found(read)),
            _panel("What an agent needs later and can still read after folding, tau-bench (percent)", _readable(read)),
            _panel("Recorded poison that is shown as if it could be trusted (percent)", _poison(read)),
        )
    )
    return as_svg(console, title="mnemic")


def _rows(read: Read) -> Iterable[tuple[str, str, str, str]]:
    quality = {row["name"]: row["quality"]["all"] for row in read("recall_locomo")["rows"]}
    found = {name: f"{row['R@10']['mean']:.1f}" for name, row in quality.items()}
    others = "; ".join(f"{name} {share}" for name, share in found.items() if name != "mnemic")
    yield "evidence among the first ten, LoCoMo, percent", f"**{found['mnemic']}**", others, "`make bench-recall`"
    looked = {row["name"]: row["quality"]["all"]["R@10"]["mean"] for row in read("deep_locomo")["rows"]}
    yield (
        "the same with a closer look by MiniLM (`--deep`)",
        f"**{looked['mnemic deep']:.1f}**",
        f"without it {looked['mnemic']:.1f}",
        "`make bench-deep`",
    )

    cost = {row["memories"]: row for row in read("cost")["results"]}[10_000]
    yield (
        "one recall among 10,000 memories, p50",
        f"**{cost['recall']['p50_ms']:.1f} ms**",
        f"embedding, full text and exact scan alone {cost['recall_floor']['p50_ms']:.1f} ms",
        "`make bench-cost`",
    )
    turns = next(row for row in read("cost_turns")["results"] if row["memories"] >= 10_000)
    yield (
        f"the same among {turns['memories']:,} turns of conversations",
        f"**{turns['recall']['p50_ms']:.1f} ms**",
        f"embedding, full text and exact scan alone {turns['recall_floor']['p50_ms']:.1f} ms",
        "`make bench-cost`",
    )
    yield (
        "one durable `remember`, p50",
        f"**{cost['remember']['p50_ms']:.2f} ms**",
        f"a bare SQLite commit {cost['remember_floor']['p50_ms']:.2f} ms",
        "`make bench-cost`",
    )
    start = read("start")
    yield (
        "process start to the list of tools",
        f"**{start['mnemic_seconds']:.2f} s**",
        f"a bare server with the same tools {start['bare_seconds']:.2f} s",
        "`make bench-start`",
    )
    load = read("serving")["load"]["2"]
    yield (
        "over HTTP, 2 processes and 32 clients on two cores",
        f"**{load['recall']['per_second']:.0f} recalls and {load['remember']['per_second']:.0f} writes/s**",
        f"p95 {load['recall']['p95_ms']:.0f} and {load['remember']['p95_ms']:.0f} ms",
        "`make bench-serving`",
    )
    totals = read("faults")["totals"]
    yield (
        f"{totals['injected']:,} faults: kills, power cuts, full and failing disks",
        f"**{totals['lost']} of {totals['acknowledged']:,} acknowledged lost**",
        f"{totals['wrong']} wrong answers, {totals['injected'] - totals['recovered']} needed a human",
        "`make faults`",
    )
    folded = read("folding")["domains"]["tau-bench airline"]["rows"]
    yield (
        "tokens of history saved / later arguments readable, percent",
        f"**{_folded(folded['lean'])}**",
        f"HiAgent's fold {_folded(folded['hiagent'])}",
        "`make bench-folding`",
    )
    rules = {row["rule"]: row["plain"] for row in read("experience")["rules"]}
    yield (
        "harmful experiences left of 30 / useful ones kept, percent",
        f"**{_pruned(rules['default'])}**",
        f"ReMe as published {_pruned(rules['reme-paper'])}; no pruning {_pruned(rules['none'])}",
        "`make bench-learning`",
    )


def _folded(row: dict[str, Any]) -> str:
    return f"{row['hist']:.0f} / {row['arg']:.0f}"


def _pruned(row: dict[str, Any]) -> str:
    return f"{row['harmful_left']:.0f} / {row['useful_kept_percent']:.0f}"


Row = tuple[str, float, str]
"""A name, percent, and the colour of the bar."""


def _found(read: Read) -> Iterable[Row]:
    for row in read("recall_locomo")["rows"]:
        ours = row["name"] == "mnemic"
        yield row["name"], row["quality"]["all"]["R@10"]["mean"], _OURS if ours else _OTHERS


def _readable(read: Read) -> Iterable[Row]:
    shown = {
        "mnemic lean": "mnemic, lean", "ContextEditing, trigger 1,000, keep 3": "LangChain ContextEditing",
        "Summarization*, trigger 600, keep 4": "LangChain Summarization*", "langmem Summarization*, 1,024": "langmem*",
    }  # fmt: skip
    rows = {row["name"]: row for row in read("contexts")["rows"]}
    for name, told in shown.items():
        row = rows[name]
        yield f"{told} (saves {row['saved']:.0f} %)", row["args"], _OURS if name.startswith("mnemic") else _OTHERS


def _poison(read: Read) -> Iterable[Row]:
    policies = read("guard")["policies"]
    families = [name for name in policies["default"]["families"] if "(" not in name]
    for family in families:
        for policy, told in (("default", "mnemic"), ("amemguard-released", "consensus as published")):
            share = policies[policy]["families"][family]["success_percent"]
            yield f"{family}: {told}", share, _OURS if policy == "default" else _HARM


def _panel(title: str, rows: Iterable[Row]) -> Padding:
    table = Table(box=None, padding=(0, 1), expand=True, show_header=False)
    table.add_column("", width=48, no_wrap=True)
    table.add_column("", ratio=1)
    table.add_column("", width=5, justify="right")
    for name, percent, colour in rows:
        table.add_row(Text(name, style=colour), Bar(100, 0, percent, color=colour), f"{percent:.0f}")
    return Padding(Group(Text(title, style="bold"), table), (0, 0, 1, 0))
