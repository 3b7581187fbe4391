"""A ledger as somebody sees it who has access to some namespaces only: the one wall that every use case stands behind.

What a caller can name are namespaces, ids, filters and plans; keys of rows come from the ledger alone. So whatever takes one
of the former is checked or filtered here, whatever takes keys is passed on, and what belongs to the ledger as a whole is
refused. A method that stands in none of the tables below is refused as well: one that is added must be thought about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from mnemic.domain.access import Access
from mnemic.domain.memory import Erasure, Link, MemoryId, MemoryRecord, Namespace, RowKey
from mnemic.errors import AccessDenied

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mnemic.domain.learning.outcome import TaskOutcome
    from mnemic.domain.learning.plan import Plan, PlanId
    from mnemic.domain.marks import AuditEntry
    from mnemic.domain.recall import MemoryFilter
    from mnemic.protocols import HealthCheck, Ledger, LedgerSnapshot, LedgerTransaction

BY_NAMESPACE = frozenset(
    """active create_session experiences expired_items find_item has_experiences imported item_paths
    iterate_items lessons namespace_key namespace_keys outcome_by_key outcomes plans searched_memories session_key sessions
    speakers tally undecided vouched""".split()
)
"""The namespace is the first argument."""

BY_FILTER = frozenset("lexical lexical_passages matching_keys occurs postings select".split())
"""One of the arguments is a `MemoryFilter`."""

BY_RECORD = frozenset("append append_audit append_outcome neighbours put_lesson put_plan replace_lesson twins".split())
"""The first argument has a namespace of its own."""

BY_KEY = frozenset(
    """about announced announcements append_edit append_messages average_length cold confirm current_facts delete_item
    disputes document_counts erase_item erase_session expose exposures facet_vectors facets fact_after fact_before
    facts feed feed_size forget_index_states has_untrusted hit_lessons index_state item_links items items_of
    known_outcomes last_seq ledger_id link marks moments namespace_seq passage_feed passages put_facet_vectors
    put_facets put_fact put_marks put_passages put_utilities put_vectors refresh_items reinstate reject
    rejections said_by searched_texts session_edits session_messages set_item_links set_status set_tags stems
    strangers_facts supersede tainted telling texts turns unarchive unlink utilities vectors with_passages
    withdraw word_statistics written_by""".split()
)
"""What they take was given out by the ledger through this wall, or tells nothing of a memory."""

REFUSED = frozenset(
    """cool coolable count_cold drop_index_states erased facets_without_vector forget_exposures forget_plans index_names
    is_unscrubbed large_namespaces restore_erasure restore_event set_index_state texts_without_vector unscreened
    without_passages""".split()
)
"""Housekeeping of the ledger as a whole, and what taking in an export asks: its ids may be others' here."""


class WalledLedger:
    """`Ledger` for one caller. The wall holds no state: any number of them may stand around one ledger."""

    def __init__(self, ledger: Ledger, access: Access) -> None:
        # Where the engine can keep rows apart itself, it does so as well.
        confined: Callable[[Access], Ledger] | None = getattr(ledger, "confined", None)
        self._ledger = ledger if confined is None else confined(access)
        self._access = access

    @contextmanager
    def snapshot(self) -> Iterator[LedgerSnapshot]:
        with self._ledger.snapshot() as snapshot:
            yield cast("LedgerSnapshot", _WalledView(snapshot, self._access))

    @contextmanager
    def _transaction(self, patience_seconds: float | None) -> Iterator[LedgerTransaction]:
        with self._ledger.transaction(patience_seconds=patience_seconds) as transaction:
            yield cast("LedgerTransaction", _WalledView(transaction, self._access))

    def transaction(self, *, patience_seconds: float | None = None) -> AbstractContextManager[LedgerTransaction]:
        return self._transaction(patience_seconds)

    def register_embedder(self, embedder_id: str, dimensions: int) -> None:  # noqa: ARG002  # as the protocol has it
        raise self._refused("register_embedder")

    def diagnose(self, embedder_id: str) -> list[HealthCheck]:  # noqa: ARG002  # as the protocol has it
        raise self._refused("diagnose")

    def repair(self) -> list[str]:
        raise self._refused("repair")

    def scrub(self) -> bool:
        return self._ledger.scrub()

    def size_bytes(self) -> int:
        return self._ledger.size_bytes()

    def close(self) -> None:
        """Nothing: whoever opened the ledger closes it."""

    def _refused(self, what: str) -> AccessDenied:
        return _refused(self._access, what)


