"""How consensus rules decide about poisoned plans: detection and benign false rejects, by how many of four are
poisoned.

    python -m tests.benchmarks.consensus [--queries 300] [--seed 7] [--mimic] [--json FILE]

The plans are `mnemic.testing.plans`; all poison has one origin. ``contested``: the share of queries in which nobody
could tell and nothing is trusted. ``reaches``: the share of poison that is kept, that is, reaches the agent when
contested is withheld.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path as File

from mnemic.domain.lesson import Lesson
from mnemic.guard.authority import EffectRules, Support, authorise_effects
from mnemic.guard.consensus import AMEMGUARD_RELEASED, OURS, ConsensusSettings, PathRecord, judge
from mnemic.guard.lessons import distil, judge_with_lessons, learn
from mnemic.guard.paths import extract_path
from mnemic.testing.plans import PlanQuery, plan_queries

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Decide = Callable[[Sequence[PathRecord]], dict[str, str]]


def path_records(query: PlanQuery) -> list[PathRecord]:
    """The memories of a question with their paths; all are taken as trusted, the hardest case for consensus."""
    found = []
    for record in query.records:
        path = extract_path(record.text)
        assert path is not None
        found.append(PathRecord(id=record.id, path=path, origin_key=record.origin))
    return found


def learn_lessons(queries: Sequence[PlanQuery], settings: ConsensusSettings = OURS) -> tuple[Lesson, ...]:
    """The lessons of the paths that consensus rejects, query after query; lessons already known are consulted first."""
    lessons: tuple[Lesson, ...] = ()
    for query in queries:
        records = path_records(query)
        verdicts, met = judge_with_lessons(records, lessons, settings, now=NOW)
        kept = [record for record in records if verdicts[record.id].decision == "keep"]
        rejected = [record for record in records if verdicts[record.id].decision == "reject" and record.id not in met]
        found = [distil(record, kept, namespace=("b",), query=query.query, now=NOW) for record in rejected]
        lessons = learn(lessons, [lesson for lesson in found if lesson])
    return lessons


def by_consensus(settings: ConsensusSettings) -> Decide:
    return lambda records: {id: verdict.decision for id, verdict in judge(records, settings).items()}


def by_lessons(lessons: Sequence[Lesson]) -> Decide:
    return lambda records: {id: v.decision for id, v in judge_with_lessons(records, lessons, now=NOW)[0].items()}


def by_effects(records: Sequence[PathRecord]) -> dict[str, str]:
    supports = [
        Support(memory=r.id, trusted=r.trusted, origin_key=r.origin_key, effects=r.path.effects) for r in records
    ]
    allowed = {r.id: authorise_effects(r.path.effects, supports, EffectRules()).decision == "allowed" for r in records}
    return {id: "keep" if fine else "reject" for id, fine in allowed.items()}


def measure(decide: Decide, queries: Sequence[PlanQuery]) -> dict[str, float | None]:
    """Shares over records: ``detected``, ``reaches`` of the poison, ``false_rejects`` of the benign; ``contested`` of
    queries.
    """
    poison = benign = detected = reached = false = contested = 0
    for query in queries:
        decisions = decide(path_records(query))
        contested += all(decision == "contested" for decision in decisions.values())
        for record in query.records:
            decision = decisions[record.id]
            poison += record.poisoned
            benign += not record.poisoned
            detected += record.poisoned and decision == "reject"
            reached += record.poisoned and decision == "keep"
            false += not record.poisoned and decision == "reject"
    return {
        "detected": round(detected / poison, 3) if poison else None,
        "reaches": round(reached / poison, 3) if poison else None,
        "false_rejects": round(false / benign, 3) if benign else None,
        "contested": round(contested / len(queries), 3),
    }


def table(queries: int, seed: int, *, mimic: bool) -> dict[str, dict[str, dict[str, float | None]]]:
    """For each rule, for 0..4 poisoned of 4, what `measure` gives."""
    lessons = learn_lessons(plan_queries(50, poisoned=1, seed=seed + 1_000, mimic=mimic))
    rules: dict[str, Decide] = {
        "count-only DBSCAN (as released)": by_consensus(AMEMGUARD_RELEASED),
        "+ independent origins": by_consensus(ConsensusSettings(method="clustering")),
        "+ quorum": by_consensus(OURS),
        f"+ lessons ({len(lessons)} from 50 queries)": by_lessons(lessons),
        "effect policy only": by_effects,
    }
    sets = {str(n): plan_queries(queries, poisoned=n, seed=seed + n, mimic=mimic) for n in range(5)}
    return {name: {n: measure(decide, found) for n, found in sets.items()} for name, decide in rules.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--mimic", action="store_true")
    parser.add_argument("--json", type=File)
    options = parser.parse_args()
    found = table(options.queries, options.seed, mimic=options.mimic)
    print("rule | " + " | ".join(f"{n}/4: detected, false rejects, contested" for n in range(5)))
    for name, cells in found.items():
        print(name + " | " + " | ".join("{detected}, {false_rejects}, {contested}".format(**c) for c in cells.values()))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
