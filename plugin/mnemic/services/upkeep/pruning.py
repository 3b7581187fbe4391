"""Which experiences to archive because tasks go no better, or worse, with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.learning.plan import PlanStep, StepAction, Upkeep
from mnemic.domain.learning.refinement import Judgement, Mode, judge_utility
from mnemic.domain.learning.utility import NO_UTILITY, Utility
from mnemic.domain.memory import MemoryId, Namespace, RowKey
from mnemic.protocols import LedgerSnapshot
from mnemic.services.backends import Backends
from mnemic.services.outcomes import scope_rate
from mnemic.services.upkeep.batch import Batch, Work

_BATCH = 2_000
# ReMe's own bound for segments that are about the same (arXiv 2512.10696, hard comparison).
TOPIC_COSINE = 0.5
# The only experience on its topic stays while it succeeds at least so often, measured by its namespace: having none is
# worse.
_LAST_OF_TOPIC = 0.5


def prune_steps(work: Work, place: int) -> Iterator[Batch]:
    """Judge the experiences of a namespace by the rule, in the order of writing. Each batch reads a snapshot of its own."""
    backends, namespace, rule = work.backends, work.namespace, work.rule
    while True:
        with backends.ledger.snapshot() as snapshot:
            found = snapshot.experiences(namespace, after=RowKey(place), limit=_BATCH)
            known = snapshot.utilities([key for key, _ in found])
            rate = scope_rate(snapshot, namespace)
            doomed: list[tuple[RowKey, MemoryId, Utility, Judgement]] = []
            for key, record in found:
                utility = known.get(key, NO_UTILITY)
                judged = judge_utility(rule, utility, scope_rate=rate)
                if judged.prune:
                    doomed.append((key, record.id, utility, judged))
            alone = set[RowKey]()
            if rule.keep_per_topic and doomed:
                alone = _alone(backends, snapshot, namespace, [key for key, *_ in doomed], rule.keep_per_topic)
        steps, kept = [], []
        action = StepAction.DELETE if rule.mode is Mode.DELETE else StepAction.ARCHIVE
        for key, id, utility, judged in doomed:
            if key in alone and (utility.mean or 0.0) >= _LAST_OF_TOPIC * rate:
                kept.append(f"{id}: {judged.reason}; kept as the only one on its topic")
                continue
            steps.append(PlanStep(action=action, upkeep=Upkeep.PRUNE, ids=(id,), reason=judged.reason))
        last = int(found[-1][0]) if len(found) == _BATCH else 0
        yield Batch(examined=len(found), steps=tuple(steps), kept=tuple(kept), place=last)
        if not last:
            return
        place = last


def _alone(
    backends: Backends, snapshot: LedgerSnapshot, namespace: Namespace, doomed: Sequence[RowKey], least: int
) -> set[RowKey]:
    """Those of ``doomed`` on whose topic fewer than ``least`` others would be left."""
    rows = _vectors(backends, snapshot, doomed)
    if not rows:
        return set()
    keys = list(rows)
    matrix = np.stack([rows[key] for key in keys])
    others = np.zeros(len(keys), dtype=np.int64)
    gone, after = set(doomed), RowKey(0)
    while True:
        found = snapshot.experiences(namespace, after=after, limit=_BATCH)
        staying = _vectors(backends, snapshot, [key for key, _ in found if key not in gone])
        if staying:
            others += (matrix @ np.stack(list(staying.values())).T >= TOPIC_COSINE).sum(axis=1)
        if len(found) < _BATCH:
            break
        after = found[-1][0]
    return {key for key, count in zip(keys, others, strict=True) if count < least}


def _vectors(backends: Backends, snapshot: LedgerSnapshot, keys: Sequence[RowKey]) -> dict[RowKey, NDArray[np.float32]]:
    blobs = snapshot.vectors(backends.embedder.id, keys)
    return {key: np.frombuffer(blob, dtype=np.float32) for key, blob in blobs.items()}
