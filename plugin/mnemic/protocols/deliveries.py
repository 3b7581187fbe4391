"""Port: which memories were lately delivered into which context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from mnemic.domain.memory import RowKey

DELIVERY_WINDOW = timedelta(hours=1)
"""For so long a delivery counts."""
MOST_DELIVERED = 50
"""So many of the latest in a context count."""


class Deliveries(Protocol):
    """The guard follows untrusted memories with one, outcomes give weak credit with another. Safe for several threads."""

    def note(self, contexts: Iterable[str], keys: Sequence[RowKey], *, now: datetime) -> None:
        """Note that these memories were delivered into these contexts. Never raises a `MnemicError`."""
        ...

    def recent(self, contexts: Iterable[str], *, now: datetime) -> list[RowKey]:
        """What was delivered into any of these contexts within `DELIVERY_WINDOW`, each once."""
        ...

    def forget(self, contexts: Iterable[str]) -> None:
        """What was delivered into these contexts so far counts no longer."""
        ...
