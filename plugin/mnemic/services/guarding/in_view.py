"""What a writer had in view when it wrote, and whether that is where its text comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mnemic.domain.marks import Marks, Review, Taint
from mnemic.domain.memory import MemoryId, MemoryRecord, Status
from mnemic.domain.text import shape_words
from mnemic.domain.verdict import Finding
from mnemic.guard.guard import class_in, path_in
from mnemic.guard.paths import START, distance
from mnemic.guard.policy import OriginClass, Policy
from mnemic.protocols import DELIVERY_WINDOW, LedgerTransaction
from mnemic.services.backends import Backends, require

LAUNDERING = "laundering"
"""The rule that doubtful words do not become trusted ones by being written again."""

# So much of a text's words come from what its writer had before it: it was concluded from that.
_CONCLUDED_SHARE = 0.5
_CONCLUDED_PART = 0.2
_VALUES_READ = 16_000
_VALUE = re.compile(
    r"[\w.+-]{1,64}@[\w.-]{3,100}|https?://[^\s\"'<>)]{3,200}|(?<!\w)[~.]{0,2}(?:/[\w.-]{1,60}){2,12}"
    r"|\b(?=[A-Z0-9 ]{0,40}\d{4})[A-Z]{0,2}\d{2,8}(?:[ -]?\d{2,8}){1,7}\b|\b\d{4,20}\b"
)
_CALL = re.compile(r"\b[A-Za-z_]\w{2,60}(?=\()")
_MOST_EXPOSURES = 50


def contexts_of(
    backends: Backends, *, connection: str | None, session: str | None, task: str | None
) -> tuple[str, ...]:
    """The contexts of what somebody with this connection, session and task was shown, and this process.

    What this process delivered without knowing to whom (`compose`) was seen by whoever it serves.
    """
    named = context_keys(backends, connection=connection, session=session, task=task)
    return tuple(dict.fromkeys([*named, f"connection {backends.process_id}"]))


def _contexts_of(backends: Backends, record: MemoryRecord) -> tuple[str, ...]:
    """The contexts from which a memory may have been written."""
    origin = record.origin
    return contexts_of(backends, connection=origin.connection, session=record.session, task=origin.task)


def context_keys(
    backends: Backends, *, connection: str | None, session: str | None, task: str | None
) -> tuple[str, ...]:
    """Names of the contexts into which something is delivered, the same in every process but for the one that stands for
    this process where the connection is not known. Two callers may name their sessions alike.
    """
    own = f"{backends.caller}/" if backends.caller else ""
    named = [f"connection {connection or backends.process_id}"]
    named += [f"{own}{what} {name}" for what, name in (("session", session), ("task", task)) if name]
    return tuple(named)


def follows_doubtful(
    transaction: LedgerTransaction, backends: Backends, policy: Policy, record: MemoryRecord, marks: Marks,
    context: Sequence[MemoryId],
) -> list[Finding]:  # fmt: skip
    """An outcome that was produced while a doubtful memory was in view, and that does what it says, is no precedent.

    ``context``: what its writer names as seen. Raises `UnknownMemory`.
    """
    if class_in(policy, marks) is OriginClass.USER:
        return []
    since = record.recorded_at - DELIVERY_WINDOW
    keys = [key for name in _contexts_of(backends, record) for key, _ in transaction.exposures(name, since=since)]
    named = require(transaction, context, namespace=record.namespace)
    if not keys and not named:
        return []
    found = transaction.marks([key for key, _ in named.values()])
    keys += [
        key for key, other in named.values()
        if other.status is Status.QUARANTINED or class_in(policy, found[key]) is OriginClass.UNTRUSTED
    ]  # fmt: skip
    keys = list(dict.fromkeys(keys))[:_MOST_EXPOSURES]
    exposed = transaction.records(keys)
    marks_of = transaction.marks(keys)
    for key, other in exposed.items():
        if other.namespace == record.namespace and _follows(policy, record, marks, other, marks_of[key]):
            reason = f"it was written while {other.id}, which is doubtful, was in view, and follows it"
            return [Finding(rule=LAUNDERING, reason=reason)]
    return []


def _follows(policy: Policy, record: MemoryRecord, marks: Marks, other: MemoryRecord, marks_of_other: Marks) -> bool:
    """Whether a text does or says what another does or says.

    An effect in common is not enough: then whoever plants a page about deleting would keep every honest procedure from
    being stored. Its steps have to be the same, or done to the same things.
    """
    mine, theirs = path_in(marks), path_in(marks_of_other)
    if mine is not None and theirs is not None and mine.effects & theirs.effects:
        done_to = {edge for edge in mine.edges & theirs.edges if edge not in mine.typed_edges and START not in edge}
        if done_to or distance(mine, theirs) <= policy.recall.consensus.eps:
            return True
    return _share(record, other) >= _CONCLUDED_SHARE


def _share(record: MemoryRecord, other: MemoryRecord) -> float:
    words = shape_words(record.text)
    return len(words & shape_words(other.text)) / len(words) if words else 0.0


def _values(text: str) -> frozenset[str]:
    """What a text can hardly have in common with another by chance: addresses, paths, long numbers."""
    return frozenset(match.group().casefold().rstrip(".,") for match in _VALUE.finditer(text[:_VALUES_READ]))


def _calls_as(calls: frozenset[str], other: str) -> bool:
    """Whether at least half of these calls are in another text: one in common is the vocabulary of their trade."""
    return bool(calls) and len(calls & frozenset(_CALL.findall(other[:_VALUES_READ]))) >= len(calls) / 2


def knowing_deliveries(backends: Backends, policy: Policy, written: Iterable[tuple[MemoryRecord, Marks]]) -> Backends:
    """`Backends` for one call that stores what was ``written``, for which it is known already what its writers were given.

    With a database that is asked by a connection of its own. A transaction that did so would keep the turn until it gets
    one, while those who wait for the turn hold theirs.
    """
    batch = backends.for_batch()
    if policy.write.enabled:
        for record, marks in written:
            if class_in(policy, marks) is not OriginClass.USER:
                batch.deliveries.recent(_contexts_of(backends, record), now=record.recorded_at)
    return batch


def concluded_from(
    transaction: LedgerTransaction, backends: Backends, policy: Policy, record: MemoryRecord, marks: Marks,
    context: Sequence[MemoryId],
) -> tuple[Taint, ...]:  # fmt: skip
    """Taints of what the writer had before it, and whose words, addresses, paths, names of calls or long numbers come back
    here: untrusted memories that this process delivered into the same context, and what the writer names itself in
    ``context``. Raises `UnknownMemory`.
    """
    if class_in(policy, marks) is OriginClass.USER:
        return ()
    keys = list(backends.deliveries.recent(_contexts_of(backends, record), now=record.recorded_at))
    keys += [key for key, _ in require(transaction, context, namespace=record.namespace).values()]
    if not keys:
        return ()
    values, calls = _values(record.text), frozenset(_CALL.findall(record.text[:_VALUES_READ]))
    words = shape_words(record.text)
    near, from_several, met = [], [], set[str]()
    for key, other in transaction.records(keys).items():
        share = _share(record, other)
        if share >= _CONCLUDED_SHARE or not values.isdisjoint(_values(other.text)) or _calls_as(calls, other.text):
            near.append(key)
        elif share >= _CONCLUDED_PART:
            from_several.append(key)
            met |= words & shape_words(other.text)
    if words and len(met) / len(words) >= _CONCLUDED_SHARE:
        near += from_several  # a summary of several takes a little of each
    return tuple(taint for found in transaction.marks(near).values() for taint in passed_on(found))


def passed_on(marks: Marks) -> tuple[Taint, ...]:
    """The taints that a memory hands to what is drawn from it: none where somebody has vouched for it."""
    return () if marks.review is Review.VOUCHED else marks.taints
