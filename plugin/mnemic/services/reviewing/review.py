"""What people decide about the guard's findings: looking at what is withheld, releasing, rejecting, and undoing lessons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mnemic.domain.drafting import check_origin
from mnemic.domain.lesson import Lesson, LessonStatus
from mnemic.domain.marks import AuditEntry, GuardAction, Marks, Review, Screened
from mnemic.domain.memory import Action, MemoryId, MemoryRecord, Namespace, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import check_count, check_id, check_ids, check_label
from mnemic.domain.verdict import Decision, Verdict
from mnemic.errors import InvalidInput, UnknownMemory
from mnemic.guard.guard import inherit, trust_in
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerTransaction
from mnemic.services.backends import Backends, require
from mnemic.services.guarding.admission import audit_entry, tainting
from mnemic.services.guarding.in_view import passed_on
from mnemic.services.storing.facts import mark_return
from mnemic.services.storing.twins import link_twins

_BATCH = 200
_MAX_LISTED = 1_000
_ARCHIVING = (Action.ARCHIVED, Action.RESTORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReport:
    """All that the guard knows about one memory and what the present policy makes of it. ``trust`` in 0..1."""

    memory: MemoryRecord
    marks: Marks
    verdict: Verdict
    trust: float
    log: tuple[AuditEntry, ...]


def policy_in_force(backends: Backends) -> Policy:
    """What the guard goes by now."""
    return backends.guard.policy


def pending(
    backends: Backends, *, namespace: Namespace, subtree: bool, limit: int = 50, before: object = None
) -> tuple[GuardReport, ...]:
    """What is in quarantine and has not been rejected, newest first; what was written before the memory ``before``, to page
    on, whatever became of that one since. Raises `UnknownMemory`.
    """
    check_count(limit, name="limit", low=1, high=_MAX_LISTED)
    policy = backends.guard.policy
    with backends.ledger.snapshot() as snapshot:
        last: RowKey | None = None
        if before is not None:
            checked = check_id(before)
            last = require(snapshot, [checked])[checked][0]
        keys = snapshot.undecided(namespace, subtree=subtree, limit=limit, before=last)
        records, marks = snapshot.records(keys), snapshot.marks(keys)
    return tuple(
        GuardReport(
            memory=records[key], marks=marks[key], verdict=backends.guard.judge(policy, marks[key]),
            trust=trust_in(policy, marks[key]), log=(),
        )
        for key in keys
    )  # fmt: skip


def explain(backends: Backends, id: object, *, namespace: Namespace | None = None) -> GuardReport:
    """Why a memory is held as it is. Raises `UnknownMemory`."""
    checked = check_id(id)
    policy = backends.guard.policy
    with backends.ledger.snapshot() as snapshot:
        key, record = require(snapshot, [checked], namespace=namespace)[checked]
        marks = snapshot.marks([key])[key]
        log = tuple(snapshot.audit(namespace=record.namespace, memory=checked))
    verdict = backends.guard.judge(policy, marks)
    return GuardReport(memory=record, marks=marks, verdict=verdict, trust=trust_in(policy, marks), log=log)


def release(
    backends: Backends, ids: Iterable[object], *, origin: Origin, vouch: bool = False, reason: str | None = None,
    namespace: Namespace | None = None,
) -> tuple[MemoryId, ...]:  # fmt: skip
    """Let memories out of quarantine exactly as they were written, all or none. The ids that changed.

    What had been archived before it was rejected is archived again. They stay as trusted as their origin; with ``vouch``
    they count as the user's own words from now on, also those that were not in quarantine. Raises `InvalidInput`,
    `UnknownMemory`, `StoreUnavailable`; a retry is safe.
    """
    review, action = (Review.VOUCHED, GuardAction.VOUCHED) if vouch else (Review.RELEASED, GuardAction.RELEASED)

    def change(transaction: LedgerTransaction, key: RowKey, record: MemoryRecord, marks: Marks) -> bool:
        quarantined = record.status is Status.QUARANTINED
        if not quarantined and (not vouch or marks.review is Review.VOUCHED):
            return False
        if quarantined:
            status = _status_before(transaction, record)
            transaction.set_status(
                key, status, action=Action.RELEASED, at=backends.clock.now(), origin=origin, detail=_detail(reason)
            )
            if status is Status.ACTIVE and record.superseded_by is None:
                mark_return(transaction, backends.guard.policy, key, record)
                link_twins(transaction, key, record)
        return True

    return _decide(backends, ids, change, review, action, origin=origin, reason=reason, namespace=namespace)


def _status_before(transaction: LedgerTransaction, record: MemoryRecord) -> Status:
    """What a memory in quarantine was before: nothing archives it there, or brings it back from the archive."""
    told = [event.action for event in transaction.events([record.id]) if event.action in _ARCHIVING]
    return Status.ARCHIVED if told and told[-1] is Action.ARCHIVED else Status.ACTIVE


def reject(
    backends: Backends, ids: Iterable[object], *, origin: Origin, reason: str | None = None,
    namespace: Namespace | None = None,
) -> tuple[MemoryId, ...]:  # fmt: skip
    """Keep memories out of recall for good, all or none, also those that were let in. `release` undoes it."""

    def change(transaction: LedgerTransaction, key: RowKey, record: MemoryRecord, marks: Marks) -> bool:
        if record.status is Status.QUARANTINED and marks.review is Review.REJECTED:
            return False
        transaction.set_status(
            key, Status.QUARANTINED, action=Action.REJECTED, at=backends.clock.now(), origin=origin,
            detail=_detail(reason),
        )  # fmt: skip
        return True

    return _decide(
        backends, ids, change, Review.REJECTED, GuardAction.REJECTED, origin=origin, reason=reason, namespace=namespace
    )


def _decide(
    backends: Backends, ids: Iterable[object],
    change: Callable[[LedgerTransaction, RowKey, MemoryRecord, Marks], bool], review: Review, action: GuardAction, *,
    origin: Origin, reason: str | None, namespace: Namespace | None,
) -> tuple[MemoryId, ...]:  # fmt: skip
    wanted = check_ids(ids, name="ids", limit=10_000)
    if not wanted:
        raise InvalidInput("No ids were given.", hint="Name at least one memory.")
    origin, why = check_origin(origin), check_label(reason, name="reason")
    policy = backends.guard.policy
    changed: list[MemoryId] = []
    with backends.ledger.transaction() as transaction:
        at = backends.clock.now()
        for key, record in require(transaction, wanted, namespace=namespace).values():
            marks = transaction.marks([key])[key]
            if not change(transaction, key, record, marks):
                continue
            transaction.put_marks(key, replace(marks, review=review), at=at)
            transaction.append_audit(
                AuditEntry(
                    number=0, at=at, namespace=record.namespace, action=action, memory_id=record.id, origin=origin,
                    policy=policy.name, detail=_detail(why),
                )
            )  # fmt: skip
            changed.append(record.id)
    return tuple(changed)


def lessons(backends: Backends, *, namespace: Namespace) -> tuple[Lesson, ...]:
    """All lessons of a namespace, oldest first."""
    with backends.ledger.snapshot() as snapshot:
        return tuple(snapshot.lessons(namespace))


def set_lesson(
    backends: Backends, id: str, *, heeded: bool, origin: Origin, reason: str | None = None, namespace: Namespace
) -> Lesson:
    """Release a lesson, so that it is no longer heeded, or take it up again. Raises `UnknownMemory`."""
    origin, why = check_origin(origin), check_label(reason, name="reason")
    with backends.ledger.transaction() as transaction:
        found = next((lesson for lesson in transaction.lessons(namespace) if lesson.id == id), None)
        if found is None:
            raise UnknownMemory(
                f"There is no lesson {str(id)[:40]} in this namespace.", hint="List them: `mnemic guard lessons`."
            )
        changed = replace(found, status=LessonStatus.ACTIVE if heeded else LessonStatus.RELEASED)
        if changed.status is not found.status:
            at = backends.clock.now()
            transaction.replace_lesson(changed)
            action = GuardAction.LESSON_LEARNT if heeded else GuardAction.LESSON_RELEASED
            transaction.append_audit(
                AuditEntry(
                    number=0, at=at, namespace=namespace, action=action, memory_id=found.source, origin=origin,
                    policy=backends.guard.policy.name, detail={"lesson": found.id, **_detail(why)},
                )
            )  # fmt: skip
        return changed


def audit(
    backends: Backends, *, namespace: Namespace | None, memory: object = None, limit: int = 100, before: int = 0
) -> tuple[AuditEntry, ...]:
    """The guard's log, latest first."""
    check_count(limit, name="limit", low=1, high=_MAX_LISTED)
    check_count(before, name="before", low=0, high=2**53)
    about = None if memory is None else check_id(memory)
    with backends.ledger.snapshot() as snapshot:
        return tuple(snapshot.audit(namespace=namespace, memory=about, limit=limit, before=before))


