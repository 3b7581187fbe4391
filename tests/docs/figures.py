"""The generated parts of the documentation: ``python -m tests.docs.figures`` rewrites them, a test compares them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mnemic import Memory, Session
from mnemic.guard_desk import GuardDesk
from mnemic.learning_desk import LearningDesk
from tests.docs import reference
from tests.docs.database_figures import database_figures
from tests.docs.guard_figures import guard_figures
from tests.docs.headline import headline_picture, headline_table
from tests.docs.working_memory_figures import context_figures, folding_figures, working_memory_figures
from tests.side_by_side.table import details_part, readme_part

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RESULTS = ROOT / "tests" / "benchmarks" / "results"
README = ROOT / "README.md"
PICTURE = DOCS / "numbers.svg"


def generated_parts() -> Mapping[Path, Mapping[str, Callable[[], str]]]:
    """What is generated: the parts of each page by their names, in the page between ``<!-- name:start -->`` and its end."""
    return {
        README: {
            "agent": agent_drawing,
            "headline": lambda: headline_table(_read),
            "side-by-side": lambda: readme_part(_read("side_by_side")),
        },
        DOCS / "numbers.md": {
            "recall": _recall,
            "cost": lambda: "\n\n".join((_cost(_costs()), _cost_of_turns(_read("cost_turns")), _start(_read("start")))),
            "serving": lambda: _serving(_read("serving"), _read("soak")),
            "faults": lambda: _faults(_read("faults"), _read("fuzz")),
            "databases": lambda: database_figures(
                *map(_read, ("many_namespaces", "replicas", "migrate", "bulk", "cold"))
            ),
            "folding": _working_memory,
            "guard": lambda: guard_figures(_read("guard"), _read("adaptive")),
            "learning": lambda: _learning(_read("experience"), _read("learning_cost")),
        },
        DOCS / "side-by-side.md": {"details": lambda: details_part(_read("side_by_side"))},
        DOCS / "settings.md": {"settings": reference.settings_table},
        DOCS / "python.md": {"calls": partial(reference.calls_of, Memory)},
        DOCS / "working-memory.md": {"calls": partial(reference.calls_of, Session)},
        DOCS / "guard.md": {
            "policies": reference.policies_table,
            "rules": reference.rules_table,
            "calls": partial(reference.calls_of, GuardDesk),
        },
        DOCS / "learning.md": {"calls": partial(reference.calls_of, LearningDesk)},
        DOCS / "langgraph-parts.md": {
            "middleware": partial(reference.langgraph_parts, ending="Middleware"),
            "nodes": partial(reference.langgraph_parts, ending=("_node", "_graph")),
            "states": reference.langgraph_states,
            "others": reference.langgraph_others,
        },
    }  # fmt: skip


def with_generated_parts(page: Path) -> str:
    """The page's text with every generated part as it should be."""
    text = page.read_text(encoding="utf-8")
    for name, render in generated_parts()[page].items():
        start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{page.name} has no part {name!r}: add {start} and {end}")
        text = f"{before}{start}\n{render()}\n{end}{after}"
    return text


def picture() -> str:
    """The README's picture of its numbers, as SVG."""
    return headline_picture(_read)


def agent_drawing() -> str:
    """The ready agent of the LangGraph library, as LangGraph draws it."""
    from mnemic import open_memory
    from mnemic_langgraph import create_memory_agent
    from mnemic_langgraph.testing import ScriptedChatModel

    agent = create_memory_agent(ScriptedChatModel(script=[]), memory=open_memory(ROOT / "nowhere"))
    drawn = agent.get_graph().draw_mermaid()
    lines = [line for line in drawn.splitlines() if "-->" in line or ("(" in line and "classDef" not in line)]
    return "\n".join(
        ["```mermaid", "graph LR;", *(line.replace(":::first", "").replace(":::last", "") for line in lines), "```"]
    )


def _working_memory() -> str:
    parts = (
        folding_figures(_read("folding")),
        working_memory_figures(_read("working_memory")),
        context_figures(_read("contexts")),
    )
    return "\n\n".join(parts)


RECALL = (
    ("recall_locomo", "LoCoMo, a namespace for each conversation"),
    ("recall_locomo_together", "LoCoMo, all conversations in one"),
    ("recall_locomo_distractors", "the same among 100,000 turns of others, `make bench-distractors`"),
    ("recall_longmemeval", "LongMemEval, what the user said"),
    ("recall_longmemeval_assistant", "LongMemEval, both sides"),
)
RECALL_NAMES = ("R@1", "R@5", "R@10", "R@20", "R@50", "hit@10", "MRR", "S@5")


DEEP = (
    ("deep_locomo", "LoCoMo, a namespace for each conversation"),
    ("deep_locomo_together", "LoCoMo, all conversations in one"),
    ("deep_longmemeval", "LongMemEval, what the user said"),
    ("deep_longmemeval_assistant", "LongMemEval, both sides"),
)


