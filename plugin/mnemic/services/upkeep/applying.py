"""Applying a maintenance plan in one transaction, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mnemic.domain.drafting import check_origin
from mnemic.domain.learning.plan import Plan, PlanStatus, PlanStep, StepAction
from mnemic.domain.memory import (
    Action,
    Kind,
    Link,
    MemoryId,
    Namespace,
    NewMemory,
    Outcome,
    Relation,
    Remembered,
    Status,
)
from mnemic.domain.provenance import Origin
from mnemic.errors import InvalidInput
from mnemic.protocols import LedgerTransaction
from mnemic.services.backends import Backends
from mnemic.services.remember import remember
from mnemic.services.upkeep.gate import check_plan, probe_plan
from mnemic.services.upkeep.planning import find_plan


def apply_plan(backends: Backends, id: str, *, namespace: Namespace | None = None, origin: Origin) -> Plan:
    """Do what a plan says, all of it in one transaction; what no longer fits is left out and named in ``skipped``.

    What merging and consolidating touch is asked about before and after. When a question that was answered is answered
    no longer, all of it is taken back at once: the plan that is returned is *undone*, and ``skipped`` names the
    questions. Raises `InvalidInput` when it is not waiting to be applied, `UnknownMemory`, `StoreUnavailable`; a retry
    is safe.
    """
    plan = find_plan(backends, id, namespace=namespace)
    origin = check_origin(origin)
    _require(plan, PlanStatus.PLANNED, PlanStatus.UNDONE)
    notes = [step for step in plan.steps if step.action is StepAction.NOTE]
    baseline = probe_plan(backends, plan)
    done: list[Plan] = []

    def finish(transaction: LedgerTransaction, receipts: Sequence[Remembered]) -> None:
        current = transaction.plan(plan.id)
        if current is None or current.status is not plan.status:
            raise InvalidInput(f"The plan {plan.id} was changed meanwhile.", hint="Look at it again.")
        at = backends.clock.now()
        created = tuple(receipt.id for receipt in receipts if receipt.outcome is Outcome.STORED)
        skipped, doing = [], []
        for place, step in enumerate(plan.steps):
            why_not = _do(transaction, plan, step, at=at, origin=origin)
            if why_not is None:
                doing.append(place)
            else:
                skipped.append(why_not)
        held = [receipt.id for receipt in receipts if receipt.outcome is Outcome.QUARANTINED]
        skipped += [f"the guard holds the note {one}" for one in held]
        # A note that the guard holds leaves no trace: nobody would look for it in the quarantine of memories.
        transaction.withdraw(
            [r.id for r in receipts if r.outcome is Outcome.QUARANTINED and not r.confirmations], at=at
        )
        applied = replace(
            plan,
            status=PlanStatus.APPLIED,
            applied_at=at,
            undone_at=None,
            done=tuple(doing),
            created=created,
            skipped=tuple(skipped),
        )
        transaction.put_plan(applied)
        done.append(applied)

    if notes:
        memories = [
            NewMemory(
                text=str(step.detail["text"]), kind=Kind.SEMANTIC, evidence=step.ids, tags=step.detail.get("tags", ()),
            )
            for step in notes
        ]  # fmt: skip
        remember(backends, memories, namespace=plan.namespace, origin=origin, finish=finish)
    else:
        with backends.ledger.transaction() as transaction:
            finish(transaction, ())
    applied = done[-1]
    verdict = check_plan(backends, applied, baseline)
    if verdict.passed:
        return applied
    lost = tuple(f"no longer answered: {probe.question}" for probe in verdict.lost)
    undone = replace(undo_plan(backends, applied.id), skipped=lost)
    with backends.ledger.transaction() as transaction:
        transaction.put_plan(undone)
    return undone


def undo_plan(backends: Backends, id: str, *, namespace: Namespace | None = None) -> Plan:
    """Take back what applying a plan did, in one transaction: afterwards an export is what it was before.

    What was decided about a memory since then stands, and a note that others cite by now stays; both are named in
    ``skipped``. Raises `InvalidInput` when it is not applied or has deleted for good, `UnknownMemory`,
    `StoreUnavailable`; a retry is safe.
    """
    plan = find_plan(backends, id, namespace=namespace)
    _require(plan, PlanStatus.APPLIED)
    if any(step.action is StepAction.DELETE for step in plan.steps):
        raise InvalidInput(f"The plan {plan.id} has deleted memories for good.", hint="Only archiving can be undone.")
    with backends.ledger.transaction() as transaction:
        current = transaction.plan(plan.id)
        if current is None or current.status is not PlanStatus.APPLIED:
            raise InvalidInput(f"The plan {plan.id} was changed meanwhile.", hint="Look at it again.")
        at = backends.clock.now()
        did = [plan.steps[place] for place in plan.done]
        archived = [MemoryId(step.ids[0]) for step in did if step.action is StepAction.ARCHIVE]
        back = set(transaction.unarchive(plan.id, archived))
        skipped = [f"{one} was changed since" for one in archived if one not in back]
        for step in did:
            if step.action is StepAction.LINK:
                transaction.unlink(MemoryId(step.ids[0]), MemoryId(step.ids[1]), step.detail["relation"])
        free = [one for one in plan.created if not _in_use(transaction, one)]
        skipped += [f"{one} is in use by now" for one in plan.created if one not in free]
        transaction.withdraw(free, at=at)
        undone = replace(plan, status=PlanStatus.UNDONE, undone_at=at, done=(), created=(), skipped=tuple(skipped))
        transaction.put_plan(undone)
    return undone


def _do(transaction: LedgerTransaction, plan: Plan, step: PlanStep, *, at: datetime, origin: Origin) -> str | None:
    """Do one step; why not, where it does not fit any more."""
    ids = [MemoryId(one) for one in step.ids]
    found = transaction.find(ids)
    if step.action is StepAction.LINK:
        missing = [one for one in ids if one not in found]
        if missing:
            return f"{missing[0]} is gone"
        known = transaction.links(ids[:1])
        relation = Relation(step.detail["relation"])
        if any((link.source, link.target, link.relation) == (ids[0], ids[1], relation) for link in known):
            return f"{ids[0]} is linked to {ids[1]} already"
        score = float(step.detail.get("score", 1.0))
        transaction.link(Link(source=ids[0], target=ids[1], relation=relation, score=score))
    elif step.action in (StepAction.ARCHIVE, StepAction.DELETE):
        entry = found.get(ids[0])
        if entry is None or entry[1].status is not Status.ACTIVE:
            return f"{ids[0]} is no longer active"
        if step.action is StepAction.DELETE:
            transaction.erase(ids[:1], at=at)
            transaction.forget_index_states()
            return None
        transaction.set_status(
            entry[0], Status.ARCHIVED, action=Action.ARCHIVED, at=at, origin=origin,
            detail={"plan": plan.id, "reason": step.reason},
        )  # fmt: skip
    return None


def _in_use(transaction: LedgerTransaction, id: MemoryId) -> bool:
    """Whether anybody has built on a memory since it was written, or decided something about it."""
    entry = transaction.find([id]).get(id)
    if entry is None:
        return False
    cited = any(link.target == id for link in transaction.links([id]))
    return cited or bool(transaction.events([id])) or bool(transaction.utilities([entry[0]]))


def _require(plan: Plan, *statuses: PlanStatus) -> None:
    if plan.status not in statuses:
        hint = "Draw up a new one." if plan.status is not PlanStatus.UNFINISHED else "Go on with it by resume."
        raise InvalidInput(f"The plan {plan.id} is {plan.status}.", hint=hint)
