"""Which experiences to archive because tasks go no better, or worse, with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from mnemic.domain.learning.plan import PlanStep, StepAction, Upkeep
from mnemic.domain.learning.refinement import Judgement, Mode, judge_utility
from mnemic.domain.learning.utility import NO_UTILITY, Utility
from mnemic.domain.memory import MemoryId, RowKey
from mnemic.services.learning.outcomes import scope_rate
from mnemic.services.upkeep.work import PlanPart, Work

# A few milliseconds of work: a recall beside a plan waits no longer.
_BATCH = 100
# ReMe's own bound for segments that are about the same (arXiv 2512.10696, hard comparison).
TOPIC_COSINE = 0.5
# The only experience on its topic stays while it succeeds at least so often, measured by its namespace: having none is
# worse.
_LAST_OF_TOPIC = 0.5


def prune_steps(work: Work, place: int) -> Iterator[PlanPart]:
    """Judge the experiences that tasks have tried, in the order of writing. Each part reads a snapshot of its own."""
    backends, namespace, rule = work.backends, work.namespace, work.rule
    gone: set[RowKey] = set()
    while True:
        with backends.ledger.snapshot() as snapshot:
            found = snapshot.experiences(namespace, after=RowKey(place), limit=_BATCH, tried=True)
            known = snapshot.utilities([key for key, _ in found])
            rate = scope_rate(snapshot, namespace)
            doomed: list[tuple[RowKey, MemoryId, Utility, Judgement]] = []
            for key, record in found:
                utility = known.get(key, NO_UTILITY)
                judged = judge_utility(rule, utility, scope_rate=rate)
                if judged.prune:
                    doomed.append((key, record.id, utility, judged))
        gone.update(key for key, *_ in doomed)
        doubtful = [key for key, _, utility, _ in doomed if (utility.mean or 0.0) >= _LAST_OF_TOPIC * rate]
        alone = _alone(work, doubtful, gone) if rule.keep_per_topic and doubtful else set()
        steps, kept = [], []
        action = StepAction.DELETE if rule.mode is Mode.DELETE else StepAction.ARCHIVE
        for key, id, _, judged in doomed:
            if key in alone:
                kept.append(f"{id}: {judged.reason}; kept as the only one on its topic")
                continue
            steps.append(PlanStep(action=action, upkeep=Upkeep.PRUNE, ids=(id,), reason=judged.reason))
        last = int(found[-1][0]) if len(found) == _BATCH else 0
        yield PlanPart(examined=len(found), steps=tuple(steps), kept=tuple(kept), place=last)
        if not last:
            return
        place = last


def _alone(work: Work, doubtful: Sequence[RowKey], gone: Set[RowKey]) -> set[RowKey]:
    """Those of ``doubtful`` on whose topic fewer others would be left than the rule wants."""
    keys, matrix = work.experience_vectors
    place = {int(key): row for row, key in enumerate(keys)}
    known = [key for key in doubtful if key in place]
    if not known:
        return set()
    near = matrix[[place[key] for key in known]] @ matrix.T >= TOPIC_COSINE
    near[:, [place[key] for key in gone if key in place]] = False
    return {key for key, count in zip(known, near.sum(axis=1), strict=True) if count < work.rule.keep_per_topic}
