"""Where the ledger keeps the passages of long texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from mnemic.domain.memory import MemoryRecord, RowKey
from mnemic.domain.passages import Span
from mnemic.domain.recall import MemoryFilter

if TYPE_CHECKING:
    from mnemic.protocols.ledger import FeedRow


class PassageReader(Protocol):
    """The part of a snapshot that knows of passages."""

    def with_passages(self, namespaces: Sequence[int]) -> list[int]:
        """Those of ``namespaces`` that hold a memory in passages, ascending. Costs next to nothing where none does."""
        ...

    def passages(self, keys: Sequence[RowKey]) -> dict[RowKey, tuple[Span, ...]]:
        """The passages of those memories among ``keys`` that have any, in the order of the text."""
        ...

    def lexical_passages(self, words: Sequence[str], filter: MemoryFilter, *, limit: int) -> list[RowKey]:
        """The memories of ``filter`` with the best passages by stemmed BM25 over ``words``, best first."""
        ...

    def passage_feed(self, embedder_id: str, namespace_key: int, *, after: int, limit: int) -> list[FeedRow]:
        """Like `LedgerSnapshot.feed`, of memories in passages alone: ``vector`` holds those of all its passages in order."""
        ...

    def without_passages(
        self, embedder_id: str, *, limit: int, after: RowKey | None = None
    ) -> list[tuple[RowKey, MemoryRecord]]:
        """Memories that nobody has cut yet, then those whose passages ``embedder_id`` has not embedded, what came back from
        the cold before those newer than ``after``, each oldest first.
        """
        ...


class PassageWriter(PassageReader, Protocol):
    """Writes passages within a transaction."""

    def put_passages(self, key: RowKey, spans: Sequence[Span], *, embedder_id: str, vectors: bytes | None) -> None:
        """Keep the passages of a memory in the place of those it had; none for a text that stays whole.

        ``vectors``: as many as ``spans``, float32 one after the other, None when they could not be embedded. The memory
        enters the feeds again.
        """
        ...
