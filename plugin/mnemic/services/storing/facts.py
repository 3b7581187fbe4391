"""Facts that change: a new value takes the place of the old one, the same is counted, what has no winner is marked.

Nothing is lost by it: a superseded memory keeps its text and answers for its own time, a repetition's wording is kept in the
history, and `reinstate` undoes what was wrong. Mem0 gave up updating because its updates and deletes lost the new text or
the old (mem0ai/mem0 pull requests 4805 and 4580, issue 1674).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mnemic.domain.drafting import check_origin
from mnemic.domain.facts import Fact, read_fact
from mnemic.domain.marks import Marks
from mnemic.domain.memory import Action, Kind, Link, MemoryId, MemoryRecord, Namespace, Relation, RowKey, Status
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.text import fingerprint
from mnemic.domain.validation import check_ids, check_label, check_moment
from mnemic.errors import InvalidInput
from mnemic.guard.guard import class_in
from mnemic.guard.policy import OriginClass, Policy, class_of
from mnemic.protocols import HeldFact, LedgerSnapshot, LedgerTransaction
from mnemic.services.backends import Backends, require
from mnemic.services.storing.twins import link_twins

# What contradicts each other without end is looked at in part: a newcomer need not read a flood.
_MOST_CURRENT = 32
_MOST_STRANGERS = 8
_MOST_DISPUTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How a new fact stands to those that are there.

    ``same``: the memory that says the same and is to be counted instead. ``replaced``: those whose place it takes, the
    latest last. ``successor``: it came late, and this one holds since later. ``disputed``: those that say otherwise and
    stay.
    """

    fact: Fact
    place: int
    lane: int
    same: HeldFact | None = None
    replaced: tuple[HeldFact, ...] = ()
    successor: HeldFact | None = None
    disputed: tuple[HeldFact, ...] = ()


def fact_in(record: MemoryRecord) -> Fact | None:
    """The fact that can be read in a memory: only in what is semantic and no guide. What somebody said is an event."""
    if record.kind is not Kind.SEMANTIC or record.when_to_use is not None:
        return None
    return read_fact(record.text, speaker=_who_speaks(record))


def about(fact: Fact | None) -> str:
    """The words of a fact by which its memory is found besides its text: "8080" does not say whose port it is."""
    return f"{fact.subject} {fact.attribute}" if fact is not None and fact.explicit else ""


def settle(
    transaction: LedgerSnapshot, policy: Policy, draft: MemoryRecord, marks: Marks, fact: Fact, *, withheld: bool
) -> Settlement:
    """How ``draft`` stands to what is remembered of the same attribute. What is ``withheld`` changes nothing."""
    place, lane = fact.place(draft.namespace), lane_of(policy, marks)
    alone = Settlement(fact=fact, place=place, lane=lane)
    if withheld:
        return alone
    places = fact.places(draft.namespace)
    current = [held for held in _current(transaction, places, lane=lane) if _fits(held, draft, fact)]
    others = _current(transaction, places, lane=0) if lane else []
    if not lane and transaction.has_untrusted():
        others += _strangers(transaction, places)
    if not current and not others:
        return alone
    marks_of = transaction.marks([held.key for held in current])
    same: list[HeldFact] = []
    replaced: list[HeldFact] = []
    disputed = [held for held in others if _fits(held, draft, fact) and _differ(fact, held.fact)]
    later = [held for held in current if _order(draft, held.record) < 0]
    for held in current:
        order = _order(draft, held.record)
        if order >= 0 and held.fact.same_value(fact):
            same.append(held)
        elif order < 0 or not _differ(fact, held.fact):
            continue  # "no longer in Porto" says nothing against Lisbon
        elif order > 0 and _may_replace(transaction, policy, draft, marks, held, marks_of[held.key]):
            replaced.append(held)
        else:
            disputed.append(held)
    if later:
        return _settle_late(transaction, policy, draft, marks, alone, replaced, disputed)
    if same and not replaced:
        # What agrees with one side of a dispute adds to that side and settles nothing.
        return replace(alone, same=same[0])
    # It speaks up again after somebody else said otherwise: from now on it holds anew.
    replaced += [held for held in same if _may_replace(transaction, policy, draft, marks, held, marks_of[held.key])]
    replaced.sort(key=lambda held: (held.record.valid_from, held.key))
    return replace(alone, replaced=tuple(replaced), disputed=tuple(disputed[:_MOST_DISPUTES]))


