"""What is distilled from recorded trajectories, whether it keeps to its evidence, and whether it foretells a success.

    python -m tests.benchmarks.distilling [--data ../shared/data] [--json FILE] [--seed N]

distilled   experiences by facet, those with a value that the cited trajectories do not have, those with a problem of form
tampered    one value of a text exchanged: for an invented one, for one of another text, or for another value of the same
            evidence, which no comparison with the evidence can see. Percent that the check catches; "untouched" are
            honest texts that it wrongly flags
held out    tasks with several successes: the procedure distilled without one of them against the tools that one used.
            "typical" is the success that has most in common with the others, instead of the shortest. The baseline names
            the tools that at least half of the other tasks' successes used, in their usual order
prose       what tau-bench's recorded agent said to the user against what it had been told and shown: percent of its messages
            of 150 characters and more with a value that stands nowhere. Many of these are right to be flagged: sums that it
            calculated itself, names of towns for airports' codes
pools       the entries that ReMe's authors distilled with a model: problems of form, and duplicates by preset
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mnemic.domain.experience.contrasts import Similarity, common_steps
from mnemic.domain.experience.evidence import Evidence, is_supported, read_evidence
from mnemic.domain.experience.experience import Experience
from mnemic.domain.experience.extraction import distil, distil_success, group_by_task
from mnemic.domain.experience.faithful import coverage, unsupported
from mnemic.domain.experience.forms import check_form
from mnemic.domain.experience.reading import read_trajectory
from mnemic.domain.experience.trajectory import Trajectory
from mnemic.domain.experience.values import Token, ValueKind, tokens_of
from mnemic.storage.static_embedder import StaticEmbedder
from tests.benchmarks.deduplicating import PRESETS, Compared, deduplicate
from tests.experience.citing import cited_texts

TAU, STEPS, POOLS = "taubench_airline_dev.jsonl.gz", "trajectories_dev.jsonl.gz", "reme_pools_dev.jsonl.gz"
MUTATIONS_EACH = 3
LONG_MESSAGE = 150
_TYPE = re.compile(r"alfworld-D\d+-\d+-([a-z_]+)-|(sciworld-oracle-task\d+)")


def read_lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def load_trajectories(path: Path) -> dict[str, list[Trajectory]]:
    """The trajectories of a file by where they come from. Those of one *type* of task count as trials of one task."""
    found: dict[str, list[Trajectory]] = defaultdict(list)
    for record in read_lines(path):
        trajectory = read_trajectory(record)
        kind = _TYPE.search(trajectory.id)
        if kind is None:
            found["tau-bench airline"].append(trajectory)
        else:
            source = "ALFWorld" if kind[1] else "ScienceWorld"
            found[source].append(replace(trajectory, task_id=kind[1] or kind[2]))
    return dict(found)


def cosine_of(embedder: StaticEmbedder) -> Similarity:
    known: dict[str, Any] = {}

    def similarity(left: str, right: str) -> float:
        for text in (left, right):
            if text not in known:
                known[text] = embedder.embed([text])[0]
        return float(known[left] @ known[right])

    return similarity


# --- distilled ---


def measure_distilled(trajectories: Sequence[Trajectory], similarity: Similarity) -> dict[str, Any]:
    start = time.perf_counter()
    experiences = distil(trajectories, similarity=similarity)
    seconds = time.perf_counter() - start
    by_id = {trajectory.id: trajectory for trajectory in trajectories}
    flagged, covered, formless = 0, [], Counter[str]()
    for experience in experiences:
        evidence = read_evidence(cited_texts(experience, by_id))
        flagged += bool(unsupported(experience.text, evidence))
        covered.append(coverage(experience.content, evidence))
        problems = check_form(
            when_to_use=experience.when_to_use,
            content=experience.content,
            keywords=experience.keywords,
            confidence=experience.confidence,
            query=experience.task_query,
            tools=experience.tools,
        )
        formless.update({problem.code for problem in problems})
    return {
        "trajectories": len(trajectories),
        "succeeded": sum(trajectory.outcome() is True for trajectory in trajectories),
        "tasks": len({trajectory.task_id for trajectory in trajectories}),
        "experiences": len(experiences),
        **Counter(experience.facet.value for experience in experiences),
        "unsupported": flagged,
        "coverage": round(statistics.mean(covered), 3),
        "problems of form": dict(formless),
        "characters": round(statistics.mean(len(experience.content) for experience in experiences)),
        "seconds": round(seconds, 2),
    }


# --- tampered ---


def invented(token: Token, rng: random.Random) -> str:
    """A value of the same kind and shape: another digit or letter somewhere."""
    places = [at for at, char in enumerate(token.text) if char.isalnum()]
    at = rng.choice(places)
    char = token.text[at]
    pool = "0123456789" if char.isdigit() else "abcdefghijklmnopqrstuvwxyz"
    other = rng.choice([new for new in pool if new != char.lower()])
    return token.text[:at] + (other.upper() if char.isupper() else other) + token.text[at + 1 :]


def measure_tampered(texts: Sequence[tuple[str, Evidence]], seed: int) -> dict[str, Any]:
    """``texts`` and what each may say. Percent of the tampered texts that are caught, by kind of tampering."""
    rng = random.Random(seed)
    pools: dict[ValueKind, list[str]] = defaultdict(list)
    stated = []
    for text, evidence in texts:
        tokens = [token for token in tokens_of(text) if token.kind is not None and not token.listed]
        stated.append((text, evidence, tokens))
        for token in tokens:
            assert token.kind is not None
            pools[token.kind].append(token.text)
    caught: dict[str, list[bool]] = defaultdict(list)
    by_kind: dict[str, list[bool]] = defaultdict(list)
    honest = [bool(unsupported(text, evidence)) for text, evidence, _ in stated]
    for text, evidence, tokens in stated:
        for token in rng.sample(tokens, min(MUTATIONS_EACH, len(tokens))):
            assert token.kind is not None
            foreign = [value for value in pools[token.kind] if value != token.text]
            inside = [value for value in foreign if is_supported(replace_text(token, value), evidence)]
            outside = [value for value in foreign if not is_supported(replace_text(token, value), evidence)]
            for name, value in (
                ("invented", invented(token, rng)),
                ("foreign", rng.choice(outside) if outside else None),
                ("swapped", rng.choice(inside) if inside else None),
            ):
                if value is None:
                    continue
                found = bool(unsupported(text[: token.start] + value + text[token.end :], evidence))
                caught[name].append(found)
                if name == "invented":
                    by_kind[token.kind.value].append(found)
    return {
        "texts": len(stated),
        "untouched": percent(honest),
        **{name: percent(found) for name, found in caught.items()},
        "tried": {name: len(found) for name, found in caught.items()},
        "invented by kind": {kind: [percent(found), len(found)] for kind, found in sorted(by_kind.items())},
    }


def replace_text(token: Token, text: str) -> Token:
    return token._replace(text=text)


def percent(found: Sequence[bool]) -> float | None:
    return round(100 * sum(found) / len(found), 1) if found else None


# --- held out ---


def measure_held_out(trajectories: Sequence[Trajectory]) -> dict[str, Any]:
    """Each success of a task with several: what the others teach against what it did."""
    groups = [group for group in group_by_task(trajectories) if len(group.successes) > 1]
    good = [trajectory for trajectory in trajectories if trajectory.outcome()]
    scores: dict[str, list[tuple[float, ...]]] = {"procedure": [], "typical": [], "baseline": [], "all tools": []}
    every = tuple(dict.fromkeys(step.tool for trajectory in trajectories for step in trajectory.steps))
    for group in groups:
        usual = usual_tools([trajectory for trajectory in good if trajectory.task_id != group.task_id])
        for held in group.successes:
            rest = replace(group, successes=tuple(other for other in group.successes if other is not held))
            (experience,) = distil_success(rest)
            used = ordered_tools(held.trajectory)
            procedure = next(p for p in rest.successes if p.trajectory.id == experience.evidence[0])
            scores["procedure"].append(score(procedure.tools, used))
            (other,) = distil_success(rest, "typical")
            typical = next(p for p in rest.successes if p.trajectory.id == other.evidence[0])
            scores["typical"].append(score(typical.tools, used))
            scores["baseline"].append(score(usual, used))
            scores["all tools"].append(score(every, used))
    names = ("precision", "recall", "order precision", "order recall", "exact")
    return {
        "tasks": len(groups),
        "held out": len(scores["procedure"]),
        **{
            who: dict(
                zip(names, (round(100 * statistics.mean(column), 1) for column in zip(*rows, strict=True)), strict=True)
            )
            for who, rows in scores.items()
            if rows
        },
    }


def ordered_tools(trajectory: Trajectory) -> tuple[str, ...]:
    """The tools that worked, in order; one that was called several times in a row stands once."""
    names = [step.tool for step in trajectory.steps if step.error is None]
    return tuple(name for at, name in enumerate(names) if not at or names[at - 1] != name)


def usual_tools(trajectories: Iterable[Trajectory]) -> tuple[str, ...]:
    """The tools of at least half of the trajectories, by their mean place."""
    places: dict[str, list[float]] = defaultdict(list)
    trajectories = list(trajectories)
    for trajectory in trajectories:
        tools = list(dict.fromkeys(step.tool for step in trajectory.steps if step.error is None))
        for at, tool in enumerate(tools):
            places[tool].append(at / len(tools))
    usual = [tool for tool, seen in places.items() if len(seen) >= len(trajectories) / 2]
    return tuple(sorted(usual, key=lambda tool: (statistics.mean(places[tool]), tool)))


def score(named: Sequence[str], used: Sequence[str]) -> tuple[float, ...]:
    """Precision and recall of the set and of the order (common subsequence), and whether the order is the same."""
    both = len(set(named) & set(used))
    in_order = len(common_steps(named, used))
    return (
        both / len(set(named)) if named else 0.0,
        both / len(set(used)) if used else 0.0,
        in_order / len(named) if named else 0.0,
        in_order / len(used) if used else 0.0,
        float(tuple(named) == tuple(used)),
    )


# --- prose ---


def measure_prose(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    messages = flagged = 0
    for record in records:
        trajectory = read_trajectory(record)
        shown = [text for step in trajectory.steps for text in (step.told, step.observation)]
        told = [message["content"] for message in record["traj"] if message["role"] in ("system", "user")]
        evidence = read_evidence([text for text in (*shown, *told) if text])
        for message in record["traj"]:
            if message["role"] == "assistant" and len(message["content"] or "") >= LONG_MESSAGE:
                found = unsupported(message["content"], evidence)
                messages += 1
                flagged += bool(found)
                kinds.update({entry.kind.value for entry in found})
    return {"messages": messages, "flagged": round(100 * flagged / messages, 1), "messages by kind": dict(kinds)}


# --- pools ---


def measure_pools(records: Sequence[dict[str, Any]], embedder: StaticEmbedder) -> dict[str, Any]:
    by_pool: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        by_pool[record["pool"]].append(record)

    def embed(texts: Sequence[str]) -> list[list[float]]:
        return [list(map(float, vector)) for vector in embedder.embed(texts)]

    return {name: measure_pool(pool, embed) for name, pool in by_pool.items()}


def measure_pool(pool: Sequence[dict[str, Any]], embed: Callable[[Sequence[str]], list[list[float]]]) -> dict[str, Any]:
    codes: Counter[str] = Counter()
    with_problem = 0
    for record in pool:
        problems = check_form(
            when_to_use=record["when_to_use"], content=record["content"], query=record["metadata"]["task_query"]
        )
        with_problem += bool(problems)
        codes.update(problem.code for problem in problems)
    items = [Compared(id=r["memory_id"], when_to_use=r["when_to_use"], content=r["content"]) for r in pool]
    presets = {}
    for name in PRESETS:
        done = deduplicate(items, (), embed, preset=name)
        again = deduplicate(items, items, embed, preset=name)
        presets[name] = {
            "dropped": dict(Counter(entry.reason.value for entry in done.dropped)),
            "kept apart": len(done.apart),
            "new when imported again": len(again.kept),
        }
    return {"entries": len(pool), "with a problem": with_problem, "problems": dict(codes), "presets": presets}


def texts_of_pool(records: Sequence[dict[str, Any]]) -> list[tuple[str, Evidence]]:
    """A model's prose with itself as the evidence: what tampering with one value of it would look like."""
    texts = [record["content"] for record in records]
    return [(text, read_evidence([text])) for text in texts]


