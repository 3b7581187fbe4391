"""Whether and how a text is let into the memory: what the rules say of it, what it was drawn from, who wrote how much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mnemic.domain.learning.facets import MAX_TASK_CHARS
from mnemic.domain.marks import AuditEntry, GuardAction, Marks, Review, Taint
from mnemic.domain.memory import MemoryId, MemoryRecord, RowKey, Status
from mnemic.domain.provenance import Channel
from mnemic.domain.text import jaccard, numbers_in, shape_words
from mnemic.domain.verdict import Decision, Finding, Verdict
from mnemic.errors import GuardRefused
from mnemic.guard.guard import SECRET, SECRETS, class_in, inherit, path_in
from mnemic.guard.lessons import triggered
from mnemic.guard.policy import OriginClass, Policy, decide_rule
from mnemic.guard.screening import redact, screen
from mnemic.protocols import LedgerSnapshot, LedgerTransaction, Neighbour
from mnemic.services.backends import Backends, require
from mnemic.services.guarding.in_view import LAUNDERING, concluded_from, follows_doubtful, passed_on

FLOODING = "flooding"

# What is this much alike is a copy: the words of "Ana lives in Porto" and "Ana lives in Lisbon" share only half.
COPY_JACCARD = 0.8
_FLOOD_JACCARD = 0.9
_NEIGHBOURS_READ = 6
# A stranger's text must not be hidden behind newer copies of it.
_NEIGHBOURS_READ_AMONG_STRANGERS = 32


@dataclass(slots=True, kw_only=True)
class Arrival:
    """A text on its way in. ``redacted`` names what was taken out of it already; ``handed_in``: it is part of a file that a
    person takes in at once, which is many texts and no flood.
    """

    record: MemoryRecord
    marks: Marks
    verdict: Verdict
    redacted: tuple[str, ...] = ()
    context: tuple[MemoryId, ...] = ()
    handed_in: bool = False


Resembling = tuple[Neighbour, float]
"""A memory that says something similar, and the Jaccard overlap of the words of both, 0..1."""


def resembling(record: MemoryRecord, neighbours: Sequence[Neighbour]) -> list[Resembling]:
    """How much each neighbour resembles ``record``."""
    words = shape_words(record.text)
    return [(other, jaccard(words, shape_words(other.text))) for other in neighbours]


def read_resembling(snapshot: LedgerSnapshot, policy: Policy, record: MemoryRecord) -> list[Resembling]:
    """The memories with nearly the same words that admission and its caller compare ``record`` with."""
    limit, any_kind = _reach(snapshot, policy)
    return resembling(record, snapshot.neighbours(record, limit=limit, any_kind=any_kind))


def foresee(
    transaction: LedgerTransaction, policy: Policy, records: Sequence[MemoryRecord], *, places: Iterable[int]
) -> None:
    """Have read at once what `read_resembling`, `admit` and their callers will ask about ``records``."""
    limit, any_kind = _reach(transaction, policy)
    transaction.foresee(records, places=places, limit=limit, any_kind=any_kind)


def _reach(snapshot: LedgerSnapshot, policy: Policy) -> tuple[int, bool]:
    """How many neighbours are looked at, and whether those of any kind."""
    untrusted_about = policy.write.enabled and snapshot.has_untrusted()
    return _NEIGHBOURS_READ_AMONG_STRANGERS if untrusted_about else _NEIGHBOURS_READ, untrusted_about


def examine(
    backends: Backends, policy: Policy, drafts: Sequence[MemoryRecord], contexts: Sequence[tuple[MemoryId, ...]] = ()
) -> list[Arrival]:
    """What the rules say of each text by itself, before anything is locked. Raises `GuardRefused`."""
    arrivals = []
    for at, draft in enumerate(drafts):
        marks = backends.guard.examine(policy, draft)
        verdict = backends.guard.judge(policy, marks)
        redacted: tuple[str, ...] = ()
        if policy.enforced and any(judged.decision is Decision.REDACT for judged in verdict.judged):
            clean, redacted = backends.guard.redacted(policy, draft, verdict)
            if clean != draft:
                # The ranges of what was found belong to the old text.
                draft, before = clean, marks
                marks = backends.guard.examine(policy, draft)
                left = {found.rule for found in marks.findings}
                gone = tuple(replace(found, spans=()) for found in before.findings if found.rule not in left)
                marks = replace(marks, findings=(*marks.findings, *gone))
                verdict = backends.guard.judge(policy, marks)
        if policy.enforced and verdict.decision is Decision.BLOCK:
            raise refusal(draft, verdict)
        context = contexts[at] if contexts else ()
        arrivals.append(Arrival(record=draft, marks=marks, verdict=verdict, redacted=redacted, context=context))
    return arrivals


def without_secrets(policy: Policy, text: str, *, limit: int | None = MAX_TASK_CHARS) -> str:
    """A text that is kept beside memories, such as a task's, without the keys and passwords that a memory would not keep.

    What takes their places makes it no longer than ``limit`` characters, if any.
    """
    wanted = policy.enforced and policy.write.enabled
    if not wanted or decide_rule(policy, SECRET, OriginClass.AGENT) is Decision.ALLOW:
        return text
    return redact(text, screen(text, rules=SECRETS).findings, limit=limit)


def refusal(draft: MemoryRecord, verdict: Verdict) -> GuardRefused:
    """The error for a text that the policy blocks."""
    return GuardRefused(
        f"The policy {verdict.policy} refuses to store it: {'; '.join(verdict.reasons)}.",
        hint=f"Nothing was stored (origin {draft.origin.label()}). Leave out what the reason names, or change the policy.",
        verdict=verdict,
        refused=draft,
    )


def admit(
    transaction: LedgerTransaction, backends: Backends, policy: Policy, arrival: Arrival,
    neighbours: Sequence[Resembling],
) -> Arrival:  # fmt: skip
    """The arrival with what only the ledger knows: taints of its sources, floods, what its writer had seen.

    Raises `GuardRefused`, `UnknownMemory` (context).
    """
    if not policy.write.enabled:
        return arrival
    marks = _with_taints(transaction, arrival, neighbours)
    further = [
        *_flooding(transaction, policy, arrival, neighbours),
        *follows_doubtful(transaction, backends, policy, arrival.record, marks, arrival.context),
    ]
    further += _lessons(transaction, policy, arrival, marks)
    displacing = _displacing(transaction, policy, arrival.record, marks)
    if displacing is not None:
        further.append(displacing)
    further += _copy_of_withheld(transaction, backends, policy, arrival, neighbours)
    exposed = concluded_from(transaction, backends, policy, arrival.record, arrival.marks, arrival.context)
    marks = inherit(marks, exposed)
    if marks.taints == arrival.marks.taints and not further:
        return arrival
    if (
        class_in(policy, marks) is OriginClass.UNTRUSTED
        and class_in(policy, arrival.marks) is not OriginClass.UNTRUSTED
    ):
        # Trusted words got a brief look; these turn out not to be.
        full = backends.guard.examine(policy, arrival.record, fully=True)
        marks = replace(full, taints=marks.taints, source=marks.source)
    marks = replace(marks, findings=(*marks.findings, *further))
    verdict = backends.guard.judge(policy, marks)
    if policy.enforced and verdict.decision is Decision.BLOCK:
        raise refusal(arrival.record, verdict)
    return replace(arrival, marks=marks, verdict=verdict)


def status_of(arrival: Arrival) -> Status:
    """How an arrival is held once it is stored."""
    verdict = arrival.verdict
    withheld = verdict.enforced and verdict.decision.strictness >= Decision.QUARANTINE.strictness
    return Status.QUARANTINED if withheld else arrival.record.status


def record_admission(transaction: LedgerTransaction, key: RowKey, arrival: Arrival, *, at: datetime) -> None:
    """Keep what was found, and write the log where something followed from it."""
    if not arrival.marks.unremarkable:
        transaction.put_marks(key, arrival.marks, at=at)
    verdict = arrival.verdict
    unchanged = verdict.decision is Decision.REDACT and verdict.enforced and not arrival.redacted
    if unchanged or (verdict.decision is Decision.ALLOW and not arrival.redacted):
        return
    if not verdict.enforced:
        action = GuardAction.WATCHED
    elif verdict.decision is Decision.QUARANTINE:
        action = GuardAction.QUARANTINED
    else:
        action = GuardAction.REDACTED
    transaction.append_audit(audit_entry(arrival.record, verdict, action, at=at))


def audit_entry(record: MemoryRecord, verdict: Verdict, action: GuardAction, *, at: datetime) -> AuditEntry:
    """An entry about a verdict: rules and decisions, no text."""
    rules = {judged.finding.rule: judged.decision.value for judged in verdict.judged}
    return AuditEntry(
        number=0, at=at, namespace=record.namespace, action=action, memory_id=record.id, origin=record.origin,
        policy=verdict.policy, detail={"decision": verdict.decision.value, "rules": rules},
    )  # fmt: skip


def tainting(record: MemoryRecord, marks: Marks) -> list[MemoryId]:
    """What a memory is drawn from: what it cites, and what it stands in for, unless that is a user's own correction."""
    replaced = record.supersedes
    if replaced is None or _is_users_word(record, marks):
        return [*record.evidence]
    return [*record.evidence, replaced]


