"""Word by word: how near the nearest word of a memory comes to each word of the question."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mnemic.protocols import Vectors
from mnemic.retrieval.bags import MAX_WORDS, Gathered, Ints, Lexicon
from mnemic.retrieval.turns import Places


class WordVectors:
    """One vector a word, made when it is met. At most 64 MB: a lexicon has an end (`mnemic.retrieval.bags`)."""

    def __init__(self, embed: Callable[[Sequence[str]], Vectors], dimensions: int) -> None:
        self._embed = embed
        self._dimensions = dimensions
        self._lock = threading.Lock()
        self._lexicon: Lexicon | None = None
        self._clear()

    def _clear(self) -> None:
        self._rows: Ints = np.full(1024, -1, np.int32)
        # Room for all at once: the system gives memory to what is written alone, and nothing is ever copied. (Half precision
        # would take half of it and 0.3 ms a question.)
        self._matrix = np.zeros((MAX_WORDS, self._dimensions), np.float32)
        self._count = 0

    def of(self, lexicon: Lexicon, numbers: Ints) -> Vectors:
        """The unit vectors of these words of ``lexicon``."""
        with self._lock:
            self._belong_to(lexicon)
            self._make(numbers)
            return self._matrix.take(self._rows.take(numbers), axis=0)

    def follow(self, lexicon: Lexicon, *, at_most: int) -> int:
        """Make vectors of words that were met and have none yet; of how many."""
        with self._lock:
            self._belong_to(lexicon)
            count = len(lexicon.words)
            self._reach(count)
            news = np.flatnonzero(self._rows[:count] < 0)[:at_most].astype(np.int32)
            self._make(news)
            return len(news)

    def _belong_to(self, lexicon: Lexicon) -> None:
        if lexicon is not self._lexicon:
            self._clear()
            self._lexicon = lexicon

    def _reach(self, count: int) -> None:
        if count > len(self._rows):
            self._rows = np.append(self._rows, np.full(max(count - len(self._rows), 4096), -1, np.int32))

    def _make(self, numbers: Ints) -> None:
        assert self._lexicon is not None
        if len(numbers):
            self._reach(int(numbers.max()) + 1)
        news = numbers[self._rows.take(numbers) < 0]
        if not len(news):
            return
        end = self._count + len(news)
        if end > len(self._matrix):
            more = max(end - len(self._matrix), len(self._matrix) // 2)
            self._matrix = np.append(self._matrix, np.zeros((more, self._dimensions), np.float32), axis=0)
        self._matrix[self._count : end] = self._embed([self._lexicon.words[at] for at in news.tolist()])
        self._rows[news] = np.arange(self._count, end)
        self._count = end


def nearness(words: Gathered, telling: NDArray[np.float64], vectors: WordVectors, among: Places) -> NDArray[np.float64]:
    """For each memory the mean over the words asked, weighted by how much they tell, of the nearest word's squared cosine.

    0..1, and 0 for what is not ``among`` the places asked for. A word that is there itself counts in full, a
    synonym in part.
    """
    found = np.zeros(len(words.lengths))
    lengths = words.lengths[among] - words.dated[among]
    owner = np.repeat(among, lengths)
    at = np.arange(len(owner)) + np.repeat(words.ends[among] - np.cumsum(lengths), lengths)
    tokens = words.tokens[at]
    kept = words.content[tokens]
    tokens, owner = tokens[kept], owner[kept]
    total = float(telling.sum())
    if not len(tokens) or not len(words.asked) or total <= 0:
        return found
    distinct, place = np.unique(tokens, return_inverse=True)
    cosines = vectors.of(words.lexicon, words.asked) @ vectors.of(words.lexicon, distinct).T
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    nearest = np.maximum.reduceat(np.maximum(cosines, 0.0).take(place, axis=1), starts, axis=1).astype(np.float64)
    found[owner[starts]] = (nearest**2 * telling[:, None]).sum(axis=0) / total
    return found
