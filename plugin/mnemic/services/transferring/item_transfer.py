"""Items in an export: a line each, after the memories that hold their words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from mnemic.domain.item_values import encode_value
from mnemic.domain.items import ItemLink, memory_namespace
from mnemic.domain.memory import Namespace
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerSnapshot, LedgerTransaction
from mnemic.services.backends import Backends
from mnemic.services.items.memories import guard_value
from mnemic.services.transferring.export_format import ParsedExport, encode_line, plain_values

_BATCH = 500


def export_items(snapshot: LedgerSnapshot, namespace: Namespace | None) -> Iterator[str]:
    """The lines of all items, or of those whose memories belong in ``namespace`` or below it."""
    for root in snapshot.item_roots():
        if namespace is not None and root[: len(namespace)] != namespace[: len(root)]:
            continue  # neither above nor below it
        entries = [
            (key, item) for key, item in snapshot.iterate_items(root)
            if namespace is None or memory_namespace(root, item.path)[: len(namespace)] == namespace
        ]  # fmt: skip
        for start in range(0, len(entries), _BATCH):
            chunk = entries[start : start + _BATCH]
            links = snapshot.item_links([key for key, _ in chunk])
            for key, item in chunk:
                line = {
                    "type": "item", "root": item.root, "path": item.path,
                    # As text, because what is empty or null in a value is part of it.
                    "value": encode_value(item.value),
                    "created_at": item.created_at, "updated_at": item.updated_at, "origin": asdict(item.origin),
                    "ttl_seconds": None if item.ttl is None else item.ttl.total_seconds(), "expires_at": item.expires_at,
                    "memories": [asdict(link) for link in links.get(key, ())],
                }  # fmt: skip
                yield encode_line({**plain_values(line), "key": item.key, "path": item.path})


def item_problems(snapshot: LedgerSnapshot, parsed: ParsedExport) -> Iterator[str]:
    """Where the items of an import do not fit what is here."""
    here = {record.id for record in parsed.records}
    wanted = [link.memory for _, links in parsed.items for link in links if link.memory not in here]
    elsewhere = snapshot.find(wanted)
    linked = snapshot.find([link.memory for _, links in parsed.items for link in links]).values()
    owners = snapshot.items([item for item, _ in snapshot.items_of([key for key, _ in linked]).values()])
    seen: set[tuple[Namespace, tuple[str, ...], str]] = set()
    for item, links in parsed.items:
        name = f"the item {item.key[:60]!r} at {'/'.join(item.path)[:60]!r}"
        place = (item.root, item.path, item.key)
        if place in seen:
            yield f"{name} occurs twice"
        seen.add(place)
        found = snapshot.find_item(*place)
        if found is not None and (found[1], _searched(snapshot.item_links([found[0]]).get(found[0], ()))) != (
            item, _searched(links),
        ):  # fmt: skip
            yield f"{name} is here in another state"
        for link in links:
            if link.memory not in here and link.memory not in elsewhere:
                yield f"{name} has the memory {link.memory}, which is nowhere"
    strangers = {(one.root, one.path, one.key) for one in owners.values()} - seen
    if strangers:
        yield f"{len(strangers)} items here have memories of other items there"


def import_items(transaction: LedgerTransaction, backends: Backends, policy: Policy, parsed: ParsedExport) -> None:
    """Take in the items that are not here yet. A value that the guard keeps back stays kept back here."""
    for item, links in parsed.items:
        if transaction.find_item(item.root, item.path, item.key) is not None:
            continue
        key = transaction.put_item(item)
        transaction.set_item_links(key, links)
        guard_value(transaction, backends, policy, key, item)


def _searched(links: Sequence[ItemLink]) -> list[ItemLink]:
    """Those that tell two states apart. What is there for the guard alone depends on the policy of each ledger."""
    return sorted((link for link in links if link.searched), key=lambda link: link.place)