def _settle_late(
    transaction: LedgerSnapshot, policy: Policy, draft: MemoryRecord, marks: Marks, alone: Settlement,
    replaced: list[HeldFact], disputed: list[HeldFact],
) -> Settlement:  # fmt: skip
    """What was true earlier and becomes known now takes its place in the history, between those before and after it."""
    before, successor = _around(transaction, draft, alone)
    if before is not None and _held_at(before.record, draft):
        if before.fact.same_value(alone.fact) and not replaced:
            return replace(alone, same=before)
        others = transaction.marks([before.key])[before.key]
        if not _differ(alone.fact, before.fact):
            pass  # "no longer in Porto" says nothing against Lisbon when it is told late, either
        elif _may_replace(transaction, policy, draft, marks, before, others):
            replaced.append(before)
        else:
            disputed.append(before)
    replaced.sort(key=lambda held: (held.record.valid_from, held.key))
    return replace(alone, replaced=tuple(replaced), successor=successor, disputed=tuple(disputed[:_MOST_DISPUTES]))


def apply_settlement(
    transaction: LedgerTransaction, settlement: Settlement, key: RowKey, draft: MemoryRecord, *, named: MemoryId | None
) -> None:
    """Carry out what `settle` found, once ``draft`` is stored: ends, places in the history, marks of contradiction.

    What its writer ``named`` as superseded has been superseded already.
    """
    fact, at, origin = settlement.fact, draft.recorded_at, draft.origin
    transaction.put_fact(key, fact, place=settlement.place, lane=settlement.lane)
    about = {"fact": fact.slot()} | ({"from": fact.previous} if fact.previous else {})
    for held in settlement.replaced:
        if held.record.id == named:
            continue
        valid_to = max(held.record.valid_from, draft.valid_from)
        transaction.supersede(held.key, by=draft.id, at=at, valid_to=valid_to, origin=origin, detail=about)
    if settlement.successor is not None:
        after = settlement.successor.record
        transaction.supersede(key, by=after.id, at=at, valid_to=after.valid_from, origin=origin, detail=about)
    for held in settlement.disputed:
        if held.record.id == named:
            continue
        transaction.link(Link(source=draft.id, target=held.record.id, relation=Relation.CONTRADICTS))


def mark_return(
    transaction: LedgerTransaction, policy: Policy, key: RowKey, record: MemoryRecord, *, since: datetime | None = None
) -> tuple[MemoryId, ...]:
    """Mark what is in recall again as contradicting what took its place meanwhile; the ids of that.

    ``since``: nothing that was written before is marked.
    """
    fact = transaction.facts([key]).get(key)
    if fact is None:
        return ()
    places, lane = fact.places(record.namespace), lane_of(policy, transaction.marks([key])[key])
    found = _current(transaction, places, lane=0, limit=_MOST_DISPUTES)
    if lane:
        found += _current(transaction, places, lane=lane, limit=_MOST_DISPUTES)
    else:
        found += _strangers(transaction, places)
    others = [held for held in found if held.key != key and _fits(held, record, fact) and _differ(fact, held.fact)]
    others = [held for held in others if since is None or held.record.recorded_at >= since]
    for held in others:
        transaction.link(Link(source=record.id, target=held.record.id, relation=Relation.CONTRADICTS))
    return tuple(held.record.id for held in others)


