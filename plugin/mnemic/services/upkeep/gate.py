"""The regression gate: what the memories answered before a plan was applied must be answered after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mnemic.domain.consolidation.corpus import read_corpus
from mnemic.domain.consolidation.probe import TOP, CitingNote, GateVerdict, Probe, answered, decide, make_probes
from mnemic.domain.learning.plan import Plan, StepAction, Upkeep
from mnemic.domain.memory import MemoryId
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.services.backends import Backends
from mnemic.services.recalling.recall import RecallQuery, recall

MOST_PROBES = 200
_ASKING = Origin(connection="upkeep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Questions that the memories of a plan answer, made from their own texts, and which were answered beforehand."""

    probes: tuple[Probe, ...]
    before: tuple[bool, ...]


def probe_plan(backends: Backends, plan: Plan) -> Baseline:
    """What is to be answered still when the plan has been applied. Pruning is not probed: it takes out on purpose."""
    touched: list[MemoryId] = []
    stands_for: dict[MemoryId, MemoryId] = {}
    for step in plan.steps:
        if step.upkeep in (Upkeep.CONSOLIDATE, Upkeep.MERGE):
            touched += [MemoryId(id) for id in step.ids]
            if "into" in step.detail:
                stands_for[MemoryId(step.ids[0])] = MemoryId(step.detail["into"])
    if not touched:
        return Baseline(probes=(), before=())
    with backends.ledger.snapshot() as snapshot:
        found = snapshot.find(dict.fromkeys([*touched, *stands_for.values()]))
    corpus = read_corpus([record for _, record in found.values()])
    probes = tuple(
        # A copy may answer for what it stands for.
        replace(probe, expected=probe.expected | {stands_for[id] for id in probe.expected if id in stands_for})
        for probe in make_probes(corpus, [id for id in dict.fromkeys(touched) if id in found])[:MOST_PROBES]
    )
    return Baseline(probes=probes, before=tuple(answered(probes, _search(backends, plan))))


def check_plan(backends: Backends, plan: Plan, baseline: Baseline) -> GateVerdict:
    """Whether everything that was answered is answered still, now that the plan is applied."""
    steps = [step for step in plan.steps if step.action is StepAction.NOTE]
    by_text = {str(step.detail["text"]): frozenset(MemoryId(id) for id in step.ids) for step in steps}
    with backends.ledger.snapshot() as snapshot:
        notes = {
            id: CitingNote(text=record.text, evidence=by_text.get(record.text, frozenset(record.evidence)))
            for id, (_, record) in snapshot.find(plan.created).items()
        }
    return decide(baseline.probes, baseline.before, answered(baseline.probes, _search(backends, plan), notes=notes))


def _search(backends: Backends, plan: Plan) -> Callable[[str], Sequence[MemoryId]]:
    def search(question: str) -> Sequence[MemoryId]:
        query = RecallQuery(text=question, filter=MemoryFilter(namespace=plan.namespace), k=TOP, min_score=0.0)
        # What is not shown because another says all of it is found: whoever asks is told of it.
        return [id for hit in recall(backends, query, origin=_ASKING).hits for id in (hit.memory.id, *hit.alike)]

    return search
