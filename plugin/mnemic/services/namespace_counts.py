"""How many memories each namespace of a ledger holds."""

from __future__ import annotations

from mnemic.domain.memory import Namespace
from mnemic.protocols import LedgerSnapshot

# What a count of so many takes to keep does not matter; a ledger of a million namespaces would take hundreds of megabytes.
_MOST_KEPT = 10_000


class NamespaceCounts:
    """The last count, which holds until the ledger changes: counting reads an entry for each memory.

    For a ledger as a whole, never for one behind a wall. Shared by the threads of a process.
    """

    def __init__(self) -> None:
        self._last: tuple[int, tuple[tuple[Namespace, int], ...]] | None = None

    def at(self, snapshot: LedgerSnapshot) -> tuple[tuple[Namespace, int], ...]:
        """Every namespace that has memories, in order, with how many there are. Raises `StoreUnavailable`."""
        seq, last = snapshot.last_seq(), self._last
        if last is not None and last[0] == seq:
            return last[1]
        found = tuple(snapshot.namespaces())
        self._last = (seq, found) if len(found) <= _MOST_KEPT else None
        return found
