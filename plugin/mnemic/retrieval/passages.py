"""Which passage of a long text answers a question, by its words and its meaning."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.memory import RowKey
from mnemic.domain.shelves import Shelves
from mnemic.protocols import FeedRow, LedgerSnapshot, Vectors
from mnemic.retrieval import bm25
from mnemic.retrieval.bags import Gathered
from mnemic.retrieval.fusion import MEANING_WEIGHT
from mnemic.retrieval.smoothing import Scores
from mnemic.retrieval.turns import Places

_FEED_CHUNK = 200
# As in the indexes of whole texts: the order must not depend on where in the matrix a row happens to lie.
_DECIMALS = 6
# What a process holds before namespaces that were not asked for the longest time are let go.
_MOST_BYTES = 256 * 1024 * 1024
# Of passages that are gone, once there are more of them than of those that are there.
_FEW_GONE = 1_024
# Of many passages one comes near by chance: so much for each doubling of their number. Without it R@5 among LongMemEval's
# replies falls from 63.3 to 56.7 (15 cases), and nothing changes where sessions of LoCoMo are documents.
_CHANCE = 0.02


class Cosines:
    """How near every passage of a namespace comes to one question, as of when the shelf was read."""

    def __init__(self, shelf: _Shelf) -> None:
        count = shelf.count
        self._slots, self._keys, self._recallable = shelf.slots, shelf.keys[:count], shelf.recallable[:count].copy()
        self._starts, self._ends = shelf.starts[:count], shelf.starts[:count] + shelf.lengths[:count]
        self._matrix = shelf.matrix[: shelf.used]
        self._all: Scores = np.zeros(0)
        self._best: Scores = np.zeros(0)

    def compute(self, query: Vectors) -> None:
        """Compare them: the long part, for which nobody has to wait."""
        found: Scores = (self._matrix @ query).astype(np.float64)
        self._all = np.round(found, _DECIMALS)
        self._best = np.maximum.reduceat(self._all, self._starts) if len(self._keys) else np.zeros(0)

    def nearest(self, *, limit: int, among: Places | None) -> list[RowKey]:
        """The ``limit`` memories with the nearest passages, best first, ties by key. ``among`` (ascending) restricts it."""
        chosen = np.flatnonzero(self._recallable if among is None else np.isin(self._keys, among))
        if len(chosen) > limit:
            values = self._best[chosen]
            chosen = chosen[values >= np.partition(values, len(values) - limit)[len(values) - limit]]
        order = np.lexsort((self._keys[chosen], -self._best[chosen]))[:limit]
        return [RowKey(key) for key in self._keys[chosen[order]].tolist()]

    def of(self, key: int) -> Scores | None:
        """Those of one memory, in the order of its passages; None when it has no vectors here."""
        slot = self._slots.get(key)
        return None if slot is None or slot >= len(self._keys) else self._all[self._starts[slot] : self._ends[slot]]


class PassageVectors:
    """The vectors of all passages of the namespaces in use. Memory: 4 bytes per dimension and passage.

    Follows the ledger's feed, so it is complete at once in every process, whichever index has the vectors of whole texts. A
    namespace without long texts is not looked at.
    """

    def __init__(self, embedder_id: str, dimensions: int) -> None:
        self._embedder_id = embedder_id
        self._shelves = Shelves(lambda _: _Shelf(dimensions), size=lambda shelf: shelf.matrix.nbytes, most=_MOST_BYTES)
        self._lock = threading.Lock()

    def compare(self, snapshot: LedgerSnapshot, query: Vectors, namespace_key: int) -> Cosines:
        """Every passage of a namespace with ``query``, a vector of length 1."""
        with self._lock:
            shelf = self._shelves.use(namespace_key)
            while shelf.seq < snapshot.last_seq():
                rows = snapshot.passage_feed(self._embedder_id, namespace_key, after=shelf.seq, limit=_FEED_CHUNK)
                for row in rows:
                    shelf.put(row)
                shelf.seq = rows[-1].seq if len(rows) == _FEED_CHUNK else snapshot.last_seq()
                shelf.tidy()
            cosines = Cosines(shelf)
        cosines.compute(query)
        return cosines


class _Shelf:
    """The passages of one namespace, those of a memory one after the other. ``seq`` is the last change taken in."""

    def __init__(self, dimensions: int) -> None:
        self.seq = self.count = self.used = self.gone = 0
        self.slots: dict[int, int] = {}
        self.keys, self.starts, self.lengths = (np.zeros(64, np.int64) for _ in range(3))
        self.recallable = np.zeros(64, np.bool_)
        self.matrix: Vectors = np.zeros((256, dimensions), np.float32)

    def put(self, row: FeedRow) -> None:
        slot = self.slots.get(row.key)
        vectors = np.frombuffer(row.vector or b"", np.float32).reshape(-1, self.matrix.shape[1])
        if slot is not None and self.lengths[slot] != len(vectors):
            # Erased, or cut anew: what was there is not found any more.
            start = self.starts[slot]
            self.matrix[start : start + self.lengths[slot]] = 0.0
            self.recallable[slot] = False
            self.gone += int(self.lengths[slot])
            del self.slots[row.key]
            slot = None
        if slot is None and len(vectors):
            slot = self._append(row.key, len(vectors))
        if slot is not None:
            start = self.starts[slot]
            self.matrix[start : start + len(vectors)] = vectors
            self.recallable[slot] = row.recallable

    def tidy(self) -> None:
        """Let go of the passages that are gone where those are most of all."""
        if self.gone <= max(self.used - self.gone, _FEW_GONE):
            return
        # New arrays: whoever compares the old ones goes on.
        there = sorted(self.slots.values())
        places = np.concatenate(
            [
                np.arange(0),
                *(
                    np.arange(start, start + length)
                    for start, length in zip(self.starts[there].tolist(), self.lengths[there].tolist(), strict=True)
                ),
            ]
        )
        self.matrix = self.matrix[places]
        self.keys, self.lengths, self.recallable = self.keys[there], self.lengths[there], self.recallable[there]
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.slots = dict(zip(self.keys.tolist(), range(len(there)), strict=True))
        self.count, self.used, self.gone = len(there), len(places), 0

    def _append(self, key: int, length: int) -> int:
        if self.count == len(self.keys):
            for name in ("keys", "starts", "lengths", "recallable"):
                array = getattr(self, name)
                setattr(self, name, np.append(array, np.zeros(max(len(array), 64), array.dtype)))
        if self.used + length > len(self.matrix):
            more = max(length, len(self.matrix) // 2)
            self.matrix = np.append(self.matrix, np.zeros((more, self.matrix.shape[1]), np.float32), axis=0)
        slot = self.slots[key] = self.count
        self.keys[slot], self.starts[slot], self.lengths[slot] = key, self.used, length
        self.count += 1
        self.used += length
        return slot


class Focused(NamedTuple):
    """Memories of which the long ones have shrunk to one passage: its ``number`` by place, and its cosine where known, less
    what the nearest of so many has by chance.
    """

    words: Gathered
    number: dict[int, int]
    cosine: dict[int, float]


def focus(
    words: Gathered, telling: NDArray[np.float64], average_length: float, cosines: Mapping[int, Scores]
) -> Focused:
    """The same words without those of a long memory that are outside its best passage by words and meaning together.

    ``cosines``: those of a memory's passages, by its place. One passage speaks for a memory in everything: the best by words
    and the best by meaning put together would favour whatever is long.
    """
    begins = words.ends - words.lengths
    edges = [begins[place] + cut for place, cut in words.cuts.items()]
    # Also what lies between the last passage of one memory and the first of the next: nobody asks for that.
    bounds = np.concatenate(edges)
    lengths = np.diff(bounds)
    hits = words.hits
    passage = bounds.searchsorted(hits.places, side="right") - 1
    inside = (passage >= 0) & (passage < len(lengths))
    found = bm25.often(passage[inside], hits.term[inside], len(lengths), len(hits.stems))
    merit = bm25.shares(bm25.Occurrences(found, bm25.by_stem(words, telling)), lengths, average_length)
    kept = np.ones(len(words.tokens), np.bool_)
    left = words.lengths.copy()
    number: dict[int, int] = {}
    cosine: dict[int, float] = {}
    end = -1
    for place, edge in zip(words.cuts, edges, strict=True):
        start, end = end + 1, end + len(edge)
        near = cosines.get(place)
        if near is None or len(near) != end - start:
            best = int(np.argmax(merit[start:end]))
        else:
            best = int(np.argmax(merit[start:end] + MEANING_WEIGHT * np.maximum(near, 0.0)))
            cosine[place] = float(near[best]) - _CHANCE * math.log2(len(near))
        number[place] = best
        kept[edge[0] : edge[best]] = False
        kept[edge[best + 1] : edge[-1]] = False
        left[place] -= (edge[-1] - edge[0]) - (edge[best + 1] - edge[best])
    return Focused(replace(words, tokens=words.tokens[kept], lengths=left, cuts={}), number, cosine)
