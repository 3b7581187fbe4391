"""What a ledger does with memories that nobody needs any more: it keeps them cold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from mnemic.domain.memory import RowKey


class ColdReader(Protocol):
    """The part of a snapshot that knows which memories are cold.

    A cold memory is archived and has its text, its origin, its history and all that was decided about it, but nothing that
    the text can give again: no vectors of any embedder, of facets or of passages. It is read, listed and exported as ever
    and is not searched. It has its near-duplicate keys, because a copy of it is tainted as it is.
    """

    def coolable(self, *, untouched_since: datetime, limit: int, after: RowKey | None = None) -> list[RowKey]:
        """Archived memories that are not cold and to which nothing has happened since: no event, confirmation or use by a
        task. Oldest first, those newer than ``after``.
        """
        ...

    def cold(self, keys: Sequence[RowKey]) -> set[RowKey]:
        """Those of ``keys`` that are cold."""
        ...

    def count_cold(self) -> int:
        """How many there are. Looks at every memory."""
        ...


class ColdWriter(ColdReader, Protocol):
    """Makes memories cold. Whatever holds one as active again (`set_status`, `unarchive`) brings its words back in the same
    transaction, and has it embedded again (`LedgerSnapshot.texts_without_vector`).
    """

    def cool(self, keys: Sequence[RowKey], *, untouched_since: datetime) -> list[RowKey]:
        """Make those of ``keys`` cold that `coolable` would still give; which ones. They enter the feeds again."""
        ...
