"""What a recall leaves behind: which doubtful memories went where, what was learnt, what was rejected once too often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mnemic.domain.lesson import Lesson
from mnemic.domain.marks import AuditEntry, GuardAction
from mnemic.domain.memory import Action, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import Hit
from mnemic.domain.text import fingerprint
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerTransaction
from mnemic.services.backends import Backends, log
from mnemic.services.guarding.in_view import context_keys
from mnemic.services.guarding.standing import Vetted
from mnemic.services.guarding.vetting import Vetting

# Whether a memory was delivered a minute or an hour ago changes nothing: a note that young is not written again.
_RENEW_AFTER = timedelta(minutes=20)
# An answer does not wait for another process's long write.
_PATIENCE_SECONDS = 0.25
# Only the last hour's deliveries are asked for. The clocks of several machines may differ.
_NOTED_FOR = timedelta(days=1)


def note_vetting(
    backends: Backends, policy: Policy, vettings: Sequence[Vetting], *, delivered: Sequence[Vetted], question: str,
    session: str | None, origin: Origin, now: datetime,
) -> None:  # fmt: skip
    """Keep what has to be known later. Almost always that is nothing, and then nothing is written.

    A recall does not fail because this cannot be kept: what was delivered carries its label all the same.
    """
    vetted = [one for vetting in vettings for one in vetting.vetted]
    contexts = context_keys(backends, connection=origin.connection, session=session, task=origin.task)
    untrusted = [one.key for one in delivered if not one.trusted]
    backends.deliveries.note(contexts, untrusted, now=now)
    backends.shown.note(contexts, [one.key for one in delivered], now=now)
    if not policy.enforced:
        return
    doubtful = [one.key for one in delivered if one.doubtful]
    # What a person has decided about stays as it is, and what is not active needs no quarantine: counting would never end.
    undecided = (one for one in vetted if one.marks.review is None and one.record.status is Status.ACTIVE)
    rejected = [one for one in undecided if one.rejected and policy.recall.lessons.counts_rejections]
    learnt = [lesson for vetting in vettings for lesson in vetting.learnt]
    heeded = tuple(dict.fromkeys(id for vetting in vettings for id in vetting.heeded))

    def further(transaction: LedgerTransaction) -> None:
        transaction.hit_lessons(heeded, at=now)
        for lesson in learnt:
            _learn(transaction, policy, lesson, origin, now)
        for one in rejected:
            _count_rejection(transaction, policy, one, question, origin, now)

    _keep(backends, contexts, doubtful, further if rejected or learnt or heeded else None, now=now)


def note_shown(
    backends: Backends, policy: Policy, read: Sequence[tuple[RowKey, Hit]], *, origin: Origin, now: datetime
) -> None:  # fmt: skip
    """Keep which memories somebody read by their ids: what is written afterwards may follow them, as after a recall."""
    contexts = context_keys(backends, connection=origin.connection, session=None, task=origin.task)
    known = [(key, hit.standing) for key, hit in read if hit.standing is not None]
    backends.deliveries.note(contexts, [key for key, standing in known if not standing.trusted], now=now)
    if policy.enforced:
        _keep(backends, contexts, [key for key, standing in known if standing.doubtful], now=now)


def _keep(
    backends: Backends, contexts: Sequence[str], doubtful: Sequence[RowKey],
    further: Callable[[LedgerTransaction], None] | None = None, *, now: datetime,
) -> None:  # fmt: skip
    """Keep which doubtful memories went where and what ``further`` writes, as far as there is anything to write."""
    with log.instead_of_failing("guard.not_noted"):
        unnoted = _not_yet_noted(backends, contexts, doubtful, now=now)
        if not unnoted and further is None:
            return
        with backends.ledger.transaction(patience_seconds=_PATIENCE_SECONDS) as transaction:
            for name in contexts:
                transaction.expose(name, unnoted, at=now)
            if further is not None:
                further(transaction)


def forget_exposures(backends: Backends) -> None:
    """Let go of notes of what was delivered where that nobody asks for any more. Raises `StoreUnavailable`."""
    with backends.ledger.transaction(patience_seconds=_PATIENCE_SECONDS) as transaction:
        transaction.forget_exposures(before=backends.clock.now() - _NOTED_FOR)


def _not_yet_noted(
    backends: Backends, contexts: Sequence[str], keys: Sequence[RowKey], *, now: datetime
) -> list[RowKey]:
    if not keys:
        return []
    with backends.ledger.snapshot() as snapshot:
        known = [{key for key, _ in snapshot.exposures(name, since=now - _RENEW_AFTER)} for name in contexts]
    return [key for key in keys if any(key not in noted for noted in known)]


def _learn(transaction: LedgerTransaction, policy: Policy, lesson: Lesson, origin: Origin, now: datetime) -> None:
    if not transaction.put_lesson(lesson):
        return
    transaction.append_audit(
        AuditEntry(
            number=0, at=now, namespace=lesson.namespace, action=GuardAction.LESSON_LEARNT, memory_id=lesson.source,
            origin=origin, policy=policy.name, detail={"lesson": lesson.id},
        )
    )  # fmt: skip


def _count_rejection(
    transaction: LedgerTransaction, policy: Policy, one: Vetted, question: str, origin: Origin, now: datetime
) -> None:
    """Rejected for several different questions: into quarantine, from where a person can release it."""
    transaction.reject(one.key, fingerprint(question), at=now)
    times = transaction.rejections(one.key)
    record = transaction.records([one.key]).get(one.key)
    if times < policy.recall.lessons.quarantine_after or record is None or record.status is not Status.ACTIVE:
        return
    detail = {"rules": {"consensus": "quarantine"}, "rejected_for": times}
    transaction.set_status(one.key, Status.QUARANTINED, action=Action.QUARANTINED, at=now, origin=origin, detail=detail)
    transaction.append_audit(
        AuditEntry(
            number=0, at=now, namespace=record.namespace, action=GuardAction.QUARANTINED, memory_id=record.id,
            origin=origin, policy=policy.name, detail=detail,
        )
    )  # fmt: skip
