"""Taking memories out of recall and bringing them back; and, on explicit demand, destroying them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from mnemic.domain.drafting import check_origin
from mnemic.domain.memory import Action, EraseReceipt, MemoryId, MemoryRecord, Namespace, Relation, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import check_ids, check_label
from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.protocols import LedgerTransaction
from mnemic.services.backends import Backends, log, require
from mnemic.services.storing.cold import Thaw, put_back, thaw
from mnemic.services.storing.facts import mark_return, reinstate_in
from mnemic.services.storing.twins import link_twins

FROM_QUARANTINE = "from_quarantine"
"""In an event that archived a memory: nobody had decided about it."""


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
    """Bring archived memories back into recall, all or none. The counterpart of `archive`.

    One that went with its item while nobody had decided about it is in quarantine again. What was remembered again
    meanwhile stays too, and both are linked as near duplicates. Those that were cold are what they were before: found by
    words, meaning and passages once this returns, or, where the embedder fails, by words alone until somebody has embedded
    them.
    """
    return _set_archived(backends, ids, archived=False, origin=origin, reason=reason, namespace=namespace)


def bring_back(
    backends: Backends, ids: Iterable[object], *, origin: Origin, reason: str | None = None,
    namespace: Namespace | None = None,
) -> tuple[MemoryId, ...]:  # fmt: skip
    """`restore` what is archived and `reinstate` what is superseded, all or none. Both may be true of one.

    What is in quarantine again after that stays superseded: its release decides. Returns the ids that changed. Raises
    `InvalidInput`, `UnknownMemory`, `StoreUnavailable`; a retry is safe.
    """
    return _set_archived(backends, ids, archived=False, origin=origin, reason=reason, namespace=namespace, whole=True)


def erase(backends: Backends, ids: Iterable[object], *, namespace: Namespace | None = None) -> EraseReceipt:
    """Destroy memories with all their versions, older and newer: words, vectors, events and links. It cannot be undone.

    One that holds words of an item goes with the item, its value and its other memories.
    Only a receipt without content is left. ``derived`` names memories that cite what is gone: they are kept, and it is for
    the caller to decide about them. ``scrubbed`` is false when another process kept traces from being overwritten just
    now; that is done as soon as it can be. Raises `InvalidInput`, `UnknownMemory`, `StoreUnavailable`; a retry is safe.
    """
    wanted = _ids(ids)
    with backends.ledger.transaction() as transaction:
        # Where the caller has no part, what was erased is as unknown as what never was.
        receipts = transaction.erasures_of(wanted)
        gone = {one.memory_id for one in receipts if namespace is None or one.namespace == namespace}
        require(transaction, [id for id in wanted if id not in gone], namespace=namespace)
        at = backends.clock.now()
        doomed, derived = destroy(transaction, wanted, at=at)
    erased = tuple(dict.fromkeys((*doomed, *sorted(gone))))
    return EraseReceipt(erased=erased, derived=derived, erased_at=at, scrubbed=scrub_after(backends))


def destroy(
    transaction: LedgerTransaction, ids: Iterable[MemoryId], *, at: datetime
) -> tuple[tuple[MemoryId, ...], tuple[MemoryId, ...]]:
    """Destroy memories with all their versions, and the items that they belong to with theirs; which those are, and which
    memories cite them. `scrub_after` has to follow the commit.
    """
    versions = _versions(transaction, ids)
    doomed = _versions(transaction, _companions(transaction, versions), known=versions)
    citing = [link.source for link in transaction.links(doomed) if link.relation is Relation.EVIDENCE]
    if doomed:
        transaction.erase(doomed, at=at)
        # A vector tells about its text, and Chroma keeps deleted ones in its files: let it be built anew.
        transaction.forget_index_states()
    gone = set(doomed)
    return doomed, tuple(dict.fromkeys(id for id in citing if id not in gone))


def scrub_after(backends: Backends) -> bool:
    """Have nothing be left in the files of what was erased. False when another process holds that up: it is done later."""
    try:
        return backends.ledger.scrub()
    except StoreUnavailable as error:
        log.warning("erase.not_scrubbed", error=str(error))
        return False


def _versions(
    transaction: LedgerTransaction, ids: Iterable[MemoryId], *, known: Iterable[MemoryId] = ()
) -> tuple[MemoryId, ...]:
    """All versions of these memories, as far as there are any, after those that are ``known``."""
    found = dict.fromkeys(known)
    for id in ids:
        # Of versions of one memory each has the same ones.
        if id not in found:
            found |= dict.fromkeys(version.id for version in transaction.chain(id))
    return tuple(found)


def _set_archived(
    backends: Backends, ids: Iterable[object], *, archived: bool, origin: Origin, reason: str | None,
    namespace: Namespace | None, whole: bool = False,
) -> tuple[MemoryId, ...]:  # fmt: skip
    """``whole``: what is superseded, and not in quarantine after that, is made current besides."""
    wanted = _ids(ids)
    why = check_label(reason, name="reason")
    origin = check_origin(origin)
    changed: list[MemoryId] = []
    thawed = Thaw() if archived else thaw(backends, wanted)
    with backends.ledger.transaction() as transaction:
        withheld: set[MemoryId] = set()
        for key, record in require(transaction, wanted, namespace=namespace).values():
            if record.status is Status.QUARANTINED:
                raise InvalidInput(f"{record.id} is quarantined.", hint="Release or reject it by review.")
            if (record.status is Status.ARCHIVED) is not archived:
                status = Status.ARCHIVED if archived else _status_before(transaction, key, record)
                transaction.set_status(
                    key,
                    status,
                    action=Action.ARCHIVED if archived else Action.RESTORED,
                    at=backends.clock.now(),
                    origin=origin,
                    detail={"reason": why} if why else {},
                )
                if not archived:
                    put_back(transaction, backends, thawed, [key])
                    if status is Status.ACTIVE and record.superseded_by is None:
                        mark_return(transaction, backends.guard.policy, key, record)
                        link_twins(transaction, key, record)
                if status is Status.QUARANTINED:
                    withheld.add(record.id)
                changed.append(record.id)
        if whole:
            current = [id for id in wanted if id not in withheld]
            changed += reinstate_in(transaction, backends, current, origin=origin, why=why, namespace=namespace)
    return tuple(dict.fromkeys(changed))


def _status_before(transaction: LedgerTransaction, key: RowKey, record: MemoryRecord) -> Status:
    """What a memory in the archive was before it came there: bringing it back decides nothing about it."""
    told = [event for event in transaction.events([record.id]) if event.action is Action.ARCHIVED]
    undecided = transaction.marks([key])[key].review is None
    return Status.QUARANTINED if undecided and told and told[-1].detail.get(FROM_QUARANTINE) else Status.ACTIVE


def _ids(ids: Iterable[object]) -> tuple[MemoryId, ...]:
    wanted = check_ids(ids, name="ids", limit=10_000)
    if not wanted:
        raise InvalidInput("No ids were given.", hint="Name at least one memory.")
    return wanted


def _companions(transaction: LedgerTransaction, ids: Sequence[MemoryId]) -> list[MemoryId]:
    """The other memories of the items that ``ids`` belong to: they and the value may hold the same words."""
    keys = [key for key, _ in transaction.find(ids).values()]
    items = list(dict.fromkeys(item for item, _ in transaction.items_of(keys).values()))
    return [link.memory for links in transaction.item_links(items).values() for link in links]
