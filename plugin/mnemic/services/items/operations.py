"""Items: what a batch of operations on a store of keyed values does and answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from mnemic.domain.drafting import check_origin
from mnemic.domain.item_values import field_steps
from mnemic.domain.items import (
    WHOLE,
    FindItems,
    GetItem,
    Item,
    ItemAnswer,
    ItemKey,
    ItemOperation,
    ItemPath,
    ListPaths,
    PutItem,
    check_fields,
    check_key,
)
from mnemic.domain.memory import EraseReceipt, Namespace
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import MAX_NAMESPACE_DEPTH, check_namespace, shown
from mnemic.errors import GuardRefused, InvalidInput
from mnemic.services.backends import Backends
from mnemic.services.guarding.in_view import knowing_deliveries
from mnemic.services.items.memories import check_path, draft_items, drop_item, write_item
from mnemic.services.items.search import ItemGate, find_items
from mnemic.services.storing import curate
from mnemic.services.storing.remember import note_refusal

_SWEPT_AT_ONCE = 500


def run_items(
    backends: Backends, operations: Sequence[ItemOperation], *, root: Namespace, origin: Origin,
    fields: Iterable[str] = (WHOLE,), omit_expired: bool = False, include_withheld: bool = False,
) -> list[ItemAnswer]:  # fmt: skip
    """The answers to ``operations`` in their order: all reads see what was there before, then all puts are done or none.

    Of several puts under one key the last counts. ``fields`` are indexed where a put does not say which. ``omit_expired``:
    what has expired is not there, even before it is swept. ``include_withheld``: what the guard keeps back is given all the
    same. Raises `InvalidInput`, `GuardRefused`, `StoreUnavailable`; a retry is safe.
    """
    origin = check_origin(origin)
    root = check_root(root)
    operations = [_checked(one) for one in operations]
    fields = check_fields(fields, name="fields")
    for path in fields:
        field_steps(path)
    now = backends.clock.now()
    answers: list[ItemAnswer] = [None] * len(operations)
    refresh: list[ItemKey] = []
    puts: dict[tuple[ItemPath, str], PutItem] = {}
    for at, asked in enumerate(operations):
        if isinstance(asked, PutItem):
            puts[asked.path, asked.key] = asked
        elif isinstance(asked, GetItem):
            found = _get(
                backends,
                root,
                asked,
                origin=origin,
                now=now,
                omit_expired=omit_expired,
                include_withheld=include_withheld,
            )
            if found is not None:
                refresh += [found[0]] if asked.refresh and found[1].ttl is not None else []
                answers[at] = found[1]
        elif isinstance(asked, FindItems):
            hits = find_items(
                backends,
                root,
                asked,
                origin=origin,
                now=now,
                omit_expired=omit_expired,
                include_withheld=include_withheld,
            )
            refresh += [key for key, hit in hits if asked.refresh and hit.item.ttl is not None]
            answers[at] = [hit for _, hit in hits]
        else:
            with backends.ledger.snapshot() as snapshot:
                answers[at] = asked.select(snapshot.item_paths(root, alive_at=now if omit_expired else None))
    if puts or refresh:
        _write(backends, list(puts.values()), refresh, root=root, origin=origin, fields=fields, now=now)
    return answers


def _get(
    backends: Backends, root: Namespace, asked: GetItem, *, origin: Origin, now: datetime, omit_expired: bool,
    include_withheld: bool,
) -> tuple[ItemKey, Item] | None:  # fmt: skip
    with backends.ledger.snapshot() as snapshot:
        found = snapshot.find_item(root, asked.path, asked.key)
        if found is None or (omit_expired and found[1].expires_at is not None and found[1].expires_at <= now):
            return None
        gate = ItemGate(
            backends=backends,
            snapshot=snapshot,
            policy=backends.guard.policy,
            question="",
            now=now,
            open=include_withheld,
        )
        if not gate.let_out([found[0]], searched=False):
            return None
    gate.note([found[0]], origin=origin)
    return found


def _write(
    backends: Backends, puts: Sequence[PutItem], refresh: Sequence[ItemKey], *, root: Namespace, origin: Origin,
    fields: tuple[str, ...], now: datetime,
) -> None:  # fmt: skip
    policy = backends.guard.policy
    try:
        drafts = draft_items(backends, policy, puts, root=root, fields=fields, origin=origin, now=now)
        arrivals = [wording.arrival for draft in drafts for wording in draft.wordings]
        knowing = knowing_deliveries(backends, policy, [(one.record, one.marks) for one in arrivals])
        with backends.ledger.transaction() as transaction:
            transaction.refresh_items(refresh, at=now)
            for draft in drafts:
                write_item(transaction, knowing, policy, draft, root=root, origin=origin, now=now)
    except GuardRefused as refused:
        note_refusal(backends, refused)
        raise


def present_moment(backends: Backends) -> datetime:
    """The time by which the items of this memory expire."""
    return backends.clock.now()


def sweep_items(backends: Backends, *, root: Namespace, origin: Origin) -> int:
    """Take away what has expired; how many items that were."""
    origin, root = check_origin(origin), check_root(root)
    swept = 0
    while True:
        now = backends.clock.now()
        with backends.ledger.snapshot() as snapshot:
            if not snapshot.expired_items(root, at=now, limit=1):
                return swept
        with backends.ledger.transaction() as transaction:
            for key in transaction.expired_items(root, at=now, limit=_SWEPT_AT_ONCE):
                drop_item(transaction, key, origin=origin, now=now, expired=True)
                swept += 1


def erase_item(backends: Backends, path: object, key: object, *, root: Namespace) -> EraseReceipt | None:
    """Destroy an item, its memories and their versions in every file. None when nothing is under the key.

    What it said under names that it no longer has is left, as memories by themselves, and so is what a deleted item said.
    """
    where, name, root = check_path(path), check_key(key), check_root(root)
    with backends.ledger.transaction() as transaction:
        found = transaction.find_item(root, where, name)
        if found is None:
            return None
        ids = [link.memory for link in transaction.item_links([found[0]]).get(found[0], ())]
        at = backends.clock.now()
        # All of it at once: a retry finds nothing under the key.
        erased, derived = curate.destroy(transaction, ids, at=at)
        transaction.erase_item(found[0])
    return EraseReceipt(erased=erased, derived=derived, erased_at=at, scrubbed=curate.scrub_after(backends))


def check_root(root: object) -> Namespace:
    """A namespace that leaves room for a label below it. Raises `InvalidInput`."""
    checked = check_namespace(root)
    if len(checked) >= MAX_NAMESPACE_DEPTH:
        raise InvalidInput(
            f"The root has {len(checked)} labels.", hint=f"Give at most {MAX_NAMESPACE_DEPTH - 1}: items lie below it."
        )
    return checked


def _checked(operation: ItemOperation) -> ItemOperation:
    if isinstance(operation, GetItem | PutItem):
        check_path(operation.path)
        check_key(operation.key)
    elif isinstance(operation, FindItems):
        check_path(operation.prefix)
        if not isinstance(operation.query, str | None):
            raise InvalidInput(f"The query is {type(operation.query).__name__}.", hint="Give a text, or leave it out.")
        if not isinstance(operation.filter, Mapping | None):
            raise InvalidInput(
                f"The filter is {type(operation.filter).__name__}.", hint='Give an object, such as {"kind": "note"}.'
            )
    elif isinstance(operation, ListPaths):
        for pattern in operation.patterns:
            check_path(pattern.labels)
        if not isinstance(operation.max_depth, int | None):
            raise InvalidInput(f"max_depth is {shown(operation.max_depth)}.", hint="Give a whole number.")
    else:
        raise InvalidInput(
            f"There is no operation {type(operation).__name__}.", hint="Give GetItem, PutItem, FindItems or ListPaths."
        )
    if isinstance(operation, FindItems | ListPaths):
        for name, number in (("limit", operation.limit), ("offset", operation.offset)):
            if not isinstance(number, int) or number < 0:
                raise InvalidInput(f"{name} is {shown(number)}.", hint="Give a whole number that is not negative.")
    if isinstance(operation, PutItem):
        for path in check_fields(operation.index or (), name="index"):
            field_steps(path)
        if operation.ttl is not None and operation.ttl.total_seconds() < 0:
            raise InvalidInput(f"The item would live for {operation.ttl}.", hint="Give a time from 0 on.")
    return operation