def _recall() -> str:
    results = {name: _read(name) for name, _ in RECALL}
    rows = [f"| found, percent | {' | '.join(RECALL_NAMES)} | p50, ms |", "|---|" + "---|" * (len(RECALL_NAMES) + 1)]
    for name, title in RECALL:
        found = results[name]
        rows.append(
            f"| **{title}** ({found['questions']} questions, {found['turns']:,} turns) |"
            + " |" * (len(RECALL_NAMES) + 1)
        )
        rows += [
            f"| {row['name']} | {_with_intervals(row['quality']['all'])} "
            "| {ms:.1f} ({interval[0]:.1f}-{interval[1]:.1f}) |".format(**row["latency_ms"]["p50"])
            for row in found["rows"]
            if "missing" not in row
        ]
    ours = dict(results["recall_locomo"]["rows"][0]["quality"])
    del ours["all"]
    categories = [
        f"| mnemic on LoCoMo | questions | {' | '.join(RECALL_NAMES)} |",
        "|---|---|" + "---|" * len(RECALL_NAMES),
    ]
    categories += [f"| {name} | {values['n']} | {_with_intervals(values)} |" for name, values in ours.items()]
    return (
        "Evidence found on real conversations, no model (`make bench-recall`; "
        "[recall-bench.md](recall-bench.md) says what each figure is, what the others are given, and how to "
        "measure your own data). In brackets 95 % intervals; S@5 is sessions found; p50 is one whole call:\n\n"
        + "\n".join(rows)
        + "\n\n"
        + "\n".join(categories)
        + "\n\n"
        + _deep()
    )


def _deep() -> str:
    rows = [
        f"| gained by deep mode | questions | {' | '.join(RECALL_NAMES)} | p50 | with nothing seen before |",
        "|---|---|" + "---|" * (len(RECALL_NAMES) + 2),
    ]
    for name, title in DEEP:
        found = _read(name)
        deep = next(row for row in found["rows"] if row["name"] == "mnemic deep")
        gains = (deep["mnemic_is_ahead_by"][cut] for cut in RECALL_NAMES)
        cells = " | ".join(
            f"{0 - gain['mean']:+.1f} ({0 - gain['interval'][1]:+.1f} to {0 - gain['interval'][0]:+.1f})"
            for gain in gains
        )
        times = " | ".join(f"{deep['latency_ms'][which]['ms']:.0f} ms" for which in ("p50", "first"))
        rows.append(f"| {title} | {found['questions']} | {cells} | {times} |")
    return (
        'What a closer look adds, by MiniLM in 8 bits (`make bench-deep`; `recall(mode="deep")`): percentage points, '
        "question by question. What the model has read of a memory is kept, so the first question takes longest:\n\n"
        + "\n".join(rows)
    )


def _with_intervals(values: dict[str, Any]) -> str:
    cells = (values[name] for name in RECALL_NAMES)
    return " | ".join("{:.1f} ({:.0f}-{:.0f})".format(cell["mean"], *cell["interval"]) for cell in cells)


def _costs() -> list[dict[str, Any]]:
    return [*_read("cost")["results"], *_read("cost_million")["results"]]


def _cost(results: list[dict[str, Any]]) -> str:
    rows = [
        "| memories | recall p50 / p95 | its floor | first recall | p50 of the seconds after it | one remember p50 "
        "| bare commit | batch | resident |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {r['memories']:,} | {r['recall']['p50_ms']:.1f} / {r['recall']['p95_ms']:.1f} ms "
        f"| {r['recall_floor']['p50_ms']:.1f} ms | {r['first_recall_ms']:.0f} ms "
        f"| {r['recall_while_reading_ahead']['p50_ms']:.1f} ms for {r['recall_while_reading_ahead']['seconds']:.1f} s "
        f"| {r['remember']['p50_ms']:.2f} ms "
        f"| {r['remember_floor']['p50_ms']:.2f} ms | {r['batch_per_second']:,}/s | {r['resident_mb']} MB |"
        for r in results
    ]
    return (
        "Cost of one call (`make bench-cost`). The floor is embedding the question, one full-text query and one exact scan "
        "and nothing else; a bare commit is one row in SQLite, fsynced. The row of 1,000,000 is a run of its own "
        "(`make bench-million`), on a machine that was busy with other things besides. After its first answer a process "
        "reads ahead what makes the later ones quick, here while it is asked without a pause:\n\n" + "\n".join(rows)
    )


