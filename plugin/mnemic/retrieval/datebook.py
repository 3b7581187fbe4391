"""When memories happened, and which dates their texts speak of, kept for the next question that names a date."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.memory import RowKey
from mnemic.domain.moments import from_microseconds, to_microseconds
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols import LedgerSnapshot

if TYPE_CHECKING:
    # Importing it imports dateutil, which only questions with a date need.
    from mnemic.retrieval.spans import Span

# About 100 bytes each; what is forgotten is read from the ledger again.
_MOST = 100_000


class Datebook:
    """The times of the memories that were candidates lately. Shared by the threads of a process; keeps no text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moments: dict[RowKey, int] = {}
        self._said: dict[RowKey, tuple[Span, ...]] = {}

    def moments(self, snapshot: LedgerSnapshot, keys: Sequence[RowKey]) -> NDArray[np.int64]:
        """When each happened, else was recorded, in microseconds since 1970; 1970 for a memory that is not there."""
        with self._lock:
            if len(self._moments) > _MOST:
                self._moments.clear()
            missing = [key for key in keys if key not in self._moments]
            if missing:
                self._moments |= snapshot.moments(missing)
            return np.array([self._moments.get(key, 0) for key in keys], np.int64)

    def within(self, snapshot: LedgerSnapshot, keys: Sequence[RowKey], period: MemoryFilter) -> NDArray[np.bool_]:
        """Which happened, else were recorded, from ``period.since`` on and before ``period.until``."""
        moments = self.moments(snapshot, keys)
        found = np.ones(len(keys), np.bool_)
        if period.since is not None:
            found &= moments >= to_microseconds(period.since)
        if period.until is not None:
            found &= moments < to_microseconds(period.until)
        return found

    def said(
        self, snapshot: LedgerSnapshot, keys: Sequence[RowKey], read: Callable[[str, datetime], tuple[Span, ...]]
    ) -> list[tuple[Span, ...]]:
        """The dates that each text speaks of, as ``read`` finds them in a text that was said at a moment.

        Days are those of UTC: where its speaker's clocks stood is not known.
        """
        moments = self.moments(snapshot, keys)
        with self._lock:
            if len(self._said) > _MOST:
                self._said.clear()
            missing = [(key, at) for key, at in zip(keys, moments.tolist(), strict=True) if key not in self._said]
            texts = snapshot.searched_texts([key for key, _ in missing]) if missing else {}
            for key, at in missing:
                if key in texts:
                    self._said[key] = read(texts[key].rest, from_microseconds(at))
            return [self._said.get(key, ()) for key in keys]

    def forget(self, keys: Iterable[int]) -> None:
        """Read these again when they are asked for."""
        with self._lock:
            for key in keys if self._moments else ():
                self._moments.pop(RowKey(key), None)
                self._said.pop(RowKey(key), None)
