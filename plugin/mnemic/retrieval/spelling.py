"""Words that are written nearly as one that nobody has written."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.shelves import Shelves
from mnemic.domain.text import without_marks
from mnemic.protocols import LedgerSnapshot

# Of shorter words too many are near by chance.
SHORTEST = 5
_TWO_EDITS_FROM = 8
_LONGEST = 24
_MOST = 3
# At most 40 MB a namespace; the words of the first memories are those that most of the others consist of as well.
_MAX_WORDS = 400_000
# Of all namespaces together, 100 bytes each.
_MOST_WORDS = 3_000_000
# Of so few texts all words are taken in at once (5 ms); of more, those with the letter that is asked for (0.2 s for 100,000
# texts), and the others when nobody waits.
_FEW_TEXTS = 500
_FEED_CHUNK = 1_000
_BITS = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)
_WORD = re.compile(r"[^\W\d_]+")
_NO_LETTER_OF_ASCII = str.maketrans({chr(code): " " for code in range(128) if not chr(code).isalpha()})

Letters = NDArray[np.uint64]


class Spellings:
    """The words of each namespace's memories, whatever their status, in the process's memory. Shared by threads.

    All processes know the same ones, whenever they were opened: the words with the letter that is asked for are taken in up
    to the snapshot's last change before anything is looked for. Words of what was erased may still be known; whoever asks
    looks whether a word occurs in what is in sight.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shelves = Shelves(lambda _: _Shelf(), size=lambda shelf: len(shelf.known), most=_MOST_WORDS)

    def near(self, snapshot: LedgerSnapshot, namespaces: Iterable[int], word: str) -> list[str]:
        """The words at the least distance from ``word``, nearest first, none when ``word`` is too short or has digits.

        One edit (a letter more, less, another, or two exchanged) is near, from eight letters on two; the first letter must
        agree. Marks over letters do not count. 0.1 ms for 60,000 words.
        """
        asked = without_marks(word)
        if not SHORTEST <= len(asked) <= _LONGEST or not asked.isalpha():
            return []
        found: dict[str, int] = {}
        with self._lock:
            for namespace in namespaces:
                shelf = self._shelf(namespace)
                shelf.reach(snapshot, namespace, asked[0])
                found |= shelf.near(asked, 2 if len(asked) >= _TWO_EDITS_FROM else 1)
        return sorted(found, key=lambda other: (found[other], abs(len(other) - len(asked)), other))

    def follow(self, snapshot: LedgerSnapshot, namespace: int, *, at_most: int) -> int:
        """Take in the words of so many memories before somebody waits for them; of how many."""
        with self._lock:
            return self._shelf(namespace).follow(snapshot, namespace, at_most=at_most)

    def _shelf(self, namespace: int) -> _Shelf:
        return self._shelves.use(namespace)


class _Shelf:
    """The words of one namespace by their first letter, which is hardly ever wrong.

    ``seq`` is the last change of which all words are taken in; of some letters those of later changes are, too.
    """

    def __init__(self) -> None:
        self.seq = 0
        self._ahead: dict[str, int] = {}
        self.known: set[str] = set()
        self._by_letter: dict[str, _Drawer] = {}

    def follow(self, snapshot: LedgerSnapshot, namespace: int, *, at_most: int) -> int:
        last = snapshot.last_seq()
        if self.seq >= last:
            return 0
        rows = self._texts(snapshot, namespace, after=self.seq, limit=at_most)
        self.take(_words_in([text for _, text in rows]))
        self.seq = rows[-1][0] if rows else last
        return len(rows)

    def reach(self, snapshot: LedgerSnapshot, namespace: int, letter: str) -> None:
        """Know all words up to the last change that begin with ``letter``."""
        if self.follow(snapshot, namespace, at_most=_FEW_TEXTS) < _FEW_TEXTS:
            return
        after = max(self.seq, self._ahead.get(letter, 0))
        while rows := self._texts(snapshot, namespace, after=after, limit=_FEED_CHUNK):
            self.take(_words_in([text for _, text in rows], letter))
            after = rows[-1][0]
        self._ahead[letter] = after

    def _texts(self, snapshot: LedgerSnapshot, namespace: int, *, after: int, limit: int) -> list[tuple[int, str]]:
        return snapshot.texts(namespace, after=after, limit=limit) if len(self.known) < _MAX_WORDS else []

    def take(self, words: set[str]) -> None:
        words = words - self.known
        self.known |= words
        by_letter: dict[str, list[str]] = {}
        for word in words:
            by_letter.setdefault(word[0], []).append(word)
        for letter, group in by_letter.items():
            self._by_letter.setdefault(letter, _Drawer()).put(group)

    def near(self, asked: str, most: int) -> dict[str, int]:
        drawer = self._by_letter.get(asked[0])
        return {} if drawer is None else drawer.near(asked, most)