class _WalledView:
    """A snapshot or transaction behind the wall."""

    def __init__(self, view: Any, access: Access) -> None:
        self._view = view
        self._access = access

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # Reached by what is not defined below: a call for a table.
        if name in BY_KEY:
            method: Callable[..., Any] = getattr(self._view, name)
            # So that the second call of the same snapshot finds it without coming here.
            self.__dict__[name] = method
            return method
        if name in BY_NAMESPACE:
            return self._checked(name, lambda first: first)
        if name in BY_RECORD:
            return self._checked(name, lambda first: first.namespace)
        if name in BY_FILTER:
            return self._filtered(name)
        raise _refused(self._access, name)

    def _checked(self, name: str, where: Callable[[Any], Namespace]) -> Callable[..., Any]:
        method = getattr(self._view, name)

        def checked(first: Any, *rest: Any, **named: Any) -> Any:
            self._access.require_namespace(where(first))
            return method(first, *rest, **named)

        return checked

    def _filtered(self, name: str) -> Callable[..., Any]:
        method = getattr(self._view, name)

        def filtered(*arguments: Any, **named: Any) -> Any:
            # The filter is the first or the second argument.
            filter = next(found for found in (*arguments, *named.values()) if hasattr(found, "subtree"))
            self._access.require_namespace(filter.namespace)
            return method(*arguments, **named)

        return filtered

    def find(self, ids: Iterable[MemoryId]) -> dict[MemoryId, tuple[RowKey, MemoryRecord]]:
        found = self._view.find(ids)
        return {id: entry for id, entry in found.items() if self._access.covers(entry[1].namespace)}

    def records(self, keys: Sequence[RowKey]) -> dict[RowKey, MemoryRecord]:
        return {
            key: record for key, record in self._view.records(keys).items() if self._access.covers(record.namespace)
        }

    def chain(self, id: MemoryId) -> list[MemoryRecord]:
        return [version for version in self._view.chain(id) if self._access.covers(version.namespace)]

    def events(self, ids: Sequence[MemoryId]) -> Any:
        return self._view.events(self._own(ids))

    def links(self, ids: Sequence[MemoryId]) -> list[Link]:
        found = self._view.links(self._own(ids))
        own = set(self._own([end for link in found for end in (link.source, link.target)]))
        return [link for link in found if link.source in own and link.target in own]

    def erase(self, ids: Sequence[MemoryId], **named: Any) -> None:
        strange = set(ids) - set(self._own(ids))
        if strange:
            raise AccessDenied(f"{self._access.name} may not erase {', '.join(sorted(strange))[:200]}.")
        self._view.erase(ids, **named)

    def namespaces(self, prefix: Namespace = ()) -> list[tuple[Namespace, int]]:
        # Each of the caller's own is asked for by itself: to look through all is work for the whole ledger.
        within = [
            max(root, prefix, key=len) for root in self._access.roots if root[: len(prefix)] == prefix[: len(root)]
        ]
        return sorted(entry for root in within for entry in self._view.namespaces(root))

    def count(self, filter: MemoryFilter | None = None) -> int:
        if filter is None:
            return sum(count for _, count in self.namespaces())
        self._access.require_namespace(filter.namespace)
        return int(self._view.count(filter))

    def iterate(self, *, namespace: Namespace | None = None) -> Iterator[tuple[RowKey, MemoryRecord]]:
        for root in self._roots(namespace):
            yield from self._view.iterate(namespace=root)

    def iterate_outcomes(self, *, namespace: Namespace | None = None) -> Iterator[TaskOutcome]:
        for root in self._roots(namespace):
            yield from self._view.iterate_outcomes(namespace=root)

    def item_roots(self) -> list[Namespace]:
        return [root for root in self._view.item_roots() if self._access.covers(root)]

    def erasures(self, *, namespace: Namespace | None = None) -> list[Erasure]:
        found: list[Erasure] = self._view.erasures(namespace=namespace)
        return [erasure for erasure in found if self._access.covers(erasure.namespace)]

    def erasures_of(self, ids: Iterable[MemoryId]) -> list[Erasure]:
        found: list[Erasure] = self._view.erasures_of(ids)
        return [erasure for erasure in found if self._access.covers(erasure.namespace)]

    def plan(self, id: PlanId) -> Plan | None:
        found: Plan | None = self._view.plan(id)
        return found if found is not None and self._access.covers(found.namespace) else None

    def audit(self, *, namespace: Namespace | None = None, **named: Any) -> list[AuditEntry]:
        self._access.require_namespace(() if namespace is None else namespace)
        found: list[AuditEntry] = self._view.audit(namespace=namespace, **named)
        return found

    def foresee(self, records: Sequence[MemoryRecord], **named: Any) -> None:
        for namespace in {record.namespace for record in records}:
            self._access.require_namespace(namespace)
        self._view.foresee(records, **named)

    def put_item(self, item: Any) -> Any:
        self._access.require_namespace(item.root)
        return self._view.put_item(item)

    def _own(self, ids: Sequence[MemoryId]) -> list[MemoryId]:
        known: Mapping[MemoryId, Any] = self.find(ids)
        return [id for id in ids if id in known]

    def _roots(self, namespace: Namespace | None) -> tuple[Namespace, ...]:
        if namespace is None:
            return self._access.roots
        self._access.require_namespace(namespace)
        return (namespace,)


def _refused(access: Access, what: str) -> AccessDenied:
    return AccessDenied(
        f"{access.name} has access to some namespaces only, and this concerns the memory as a whole ({what}).",
        hint="Use mnemic on the machine that keeps it.",
    )
