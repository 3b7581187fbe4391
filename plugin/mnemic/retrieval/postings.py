"""The postings lists of words: which memories hold each, remembered for the words that were asked for lately."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.recall import RECALLED_KINDS, MemoryFilter
from mnemic.domain.shelves import Shelves
from mnemic.protocols import LedgerSnapshot, TurnRow
from mnemic.retrieval.bags import Bags, Lexicon

MOST_HOLDING = 1_000
"""A word that more memories hold has no list: it tells little, and its list would cost more than it finds."""

# After more changes than this the lists are read anew.
_MOST_CHANGES = 200
_MOST_BYTES = 64 * 1024 * 1024
_MOST_BYTES_EACH = 32 * 1024 * 1024
# Of a list without its keys, and of a key on any of them: on the list, and that it is on one.
_LIST_BYTES, _KEY_BYTES = 200, 8 + 60

Keys = NDArray[np.int64]


class Postings:
    """Finds what `mnemic.protocols.RetrievalReader.postings` finds for a filter that is plain, in one namespace, without
    asking the ledger again for words that were asked for before.

    Follows the ledger's sequence: what was written since is added by the words of ``bags``. At most 64 MB. Shared by the
    threads of a process.
    """

    def __init__(self, bags: Bags) -> None:
        self._bags = bags
        self._shelves = Shelves(lambda _: _Shelf(), size=lambda shelf: shelf.nbytes, most=_MOST_BYTES)
        self._lock = threading.Lock()

    def holding(
        self, snapshot: LedgerSnapshot, filter: MemoryFilter, namespace: int, words: Sequence[str]
    ) -> dict[str, Keys]:
        """For each word the memories of ``namespace`` that ``filter``, a plain one of it, lets through and that hold the
        word in any form, ascending. A word is missing that more than `MOST_HOLDING` hold.
        """
        with self._lock:
            shelf = self._follow(snapshot, namespace)
            lexicon, stems = self._bags.stems(snapshot, words)
            shelf.use(lexicon)
            missing = {stem: word for word, stem in zip(words, stems, strict=True) if stem not in shelf.lists}
            lists = {stem: shelf.lists[stem] for stem in stems if stem not in missing}
            if missing:
                # What is followed from now on is what recall returns, whatever the first to ask meant by any kind.
                recalled = replace(filter, kinds=RECALLED_KINDS)
                found = snapshot.postings(list(missing.values()), recalled, limit=MOST_HOLDING)
                read = {stem: _ascending(found.get(word)) for stem, word in missing.items()}
                # A list of an older state would never learn what has changed since.
                if snapshot.last_seq() == shelf.seq:
                    shelf.keep(read)
                lists |= read
            held = {word: keys for word, stem in zip(words, stems, strict=True) if (keys := lists[stem]) is not None}
            return {word: shelf.without_gone(keys) for word, keys in held.items()}

    def _follow(self, snapshot: LedgerSnapshot, namespace: int) -> _Shelf:
        shelf = self._shelves.use(namespace)
        last = snapshot.last_seq()
        if shelf.seq < last:
            # Where the last list has gone, it is still known what was on it.
            if shelf.lists or shelf.known:
                self._take(shelf, snapshot, snapshot.turns(namespace, after=shelf.seq, limit=_MOST_CHANGES))
            shelf.seq = last
        return shelf

    def _take(self, shelf: _Shelf, snapshot: LedgerSnapshot, rows: Sequence[TurnRow]) -> None:
        self._bags.forget(row.key for row in rows)
        present = sorted(row.key for row in rows if row.present)
        # What was on a list and is there, now with other words perhaps, is on lists that nobody knows.
        if len(rows) == _MOST_CHANGES or not shelf.known.isdisjoint(present):
            shelf.clear()
            return
        shelf.remove(row.key for row in rows if not row.present)
        if present:
            words = self._bags.gather(snapshot, present, ())
            shelf.use(words.lexicon)
            held = np.split(words.stems[words.tokens], words.ends[:-1])
            shelf.add({key: set(stems.tolist()) for key, stems in zip(present, held, strict=True)})


class _Shelf:
    """The lists of one namespace by stem, ascending keys each; None for a word that too many hold. ``seq`` is the last
    change taken in, ``known`` are the keys that are on any list.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.lists: dict[int, Keys | None] = {}
        self.known: set[int] = set()
        self._lexicon: Lexicon | None = None
        self._gone: set[int] = set()
        self._on_lists = 0

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        return _LIST_BYTES * len(self.lists) + _KEY_BYTES * self._on_lists

    def clear(self) -> None:
        """Know nothing."""
        self.lists = {}
        self.known = set()
        self._gone = set()
        self._on_lists = 0

    def use(self, lexicon: Lexicon) -> None:
        """From now on stems are those of ``lexicon``."""
        if self._lexicon is not lexicon:
            self.clear()
            self._lexicon = lexicon

    def keep(self, lists: Mapping[int, Keys | None]) -> None:
        """Remember lists as they are at ``seq``."""
        if self.nbytes > _MOST_BYTES_EACH:
            self.clear()
        self.lists |= lists
        for keys in lists.values():
            if keys is not None:
                self.known.update(keys.tolist())
                self._on_lists += len(keys)

    def add(self, stems: Mapping[int, Iterable[int]]) -> None:
        """Memories that are on no list yet, with their stems."""
        news: dict[int, list[int]] = {}
        for key, held in stems.items():
            for stem in held:
                if self.lists.get(stem) is not None:
                    news.setdefault(stem, []).append(key)
        for stem, keys in news.items():
            listed = self.lists[stem]
            assert listed is not None
            grown = np.sort(np.append(self.without_gone(listed), keys))
            self.lists[stem] = grown if len(grown) <= MOST_HOLDING else None
            self._on_lists += (len(grown) if len(grown) <= MOST_HOLDING else 0) - len(listed)
            self.known.update(keys)

    def remove(self, keys: Iterable[int]) -> None:
        """Memories that recall must not return any more."""
        gone = self.known.intersection(keys)
        self._gone |= gone
        if len(self._gone) > _MOST_CHANGES:
            self.clear()
        elif gone:
            # Without them it may be few who hold a word.
            self.lists = {stem: keys for stem, keys in self.lists.items() if keys is not None}

    def without_gone(self, keys: Keys) -> Keys:
        """What is still there of a list."""
        return keys[~np.isin(keys, list(self._gone))] if self._gone else keys


def _ascending(keys: Sequence[int] | None) -> Keys | None:
    return None if keys is None else np.array(sorted(keys), np.int64)