def _cost_of_turns(found: dict[str, Any]) -> str:
    kinds = ("recall", "recall_floor", "recall_new_filter", "recall_same_filter")
    rows = [
        "| turns | recall p50 / p95 | its floor | with a new filter | with the same filter |",
        "|---|---|---|---|---|",
    ]
    for r in found["results"]:
        cells = [f"{r[kind]['p50_ms']:.1f} / {r[kind]['p95_ms']:.1f} ms" for kind in kinds]
        rows.append(f"| {r['memories']:,} | {' | '.join(cells)} |")
    return (
        "Those memories are generated: one sentence each, of nobody and of no session. What people say costs more, for "
        f"questions name persons and times, and long texts have passages: LoCoMo's {found['results'][0]['questions']} "
        "questions, each asked once, among its turns and those of others (LongMemEval's, and what is put together from "
        "their sentences; `make bench-cost` as well). Some are asked once more with a filter (`until`) that everything "
        "passes, a new one for each, and the same for all:\n\n" + "\n".join(rows)
    )


def _serving(load: dict[str, Any], soak: dict[str, Any]) -> str:
    rows = [
        "| server | recalls a second | p50 / p95 | durable remembers a second | p50 / p95 | errors |",
        "|---|---|---|---|---|---|",
    ]
    for workers, row in load["load"].items():
        cells = [
            f"{row[kind]['per_second']:.0f} | {row[kind]['p50_ms']:.0f} / {row[kind]['p95_ms']:.0f} ms"
            for kind in ("recall", "remember")
        ]
        rows.append(f"| {workers} process{'es' if int(workers) > 1 else ''} | {' | '.join(cells)} | {row['errors']} |")
    bare, found = load["bare"]["recall"], soak["soak"]
    rows.append(
        f"| a bare SDK server, an empty tool | {bare['per_second']:.0f} | {bare['p50_ms']:.0f} / {bare['p95_ms']:.0f} ms "
        f"| | | {load['bare']['errors']} |"
    )
    return (
        f"Over HTTP, {load['clients']} clients that ask without a pause, on the same two cores, "
        f"{load['memories']:,} memories (`make bench-serving`):\n\n" + "\n".join(rows) + "\n\n"
        f"Soak of {soak['seconds'] / 60:.0f} minutes with {soak['clients']} clients and a checker that knows every "
        f"acknowledged write (`make soak`): {found['acknowledged']:,} memories acknowledged and {found['lost']} lost, "
        f"{found['checked_looks']:,} looks checked and {found['wrong']} wrong, {found['errors']} errors; resident memory of "
        f"{soak['workers']} processes, in MB: {found['resident_mb'][0]} first, {found['resident_mb'][-1]} last. While "
        f"it is only read, with what is looked at for the first time taken into bounded caches, it changes by "
        f"{found['filling_mb_per_minute']:+.2f} MB a minute; with what was looked at before, by "
        f"{found['slope_mb_per_minute']:+.2f} (standard deviation {found['noise_mb']:.1f} MB)."
    )


def _faults(faults: dict[str, Any], fuzz: dict[str, Any]) -> str:
    rows = ["| fault | injected | recovered by itself | acknowledged | lost | wrong |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {kind['kind']} | {kind['injected']:,} | {kind['recovered']:,} | {kind['acknowledged']:,} | {kind['lost']} "
        f"| {kind['wrong']} |"
        for kind in faults["kinds"]
    ]
    total = faults["totals"]
    return (
        f"Faults (`make faults`): {total['injected']:,} injected, {total['recovered']:,} recovered from without a "
        f"human, {total['lost']} of {total['acknowledged']:,} acknowledged changes lost, {total['wrong']} wrong answers.\n\n"
        "<details><summary>By kind</summary>\n\n" + "\n".join(rows) + "\n\n</details>\n\n" + _fuzzing(fuzz)
    )


def _fuzzing(fuzz: dict[str, Any]) -> str:
    surfaces = {
        "stdio": "MCP over stdio", "http": "over HTTP", "pipes": "to processes over pipes", "sockets": "over sockets",
        "databases": "SQLite files of other memories", "archives": "archives and folders", "pages": "pages of the inspector",
        "hooks": "hooks", "backups": "backups that are restored", "parsers": "parsers",
    }  # fmt: skip
    mix = ", ".join(
        f"{surfaces[name]} {100 * share:.1f} %" for name, share in sorted(fuzz["mix"].items(), key=lambda one: -one[1])
    )
    count, again = fuzz["findings_count"], fuzz.get("repeated")
    told = (
        f"Fuzzing (`make fuzz`): {fuzz['cases']:,} cases in {fuzz['minutes']} minutes ({mix}; "
        f"{fuzz['cases_with_coverage']:,} of the parsers' by libFuzzer with coverage), {count} "
        f"finding{'' if count == 1 else 's'}"
    )
    if not count:
        return f"{told}: no crash, nothing internal told, nothing half-written, memory and time bounded."
    if again is None:
        return f"{told}."
    return (
        f"{told}; with what was mended since, the {again['cases']:,} cases of the parts that had findings were run again: "
        f"{again['findings_count']} finding{'' if again['findings_count'] == 1 else 's'}."
    )


