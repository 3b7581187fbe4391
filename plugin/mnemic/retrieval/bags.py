"""The words of memories as numbers, so that whole lists of candidates are scored at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.forms import holds_unspaced
from mnemic.domain.memory import RowKey
from mnemic.domain.text import STOP_WORDS, words_of
from mnemic.protocols import LedgerSnapshot, SearchedText
from mnemic.retrieval.bare_questions import only_asks
from mnemic.retrieval.key_table import KeyTable
from mnemic.retrieval.timing import is_temporal

Ints = NDArray[np.int32]
Flags = NDArray[np.bool_]

# 4 bytes a token and about 150 a memory, so at most 55 MB; what is forgotten is read from the ledger again.
_MAX_TOKENS = 6_000_000
_MAX_MEMORIES = 200_000
MAX_WORDS = 65_536
_AHEAD_SHARE = 0.8
_FIRST_TOKENS = 16_384
_FIRST_SLOTS = 512

_T = TypeVar("_T", bound=np.generic)


class Lexicon:
    """Every word that was met, with its stem: numbers that mean something in this process alone."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.stems: Ints = np.zeros(0, np.int32)
        self.content: Flags = np.zeros(0, np.bool_)
        self.temporal: Flags = np.zeros(0, np.bool_)
        self.unspaced: Flags = np.zeros(0, np.bool_)
        self._numbers: dict[str, int] = {}
        self._stem_numbers: dict[str, int] = {}

    def numbers(self, snapshot: LedgerSnapshot, words: Sequence[str]) -> list[int]:
        """The number of each word. Unknown ones get the next."""
        news = [word for word in dict.fromkeys(words) if word not in self._numbers]
        if news:
            stems = snapshot.stems(news)
            self._numbers |= dict(zip(news, range(len(self.words), len(self.words) + len(news)), strict=True))
            self.words += news
            fresh = [self._stem_numbers.setdefault(stem, len(self._stem_numbers)) for stem in stems]
            start, end = len(self.words) - len(news), len(self.words)
            self.stems = _with_room(self.stems, end)
            self.content, self.temporal = _with_room(self.content, end), _with_room(self.temporal, end)
            self.unspaced = _with_room(self.unspaced, end)
            self.stems[start:end] = fresh
            self.content[start:end] = [word not in STOP_WORDS for word in news]
            self.temporal[start:end] = [is_temporal(word) for word in news]
            self.unspaced[start:end] = [holds_unspaced(word) for word in news]
        return [self._numbers[word] for word in words]

    def holding_name(self, name: str) -> Flags | None:
        """Which of the words a text must have one of to mention ``name`` (`mnemic.domain.forms.mentions`); None for any."""
        pieces = words_of(name)
        if not pieces:
            return None
        found = self.unspaced.copy()
        number = self._numbers.get(max(pieces, key=len))
        # A word that another thread is just learning is in no text that was gathered before.
        if number is not None and number < len(found):
            found[number] = True
        return found


class Asked(NamedTuple):
    """Where words that are asked for stand: the places among all tokens, ascending; whose each is, by place in the list of
    memories; and which of ``stems``, the distinct ones asked for, ascending. ``of_word``: which of them each word has.
    """

    places: NDArray[np.int64]
    owner: NDArray[np.int64]
    term: NDArray[np.int64]
    stems: list[int]
    of_word: list[int]


