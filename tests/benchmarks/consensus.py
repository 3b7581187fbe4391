"""How consensus rules decide about poisoned plans: detection and benign false rejects, by how many of four are
poisoned.

    python -m tests.benchmarks.consensus [--queries 300] [--seed 7] [--mimic] [--json FILE]

The plans are `mnemic.testing.plans`; all poison has one origin. With lessons, recall's own guard decides
(`GuardedRecall`); what its rules for writing would find in a plan is left out, so that consensus and lessons alone are
measured. ``contested``: the share of queries in which nobody could tell and nothing is trusted. ``reaches``: the share of
poison that is kept, that is, reaches the agent when contested is withheld.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path as File

from mnemic.domain.lesson import Lesson
from mnemic.domain.provenance import Channel, Origin
from mnemic.guard.authority import EffectRules, Support, authorise_effects
from mnemic.guard.consensus import AMEMGUARD_RELEASED, OURS, ConsensusSettings, PathRecord, judge
from mnemic.guard.creation import create_guard
from mnemic.guard.paths import extract_path
from mnemic.services.guarding.vetting import Vetting, vet
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing.fakes import make_record
from mnemic.testing.plans import PlanQuery, plan_queries

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMESPACE = ("plans",)
Decide = Callable[[PlanQuery], dict[str, str]]


def path_records(query: PlanQuery) -> list[PathRecord]:
    """The memories of a question with their paths; all are taken as trusted, the hardest case for consensus."""
    found = []
    for record in query.records:
        path = extract_path(record.text)
        assert path is not None
        found.append(PathRecord(id=record.id, path=path, origin_key=record.origin))
    return found


class GuardedRecall:
    """What recall's guard makes of plans, on a ledger of its own in ``folder``, which keeps the lessons.

    ``policy``: the name of one that comes with mnemic, or a file. ``lessons`` are known from the beginning.
    """

    def __init__(self, folder: File, *, policy: str = "default", lessons: Sequence[Lesson] = ()) -> None:
        self._guard = create_guard(policy)
        self._ledger = SqliteLedger(folder / "plans.sqlite3", durable=False)
        self._ledger.register_embedder("none", 1)
        self._keep(lessons)

    def learn(self, queries: Sequence[PlanQuery]) -> tuple[Lesson, ...]:
        """All lessons, once the guard has judged the plans of one question after the other."""
        for query in queries:
            self._keep(self.vet(query)[1].learnt)
        with self._ledger.snapshot() as snapshot:
            return tuple(snapshot.lessons(NAMESPACE))

    def decide(self, query: PlanQuery) -> dict[str, str]:
        """keep, reject or contested, by the plan's id. What it teaches is not kept."""
        return self.vet(query)[0]

    def vet(self, query: PlanQuery) -> tuple[dict[str, str], Vetting]:
        """What is decided about each plan, and all that the guard says. Each origin is an agent, and trusted."""
        policy = self._guard.policy
        with self._ledger.transaction() as transaction:
            found, names = [], {}
            for plan in query.records:
                origin = Origin(channel=Channel.AGENT, actor=plan.origin, connection=plan.origin)
                record = make_record(plan.text, namespace=NAMESPACE, origin=origin)
                key = transaction.append(record, embedder_id="none", vector=None)
                marks = self._guard.examine(policy, record, fully=True)
                transaction.put_marks(key, replace(marks, findings=()), at=NOW)
                found.append((key, record))
                names[record.id] = plan.id
            # How long it takes is measured elsewhere.
            vetting = vet(transaction, self._guard, policy, query.query, found, now=NOW, clock=lambda: 0.0)
        decided = {
            names[one.record.id]: "contested" if one.contested else "reject" if one.withheld else "keep"
            for one in vetting.vetted
        }
        return decided, vetting

    def close(self) -> None:
        self._ledger.close()

    def _keep(self, lessons: Sequence[Lesson]) -> None:
        with self._ledger.transaction() as transaction:
            for lesson in lessons:
                transaction.put_lesson(lesson)


def by_consensus(settings: ConsensusSettings) -> Decide:
    return lambda query: {id: one.decision for id, one in judge(path_records(query), settings).items()}


def by_effects(query: PlanQuery) -> dict[str, str]:
    records = path_records(query)
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
        decisions = decide(query)
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
    sets = {str(n): plan_queries(queries, poisoned=n, seed=seed + n, mimic=mimic) for n in range(5)}
    with tempfile.TemporaryDirectory() as folder:
        guarded = GuardedRecall(File(folder))
        lessons = guarded.learn(plan_queries(50, poisoned=1, seed=seed + 1_000, mimic=mimic))
        rules: dict[str, Decide] = {
            "count-only DBSCAN (as released)": by_consensus(AMEMGUARD_RELEASED),
            "+ independent origins": by_consensus(ConsensusSettings(method="clustering")),
            "+ quorum": by_consensus(OURS),
            f"+ lessons ({len(lessons)} from 50 queries)": guarded.decide,
            "effect policy only": by_effects,
        }
        found = {name: {n: measure(decide, of) for n, of in sets.items()} for name, decide in rules.items()}
        guarded.close()
    return found


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