def reinstate(
    backends: Backends, ids: Iterable[object], *, origin: Origin, reason: str | None = None,
    namespace: Namespace | None = None,
) -> tuple[MemoryId, ...]:  # fmt: skip
    """Make superseded memories current again, all or none; those that are current are left as they are.

    What had taken their place stays as well, and both are marked as contradicting each other until one of them is archived
    or superseded. Returns the ids that changed. Raises `InvalidInput` also for what is superseded and out of recall besides,
    `UnknownMemory`, `StoreUnavailable`; a retry is safe.
    """
    wanted = check_ids(ids, name="ids", limit=10_000)
    if not wanted:
        raise InvalidInput("No ids were given.", hint="Name at least one memory.")
    origin, why = check_origin(origin), check_label(reason, name="reason")
    with backends.ledger.transaction() as transaction:
        return reinstate_in(transaction, backends, wanted, origin=origin, why=why, namespace=namespace)


def reinstate_in(
    transaction: LedgerTransaction, backends: Backends, wanted: Sequence[MemoryId], *, origin: Origin, why: str | None,
    namespace: Namespace | None,
) -> tuple[MemoryId, ...]:  # fmt: skip
    """`reinstate` within a transaction of its caller, of what has been checked."""
    changed: list[MemoryId] = []
    for key, record in require(transaction, wanted, namespace=namespace).values():
        if record.superseded_by is None:
            continue
        if record.status in (Status.ARCHIVED, Status.QUARANTINED):
            archived = record.status is Status.ARCHIVED
            hint = "`bring_back` restores and reinstates it." if archived else "Release it first."
            raise InvalidInput(f"{record.id} is {record.status}; to reinstate it would not show it.", hint=hint)
        detail = {"reason": why} if why else {}
        transaction.reinstate(key, at=backends.clock.now(), origin=origin, detail=detail)
        mark_return(transaction, backends.guard.policy, key, record)
        link_twins(transaction, key, record)
        successor = transaction.find([record.superseded_by]).get(record.superseded_by)
        # What was superseded by hand has no fact that would tell.
        if successor is not None and not _agree(transaction, key, successor[0]):
            transaction.link(Link(source=record.id, target=record.superseded_by, relation=Relation.CONTRADICTS))
        changed.append(record.id)
    return tuple(changed)


def lane_of(policy: Policy, marks: Marks) -> int:
    """0 for trusted words; else a number for the one stranger they are from. Facts displace only those of their own lane."""
    if class_in(policy, marks) is not OriginClass.UNTRUSTED:
        return 0
    return marks.source or fingerprint("drawn from strangers")


def _who_speaks(record: MemoryRecord) -> str | None:
    """Who "I" is. An agent that writes "I" may mean itself or its user: then nobody."""
    if record.speaker is not None:
        return record.speaker
    own = record.origin.channel is Channel.USER and not record.origin.claimed
    return (record.origin.actor or "user") if own else None


def _current(
    snapshot: LedgerSnapshot, places: Sequence[int], *, lane: int, limit: int = _MOST_CURRENT
) -> list[HeldFact]:  # fmt: skip
    return [held for place in places for held in snapshot.current_facts(place, lane=lane, limit=limit)]


def _strangers(snapshot: LedgerSnapshot, places: Sequence[int]) -> list[HeldFact]:
    return [held for place in places for held in snapshot.strangers_facts(place, limit=_MOST_STRANGERS)]


def _around(
    snapshot: LedgerSnapshot, draft: MemoryRecord, alone: Settlement
) -> tuple[HeldFact | None, HeldFact | None]:  # fmt: skip
    """The facts of the slot that begin last before ``draft``, and first after it."""
    places, lane, moment = alone.fact.places(draft.namespace), alone.lane, draft.valid_from
    before = [snapshot.fact_before(place, moment, lane=lane) for place in places]
    after = [snapshot.fact_after(place, moment, lane=lane) for place in places]
    earlier, later = (
        [held for held in found if held is not None and _fits(held, draft, alone.fact)] for found in (before, after)
    )
    return (
        max(earlier, key=lambda held: (held.record.valid_from, held.key), default=None),
        min(later, key=lambda held: (held.record.valid_from, held.key), default=None),
    )


