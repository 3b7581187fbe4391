"""Nearest neighbours among the ledger's own vectors: complete at once in every process, whoever wrote them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.cosine import exact_cosines
from mnemic.domain.memory import RowKey
from mnemic.domain.shelves import Shelves
from mnemic.protocols import FeedRow, HealthCheck, LedgerSnapshot, Vectors
from mnemic.storage.projection import PROJECTED_FROM, Projected, Projection

# A megabyte of vectors at a time: what is read in larger pieces stays with the process after it was let go.
_FEED_CHUNK = 1_000
# What a process holds before namespaces that were not asked for the longest time are let go.
_MOST_BYTES = 512 * 1024 * 1024
# Similarities are rounded so that the order does not depend on where in the matrix a row happens to lie. What leaves is
# computed with double precision: of single ones, one in 50,000 rounds otherwise beside other rows.
_DECIMALS = 6
# Rows of what has gone are let go once there are more of them than of what is there, and more than this.
_FEW_ABSENT = 1_024
_NOWHERE = -1


@dataclass(slots=True)
class _Shelf:
    """The vectors of one namespace, in the order in which this process saw them. ``seq`` is the last change taken in.

    ``absent`` are those that were erased or became cold: nothing is found by them until they come again. ``unseen``: of a
    tail, those that became cold before it had seen them.
    """

    dimensions: int
    seq: int
    count: int = 0
    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    recallable: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    absent: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    matrix: Vectors = field(init=False)
    rows: dict[int, int] = field(default_factory=dict)
    projection: Projection = field(default_factory=Projection)
    unseen: set[int] = field(default_factory=set)
    is_tail: bool = field(init=False)

    def __post_init__(self) -> None:
        self.matrix = np.zeros((0, self.dimensions), np.float32)
        self.is_tail = self.seq > 0

    def take(self, rows: Sequence[FeedRow]) -> None:
        """Take in changes; of one memory there is one among them."""
        news = [row for row in rows if row.key not in self.rows and not row.erased]
        for row in rows:
            if (at := self.rows.get(row.key)) is not None:
                self._change(at, row)
        if self.is_tail:
            for row in news:
                (self.unseen.add if row.vector is None and not row.recallable else self.unseen.discard)(row.key)
        vectors = [row.vector for row in news if row.vector is not None]
        if vectors:
            self._append([row for row in news if row.vector is not None], b"".join(vectors))

    def tidy(self) -> None:
        """Let go of what is absent where that is most of it. A tail has to know what it has seen go."""
        absent = int(self.absent[: self.count].sum())
        if self.is_tail or absent <= max(self.count - absent, _FEW_ABSENT):
            return
        # New arrays: whoever searches the old ones goes on.
        kept = ~self.absent[: self.count]
        self.keys, self.recallable = self.keys[: self.count][kept], self.recallable[: self.count][kept]
        self.matrix = self.matrix[: self.count][kept]
        self.count = len(self.keys)
        self.absent = np.zeros(self.count, np.bool_)
        self.rows = dict(zip(self.keys.tolist(), range(self.count), strict=True))
        self.projection = Projection()

    @property
    def room(self) -> int:
        """How many more there is room for."""
        return len(self.keys) - self.count

    def reserve(self, more: int) -> None:
        """Have room for so many more, all at once: growing step by step would copy everything again and again."""
        capacity = self.count + more
        self.keys = _grown(self.keys, (capacity,))
        self.recallable = _grown(self.recallable, (capacity,))
        self.absent = _grown(self.absent, (capacity,))
        self.matrix = _grown(self.matrix, (capacity, self.dimensions))

    def _change(self, at: int, row: FeedRow) -> None:
        # Without a vector it is gone, or cold; a memory that is not embedded yet has no place here.
        absent = row.vector is None
        self.recallable[at] = row.recallable and not absent
        if absent != self.absent[at]:
            # Its directions must owe nothing to what is gone, and be those of a process that never saw it.
            self.projection = Projection()
        self.absent[at] = absent
        self.matrix[at] = 0.0 if row.vector is None else np.frombuffer(row.vector, np.float32)

    def projected(self) -> Projected | None:
        """The narrow copy of what is there, None for few."""
        present = ~self.absent[: self.count]
        if np.count_nonzero(present) < PROJECTED_FROM:
            return None
        return self.projection.follow(self.keys[: self.count], self.matrix[: self.count], present=present)

    def _append(self, rows: Sequence[FeedRow], vectors: bytes) -> None:
        start, end = self.count, self.count + len(rows)
        if self.room < len(rows):
            self.reserve(max(len(rows), 256 - start, start // 2))
        self.keys[start:end] = [row.key for row in rows]
        self.recallable[start:end] = [row.recallable for row in rows]
        self.matrix[start:end] = np.frombuffer(vectors, np.float32).reshape(len(rows), self.dimensions)
        self.rows.update(zip(self.keys[start:end].tolist(), range(start, end), strict=True))
        self.count = end


class ExactIndex:
    """Implements `mnemic.protocols.VectorIndex` by a scan. Memory: 4 bytes per dimension and memory of namespaces in use, as
    many as half a gigabyte holds, and one more.

    ``starts`` names the change after which it begins to follow a namespace: 0 for all vectors, later for a tail.
    """

    def __init__(self, embedder_id: str, dimensions: int, *, starts: Mapping[int, int] | None = None) -> None:
        self._embedder_id = embedder_id
        starts = starts or {}
        self._shelves = Shelves(
            lambda namespace: _Shelf(dimensions, seq=starts.get(namespace, 0)),
            size=lambda shelf: shelf.matrix.nbytes, most=_MOST_BYTES,
        )  # fmt: skip
        self._lock = threading.Lock()

    def refresh(self, snapshot: LedgerSnapshot, namespace_key: int) -> _Shelf:
        """Take in every change of a namespace up to ``snapshot``. Another thread may have taken in later ones already."""
        with self._lock:
            shelf = self._shelves.use(namespace_key)
            if shelf.seq < snapshot.last_seq():
                while rows := snapshot.feed(self._embedder_id, namespace_key, after=shelf.seq, limit=_FEED_CHUNK):
                    if len(rows) == _FEED_CHUNK and shelf.room < len(rows):
                        shelf.reserve(snapshot.feed_size(namespace_key, after=shelf.seq))
                    shelf.take(rows)
                    shelf.seq = rows[-1].seq
                shelf.seq = max(shelf.seq, snapshot.last_seq())
                shelf.tidy()
            return shelf

    def search(
        self,
        snapshot: LedgerSnapshot,
        query: Vectors,
        namespace_key: int,
        *,
        limit: int,
        among: NDArray[np.int64] | None,
    ) -> list[tuple[RowKey, float]]:
        shelf = self.refresh(snapshot, namespace_key)
        with self._lock:
            if not shelf.count:
                return []
            keys = shelf.keys[: shelf.count]
            matrix = shelf.matrix[: shelf.count]
            mask = shelf.recallable[: shelf.count].copy()
            present = ~shelf.absent[: shelf.count]
            projected = shelf.projected()
        if among is not None:
            mask = present & np.isin(keys, among, assume_unique=True)
        rows = np.flatnonzero(mask) if projected is None else projected.promising(query, mask, limit)
        rows = rows[_promising(matrix[rows] @ query, limit)]
        return best(keys[rows], exact_cosines(matrix[rows], query), limit)

    def vectors(
        self, snapshot: LedgerSnapshot, namespace_key: int, keys: Sequence[RowKey]
    ) -> tuple[list[RowKey], Vectors]:
        shelf = self.refresh(snapshot, namespace_key)
        with self._lock:
            rows = np.fromiter(map(shelf.rows.get, keys, repeat(_NOWHERE)), np.int64, len(keys))
            held = rows != _NOWHERE
            held[held] = ~shelf.absent[rows[held]]
            return list(compress(keys, held.tolist())), shelf.matrix[rows[held]]

    def states(self, keys: list[RowKey], namespace_key: int) -> dict[RowKey, bool]:
        """Of the memories among ``keys`` that this index has seen: whether recall may return them."""
        with self._lock:
            shelf = self._shelves.get(namespace_key)
            if shelf is None:
                return {}
            return {key: bool(shelf.recallable[at]) for key in keys if (at := shelf.rows.get(key)) is not None}

    def hidden(self, namespace_key: int) -> int:
        """How many memories that this index has seen recall must not return."""
        with self._lock:
            shelf = self._shelves.get(namespace_key)
            return 0 if shelf is None else len(shelf.unseen) + shelf.count - int(shelf.recallable[: shelf.count].sum())

    def recallable(self, snapshot: LedgerSnapshot, namespace_key: int) -> int:
        """How many vectors recall may return."""
        shelf = self.refresh(snapshot, namespace_key)
        with self._lock:
            return int(shelf.recallable[: shelf.count].sum())

    def describe(self) -> dict[str, Any]:
        with self._lock:
            vectors = sum(shelf.count for shelf in self._shelves)
            size = sum(shelf.matrix.nbytes for shelf in self._shelves)
        return {"vectors": vectors, "bytes": size}

    def diagnose(self, snapshot: LedgerSnapshot) -> list[HealthCheck]:
        """An exact index is read from the ledger itself: it cannot drift."""
        return [
            HealthCheck(check="index", ok=True, detail=f"exact scan of the ledger, up to change {snapshot.last_seq()}")
        ]

    def close(self) -> None:
        with self._lock:
            self._shelves.clear()


def best(
    keys: NDArray[np.int64], similarities: Vectors | NDArray[np.float64], limit: int
) -> list[tuple[RowKey, float]]:
    """The ``limit`` highest similarities, rounded, best first, ties by key; minus infinity never counts."""
    chosen = _promising(similarities, limit)
    chosen = chosen[np.isfinite(similarities[chosen])]
    values = np.round(similarities[chosen].astype(np.float64), _DECIMALS)
    order = np.lexsort((keys[chosen], -values))[:limit]
    return list(zip(map(RowKey, keys[chosen[order]].tolist()), values[order].tolist(), strict=True))


def rounded(keys: Iterable[RowKey], matrix: Vectors, query: Vectors) -> dict[RowKey, float]:
    """The similarities of the rows of ``matrix``, which belong to ``keys``, rounded like those of `best`."""
    values = np.round(exact_cosines(matrix, query), _DECIMALS).tolist()
    return dict(zip(keys, values, strict=True))


def _promising(similarities: Vectors | NDArray[np.float64], limit: int) -> NDArray[np.int64]:
    """The places of the ``limit`` highest and of all that may tie with the last of them until ties are broken by key."""
    if len(similarities) <= limit:
        return np.arange(len(similarities))
    threshold = np.partition(similarities, len(similarities) - limit)[len(similarities) - limit]
    return np.flatnonzero(similarities >= threshold - 10.0**-_DECIMALS)


def _grown(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    grown = np.zeros(shape, array.dtype)
    grown[: len(array)] = array
    return grown
