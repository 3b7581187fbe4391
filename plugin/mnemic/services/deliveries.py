"""Which memories this process has lately delivered into which context."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from mnemic.domain.memory import RowKey

_WINDOW = timedelta(hours=1)
_MOST_CONTEXTS = 256
_MOST_MEMORIES = 50


class Deliveries:
    """Kept in this process alone: a connection lives no longer than its process, and a recall need not wait for a disk.

    The guard follows untrusted memories with one, outcomes give weak credit with another. What is doubtful beyond being
    untrusted is kept in the ledger (`GuardWriter.expose`). Safe to use from several threads.
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
                while len(delivered) > _MOST_MEMORIES:
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
                    if now - at <= _WINDOW
                )
            )

    def forget(self, contexts: Iterable[str]) -> None:
        """What was delivered into these contexts so far counts no longer."""
        with self._lock:
            for name in contexts:
                self._contexts.pop(name, None)
