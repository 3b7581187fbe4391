"""Which memories this process has lately delivered into which context."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime

from mnemic.domain.memory import RowKey
from mnemic.protocols import DELIVERY_WINDOW, MOST_DELIVERED, Deliveries

_MOST_CONTEXTS = 256


class ProcessDeliveries:
    """Implements `mnemic.protocols.Deliveries` for this process alone: a connection lives no longer than its process, and a
    recall need not wait for a disk. What is doubtful beyond being untrusted is kept in the ledger (`GuardWriter.expose`).
    """

    def __init__(self) -> None:
        self._contexts: OrderedDict[str, OrderedDict[RowKey, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, contexts: Iterable[str], keys: Sequence[RowKey], *, now: datetime) -> None:
        """Note that these memories were delivered into these contexts."""
        if not keys:
            return
        with self._lock:
            for name in contexts:
                delivered = self._contexts.setdefault(name, OrderedDict())
                self._contexts.move_to_end(name)
                for key in keys:
                    delivered[key] = now
                    delivered.move_to_end(key)
                while len(delivered) > MOST_DELIVERED:
                    delivered.popitem(last=False)
            while len(self._contexts) > _MOST_CONTEXTS:
                self._contexts.popitem(last=False)

    def recent(self, contexts: Iterable[str], *, now: datetime) -> list[RowKey]:
        """What was delivered into any of these contexts within the last hour, each once."""
        if not self._contexts:
            return []
        with self._lock:
            return list(
                dict.fromkeys(
                    key
                    for name in contexts
                    for key, at in self._contexts.get(name, OrderedDict()).items()
                    if now - at <= DELIVERY_WINDOW
                )
            )

    def forget(self, contexts: Iterable[str]) -> None:
        """What was delivered into these contexts so far counts no longer."""
        with self._lock:
            for name in contexts:
                self._contexts.pop(name, None)


class AskedOnce:
    """`Deliveries` for one call that stores many memories: what its writer was given is asked once, as of that call."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._recent: dict[tuple[tuple[str, ...], datetime], list[RowKey]] = {}

    def note(self, contexts: Iterable[str], keys: Sequence[RowKey], *, now: datetime) -> None:
        """Passed on."""
        self._deliveries.note(contexts, keys, now=now)

    def recent(self, contexts: Iterable[str], *, now: datetime) -> list[RowKey]:
        """As it was when it was asked first."""
        asked = tuple(contexts), now
        if asked not in self._recent:
            self._recent[asked] = self._deliveries.recent(asked[0], now=now)
        return self._recent[asked]

    def forget(self, contexts: Iterable[str]) -> None:
        """Passed on."""
        self._deliveries.forget(contexts)
