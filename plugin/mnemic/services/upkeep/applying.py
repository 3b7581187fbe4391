"""Applying a maintenance plan in one transaction, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime

from mnemic.domain.drafting import check_origin
from mnemic.domain.learning.plan import LOST, Plan, PlanStatus, PlanStep, StepAction, Upkeep
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
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerSnapshot, LedgerTransaction
from mnemic.services.backends import Backends
from mnemic.services.storing.cold import put_back, thaw
from mnemic.services.storing.curate import destroy
from mnemic.services.storing.facts import mark_return
from mnemic.services.storing.remember import remember
from mnemic.services.upkeep.gate import check_plan, probe_plan
from mnemic.services.upkeep.planning import find_plan


class _Stopped(Exception):
    """These notes, by their place among the steps, do not fit, and why: raised to roll the transaction back."""

    def __init__(self, places: dict[int, str]) -> None:
        super().__init__(places)
        self.places = places


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
    baseline = probe_plan(backends, plan)
    unfit: dict[int, str] = {}
    while True:
        try:
            applied = _apply(backends, plan, unfit, origin=origin)
            break
        except _Stopped as stopped:
            unfit |= stopped.places
    verdict = check_plan(backends, applied, baseline)
    if verdict.passed:
        return applied
    return _take_back(backends, applied, told=tuple(f"{LOST}{probe.question}" for probe in verdict.lost))


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
    return _take_back(backends, plan)


def _apply(backends: Backends, plan: Plan, unfit: Mapping[int, str], *, origin: Origin) -> Plan:
    """Apply a plan without the notes at the places of ``unfit``. Raises `_Stopped` for further ones."""
    notes = {at: step for at, step in enumerate(plan.steps) if step.action is StepAction.NOTE and at not in unfit}
    done: list[Plan] = []

    def finish(transaction: LedgerTransaction, receipts: Sequence[Remembered]) -> None:
        if transaction.plan(plan.id) != plan:
            raise InvalidInput(f"The plan {plan.id} was changed meanwhile.", hint="Look at it again.")
        known = dict(zip(notes, receipts, strict=True))
        _stop_for(_unfit(transaction, notes) | _said_already(known))
        at = backends.clock.now()
        skipped, doing = list(unfit.values()), []
        for place, step in enumerate(plan.steps):
            if place in unfit:
                continue
            why_not = _do(transaction, plan, step, at=at, origin=origin)
            if why_not is None:
                doing.append(place)
            else:
                skipped.append(why_not)
        held = [receipt.id for receipt in receipts if receipt.outcome is Outcome.QUARANTINED]
        skipped += [f"the guard holds the note {one}" for one in held]
        # A note that the guard holds leaves no trace: nobody would look for it in the quarantine of memories.
        transaction.withdraw(held, at=at)
        applied = replace(
            plan, status=PlanStatus.APPLIED, applied_at=at, undone_at=None, done=tuple(doing), skipped=tuple(skipped),
            created=tuple(receipt.id for receipt in receipts if receipt.outcome is Outcome.STORED),
        )  # fmt: skip
        transaction.put_plan(applied)
        done.append(applied)

    with backends.ledger.snapshot() as snapshot:
        _stop_for(_unfit(snapshot, notes))
    if notes:
        memories = [
            NewMemory(
                text=str(step.detail["text"]), kind=Kind.SEMANTIC, evidence=step.ids, tags=step.detail.get("tags", ()),
            )
            for step in notes.values()
        ]  # fmt: skip
        # A note quotes what was said and is no fact of its own: it takes nobody's place, which undoing could not give back.
        remember(replace(backends, facts="off"), memories, namespace=plan.namespace, origin=origin, finish=finish)
    else:
        with backends.ledger.transaction() as transaction:
            finish(transaction, ())
    return done[-1]


def _stop_for(places: dict[int, str]) -> None:
    if places:
        raise _Stopped(places)


def _unfit(snapshot: LedgerSnapshot, notes: Mapping[int, PlanStep]) -> dict[int, str]:
    """The notes whose evidence is not all in recall any more: what was rejected or taken out is not quoted."""
    found = snapshot.find(dict.fromkeys(MemoryId(id) for step in notes.values() for id in step.ids))
    active = {id for id, (_, record) in found.items() if record.status is Status.ACTIVE}
    missing = {at: [id for id in step.ids if id not in active] for at, step in notes.items()}
    return {at: f"a note rests on {ids[0]}, which is no longer active" for at, ids in missing.items() if ids}


def _said_already(known: Mapping[int, Remembered]) -> dict[int, str]:
    """The notes that confirmed a memory instead of becoming one: that could not be taken back without a trace."""
    return {
        at: f"{receipt.id} says a note already"
        for at, receipt in known.items()
        if receipt.outcome is Outcome.CONFIRMED or receipt.confirmations
    }


def _take_back(backends: Backends, plan: Plan, *, told: Sequence[str] = ()) -> Plan:
    """Undo an applied plan; ``told`` is said beside what could not be taken back."""
    thawed = thaw(backends, [MemoryId(id) for place in plan.done for id in plan.steps[place].ids])
    with backends.ledger.transaction() as transaction:
        current = transaction.plan(plan.id)
        if current is None or current.status is not PlanStatus.APPLIED or current.applied_at != plan.applied_at:
            raise InvalidInput(f"The plan {plan.id} was changed meanwhile.", hint="Look at it again.")
        plan = current
        at = backends.clock.now()
        did = [plan.steps[place] for place in plan.done]
        archived = [MemoryId(step.ids[0]) for step in did if step.action is StepAction.ARCHIVE]
        back = set(transaction.unarchive(plan.id, archived))
        put_back(transaction, backends, thawed, [key for key, _ in transaction.find(back).values()])
        _mark_returned(transaction, backends.guard.policy, plan, back)
        skipped = [*told, *(f"{one} was changed since" for one in archived if one not in back)]
        for step in did:
            if step.action is StepAction.LINK:
                transaction.unlink(MemoryId(step.ids[0]), MemoryId(step.ids[1]), step.detail["relation"])
        free = [one for one in plan.created if not _in_use(transaction, one)]
        skipped += [f"{one} is in use by now" for one in plan.created if one not in free]
        transaction.withdraw(free, at=at)
        undone = replace(plan, status=PlanStatus.UNDONE, undone_at=at, done=(), created=(), skipped=tuple(skipped))
        transaction.put_plan(undone)
    return undone


def _mark_returned(transaction: LedgerTransaction, policy: Policy, plan: Plan, ids: Set[MemoryId]) -> None:
    """What says otherwise of the same and was written while these were archived contradicts them now."""
    for key, record in transaction.find(ids).values():
        mark_return(transaction, policy, key, record, since=plan.applied_at)


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
        if step.upkeep in (Upkeep.MERGE, Upkeep.EXPIRE) and _stands_in_the_way(transaction, step):
            return f"{ids[0]} is needed: it is evidence, or what stands for it is no longer active"
        if step.action is StepAction.DELETE:
            destroy(transaction, ids[:1], at=at)
            return None
        transaction.set_status(
            entry[0], Status.ARCHIVED, action=Action.ARCHIVED, at=at, origin=origin,
            detail={"plan": plan.id, "reason": step.reason},
        )  # fmt: skip
    return None


def _stands_in_the_way(transaction: LedgerTransaction, step: PlanStep) -> bool:
    """Whether something has come to rest on a memory since the plan was drawn up, or its copy has gone."""
    id, into = MemoryId(step.ids[0]), step.detail.get("into")
    if into is not None:
        entry = transaction.find([MemoryId(into)]).get(MemoryId(into))
        if entry is None or entry[1].status is not Status.ACTIVE:
            return True
    return any(link.target == id and link.relation is Relation.EVIDENCE for link in transaction.links([id]))


def _in_use(transaction: LedgerTransaction, id: MemoryId) -> bool:
    """Whether anybody has built on a memory since it was written, or decided something about it."""
    entry = transaction.find([id]).get(id)
    if entry is None:
        return False
    cited = any(link.target == id for link in transaction.links([id]))
    return cited or bool(transaction.events([id])) or bool(transaction.utilities([entry[0]]))


def _require(plan: Plan, *statuses: PlanStatus) -> None:
    if plan.status not in statuses:
        hints = {PlanStatus.UNFINISHED: "Go on with it by resume.", PlanStatus.UNDONE: "It can be applied again."}
        hint = hints.get(plan.status, "Draw up a new one.")
        raise InvalidInput(f"The plan {plan.id} is {plan.status}.", hint=hint)
