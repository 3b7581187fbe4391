"""Storing what is worth keeping: nothing twice, nothing lost, every origin kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mnemic.domain.drafting import check_origin, draft_memory
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
from mnemic.domain.text import NEAR_DUPLICATE_JACCARD, jaccard, normalise, shape_words
from mnemic.domain.validation import MAX_BATCH, MAX_TAGS
from mnemic.errors import InvalidInput
from mnemic.protocols import LedgerTransaction
from mnemic.services.backends import Backends, embed_records, require

_MAX_NEAR_DUPLICATES = 3
_NEIGHBOURS_READ = 6
# "Yes, sure!" resembles every other "Sure!": too little to call a resemblance.
_MIN_SHAPE_WORDS = 3


def remember(
    backends: Backends, memories: Sequence[NewMemory | str], *, namespace: Namespace, origin: Origin
) -> tuple[Remembered, ...]:
    """Store all of ``memories`` in one transaction, or none. Receipts come in the same order.

    ``namespace`` and ``origin`` stand in where a memory names none.
    Raises `InvalidInput`, `UnknownMemory` (evidence or superseded memory), `StoreUnavailable`. A retry is safe: what was
    stored before is confirmed, not doubled.
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
    vectors = embed_records(backends.embedder, drafts)
    with backends.ledger.transaction() as transaction:
        return tuple(
            _store(transaction, draft, vector, backends.embedder.id)
            for draft, vector in zip(drafts, vectors, strict=True)
        )


def _store(transaction: LedgerTransaction, draft: MemoryRecord, vector: bytes | None, embedder_id: str) -> Remembered:
    require(transaction, draft.evidence, namespace=draft.namespace)
    twin = _twin_of(transaction, draft)
    if twin is not None:
        return _confirm(transaction, *twin, draft)
    near = _near_duplicates(transaction, draft)
    transaction.append(draft, embedder_id=embedder_id, vector=vector)
    if draft.supersedes is not None:
        _supersede(transaction, draft.supersedes, draft)
    for other in near:
        transaction.link(
            Link(source=draft.id, target=other.id, relation=Relation.NEAR_DUPLICATE, score=round(other.similarity, 4))
        )
    for id in draft.evidence:
        transaction.link(Link(source=draft.id, target=id, relation=Relation.EVIDENCE))
    return Remembered(id=draft.id, outcome=Outcome.STORED, superseded=draft.supersedes, near_duplicates=near)


def _twin_of(transaction: LedgerTransaction, draft: MemoryRecord) -> tuple[RowKey, MemoryRecord] | None:
    """The active memory that is the same. What supersedes another is new, unless it repeats that, or is a retry."""
    for key, other in transaction.twins(draft):
        same_text = normalise(other.text) == normalise(draft.text) and other.kind is draft.kind
        if same_text and draft.supersedes in (None, other.id, other.supersedes):
            return key, other
    return None


def _confirm(transaction: LedgerTransaction, key: RowKey, twin: MemoryRecord, draft: MemoryRecord) -> Remembered:
    """Count the repetition, and keep what it says beyond the first saying."""
    detail: dict[str, Any] = {}
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
        transaction.set_tags(key, sorted({*twin.tags, *new_tags[:room]}))
    confirmations = transaction.confirm(key, at=draft.recorded_at, origin=draft.origin, detail=detail)
    for id in draft.evidence:
        if id == twin.id:
            continue
        transaction.link(Link(source=twin.id, target=id, relation=Relation.EVIDENCE))
    return Remembered(id=twin.id, outcome=Outcome.CONFIRMED, confirmations=confirmations)


def _supersede(transaction: LedgerTransaction, old_id: MemoryId, draft: MemoryRecord) -> None:
    key, old = require(transaction, [old_id], namespace=draft.namespace)[old_id]
    if old.status is Status.SUPERSEDED:
        raise InvalidInput(
            f"{old.id} has been superseded by {old.superseded_by}.", hint=f"Supersede {old.superseded_by} instead."
        )
    if old.status is not Status.ACTIVE:
        raise InvalidInput(f"{old.id} is {old.status}.", hint="Restore it first, or remember the text on its own.")
    valid_to = max(old.valid_from, draft.valid_from)
    transaction.supersede(key, by=draft.id, at=draft.recorded_at, valid_to=valid_to, origin=draft.origin)


def _near_duplicates(transaction: LedgerTransaction, draft: MemoryRecord) -> tuple[NearDuplicate, ...]:
    """Earlier memories that say almost the same with other numbers or a few other words, most similar first."""
    words = shape_words(draft.text)
    if len(words) < _MIN_SHAPE_WORDS:
        return ()
    near = [
        NearDuplicate(id=id, text=text, similarity=similarity)
        for id, text in transaction.neighbours(draft, limit=_NEIGHBOURS_READ)
        if id != draft.supersedes and (similarity := jaccard(words, shape_words(text))) >= NEAR_DUPLICATE_JACCARD
    ]
    return tuple(sorted(near, key=lambda other: -other.similarity)[:_MAX_NEAR_DUPLICATES])