def _is_users_word(record: MemoryRecord, marks: Marks) -> bool:
    return record.origin.channel is Channel.USER and marks.taints[0] == Taint(Channel.USER)


def _with_taints(transaction: LedgerTransaction, arrival: Arrival, neighbours: Sequence[Resembling]) -> Marks:
    """The marks with the taints of what it cites, what it stands in for and what it copies."""
    record, marks = arrival.record, arrival.marks
    keys = [key for key, _ in require(transaction, tainting(record, marks), namespace=record.namespace).values()]
    if not _is_users_word(record, marks):
        keys += [other.key for other in _copies(record, neighbours)]
    if not keys:
        return marks
    return inherit(marks, *(passed_on(found) for found in transaction.marks(keys).values()))


def _displacing(transaction: LedgerTransaction, policy: Policy, record: MemoryRecord, marks: Marks) -> Finding | None:
    """What a stranger wrote does not take the place of a trusted memory before somebody has looked at it."""
    if record.supersedes is None or class_in(policy, marks) is not OriginClass.UNTRUSTED:
        return None
    ((key, old),) = require(transaction, [record.supersedes], namespace=record.namespace).values()
    if class_in(policy, transaction.marks([key])[key]) is OriginClass.UNTRUSTED:
        return None
    return Finding(rule=LAUNDERING, reason=f"it would take the place of {old.id}, which is trusted")