class _Drawer:
    """Words with one first letter, how long each is and which letters it has."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._lengths = np.zeros(0, np.int8)
        self._letters: Letters = np.zeros(0, np.uint64)

    def put(self, words: Sequence[str]) -> None:
        start, end = len(self._words), len(self._words) + len(words)
        if end > len(self._lengths):
            more = max(end - len(self._lengths), end // 2)
            self._lengths = np.append(self._lengths, np.zeros(more, np.int8))
            self._letters = np.append(self._letters, np.zeros(more, np.uint64))
        self._lengths[start:end] = [len(word) for word in words]
        self._letters[start:end] = _letters_of(words)
        self._words += words

    def near(self, asked: str, most: int) -> dict[str, int]:
        """The words at the least distance from ``asked``, if that is at most ``most``, and how far they are."""
        count = len(self._words)
        likely = np.flatnonzero(np.abs(self._lengths[:count] - np.int8(len(asked))) <= most)
        apart = _ones(self._letters[likely] ^ _letters_of([asked]))
        for edits in range(1, most + 1):
            # An edit puts at most one letter in another's place.
            words = [self._words[at] for at in likely[apart <= 2 * edits].tolist()]
            found = {word: edits for word in words if distance(asked, word, edits) == edits}
            if found:
                return found
        return {}


def distance(left: str, right: str, most: int) -> int:
    """The least number of letters to insert, drop, replace or exchange with a neighbour, none of them twice (Damerau, 1964).

    More than ``most`` is ``most`` + 1.
    """
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    start = 0
    while start < len(left) and start < len(right) and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    if abs(len(left) - len(right)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for at, letter in enumerate(left):
        last, before, row = before, row, [at + 1]
        for to, other in enumerate(right):
            least = min(before[to + 1] + 1, row[to] + 1, before[to] + (letter != other))
            if at and to and letter == right[to - 1] and other == left[at - 1]:
                least = min(least, last[to - 1] + 1)
            row.append(least)
        if min(row) > most and min(before) >= most:
            return most + 1
    return min(row[-1], most + 1)


def _letters_of(words: Sequence[str]) -> Letters:
    """For each word a bit for every letter that occurs, and another for every one that occurs twice; some share theirs."""
    codes = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    owner = np.repeat(np.arange(len(words)), [len(word) for word in words])
    counts = np.bincount(owner * 32 + codes % 32, minlength=len(words) * 32).reshape(len(words), 32)
    bits = np.concatenate([counts > 0, counts > 1], axis=1)
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def _ones(numbers: Letters) -> NDArray[np.uint8]:
    """How many bits of each are set."""
    ones: NDArray[np.uint8] = _BITS[numbers.view(np.uint16)].reshape(-1, 4).sum(axis=1, dtype=np.uint8)
    return ones


def _words_in(texts: Sequence[str], letter: str = "") -> set[str]:
    """The distinct words, with this first letter or any, that others may be near to, in lower case and without marks over
    letters.
    """
    plain = " " + " ".join(text for text in texts if text.isascii()).lower().translate(_NO_LETTER_OF_ASCII)
    words = {word[1:] for word in set(re.findall(f" {letter}[a-z]+", plain))} if letter else set(plain.split())
    others = set(_WORD.findall(" ".join(text for text in texts if not text.isascii()).lower()))
    # A mark over its first letter may hide which one it is.
    words.update(without_marks(word) for word in others if word.startswith(letter) or not word[0].isascii())
    return {
        word for word in words
        if SHORTEST - 1 <= len(word) <= _LONGEST and word.isalpha() and word.startswith(letter)
    }  # fmt: skip