def texts_of(experiences: Sequence[Experience], trajectories: Sequence[Trajectory]) -> list[tuple[str, Evidence]]:
    by_id = {trajectory.id: trajectory for trajectory in trajectories}
    return [(experience.text, read_evidence(cited_texts(experience, by_id))) for experience in experiences]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    embedder = StaticEmbedder()
    similarity = cosine_of(embedder)
    sources = {**load_trajectories(asked.data / TAU), **load_trajectories(asked.data / STEPS)}
    pools = read_lines(asked.data / POOLS)
    texts = {name: texts_of(distil(found, similarity=similarity), found) for name, found in sources.items()}
    figures = {
        "distilled": {name: measure_distilled(found, similarity) for name, found in sources.items()},
        "tampered": {
            **{name: measure_tampered(found, asked.seed) for name, found in texts.items()},
            "ReMe's prose": measure_tampered(texts_of_pool(pools), asked.seed),
        },
        "held out": {name: measure_held_out(found) for name, found in sources.items()},
        "prose": measure_prose(read_lines(asked.data / TAU)),
        "pools": measure_pools(pools, embedder),
    }
    show(figures)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


def show(figures: dict[str, Any]) -> None:
    console = Console()
    for title in ("distilled", "tampered"):
        table = Table(title=title)
        columns = list(dict.fromkeys(name for row in figures[title].values() for name in row))
        for column in ("", *columns):
            table.add_column(column)
        for name, row in figures[title].items():
            table.add_row(name, *(str(row.get(column, "")) for column in columns))
        console.print(table)
    table = Table(title="held out, percent")
    for column in ("", "", "precision", "recall", "order precision", "order recall", "exact"):
        table.add_column(column)
    for name, found in figures["held out"].items():
        for who in ("procedure", "typical", "baseline", "all tools"):
            if who in found:
                table.add_row(f"{name} ({found['held out']})", who, *map(str, found[who].values()))
    console.print(table)
    console.print_json(json.dumps({name: figures[name] for name in ("prose", "pools")}))


if __name__ == "__main__":
    main()