def _start(result: dict[str, Any]) -> str:
    return (
        f"From the start of the process to the answer to `tools/list`: {result['mnemic_seconds']:.2f} s, "
        f"{result['ratio']:.2f} times a bare `MCPServer` with the same tools ({result['bare_seconds']:.2f} s; "
        "`make bench-start`)."
    )


def _learning(found: dict[str, Any], costs: list[dict[str, Any]]) -> str:
    rows = [
        "| rule | harmful left of 30 | useful kept % | turned bad, left of 20 | average kept where 15 % succeed | "
        "success % by third, real memory |",
        "|---|---|---|---|---|---|",
    ]
    streams = {row["rule"]: row for row in found["memory"]}
    for row in found["rules"]:
        thirds = streams.get(row["rule"], {}).get("success_percent_by_third")
        shown = "" if thirds is None else " / ".join(f"{share:.0f}" for share in thirds)
        rows.append(
            f"| {row['rule']} | {row['plain']['harmful_left']:.1f} | {row['plain']['useful_kept_percent']:.0f} "
            f"| {row['drift']['turned_left']:.1f} | {row['surviving_percent']['15%']:.0f} % | {shown} |"
        )
    pools = [
        f"{row['pool']} {row['recall_at_5']:.1f} (usage scenario alone {row['recall_at_5_scenarios']:.1f})"
        for row in found["pools"]
    ]
    stored = sum(row["stored"] for row in found["pools"])
    records = sum(row["records"] for row in found["pools"])
    told = "; ".join(
        f"{row['signal']} {row['auc']:.2f} ({row['low']:.2f}-{row['high']:.2f})" for row in found["reflections"]
    )
    distilled = _read("distilling")["distilled"].values()
    drawn, false_claims = sum(one["experiences"] for one in distilled), sum(one["unsupported"] for one in distilled)
    notes, facts = _read("consolidating"), _read("changing_facts")["stream"]
    cost = costs[-1]
    elsewhere = cost["plan_all_by_another_process"]
    here = cost["plan_prune_by_this_process"]
    said, unsaid = (
        {name: round(100 * one[share]) for name, one in facts.items()}
        for share in ("latest_first", "latest_first_if_now_is_not_said")
    )
    return (
        "Learning (`make bench-learning`): 600 tasks on 20 topics with 5 experiences each, 30 of 100 harmful, 20 useful "
        f"ones turning bad at half-time; means of {found['rules'][0]['seeds']} seeds, and one stream through a real "
        "memory:\n\n" + "\n".join(rows) + "\n\n"
        f"ReMe's recorded pools: {stored} of {records} stored, importing again adds 0; R@5 by the recorded task: "
        f"{'; '.join(pools)}. Recorded verbal reflections, whether the next trial succeeded, AUC with 95 % interval: "
        f"{told}. The data do not support telling them apart.\n\n"
        f"Rules drew {drawn} experiences from {sum(one['trajectories'] for one in distilled)} recorded trajectories; "
        f"{false_claims} of their values stand nowhere in what they cite. Consolidating LoCoMo dev: {notes['notes']} notes, "
        f"R@5 {notes['R@5']['before']['strict']:.1f} before and {notes['R@5']['with notes']['strict']:.1f} after, "
        f"{notes['unsupported']} unsupported claims; had their evidence been archived, "
        f"{notes['R@5']['evidence archived']['strict']:.1f}, and the gate takes that back. Of 46 facts, 20 updates each, "
        f"interleaved, recall gives the latest value first for {said['named']} % if subject and attribute are named, "
        f'{said["dictated"]} % when they are read in "Remember: K is V", {said["notation"]} % in "current K: V", and '
        f"{said['off']} % without (`MNEMIC_FACTS=off`), where the question asks for *the current* K; asked for K alone, for "
        f"{', '.join(str(unsaid[name]) for name in ('named', 'dictated', 'notation'))} and {unsaid['off']} %.\n\n"
        f"At {cost['memories']:,} memories an outcome takes {cost['outcome']['p50_ms']:.1f} ms, a packet "
        f"{cost['prepare']['p50_ms']:.0f} ms; a plan of every kind {elsewhere['seconds']:.1f} s in a process of its own "
        f"(recall beside it {elsewhere['recall_p95_ratio']:.1f} times its idle p95), one of pruning {here['seconds']:.1f} s "
        f"in the same process ({here['recall_p95_ratio']:.1f} times)."
    )


def _read(name: str) -> Any:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


if __name__ == "__main__":
    for page in generated_parts():
        page.write_text(with_generated_parts(page), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")
