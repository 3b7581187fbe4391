"""Embedding a batch beside what else has to be done with its texts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from mnemic.domain.memory import MemoryRecord
from mnemic.protocols import Embedder
from mnemic.services.backends import embed_records

EMBEDDED_AT_ONCE = 250
"""Fewer records than this are not worth a thread."""


class Embedding:
    """Vectors of records that come in parts, in a thread of its own once there are enough of them.

    Most of what embedding takes is done outside Python, where it holds nobody up. Parts are embedded one after the other.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._thread: ThreadPoolExecutor | None = None
        self._parts: list[Future[list[bytes | None]] | list[bytes | None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            # After a refusal nobody wants the rest.
            self._thread.shutdown(cancel_futures=True)

    def add(self, records: Sequence[MemoryRecord]) -> None:
        """Embed these as well."""
        if len(records) < EMBEDDED_AT_ONCE:
            self._parts.append(embed_records(self._embedder, records))
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="mnemic-embedding")
        self._parts.append(self._thread.submit(embed_records, self._embedder, records))

    def vectors(self) -> list[bytes | None]:
        """Those of all records in the order in which they came; None where the model failed."""
        return [vector for part in self._parts for vector in (part.result() if isinstance(part, Future) else part)]