def _copies(record: MemoryRecord, neighbours: Sequence[Resembling]) -> list[Neighbour]:
    """What says the same in the same words. Other numbers are another fact: floor 5 is not floor 3."""
    alike = [other for other, similarity in neighbours if similarity >= COPY_JACCARD]
    numbers = numbers_in(record.text) if alike else frozenset()
    return [other for other in alike if numbers_in(other.text) == numbers]


def _copy_of_withheld(
    transaction: LedgerSnapshot, backends: Backends, policy: Policy, arrival: Arrival,
    neighbours: Sequence[Resembling],
) -> list[Finding]:  # fmt: skip
    """A copy of what is in quarantine is not let in by another door; only the user's own word is.

    Where the rules withheld the first for its words, they judge the copy's words, which are tainted: a stranger who hides
    something in the words of others does not take those away.
    """
    withheld = [other for other in _copies(arrival.record, neighbours) if other.status is Status.QUARANTINED]
    if not withheld or class_in(policy, arrival.marks) is OriginClass.USER:
        return []
    marks = transaction.marks([other.key for other in withheld])
    for other in withheld:
        found = marks[other.key]
        words = replace(found, findings=tuple(one for one in found.findings if one.rule not in (LAUNDERING, FLOODING)))
        for_its_words = backends.guard.judge(policy, words).decision.strictness >= Decision.QUARANTINE.strictness
        if found.review is Review.REJECTED or not for_its_words:
            return [Finding(rule=LAUNDERING, reason=f"it says the same as {other.id}, which is in quarantine")]
    return []


def _flooding(
    transaction: LedgerSnapshot, policy: Policy, arrival: Arrival, neighbours: Sequence[Resembling]
) -> list[Finding]:
    limits = policy.write.flooding
    source = arrival.marks.source
    if not source or arrival.handed_in:
        return []
    since = arrival.record.recorded_at - timedelta(minutes=limits.window_minutes)
    written = transaction.written_by(source, since=since)
    if written >= limits.max_untrusted:
        reason = f"its origin has stored {written} memories within {limits.window_minutes} minutes"
        return [Finding(rule=FLOODING, reason=reason)]
    # What a tool reports about many things is alike in form: only the same words about the same numbers are a flood.
    numbers = numbers_in(arrival.record.text)
    close = [
        other for other, similarity in neighbours if similarity >= _FLOOD_JACCARD and numbers_in(other.text) == numbers
    ]
    if len(close) >= limits.max_alike:
        marks = transaction.marks([other.key for other in close])
        alike = sum(found.source == source for found in marks.values())
        if alike >= limits.max_alike:
            return [Finding(rule=FLOODING, reason=f"its origin has stored {alike} nearly identical memories")]
    return []


def _lessons(transaction: LedgerSnapshot, policy: Policy, arrival: Arrival, marks: Marks) -> list[Finding]:
    """What does as a rejected memory did does not become a precedent by being written down again."""
    path = path_in(marks)
    settings = policy.recall.lessons
    if path is None or not settings.enabled or class_in(policy, marks) is OriginClass.USER:
        return []
    allowed = set(policy.recall.effects.allow)
    if path.effects and path.effects <= allowed:
        return []
    record = arrival.record
    known = transaction.lessons(record.namespace)
    met = triggered(path, known, now=record.recorded_at, limit=1) if known else ()
    return [Finding(rule=LAUNDERING, reason=f"it does what {lesson.id} warns of") for lesson in met]