@dataclass(frozen=True)
class Gathered:
    """The words of several memories one after the other: as many ``tokens`` for each as ``lengths`` says.

    The first words of a memory, as many as ``dated`` says, are those of its date, which are searched but say nothing of
    what it is about. ``stems``, ``content`` and ``temporal`` are for each word of the lexicon: the number of its stem,
    whether it is no function word, and whether it speaks of time. ``cuts``, for each long memory by its place in the list,
    ascending: at which of its words each of its passages begins, and where the last one ends. ``asking``, for each memory,
    whether it asks and tells nothing.
    """

    lexicon: Lexicon
    asked: Ints
    tokens: Ints
    lengths: NDArray[np.int64]
    dated: NDArray[np.int64]
    stems: Ints
    content: Flags
    temporal: Flags
    cuts: Mapping[int, Ints]
    asking: Flags

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Where among the tokens each memory's end."""
        return np.cumsum(self.lengths)

    @cached_property
    def hits(self) -> Asked:
        """Where the words asked for stand, in whatever form."""
        # A question has a handful of words: for so few Python's own is three times as fast as NumPy's.
        asked = self.stems[self.asked].tolist()
        stems = sorted(set(asked))
        term_of_stem = np.full(len(self.stems) + 1, -1, np.int16)
        term_of_stem[stems] = np.arange(len(stems))
        # By the words of the lexicon, of which there are fewer than tokens.
        terms = term_of_stem.take(self.stems).take(self.tokens)
        places = np.flatnonzero(terms >= 0)
        of_word = [stems.index(stem) for stem in asked]
        return Asked(places, self.owner_of(places), terms[places].astype(np.int64), stems, of_word)

    def owner_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Whose the tokens at some places are. Most tokens are of no interest, and nobody need know whose those are."""
        found: NDArray[np.int64] = self.ends.searchsorted(places, side="right")
        return found

    def own_among(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Those of ``places`` at which no word of a date stands, and whose they are."""
        owner = self.owner_of(places)
        own = places >= (self.ends - self.lengths + self.dated)[owner]
        return places[own], owner[own]


