"""Measuring what learning does: pruning rules on seeded streams, a stream through a real memory, pools, recorded
reflections.
"""

from __future__ import annotations

import json
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnemic.domain.learning.facets import NewExperience
from mnemic.domain.learning.refinement import REFINEMENTS, Refinement
from mnemic.domain.memory import NewMemory
from mnemic.domain.provenance import Channel, Origin
from mnemic.memory import Memory
from mnemic.opening import open_memory
from mnemic.testing.streams import Stream, run_stream, share_surviving

_USER = Origin(channel=Channel.USER)
_PERIOD = 10
_TOPICS = (
    "refund cancelled flight", "upgrade cabin class", "change passenger name", "add checked baggage", "book window seat",
    "reset router password", "rotate database credentials", "restore deleted backup", "migrate search index",
    "roll back release", "bake sourdough bread", "descale coffee machine", "repot balcony tomatoes", "sharpen kitchen knife",
    "fix squeaking door", "file tax return", "renew library card", "schedule dentist visit", "translate legal letter",
    "plan hiking route",
)  # fmt: skip
_WAYS = ("in the morning", "by telephone", "with the checklist", "through the portal", "after a second look")


def compare_rules(*, seeds: int = 20, progress: Callable[[int], None] = lambda _: None) -> list[dict[str, Any]]:
    """Each named rule, and none, on the same seeded streams; means over the seeds, with the worst seed where it matters."""
    rows: list[dict[str, Any]] = []
    rules: list[Refinement | None] = [None, *REFINEMENTS.values()]
    for rule in rules:
        row: dict[str, Any] = {"rule": "none" if rule is None else rule.name, "seeds": seeds}
        for name, stream in (("plain", Stream()), ("drift", Stream(turning=20)), ("shared", Stream(shared=True))):
            results = [run_stream(rule, stream, seed=seed) for seed in range(seeds)]
            row[name] = {
                "harmful_left": statistics.mean(one.harmful_left for one in results),
                "harmful_left_worst": max(one.harmful_left for one in results),
                "turned_left": statistics.mean(one.turned_left for one in results),
                "turned_left_worst": max(one.turned_left for one in results),
                "useful_kept_percent": 100 * statistics.mean(one.useful_left / one.useful for one in results),
                "late_success_percent": 100 * statistics.mean(one.success for one in results),
            }
        row["surviving_percent"] = {
            f"{chance:.0%}": 100.0 if rule is None else 100 * share_surviving(rule, chance=chance, seed=1)
            for chance in (0.15, 0.25, 0.5)
        }
        rows.append(row)
        progress(len(rows))
    return rows


