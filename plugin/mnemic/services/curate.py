"""Taking memories out of recall and bringing them back; and, on explicit demand, destroying them."""

from __future__ import annotations

from collections.abc import Iterable

from mnemic.domain.memory import EraseReceipt, MemoryId, Namespace, Relation, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import check_ids, check_label
from mnemic.errors import InvalidInput
from mnemic.services.backends import Backends, log, require


def archive(
    backends: Backends, ids: Iterable[object], *, origin: Origin, reason: str | None = None,
    namespace: Namespace | None = None,
) -> tuple[MemoryId, ...]:  # fmt: skip
    """Take memories out of recall, all or none; `restore` brings them back. Those archived already are left as they are.

    Returns the ids that changed. Raises `InvalidInput`, `UnknownMemory`, `StoreUnavailable`; a retry is safe.
    """
    return _set_archived(backends, ids, archived=True, origin=origin, reason=reason, namespace=namespace)


def restore(
    backends: Backends, ids: Iterable[object], *, origin: Origin, reason: str | None = None,
    namespace: Namespace | None = None,
) -> tuple[MemoryId, ...]:  # fmt: skip
    """Bring archived memories back into recall, all or none. The counterpart of `archive`."""
    return _set_archived(backends, ids, archived=False, origin=origin, reason=reason, namespace=namespace)


def erase(backends: Backends, ids: Iterable[object], *, namespace: Namespace | None = None) -> EraseReceipt:
    """Destroy memories with all their versions, words, vectors, events and links. This cannot be undone.

    Only a receipt without content is left. ``derived`` names memories that cite what is gone: they are kept, and it is for
    the caller to decide about them. Raises `InvalidInput`, `UnknownMemory`, `StoreUnavailable`; after an error a retry is
    safe.
    """
    wanted = _ids(ids)
    with backends.ledger.transaction() as transaction:
        require(transaction, wanted, namespace=namespace)
        doomed = tuple(dict.fromkeys(version.id for id in wanted for version in transaction.chain(id)))
        citing = [link.source for link in transaction.links(doomed) if link.relation is Relation.EVIDENCE]
        at = backends.clock.now()
        transaction.erase(doomed, at=at)
        # A vector tells about its text, and Chroma keeps deleted ones in its files: let every generation be rebuilt.
        transaction.forget_index_states()
    if not backends.ledger.scrub():
        log.warning("erase.log_busy", hint="Another process is reading; the log is overwritten as it moves on.")
    derived = tuple(dict.fromkeys(id for id in citing if id not in doomed))
    return EraseReceipt(erased=doomed, derived=derived, erased_at=at)


def _set_archived(
    backends: Backends, ids: Iterable[object], *, archived: bool, origin: Origin, reason: str | None,
    namespace: Namespace | None,
) -> tuple[MemoryId, ...]:  # fmt: skip
    wanted = _ids(ids)
    why = check_label(reason, name="reason")
    changed: list[MemoryId] = []
    with backends.ledger.transaction() as transaction:
        for key, record in require(transaction, wanted, namespace=namespace).values():
            if record.status is Status.QUARANTINED:
                raise InvalidInput(f"{record.id} is quarantined.", hint="Release or reject it by review.")
            if (record.status is Status.ARCHIVED) is not archived:
                transaction.set_archived(
                    key,
                    archived=archived,
                    at=backends.clock.now(),
                    origin=origin,
                    detail={"reason": why} if why else {},
                )
                changed.append(record.id)
    return tuple(changed)


def _ids(ids: Iterable[object]) -> tuple[MemoryId, ...]:
    wanted = check_ids(ids, name="ids", limit=10_000)
    if not wanted:
        raise InvalidInput("No ids were given.", hint="Name at least one memory.")
    return wanted
