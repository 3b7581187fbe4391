"""Where the ledger keeps what memories say of attributes that have one value at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from mnemic.domain.facts import Fact
from mnemic.domain.memory import MemoryId, MemoryRecord, RowKey


class HeldFact(NamedTuple):
    """A fact and the memory that states it."""

    key: RowKey
    record: MemoryRecord
    fact: Fact


class FactReader(Protocol):
    """Reads facts within a snapshot. A ``place`` is `Fact.place`; ``lane`` is 0 for trusted origins, else one stranger's."""

    def facts(self, keys: Sequence[RowKey]) -> dict[RowKey, Fact]:
        """The facts of those memories among ``keys`` that have one."""
        ...

    def current_facts(self, place: int, *, lane: int, limit: int) -> list[HeldFact]:
        """Facts of active memories that nothing has superseded, of one lane, the newest first."""
        ...

    def strangers_facts(self, place: int, *, limit: int) -> list[HeldFact]:
        """The same of all lanes but that of trusted origins."""
        ...

    def fact_before(self, place: int, moment: datetime, *, lane: int) -> HeldFact | None:
        """Of the superseded memories that are not withheld, the one that began last at or before ``moment``."""
        ...

    def fact_after(self, place: int, moment: datetime, *, lane: int) -> HeldFact | None:
        """Of the memories that are not withheld, superseded or not, the one that began first after ``moment``."""
        ...

    def disputes(self, ids: Sequence[MemoryId]) -> list[tuple[MemoryId, MemoryId]]:
        """Pairs (one of ``ids``, a current memory that is marked as saying otherwise), in a stable order."""
        ...


class FactWriter(FactReader, Protocol):
    """Writes facts within a transaction."""

    def put_fact(self, key: RowKey, fact: Fact, *, place: int, lane: int) -> None:
        """Keep what a stored memory says, in the place of what was there. Erasing the memory erases it."""
        ...
