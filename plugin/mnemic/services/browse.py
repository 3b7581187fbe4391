"""Looking at memories one by one, in order, and through time."""

from __future__ import annotations

from mnemic.domain.memory import History, MemoryId, MemoryRecord, Namespace, RowKey
from mnemic.domain.recall import MemoryFilter
from mnemic.domain.validation import check_count, check_id
from mnemic.errors import InvalidInput
from mnemic.services.backends import Backends, require

MAX_LISTED = 1_000


def get(backends: Backends, id: object, *, namespace: Namespace | None = None) -> MemoryRecord:
    """One memory, whatever its status. Raises `UnknownMemory`."""
    checked = check_id(id)
    with backends.ledger.snapshot() as snapshot:
        return require(snapshot, [checked], namespace=namespace)[checked][1]


def list_memories(
    backends: Backends, filter: MemoryFilter, *, limit: int = 50, before: MemoryId | None = None
) -> tuple[MemoryRecord, ...]:
    """Memories that pass ``filter``, newest first; those written before the memory ``before``, to page on."""
    check_count(limit, name="limit", low=1, high=MAX_LISTED)
    with backends.ledger.snapshot() as snapshot:
        key: RowKey | None = None
        if before is not None:
            checked = check_id(before)
            key = require(snapshot, [checked])[checked][0]
        return tuple(record for _, record in snapshot.select(filter, limit=limit, before=key))


def history(backends: Backends, id: object, *, namespace: Namespace | None = None) -> History:
    """Every version of a memory with all that happened to it. Raises `UnknownMemory`."""
    checked = check_id(id)
    with backends.ledger.snapshot() as snapshot:
        require(snapshot, [checked], namespace=namespace)
        versions = snapshot.chain(checked)
        ids = [version.id for version in versions]
        return History(versions=tuple(versions), events=tuple(snapshot.events(ids)), links=tuple(snapshot.links(ids)))


def check_filter_times(filter: MemoryFilter) -> MemoryFilter:
    """A filter whose bounds are in order."""
    if filter.since is not None and filter.until is not None and filter.since >= filter.until:
        raise InvalidInput(
            f"since ({filter.since.isoformat()}) is not before until ({filter.until.isoformat()}).",
            hint="Exchange them; until is exclusive.",
        )
    return filter