def screen_missing(backends: Backends, *, stopped: Callable[[], bool] = lambda: False) -> int:
    """Screen what no rule has looked at yet, such as memories of an older version, in small transactions. How many.

    What the policy withholds goes into quarantine, as if it were written now. Safe to interrupt and to run in several
    processes at once.
    """
    done = 0
    policy = backends.guard.policy
    while not stopped() and policy.write.enabled:
        with backends.ledger.snapshot() as snapshot:
            entries = snapshot.unscreened(limit=_BATCH)
        if not entries:
            break
        found = [(key, record, backends.guard.examine(policy, record)) for key, record in entries]
        with backends.ledger.transaction() as transaction:
            _keep_screened(transaction, backends, found)
        done += len(entries)
    return done


def _keep_screened(
    transaction: LedgerTransaction, backends: Backends, found: Sequence[tuple[RowKey, MemoryRecord, Marks]]
) -> None:
    policy = backends.guard.policy
    here = transaction.marks([key for key, _, _ in found])
    for key, record, marks in found:
        before = here.get(key)
        if before is None or before.screened is not Screened.NOT:
            continue  # erased, or another process was faster
        keep_marks(
            transaction, backends, policy, key, record, replace(inherit(marks, before.taints), review=before.review)
        )


def keep_marks(
    transaction: LedgerTransaction, backends: Backends, policy: Policy, key: RowKey, record: MemoryRecord, marks: Marks
) -> None:
    """Keep what was found in a text that is stored already, and withhold it if the policy says so and nobody decided."""
    at = backends.clock.now()
    sources = tainting(record, marks)
    found = transaction.find(sources).values() if sources else ()
    near = transaction.marks([other for other, source in found if source.namespace == record.namespace])
    marks = inherit(marks, *(passed_on(parent) for parent in near.values()))
    verdict = backends.guard.judge(policy, marks)
    # By when it was written: what comes in by an import today is no flood of today.
    transaction.put_marks(key, marks, at=record.recorded_at)
    withheld = verdict.enforced and verdict.decision.strictness >= Decision.QUARANTINE.strictness
    if withheld and record.status is Status.ACTIVE and marks.review is None:
        transaction.set_status(
            key, Status.QUARANTINED, action=Action.QUARANTINED, at=at, origin=record.origin,
            detail={"rules": sorted({judged.finding.rule for judged in verdict.judged})},
        )  # fmt: skip
        transaction.append_audit(audit_entry(record, verdict, GuardAction.QUARANTINED, at=at))


def _detail(reason: str | None) -> dict[str, Any]:
    return {"reason": reason} if reason else {}
