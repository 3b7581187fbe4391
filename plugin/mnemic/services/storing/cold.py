"""Cold storage: what has long been archived and left alone keeps its text and history, and nothing derived of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from mnemic.domain.memory import MemoryId, MemoryRecord, RowKey
from mnemic.domain.validation import check_count
from mnemic.protocols import LedgerTransaction
from mnemic.services.backends import Backends, embed_records
from mnemic.services.storing.facets import embed_facets_of
from mnemic.services.storing.passages import Cut, cut_records

# The one writer's turn for 10 ms on SQLite and 60 on PostgreSQL.
_BATCH = 200
MOST_DAYS = 36_500


def cool(
    backends: Backends, *, days: int, progress: Callable[[int], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> int:  # fmt: skip
    """Make cold what is archived and was not touched for ``days`` (0: whatever is archived); how many memories.

    A transaction for every few hundred: it may be stopped, killed and repeated at any time, and several processes may do it
    at once. Raises `InvalidInput`, `StoreUnavailable`.
    """
    check_count(days, name="days", low=0, high=MOST_DAYS)
    since = backends.clock.now() - timedelta(days=days)
    after: RowKey | None = None
    done = 0
    while not stopped():
        with backends.ledger.snapshot() as snapshot:
            keys = snapshot.coolable(untouched_since=since, limit=_BATCH, after=after)
        if not keys:
            break
        with backends.ledger.transaction() as transaction:
            done += len(transaction.cool(keys, untouched_since=since))
        after = keys[-1]
        if progress is not None:
            progress(done)
    return done


@dataclass(slots=True)
class Thaw:
    """What embedders say of memories that are cold and come back, by row."""

    vectors: dict[RowKey, bytes | None] = field(default_factory=dict)
    facets: dict[RowKey, dict[str, bytes]] = field(default_factory=dict)
    cuts: dict[RowKey, Cut] = field(default_factory=dict)


def thaw(backends: Backends, ids: Iterable[MemoryId]) -> Thaw:
    """Embed those of ``ids`` that are cold, before anything is locked. When the model fails, the housekeeper embeds them."""
    with backends.ledger.snapshot() as snapshot:
        found = dict(snapshot.find(ids).values())
        cold = snapshot.cold(list(found))
        described = snapshot.facets(list(cold))
    records: dict[RowKey, MemoryRecord] = {key: record for key, record in found.items() if key in cold}
    if not records:
        return Thaw()
    embedder, texts = backends.embedder, list(records.values())
    told = embed_facets_of(backends, [(records[key], facets) for key, facets in described.items()])
    return Thaw(
        vectors=dict(zip(records, embed_records(embedder, texts), strict=True)),
        facets=dict(zip(described, told, strict=True)),
        cuts=dict(zip(records, cut_records(embedder, texts), strict=True)),
    )


def put_back(transaction: LedgerTransaction, backends: Backends, thawed: Thaw, keys: Iterable[RowKey]) -> None:
    """Store what was found out of those memories among ``keys`` that are not cold any more."""
    id = backends.embedder.id
    for key in keys:
        if vector := thawed.vectors.get(key):
            transaction.put_vectors(id, [(key, vector)])
        if facets := thawed.facets.get(key):
            transaction.put_facet_vectors(id, key, facets)
        if (cut := thawed.cuts.get(key)) and cut.spans:
            transaction.put_passages(key, cut.spans, embedder_id=id, vectors=cut.vectors)
