"""Storing what is worth keeping: nothing twice, nothing lost, every origin kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from mnemic.domain.drafting import check_origin, draft_fact, draft_memory
from mnemic.domain.facts import Fact, make_fact
from mnemic.domain.marks import GuardAction
from mnemic.domain.memory import (
    Link,
    MemoryId,
    MemoryRecord,
    Namespace,
    NearDuplicate,
    NewMemory,
    Outcome,
    Relation,
    Remembered,
    RowKey,
    Status,
)
from mnemic.domain.provenance import Origin
from mnemic.domain.text import NEAR_DUPLICATE_JACCARD, indents, normalise, shape_words
from mnemic.domain.validation import MAX_BATCH, MAX_TAGS, check_ids
from mnemic.errors import GuardRefused, InvalidInput
from mnemic.guard.guard import class_in
from mnemic.guard.policy import OriginClass, Policy
from mnemic.protocols import LedgerTransaction
from mnemic.services.backends import Backends, require
from mnemic.services.guarding.admission import (
    Arrival,
    Resembling,
    admit,
    audit_entry,
    examine,
    foresee,
    read_resembling,
    record_admission,
    status_of,
)
from mnemic.services.guarding.in_view import knowing_deliveries
from mnemic.services.storing.embedding import EMBEDDED_AT_ONCE, Embedding
from mnemic.services.storing.facts import Settlement, about, apply_settlement, fact_in, settle
from mnemic.services.storing.passages import Cut, cut_records, keep_cut
from mnemic.services.storing.spelling import check_spellings

_MAX_NEAR_DUPLICATES = 3
_MAX_CONTEXT = 100
# Of a batch, so much is read ahead at once.
_MOST_FORESEEN = 500
_MOST_FORESEEN_LETTERS = 500_000
_UNVERIFIED = "[a stranger's text; recall shows it with what to know about it]"
_UNREAD = "[not shown: it takes the right to read]"
# "Yes, sure!" resembles every other "Sure!": too little to call a resemblance.
_MIN_SHAPE_WORDS = 3


_Entry = tuple[Arrival, bytes | None, Cut, Fact | None]
"""What is known of a memory before anything is locked: with its vector, its passages and its fact."""


def remember(
    backends: Backends, memories: Sequence[NewMemory | str], *, namespace: Namespace, origin: Origin,
    finish: Callable[[LedgerTransaction, Sequence[Remembered]], None] | None = None, handed_in: bool = False,
) -> tuple[Remembered, ...]:  # fmt: skip
    """Store all of ``memories`` in one transaction, or none. Receipts come in the same order.

    ``namespace`` and ``origin`` stand in where a memory names none. ``finish`` runs at the end of the same transaction.
    ``handed_in``: a person takes in a file, which is no flood however much it holds.
    Raises `InvalidInput`, `UnknownMemory` (evidence, context or superseded memory), `GuardRefused`, `StoreUnavailable`. A
    retry is safe: what was stored before is confirmed, not doubled.
    """
    if not memories:
        raise InvalidInput("There is nothing to remember.", hint="Give at least one text.")
    if len(memories) > MAX_BATCH:
        raise InvalidInput(
            f"There are {len(memories):,} memories at once; at most {MAX_BATCH:,} are allowed.",
            hint="Remember them in several calls.",
        )
    now = backends.clock.now()
    origin = check_origin(origin)
    drafts = [
        draft_memory(
            NewMemory(text=new) if isinstance(new, str) else new,
            id=backends.new_id(),
            namespace=namespace,
            origin=origin,
            recorded_at=now,
        )
        for new in memories
    ]
    contexts = [
        () if isinstance(new, str) else check_ids(new.context, name="context", limit=_MAX_CONTEXT) for new in memories
    ]
    given = [
        None if isinstance(new, str) else draft_fact(new, draft) for new, draft in zip(memories, drafts, strict=True)
    ]
    policy = backends.guard.policy
    try:
        arrivals: list[Arrival] = []
        facts: list[Fact | None] = []
        with Embedding(backends.embedder) as embedding:
            for start in range(0, len(drafts), EMBEDDED_AT_ONCE):
                part = slice(start, start + EMBEDDED_AT_ONCE)
                found = examine(backends, policy, drafts[part], contexts[part])
                # What was taken out of a text is not shown to the embedder.
                embedding.add([arrival.record for arrival in found])
                facts += [_fact_of(backends, *entry) for entry in zip(found, given[part], strict=True)]
                arrivals += found
            vectors = embedding.vectors()
        for arrival in arrivals:
            arrival.handed_in = handed_in
        cuts = cut_records(backends.embedder, [arrival.record for arrival in arrivals])
        batch_backends = knowing_deliveries(backends, policy, [(one.record, one.marks) for one in arrivals])
        with backends.ledger.transaction() as transaction:
            batch = frozenset(draft.id for draft in drafts)
            check_spellings(transaction, dict.fromkeys(draft.namespace for draft in drafts))
            receipts = tuple(
                _store(transaction, batch_backends, policy, *entry, batch=batch)
                for part in _batches(list(zip(arrivals, vectors, cuts, facts, strict=True)))
                for entry in _foreseen(transaction, policy, part)
            )
            if finish is not None:
                finish(transaction, receipts)
            return receipts
    except GuardRefused as refused:
        note_refusal(backends, refused)
        raise


def _batches(entries: Sequence[_Entry]) -> Iterator[Sequence[_Entry]]:
    """Parts of a batch about which everything may be read at once: what resembles long texts is long."""
    start = letters = 0
    for at, (arrival, *_) in enumerate(entries):
        letters += len(arrival.record.text)
        if at - start == _MOST_FORESEEN or letters > _MOST_FORESEEN_LETTERS:
            if at > start:
                yield entries[start:at]
            start, letters = at, len(arrival.record.text)
    yield entries[start:]


def _foreseen(transaction: LedgerTransaction, policy: Policy, entries: Sequence[_Entry]) -> Sequence[_Entry]:
    """The same entries, once what they need has been read; one alone asks for itself."""
    if len(entries) > 1:
        records = [arrival.record for arrival, *_ in entries]
        places = [
            fact.place(record.namespace)
            for record, (*_, fact) in zip(records, entries, strict=True) if fact is not None
        ]  # fmt: skip
        foresee(transaction, policy, records, places=places)
    return entries


def _fact_of(backends: Backends, arrival: Arrival, given: Fact | None) -> Fact | None:
    """What a text says of an attribute with one value; of the text as it is stored, without what was redacted."""
    if given is not None:
        return make_fact(given.subject, given.attribute, arrival.record.text)
    return fact_in(arrival.record) if backends.facts == "auto" else None


def _store(
    transaction: LedgerTransaction, backends: Backends, policy: Policy, arrival: Arrival, vector: bytes | None,
    cut: Cut, fact: Fact | None, *, batch: Collection[MemoryId],
) -> Remembered:  # fmt: skip
    draft = arrival.record
    require(transaction, draft.evidence, namespace=draft.namespace)
    neighbours = read_resembling(transaction, policy, draft)
    arrival = admit(transaction, backends, policy, arrival, neighbours)
    status = status_of(arrival)
    settlement = None
    if fact is not None:
        withheld = status is Status.QUARANTINED
        settlement = settle(transaction, policy, draft, arrival.marks, fact, withheld=withheld)
        if draft.supersedes is not None:
            # What the writer says about versions goes before what their times say.
            settlement = replace(settlement, same=None, successor=None)
    twin = _same_as(transaction, policy, arrival, settlement, withheld=status is Status.QUARANTINED)
    if twin is not None:
        dated = settlement is not None and draft.valid_from != draft.recorded_at
        said = {"valid_from": draft.valid_from.isoformat()} if dated else {}
        return replace(_confirm(transaction, policy, *twin, arrival, said), redacted=arrival.redacted)
    superseded = draft.supersedes
    if settlement is not None and settlement.replaced and superseded is None:
        superseded = settlement.replaced[-1].record.id
    held = draft
    if status is not draft.status or superseded is not draft.supersedes:
        held = replace(draft, status=status, supersedes=superseded)
    settled = () if settlement is None else tuple(one.record.id for one in (*settlement.replaced, *settlement.disputed))
    near = _near_duplicates(transaction, policy, held, neighbours, read=backends.shows_texts, but=settled)
    key = transaction.append(
        held,
        embedder_id=backends.embedder.id,
        vector=vector,
        screened=arrival.marks.screened,
        names_speaker=not arrival.marks.source and status is not Status.QUARANTINED,
        about=about(fact),
    )
    keep_cut(transaction, backends.embedder, key, cut)
    record_admission(transaction, key, arrival, at=draft.recorded_at)
    for other in near:
        transaction.link(
            Link(source=draft.id, target=other.id, relation=Relation.NEAR_DUPLICATE, score=round(other.similarity, 4))
        )
    for relation, ids in ((Relation.EVIDENCE, draft.evidence), (Relation.CONTEXT, arrival.context)):
        for id in ids:
            transaction.link(Link(source=draft.id, target=id, relation=relation))
    verdict = arrival.verdict if arrival.verdict.judged else None
    if draft.supersedes is not None and status is not Status.QUARANTINED:
        _supersede(transaction, draft.supersedes, draft, batch=batch)
    if settlement is not None:
        apply_settlement(transaction, settlement, key, held, named=draft.supersedes)
    if status is Status.QUARANTINED:
        # What is withheld takes nobody's place.
        return Remembered(id=draft.id, outcome=Outcome.QUARANTINED, verdict=verdict, redacted=arrival.redacted)
    return Remembered(
        id=draft.id, outcome=Outcome.STORED, superseded=superseded, near_duplicates=near, verdict=verdict,
        redacted=arrival.redacted,
        contradicts=() if settlement is None else tuple(one.record.id for one in settlement.disputed),
    )  # fmt: skip


def note_refusal(backends: Backends, error: GuardRefused) -> None:
    """What was refused leaves a line in the log and nothing else."""
    at = backends.clock.now()
    entry = audit_entry(error.refused, error.verdict, GuardAction.REFUSED, at=at)
    with backends.ledger.transaction() as transaction:
        transaction.append_audit(replace(entry, memory_id=None))


def _same_as(
    transaction: LedgerTransaction,
    policy: Policy,
    arrival: Arrival,
    settlement: Settlement | None,
    *,
    withheld: bool,
) -> tuple[RowKey, MemoryRecord] | None:
    """The memory that says the same: the same fact, else the same text.

    Where a fact has a place of its own in the history, because it holds again or held earlier, the same text is no reason
    to count it: re-adding an old value must not bring up, or lose, the old memory (mem0ai/mem0 issue 1674).
    """
    if settlement is not None and settlement.same is not None:
        return settlement.same.key, settlement.same.record
    if settlement is not None and arrival.record.supersedes is None and (settlement.replaced or settlement.successor):
        return None
    return _twin_of(transaction, policy, arrival, settlement, withheld=withheld)


def _twin_of(
    transaction: LedgerTransaction, policy: Policy, arrival: Arrival, settlement: Settlement | None, *, withheld: bool
) -> tuple[RowKey, MemoryRecord] | None:  # fmt: skip
    """The memory that is the same. What supersedes another is new, unless it repeats that, or is a retry.

    "8080" as the port of one thing is not the same as that of another. What is withheld is the same as what is withheld
    already; what is let in, as what is in. What a stranger wrote first does not stand in for a trusted memory of the same
    words.
    """
    draft = arrival.record
    twins = transaction.twins(draft)
    if twins and class_in(policy, arrival.marks) is not OriginClass.UNTRUSTED:
        marks = transaction.marks([key for key, _ in twins])
        twins = [twin for twin in twins if class_in(policy, marks[twin[0]]) is not OriginClass.UNTRUSTED]
    if twins and settlement is not None and settlement.fact.explicit:
        facts, slot = transaction.facts([key for key, _ in twins]), settlement.fact.slot()
        twins = [(key, other) for key, other in twins if key in facts and facts[key].slot() == slot]
    for key, other in twins:
        same_text = _reads_the_same(other.text, draft.text) and other.kind is draft.kind
        same_fate = withheld is (other.status is Status.QUARANTINED)
        if same_text and same_fate and draft.supersedes in (None, other.id, other.supersedes):
            return key, other
    return None


def _confirm(
    transaction: LedgerTransaction, policy: Policy, key: RowKey, twin: MemoryRecord, arrival: Arrival,
    said: dict[str, Any],
) -> Remembered:  # fmt: skip
    """Count the repetition, and keep what it says beyond the first saying.

    A stranger puts no tags on a trusted memory, and none with instructions on any.
    """
    draft = arrival.record
    detail = dict(said)
    if draft.text != twin.text:
        detail["text"] = draft.text
    for name in ("session", "speaker", "source", "evidence"):
        value = getattr(draft, name)
        if value and value != getattr(twin, name):
            detail[name] = list(value) if isinstance(value, tuple) else value
    for name in ("occurred_at", "valid_from"):
        moment = getattr(draft, name)
        if moment not in (None, getattr(twin, name), draft.recorded_at):
            detail[name] = moment.isoformat()
    new_tags = sorted({*draft.tags} - {*twin.tags})
    if new_tags:
        detail["tags"] = new_tags
        room = MAX_TAGS - len(twin.tags)
        stranger = class_in(policy, arrival.marks) is OriginClass.UNTRUSTED
        # What is masked was found in the twin as it was: instructions among new tags would not be.
        suspect = bool(arrival.marks.findings or arrival.marks.directives)
        if not stranger or (not suspect and class_in(policy, transaction.marks([key])[key]) is OriginClass.UNTRUSTED):
            transaction.set_tags(key, sorted({*twin.tags, *new_tags[:room]}))
    confirmations = transaction.confirm(key, at=draft.recorded_at, origin=draft.origin, detail=detail)
    for id in draft.evidence:
        if id == twin.id:
            continue
        transaction.link(Link(source=twin.id, target=id, relation=Relation.EVIDENCE))
    outcome = Outcome.QUARANTINED if twin.status is Status.QUARANTINED else Outcome.CONFIRMED
    return Remembered(id=twin.id, outcome=outcome, confirmations=confirmations)


def _supersede(
    transaction: LedgerTransaction, old_id: MemoryId, draft: MemoryRecord, *, batch: Collection[MemoryId]
) -> None:
    key, old = require(transaction, [old_id], namespace=draft.namespace)[old_id]
    if old.superseded_by in batch:
        # Nothing of the batch is kept, so the other one has no id that could be named.
        raise InvalidInput(
            f"Two memories of this batch take the place of {old.id}.",
            hint="Let one of them supersede it, and store the others on their own.",
        )
    if old.status is Status.SUPERSEDED:
        raise InvalidInput(
            f"{old.id} has been superseded by {old.superseded_by}.", hint=f"Supersede {old.superseded_by} instead."
        )
    if old.status is not Status.ACTIVE:
        raise InvalidInput(f"{old.id} is {old.status}.", hint="Restore it first, or remember the text on its own.")
    valid_to = max(old.valid_from, draft.valid_from)
    transaction.supersede(key, by=draft.id, at=draft.recorded_at, valid_to=valid_to, origin=draft.origin)


def _reads_the_same(one: str, other: str) -> bool:
    return normalise(one) == normalise(other) and indents(one) == indents(other)


def _near_duplicates(
    transaction: LedgerTransaction, policy: Policy, draft: MemoryRecord, neighbours: Sequence[Resembling], *,
    read: bool, but: Sequence[MemoryId] = (),
) -> tuple[NearDuplicate, ...]:  # fmt: skip
    """Earlier memories that say almost the same with other numbers or a few other words, most similar first.

    The text of strangers is left to recall, which labels and masks it; without ``read`` no text is shown.
    """
    if len(shape_words(draft.text)) < _MIN_SHAPE_WORDS:
        return ()
    near = [
        (other, similarity)
        for other, similarity in neighbours
        if similarity >= NEAR_DUPLICATE_JACCARD
        and other.id != draft.supersedes
        and other.id not in but
        and other.kind is draft.kind
        and other.status is Status.ACTIVE
    ]
    near = sorted(near, key=lambda entry: -entry[1])[:_MAX_NEAR_DUPLICATES]
    marks = transaction.marks([other.key for other, _ in near])
    return tuple(
        NearDuplicate(
            id=other.id, similarity=similarity,
            text=_shown_of(other.text, untrusted=class_in(policy, marks[other.key]) is OriginClass.UNTRUSTED, read=read),
        )
        for other, similarity in near
    )  # fmt: skip


def _shown_of(text: str, *, untrusted: bool, read: bool) -> str:
    if not read:
        return _UNREAD
    return _UNVERIFIED if untrusted else text
