"""What comes back into recall and was remembered again meanwhile: both stay, and each leads to the other."""

from __future__ import annotations

from mnemic.domain.memory import Link, MemoryId, MemoryRecord, Relation, RowKey, Status
from mnemic.protocols import LedgerTransaction


def link_twins(transaction: LedgerTransaction, key: RowKey, record: MemoryRecord) -> tuple[MemoryId, ...]:
    """Link a memory that is active again to the active ones of the same words, as near duplicates; the ids of those.

    Both have origins, confirmations and links of their own, so neither is refused or archived: recall shows one and names
    the other, and merging makes them one. The same words about two things ("8080"), and those of items, are no twins.
    """
    twins = {
        other: found for other, found in transaction.twins(record) if other != key and found.status is Status.ACTIVE
    }
    if not twins:
        return ()
    facts, items = transaction.facts([key, *twins]), transaction.items_of([key, *twins])
    named = {other: fact.slot() for other, fact in facts.items() if fact.explicit}
    linked = {id for link in transaction.links([record.id]) for id in (link.source, link.target)}
    found = [
        twin.id
        for other, twin in twins.items()
        if not {key, other} & items.keys() and named.get(other) == named.get(key) and twin.id not in linked
    ]
    for id in found:
        transaction.link(Link(source=record.id, target=id, relation=Relation.NEAR_DUPLICATE))
    return tuple(found)