class Bags:
    """Remembers the words of the memories that were candidates lately. Shared by the threads of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Up to which change of the ledger it was told what is no longer as it was.
        self._told = 0
        self._clear()

    def _clear(self) -> None:
        self._lexicon = Lexicon()
        self._slots = KeyTable()
        self._tokens: Ints = np.zeros(_FIRST_TOKENS, np.int32)
        # Where the words of each slot begin, how many there are, how many of them are the date's, and whether it only asks.
        self._spans = np.zeros((_FIRST_SLOTS, 4), np.int64)
        self._used_slots = self._used_tokens = 0
        self._cuts: dict[int, Ints] = {}

    def gather(
        self, snapshot: LedgerSnapshot, keys: NDArray[np.int64] | Sequence[int], asked: Sequence[str]
    ) -> Gathered:
        """The words of ``keys``, none for a memory that is not there, and the numbers of the words ``asked``."""
        keys = np.asarray(keys, np.int64)
        with self._lock:
            if self._is_full():
                self._clear()
            lexicon = self._lexicon
            slots = self._slots.find(keys)
            missing = [RowKey(key) for key in keys[slots < 0].tolist()]
            if missing:
                self._read(snapshot, missing)
                slots = self._slots.find(keys)
            numbers = lexicon.numbers(snapshot, asked)
            spans = self._spans.take(slots, axis=0)
            tokens, stems, content, temporal = self._tokens, lexicon.stems, lexicon.content, lexicon.temporal
            cuts = (
                {at: self._cuts[key] for at, key in enumerate(keys.tolist()) if key in self._cuts} if self._cuts else {}
            )
            if missing and self._is_late(snapshot):
                for key in missing:
                    self._slots.remove(key)
                    self._cuts.pop(key, None)
        starts, lengths, dated, asking = spans.T
        # From where each memory's words stand among those that are returned to where all that are kept have them.
        moved = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        moved += np.arange(len(moved))
        return Gathered(
            lexicon, np.array(numbers, np.int32), tokens.take(moved), lengths, dated, stems, content, temporal, cuts,
            asking > 0,
        )  # fmt: skip

    def stems(self, snapshot: LedgerSnapshot, words: Sequence[str]) -> tuple[Lexicon, list[int]]:
        """The number of the stem of each word, and the lexicon whose numbers these are."""
        with self._lock:
            numbers = self._lexicon.numbers(snapshot, words)
            return self._lexicon, self._lexicon.stems[numbers].tolist()

    def take(self, snapshot: LedgerSnapshot, keys: Sequence[RowKey]) -> None:
        """Read the words of those of ``keys`` that are not here yet, before somebody waits for them."""
        with self._lock:
            missing = [key for key in keys if self._slots.get(key) is None]
            if missing and not self._is_late(snapshot):
                self._read(snapshot, missing)

    def knows(self, key: RowKey) -> bool:
        """Whether the words of a memory are here."""
        with self._lock:
            return self._slots.get(key) is not None

    @property
    def has_room(self) -> bool:
        """Whether more can be read ahead without forgetting what is here; some room is left for what is asked for."""
        with self._lock:
            return max(
                self._used_tokens / _MAX_TOKENS, self._used_slots / _MAX_MEMORIES, len(self._lexicon.words) / MAX_WORDS
            ) < _AHEAD_SHARE  # fmt: skip

    @property
    def lexicon(self) -> Lexicon:
        """The words that were met so far."""
        with self._lock:
            return self._lexicon

    def forget(self, keys: Iterable[int], *, up_to: int = 0) -> None:
        """Read these again when they are asked for: their words have changed, or must not be kept.

        ``up_to``: until which change of the ledger such keys have been named.
        """
        with self._lock:
            self._told = max(self._told, up_to)
            for key in keys if self._used_slots else ():
                slot = self._slots.get(key)
                self._cuts.pop(key, None)
                if slot is not None:
                    self._slots.remove(key)
                    start, length, _, _ = self._spans[slot]
                    self._tokens[start : start + length] = 0

    def _is_late(self, snapshot: LedgerSnapshot) -> bool:
        """Whether a snapshot may show words that have changed since, of which nobody will tell again."""
        return snapshot.last_seq() < self._told

    def _read(self, snapshot: LedgerSnapshot, missing: Sequence[RowKey]) -> None:
        texts = snapshot.searched_texts(missing)
        words: list[str] = []
        spans = []
        for key in missing:
            start, text, dated, asking = len(words), texts.get(key), 0, False
            if text is not None:
                words += words_of(text.dated)
                dated, asking = len(words) - start, only_asks(text.rest)
                if text.passages:
                    self._cuts[key] = _read_passages(text, words, start)
                words += words_of(text.rest[text.passages[-1].end :] if text.passages else text.rest)
            spans.append((self._used_tokens + start, len(words) - start, dated, asking))
        numbers = self._lexicon.numbers(snapshot, words)
        self._tokens = _with_room(self._tokens, self._used_tokens + len(words))
        self._tokens[self._used_tokens : self._used_tokens + len(words)] = numbers
        end = self._used_slots + len(missing)
        self._spans = _with_room(self._spans, end)
        self._spans[self._used_slots : end] = spans
        self._slots.put(np.array(missing, np.int64), np.arange(self._used_slots, end))
        self._used_tokens += len(words)
        self._used_slots = end

    def _is_full(self) -> bool:
        many = self._used_tokens > _MAX_TOKENS or self._used_slots > _MAX_MEMORIES
        return many or len(self._lexicon.words) > MAX_WORDS


def _read_passages(text: SearchedText, words: list[str], start: int) -> Ints:
    """Put the words of all passages behind ``words``; where, counted from ``start``, each begins and the last one ends."""
    edges = [len(words) - start]
    for passage in text.passages:
        words += words_of(text.rest[passage.start : passage.end])
        edges.append(len(words) - start)
    return np.array(edges, np.int32)


def _with_room(array: NDArray[_T], count: int) -> NDArray[_T]:
    """``array``, or a longer copy of it that has room for ``count``. Whoever reads the old one goes on reading it."""
    if count <= len(array):
        return array
    longer = np.zeros((max(count, len(array) * 3 // 2), *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
