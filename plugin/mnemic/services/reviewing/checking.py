"""Judging memories that somebody has at hand already, such as those in the state of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mnemic.domain.drafting import check_origin
from mnemic.domain.memory import MemoryId, MemoryRecord, Namespace, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import MAX_CHECKED, CheckDecision, CheckedMemory, CheckResult, Hit
from mnemic.domain.validation import MAX_QUERY_CHARS, check_ids, check_text
from mnemic.guard.policy import Policy
from mnemic.services.backends import Backends
from mnemic.services.guarding.aftermath import note_vetting
from mnemic.services.guarding.judging import consult_model
from mnemic.services.guarding.naming import origin_label
from mnemic.services.guarding.standing import Vetted, standing, withheld_view
from mnemic.services.guarding.vetting import vet

_GONE = "it is not in this memory any more"
_OUT = {Status.ARCHIVED: "it is archived", Status.QUARANTINED: "it is in quarantine"}


def check_memories(
    backends: Backends, ids: Iterable[object], *, task: str | None = None, namespace: Namespace | None = None,
    origin: Origin | None = None, session: str | None = None,
) -> CheckResult:  # fmt: skip
    """What the guard says today of the memories ``ids``, best first and at most 300.

    With the ``task`` that they were recalled for they are judged as a set: whether their plans agree, what trusted ones
    say otherwise; and lessons are drawn. Without one each is judged by itself, and nothing is written. What is gone,
    archived or in quarantine is rejected, and so is what is in another namespace than ``namespace``. Raises `InvalidInput`,
    `StoreUnavailable`.
    """
    wanted = check_ids(ids, name="ids", limit=MAX_CHECKED)
    question = "" if task is None else check_text(task, name="task", limit=MAX_QUERY_CHARS)
    origin = check_origin(origin or Origin())
    policy = backends.guard.policy
    now = backends.clock.now()
    with backends.ledger.snapshot() as snapshot:
        found = snapshot.find(wanted)
        if namespace is not None:
            found = {id: entry for id, entry in found.items() if entry[1].namespace == namespace}
        current: list[tuple[RowKey, MemoryRecord]] = [
            found[id] for id in wanted if id in found and found[id][1].status not in _OUT
        ]
        vetting = vet(snapshot, backends.guard, policy, question, current, now=now, together=task is not None)
    notes: Sequence[str] = ()
    if task is not None:
        notes = consult_model(backends, policy, question, vetting.vetted)
        note_vetting(
            backends, policy, [vetting], delivered=[one for one in vetting.vetted if not one.withheld],
            question=question, session=session, origin=origin, now=now,
        )  # fmt: skip
    judged = {one.record.id: _checked(policy, one) for one in vetting.vetted}
    judged |= {id: _taken_out(policy, record) for id, (_, record) in found.items() if record.status in _OUT}
    gone = CheckedMemory(id=MemoryId(""), decision="rejected", origin="", reasons=(_GONE,))
    return CheckResult(
        memories=tuple(judged.get(id) or replace(gone, id=id) for id in wanted), warnings=vetting.warnings,
        notes=(*notes, *vetting.notes),
    )  # fmt: skip


def _checked(policy: Policy, one: Vetted) -> CheckedMemory:
    view = withheld_view(policy, one)
    decision: CheckDecision = "contested" if one.contested else "rejected" if one.withheld else "kept"
    hit = None
    if not one.withheld:
        hit = Hit(memory=one.record, score=None, lexical=None, similarity=None, standing=standing(policy, one))
    return CheckedMemory(id=view.id, decision=decision, origin=view.origin, reasons=view.reasons, hit=hit)


def _taken_out(policy: Policy, record: MemoryRecord) -> CheckedMemory:
    return CheckedMemory(
        id=record.id, decision="rejected", origin=origin_label(policy, record.origin), reasons=(_OUT[record.status],)
    )
