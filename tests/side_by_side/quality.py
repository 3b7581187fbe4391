"""How much of the evidence recall finds on LoCoMo: a store for each conversation, a memory for each turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnemic.testing.recall_bench.cases import Case
from mnemic.testing.recall_bench.metrics import metric_names, score, summarise
from tests.side_by_side.client import Client
from tests.side_by_side.measures import K, Told, quantiles
from tests.side_by_side.systems import System

CUTS = (5, 10)
SHOWN = ("R@5", "R@10", "hit@10", "MRR")
_SEED = 7


def measure_quality(system: System, cases: Sequence[Case], scratch: Path, tell: Told) -> dict[str, Any]:
    """``{"default": {"n", "R@5": {"mean", "interval"}, ...}, other way: {...}, "store_seconds", "recall"}``, percent.

    Turns that a system keeps as one memory count as one. Raises `SystemFailed`.
    """
    ways: dict[str, Callable[[Client, str, int], list[str]]] = {"default": system.recall, **system.other_recalls()}
    rows: dict[str, list[list[float]]] = {way: [] for way in ways}
    storing, asking = 0.0, []
    for case in cases:
        with system.start(scratch / f"{system.key}-{case.name}") as client:
            client.handshake()
            started = time.perf_counter()
            ids = system.remember_turns(client, [new for _, new in case.turns])
            storing += time.perf_counter() - started
            id_of = {turn: id for (turn, _), id in zip(case.turns, ids, strict=True)}
            for question in case.questions:
                gold = {id_of[turn] for turn in question.gold}
                for way, ask in ways.items():
                    started = time.perf_counter()
                    ranked = list(dict.fromkeys(ask(client, question.text, K)))
                    if way == "default":
                        asking.append(time.perf_counter() - started)
                    rows[way].append(score(ranked, [], gold=gold, gold_sessions=(), cuts=CUTS))
        tell(f"LoCoMo, {case.name}: {system.title}")
    found: dict[str, Any] = {"turns": sum(len(case.turns) for case in cases)}
    found["ways"] = {way: _means(scores) for way, scores in rows.items()}
    return found | {"store_seconds": round(storing, 1), "recall": quantiles(asking)}


def best_way(found: dict[str, Any]) -> str:
    """The way of asking that finds most, by R@10."""
    ways: dict[str, Any] = found["ways"]
    return max(ways, key=lambda way: float(ways[way]["R@10"]["mean"]))


def _means(rows: list[list[float]]) -> dict[str, Any]:
    with np.errstate(invalid="ignore"):
        found = summarise(np.array(rows), metric_names(CUTS), seed=_SEED)
    return {name: found[name] for name in ("n", *SHOWN)}
