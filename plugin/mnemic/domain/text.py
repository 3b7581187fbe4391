"""What makes two texts the same, nearly the same, or worth a search term."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence, Set
from datetime import datetime
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any

WORD = re.compile(r"[^\W_]+")
"""A run of letters and digits, as the full-text index cuts them."""
FIRST_WIDE = "\u2e80"
"""The letters from here on are those of scripts without spaces, nearly all."""
WIDE = 3
"""As many Latin letters say as much as one of those."""
_NUMBER = re.compile(r"\d+")
_SHORTEST_PLURAL = 3

# Function words of English: they carry no information about which memory is meant.
STOP_WORDS = frozenset(
    """a about am an and any are as at be been being but by can could did do does doing for from had has have having
    he her hers him his how i if in into is it its me my no nor not of off on or our out over own s she should
    so some such t than that the their them then there these they this those to too up very was we were what
    when where which while who whom whose why will with would you your yours""".split()
)

_CASES: tuple[Callable[[str], str], ...] = (str, str.lower, str.upper, str.capitalize, str.title)
_COMPOSINGS: tuple[Callable[[str], str], ...] = (
    str, partial(unicodedata.normalize, "NFC"), partial(unicodedata.normalize, "NFD")
)  # fmt: skip

# MinHash in six bands of two: two texts that share half of their words meet in a band with probability 0.82, two that
# share 70 % with 0.98. Half is what "Ana lives in Porto" and "Ana lives in Lisbon" share.
_BANDS = 6
_ROWS = 2
NEAR_DUPLICATE_JACCARD = 0.5


def normalise(text: str) -> str:
    """The form in which two texts count as the same: composed Unicode, white space folded. Case is kept."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def indents(text: str) -> tuple[int, ...]:
    """By how much each line that is not blank is indented beyond the least of them; empty where none is.

    In a program it says what belongs to what, and `normalise` takes it away.
    """
    if "\n" not in text.strip():
        return ()
    lines = [line.expandtabs() for line in text.strip("\n").splitlines() if not line.isspace() and line]
    widths = [len(line) - len(line.lstrip()) for line in lines]
    least = min(widths, default=0)
    return tuple(width - least for width in widths) if max(widths, default=0) > least else ()


def spellings(label: str) -> tuple[str, ...]:
    """The ways to write ``label`` that look the same: as it is given, composed (NFC) and decomposed (NFD), each once."""
    if label.isascii():
        return (label,)
    return tuple(dict.fromkeys((label, unicodedata.normalize("NFC", label), unicodedata.normalize("NFD", label))))


def written_otherwise(labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Paths that differ from ``labels`` only by how letters are written: composed or taken apart, small or capital.

    Either one label differs, or all of them do in the same way.
    """
    forms = [[case(composed(label)) for case in _CASES for composed in _COMPOSINGS] for label in labels]
    paths = [tuple(alike) for alike in zip(*forms, strict=True)]
    paths += [(*labels[:at], form, *labels[at + 1 :]) for at, own in enumerate(forms) for form in own]
    return [path for path in dict.fromkeys(paths) if path != tuple(labels)]


def words_of(text: str) -> list[str]:
    """Lower-case runs of letters and digits, in order, as the full-text index cuts them."""
    return WORD.findall(text.lower())


def without_marks(word: str) -> str:
    """Without marks over letters; a word that is nothing but marks stays as it is."""
    if word.isascii():
        return word
    return "".join(char for char in unicodedata.normalize("NFKD", word) if unicodedata.category(char) != "Mn") or word


def search_words(query: str) -> list[str]:
    """The distinct words of a query that are worth searching for, in order; all of them if only stop words are left."""
    words = list(dict.fromkeys(words_of(query)))
    return [word for word in words if word not in STOP_WORDS] or words


def fingerprint(*parts: str) -> int:
    """A 63-bit hash of several strings, the same in every process."""
    joined = "\x1f".join(parts).encode()
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "big") >> 1


# A text is compared with its neighbours when it is written, and again as a neighbour of the next.
@lru_cache(maxsize=4_096)
def shape_words(text: str) -> frozenset[str]:
    """The content words of a text with every number masked: "at 3 pm" and "at 4 pm" have the same shape."""
    words = frozenset(WORD.findall(_NUMBER.sub("0", _bare(text).lower())))
    return frozenset(_singular(word) if word[-1] == "s" else word for word in words - STOP_WORDS or words)


def numbers_in(text: str) -> frozenset[str]:
    """The runs of digits of a text: what `shape_words` leaves out."""
    return frozenset(_NUMBER.findall(text))


def _bare(text: str) -> str:
    """Without what a reader hardly sees: marks over letters, soft hyphens and other characters of no width."""
    if text.isascii():
        return text
    kept = (char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) not in ("Mn", "Cf"))
    return unicodedata.normalize("NFC", "".join(kept))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > _SHORTEST_PLURAL and word[-4:-1].isalpha() else word


def near_keys(scope: str, words: frozenset[str]) -> tuple[int, ...]:
    """Keys under which near duplicates meet (MinHash, Broder 1997): texts that share a key may be near duplicates."""
    return bands(scope, _minima(words))


def bands(scope: str, minima: Sequence[int]) -> tuple[int, ...]:
    """`near_keys` of words with these minima."""
    return tuple(
        fingerprint(f"{scope}\x1f{at}\x1f{minima[at]}\x1f{minima[at + 1]}") for at in range(0, len(minima), _ROWS)
    )


# The same text is looked for under several kinds.
@lru_cache(maxsize=64)
def _minima(words: frozenset[str]) -> tuple[int, ...]:
    return minima_of([words])[0]


def minima_of(many: Sequence[frozenset[str]]) -> list[tuple[int, ...]]:
    """Of each set of words the smallest hash of any, for every hash function; nothing for an empty one."""
    import numpy as np  # takes as long as the rest of this package, and only writing needs it

    full = [words for words in many if words]
    if not full:
        return [()] * len(many)
    hashes = b"".join(_hashes(word) for words in full for word in words)
    rows = np.frombuffer(hashes, np.dtype(">u4")).astype(np.uint32).reshape(-1, _BANDS * _ROWS)
    least = iter(np.minimum.reduceat(rows, [0, *accumulate(map(len, full[:-1]))], axis=0).tolist())
    return [tuple(next(least)) if words else () for words in many]


# The same words come again and again.
@lru_cache(maxsize=16_384)
def _hashes(word: str) -> bytes:
    """One digest of a word serves as all hash functions of it, four bytes each."""
    return hashlib.blake2b(word.encode(), digest_size=4 * _BANDS * _ROWS).digest()


def jaccard(left: Set[Any], right: Set[Any]) -> float:
    """Share of what two sets hold that both hold, 0..1; 0 for two empty ones."""
    union = len(left | right)
    return len(left & right) / union if union else 0.0


def date_words(moment: datetime | None) -> str:
    """A date as people write it in questions, such as ``7 May 2023``; empty when there is none."""
    return "" if moment is None else f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