async def stream_through_memory(
    home: Path, rule: str | None, *, tasks: int = 600, seed: int = 0, turning: int = 20,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """The stream of `run_stream` through a real memory: recall by meaning, outcomes, plans applied every ten tasks."""
    rng = random.Random(seed)  # noqa: S311  # a simulation
    async with open_memory(home, chroma="off", durable=False, database="", origin=_USER) as memory:
        experiences = [
            NewExperience(when_to_use=f"When asked to {topic}", content=f"To {topic}, do it {way}.")
            for topic in _TOPICS
            for way in _WAYS
        ]
        ids = [receipt.id for receipt in await memory.learning.store(experiences)]
        harmful = set(rng.sample(ids, 30))
        useful = [id for id in ids if id not in harmful]
        turned = set(useful[:: len(useful) // turning][:turning]) if turning else set()
        rewards: list[list[float]] = []
        for task in range(1, tasks + 1):
            bad = harmful | (turned if task >= tasks // 2 else set())
            topic = rng.choice(_TOPICS)
            hits = (await memory.recall(f"Please {topic}", k=5, kinds=["procedural"], min_score=0.0)).hits
            got: list[float] = []
            for hit in hits:
                got.append(float(rng.random() < (0.2 if hit.memory.id in bad else 0.8)))
                await memory.learning.outcome(topic, got[-1], used=[hit.memory.id])
            rewards.append(got)
            if rule is not None and task % _PERIOD == 0:
                plan = await memory.learning.plan(["prune"], rule=rule)
                if plan.steps:
                    await memory.learning.apply(plan.id)
            progress(task)
        left = {view.hit.memory.id for view in await memory.learning.experiences(limit=1_000)}
        thirds = [rewards[at * tasks // 3 : (at + 1) * tasks // 3] for at in range(3)]
        return {
            "rule": rule or "none", "tasks": tasks, "seed": seed,
            "success_percent_by_third": [
                100 * statistics.mean(reward for got in third for reward in got) for third in thirds
            ],
            "harmful_left": len(left & harmful), "turned_left": len(left & turned), "turned": len(turned),
            "useful_left": len(left & set(useful) - turned), "useful": len(set(useful) - turned),
        }  # fmt: skip


async def import_pools(home: Path, lines: Sequence[str]) -> list[dict[str, Any]]:
    """Each recorded pool imported twice, and recall@5 by the recorded task, beside that of the usage scenarios alone."""
    pools: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        if line.strip():
            pools[str(json.loads(line).get("pool", "pool"))].append(line)
    rows = []
    for name, records in pools.items():
        async with open_memory(home / name, chroma="off", durable=False, database="", origin=_USER) as memory:
            first = await memory.learning.import_pool(records, namespace="pool", origin=_USER)
            again = await memory.learning.import_pool(records, namespace="pool", origin=_USER)
            stranger = await memory.learning.import_pool(
                records, namespace="stranger", origin=Origin(channel=Channel.IMPORT, actor="pool")
            )
            parsed = [json.loads(record) for record in records]
            scenarios = sorted({record["when_to_use"] for record in parsed})
            await memory.remember_many(
                [NewMemory(text=scenario, namespace="scenarios") for scenario in scenarios if scenario.strip()]
            )
            rows.append(
                {
                    "pool": name, "records": len(records), "stored": len(first.stored), "merged": len(first.merged),
                    "quarantined": len(first.quarantined), "stored_again": len(again.stored),
                    "quarantined_as_strangers": len(stranger.quarantined),
                    "recall_at_5": await _recall(memory, "pool", parsed, "content"),
                    "recall_at_5_scenarios": await _recall(memory, "scenarios", parsed, "when_to_use"),
                }
            )  # fmt: skip
    return rows


async def _recall(memory: Memory, namespace: str, records: Sequence[dict[str, Any]], field: str) -> float:
    gold: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record["metadata"].get("task_query"):
            gold[record["metadata"]["task_query"]].add(record[field].strip())
    shares = []
    for query, wanted in gold.items():
        hits = (await memory.recall(query, k=5, min_score=0.0, namespace=namespace)).hits
        shares.append(len({hit.memory.text.strip() for hit in hits} & wanted) / min(len(wanted), 5))
    return 100 * statistics.mean(shares)


def reflections_auc(records: Sequence[dict[str, Any]], embed: Callable[[Sequence[str]], Any]) -> list[dict[str, Any]]:
    """How well recorded reflections that were followed by a success are told from the rest, with 95 % intervals.

    Credit comes from other environments alone: a reflection is worth what the reflections most like it were worth there.
    Beside it, signals that need no learning. Intervals by bootstrap over environments, whose reflections are alike.
    """
    texts = [str(record["text"]) for record in records]
    won = np.array([bool(record["success_next_trial"]) for record in records])
    environments = np.array([str(record["env"]) for record in records])
    vectors = np.asarray(embed(texts))
    near = vectors @ vectors.T
    scores: dict[str, Any] = {}
    for k in (3, 8, 20):
        worth = np.zeros(len(texts))
        for row in range(len(texts)):
            elsewhere = np.flatnonzero(environments != environments[row])
            nearest = elsewhere[np.argsort(-near[row, elsewhere], kind="stable")[:k]]
            worth[row] = won[nearest].mean()
        scores[f"learnt utility of the {k} most similar elsewhere"] = worth
    scores["written after few failures"] = -np.array([int(record["written_after_trial"]) for record in records], float)
    rng = np.random.default_rng(0)
    names = np.unique(environments)
    rows_of = {name: np.flatnonzero(environments == name) for name in names}
    rows = []
    for signal, values in scores.items():
        samples = []
        for _ in range(1_000):
            drawn = np.concatenate([rows_of[name] for name in rng.choice(names, len(names))])
            if won[drawn].any() and not won[drawn].all():
                samples.append(_auc(values[drawn], won[drawn]))
        low, high = np.percentile(samples, [2.5, 97.5])
        rows.append({"signal": signal, "auc": _auc(values, won), "low": float(low), "high": float(high)})
    return rows


def _auc(values: Any, won: Any) -> float:
    good, bad = values[won], values[~won]
    return float((good[:, None] > bad[None]).mean() + 0.5 * (good[:, None] == bad[None]).mean())