def _fits(held: HeldFact, record: MemoryRecord, fact: Fact) -> bool:
    """Whether two facts are of one slot of one namespace indeed: the place is only a hash of both, or an older one's."""
    return held.record.namespace == record.namespace and held.fact.slot() == fact.slot()


def _differ(fact: Fact, other: Fact) -> bool:
    """Whether both cannot be so at once."""
    if fact.positive and other.positive:
        return not fact.same_value(other)
    return fact.denies(other) or (fact.positive and not other.positive)


def _order(draft: MemoryRecord, other: MemoryRecord) -> int:
    """1 when ``draft`` holds since later than ``other``, -1 since earlier; 0 when nothing orders them.

    Of the same moment, what is learnt later is the correction. Of two that hold since they were said, the one said now is
    the later, though a clock may have been set back between.
    """
    undated = draft.valid_from == draft.recorded_at and other.valid_from == other.recorded_at
    if draft.valid_from == other.valid_from or undated:
        return int(draft.recorded_at != other.recorded_at)
    return 1 if draft.valid_from > other.valid_from else -1


def _held_at(earlier: MemoryRecord, draft: MemoryRecord) -> bool:
    return earlier.valid_to is None or earlier.valid_to > draft.valid_from


def _may_replace(
    snapshot: LedgerSnapshot, policy: Policy, draft: MemoryRecord, marks: Marks, held: HeldFact, theirs: Marks
) -> bool:
    """Whether trust allows it. Nobody takes the place of what the user said but the user, and the agent speaking for itself.

    An agent writes down what its user tells it, so it may; whoever claims to be the user, and files, may not.
    """
    if _confirmed_after(snapshot, held.record, draft):
        return False
    mine, other = class_in(policy, marks), class_in(policy, theirs)
    if OriginClass.UNTRUSTED in (mine, other):
        return mine is other
    if mine is OriginClass.USER or (
        other is OriginClass.AGENT and not _confirmed_by_user(snapshot, policy, held.record)
    ):
        return True
    return all(taint.channel is Channel.AGENT for taint in marks.taints) and draft.origin.channel is Channel.AGENT


def _confirmed_after(snapshot: LedgerSnapshot, record: MemoryRecord, draft: MemoryRecord) -> bool:
    """Whether a memory was said to hold at a later moment than ``draft`` begins: then time does not tell who is right."""
    if not record.confirmations:
        return False
    said = [event for event in snapshot.events([record.id]) if event.action is Action.CONFIRMED]
    moments = [check_moment(event.detail.get("valid_from"), name="valid_from") or event.at for event in said]
    return any(moment > draft.valid_from for moment in moments)


def _confirmed_by_user(snapshot: LedgerSnapshot, policy: Policy, record: MemoryRecord) -> bool:
    return record.confirmations > 0 and any(
        event.action is Action.CONFIRMED and class_of(policy, event.origin) is OriginClass.USER
        for event in snapshot.events([record.id])
    )


def _agree(snapshot: LedgerSnapshot, key: RowKey, other: RowKey) -> bool:
    facts = snapshot.facts([key, other])
    return len(facts) == 2 and facts[key].same_value(facts[other])


def keep_facts(
    transaction: LedgerTransaction, policy: Policy, entries: Sequence[tuple[RowKey, MemoryRecord, Fact]]
) -> None:
    """Keep facts of memories that are stored already, as they stand: nothing is superseded."""
    marks = transaction.marks([key for key, _, _ in entries])
    for key, record, fact in entries:
        transaction.put_fact(key, fact, place=fact.place(record.namespace), lane=lane_of(policy, marks[key]))
