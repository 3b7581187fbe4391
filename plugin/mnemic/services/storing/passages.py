"""Long texts are cut into passages, each with a vector of its own, when they are written or later by the housekeeper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mnemic.domain.memory import MemoryRecord, RowKey
from mnemic.domain.passages import Span, passages
from mnemic.domain.recall import MemoryFilter
from mnemic.errors import ModelFailed
from mnemic.protocols import Embedder, LedgerTransaction
from mnemic.services.backends import Backends, embedding_text, log

# Each may have a thousand passages.
_BATCH = 32


class Cut(NamedTuple):
    """The passages of a text and their vectors, float32 one after the other; None when the embedder failed."""

    spans: tuple[Span, ...] = ()
    vectors: bytes | None = None


WHOLE = Cut()
"""A text that is too short to be cut."""


def cut_records(embedder: Embedder, records: Sequence[MemoryRecord]) -> list[Cut]:
    """What each memory is cut into; `WHOLE` for the short ones, which cost nothing."""
    spans = [passages(record.text) for record in records]
    texts = [
        embedding_text(record, span) for record, found in zip(records, spans, strict=True) for span in found
    ]  # fmt: skip
    if not texts:
        return [WHOLE] * len(records)
    try:
        matrix = embedder.embed(texts)
    except ModelFailed as error:
        # Words find the passages meanwhile; the housekeeper embeds them later.
        log.warning("embedder.failed", error=str(error), texts=len(texts))
        return [Cut(found) for found in spans]
    cuts = []
    end = 0
    for found in spans:
        start, end = end, end + len(found)
        cuts.append(Cut(found, matrix[start:end].tobytes()) if found else WHOLE)
    return cuts


def keep_cut(transaction: LedgerTransaction, embedder: Embedder, key: RowKey, cut: Cut) -> None:
    """Store the passages of a memory that has just been written, if it has any."""
    if cut.spans:
        transaction.put_passages(key, cut.spans, embedder_id=embedder.id, vectors=cut.vectors)


def cut_missing(backends: Backends, *, stopped: Callable[[], bool] = lambda: False) -> int:
    """Cut what an older version wrote, and embed passages that this embedder has not seen; of how many memories."""
    done = 0
    while not stopped():
        with backends.ledger.snapshot() as snapshot:
            entries = snapshot.without_passages(backends.embedder.id, limit=_BATCH, after=backends.housekeeping.cut_to)
            newest = snapshot.select(MemoryFilter(namespace=(), subtree=True), limit=1)
        if not entries:
            backends.housekeeping.cut_to = newest[0][0] if newest else None
            break
        cuts = cut_records(backends.embedder, [record for _, record in entries])
        with backends.ledger.transaction() as transaction:
            for (key, _), cut in zip(entries, cuts, strict=True):
                transaction.put_passages(key, cut.spans, embedder_id=backends.embedder.id, vectors=cut.vectors)
        if any(cut.spans and cut.vectors is None for cut in cuts):
            break
        done += len(entries)
    return done
