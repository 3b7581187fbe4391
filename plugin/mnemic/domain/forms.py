"""Further words by which a text is found: parts of identifiers, pieces of scripts without spaces, names of signs.

The full-text index cuts a text at everything that is no letter or digit, and knows nothing else: ``parseHeader``, ``3kg``
and a whole Chinese clause are one word each, ``12,000`` is two, a Hindi word falls apart at its vowels, and of an emoji
nothing is left. The same rules serve what is remembered and what is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from mnemic.domain.text import STOP_WORDS, WORD, search_words, words_of

# Scripts that are written without spaces, and Hangul, whose words carry their particles.
_HAN_RANGES = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN = re.compile(f"[{_HAN_RANGES}]")
_RUN = re.compile(
    f"([{_HAN_RANGES}\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uac00-\ud7a3"
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0ec0-\u0ec6\u1000-\u102a\u1780-\u17b3]+)"
)
_LETTERS_OR_DIGITS = re.compile(r"\d+|[^\W\d_]+")
_HUMPS = re.compile(r"[A-Z]+s?(?![a-zA-Z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+")
_GROUPED = re.compile(r"(?<![\w.,])\d{1,3}([.,'\u2019\u00a0\u202f])\d{3}(?:\1\d{3})*(?!\w|[.,]\d)")
_INITIALS = re.compile(r"(?<!\w)(?:[^\W\d_]\.)+[^\W\d_](?!\w)")
_HYPHENED = re.compile(r"(?<![\w-])[^\W\d_]{1,2}-[^\W\d_]{2,}(?![\w-])")
# Only names: "O'Brien", and neither "we're" nor "l'architecte".
_APOSTROPHED = re.compile(r"(?<!\w)[^\W\d_]{1,2}['\u2019](?=[^\W\d_]{2})[^\Wa-z\d_][^\W\d_]+")
_NO_LETTER = re.compile(r"[\W\d_]+")
# Only a text in which this matches has further forms, and most have none.
_ANY = re.compile(
    r"[a-z][A-Z]|[A-Z]{2}[a-z]|\d[^\W\d_]|[^\W\d_]\d|[$%£¥°ßæœøłđðþıħŧÆŒØŁĐÐÞ]|\d[,.'\u2019\u00a0]\d{3}"
    r"|\b[^\W\d_](?:\.[^\W\d_]\b|[^\W\d_]?(?:-[^\W\d_]|['\u2019](?=[^\W\d_])[^\Wa-z]))"
    "|[^\x00-\u024f\u2010-\u2027]"
)
# Words of small letters, with a capital first: of nine texts in ten a faster look says that none of these is in it.
_NONE = re.compile(r"[A-Z]?[a-z]*+(?:(?:[ ,;:!?\n]|\.(?![A-Za-z]))++[A-Z]?[a-z]*+)*+\Z")
# A word of more parts is a hash, a key or the like.
_MOST_SEGMENTS = 4
_MOST_PARTS = 8
_UNSEEN = frozenset(("Mn", "Mc", "Me", "Cf"))
# Letters of which Unicode does not say that they are others with a mark.
_LETTERS = str.maketrans({
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i", "ħ": "h", "ŧ": "t",
})  # fmt: skip
_SIGNS = {
    "$": "dollar", "€": "euro", "£": "pound", "¥": "yen", "₹": "rupee", "₩": "won", "₽": "ruble", "₿": "bitcoin",
    "%": "percent", "‰": "permille", "°": "degree",
}  # fmt: skip
_PICTURES = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
# Faces and the like have names of words that say little one by one: each is one word.
_IN_ONE_WORD = frozenset("face hand hands heart mark sign".split())
_NAMELESS = frozenset("and black heavy in of on the white with".split())


class Forms(NamedTuple):
    """The further words of a text, in lower case and in order.

    ``parts`` are what words of the text consist of: somebody who asks for the whole asks for them. ``others`` are other ways
    of writing it. ``text`` is without vowel signs and what has no width; of its words ``wholes`` have parts, and ``runs``
    are several words written as one.
    """

    text: str
    parts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    wholes: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()


def forms_of(text: str) -> Forms:
    """The further words of ``text``. About 10 µs for a sentence that has none, 50 µs for one that has."""
    if _NONE.match(text) or not _ANY.search(text):
        return Forms(text)
    plain = _without_marks(text)
    indexed = None if text.isascii() else set(words_of(text))
    parts: list[str] = []
    others: list[str] = []
    wholes: set[str] = set()
    runs: set[str] = set()
    for word in WORD.findall(plain):
        lower = word.lower()
        if indexed is not None:
            if not word.isascii() and _RUN.search(word):
                runs.add(lower)
                parts += _pieces(word)
                continue
            folded = lower.translate(_LETTERS)
            if folded != lower or lower not in indexed:
                others.append(folded)
        found = _parts(word)
        if found:
            wholes.add(lower)
            parts += found
    others += _joined(plain)
    others += _names_of_signs(plain)
    return Forms(plain, tuple(parts), tuple(others), frozenset(wholes), frozenset(runs))


def mentions(text: str, name: str) -> bool:
    """Whether ``name`` stands in ``text`` by itself, in whatever case, and not as letters of another word: no "time" is Tim.

    Where a script has no spaces, whatever is beside a name leaves it a name. The empty name is never mentioned.
    """
    text, name = text.lower(), name.lower()
    at = text.find(name) if name else -1
    while at >= 0:
        end = at + len(name)
        if not (_is_one_word(text[at - 1 : at] + name[0]) or _is_one_word(name[-1] + text[end : end + 1])):
            return True
        at = text.find(name, at + 1)
    return False


def holds_unspaced(word: str) -> bool:
    """Whether letters of a script without spaces are in a word: then names may stand in it (`mentions`)."""
    return not word.isascii() and _RUN.search(word) is not None


def _is_one_word(pair: str) -> bool:
    """Whether two characters that stand side by side belong to one word; not where there is but one."""
    return len(pair) == 2 and all(unicodedata.category(char)[0] in "LMN" for char in pair) and not _RUN.search(pair)


def is_unspaced(text: str) -> bool:
    """Whether ``text`` is all of a script that is written without spaces."""
    return _RUN.fullmatch(text) is not None


def further_words(*texts: str | None) -> str:
    """The further words of several texts with spaces between them, for the full-text index; empty for most."""
    return " ".join(
        word for text in texts if text for forms in (forms_of(text),) for word in forms.parts + forms.others
    )


def asked_words(query: str) -> tuple[list[str], frozenset[str]]:
    """The distinct words to search for, in order, and which of them only count if they occur anywhere.

    Like `search_words`, with the further forms of the query.
    """
    forms = forms_of(query)
    words = search_words(forms.text)
    if not (forms.parts or forms.others):
        return words, frozenset()
    words = [word for word in words if word not in forms.runs]
    further = [word for word in (*forms.parts, *forms.others) if word not in STOP_WORDS]
    return list(dict.fromkeys([*words, *further])), forms.wholes | frozenset(forms.others)


def without_spare_pieces(words: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    """``words`` without those pieces of Chinese and Japanese that say nothing besides the others.

    A character counts in a pair that occurs or, where there is none, by itself: a pair that occurs nowhere is mostly the end
    of one word and the beginning of the next. ``counts``: in how many memories each word occurs.
    """
    if not any(_HAN.search(word) for word in words):
        return list(words)
    covered = {char for word in words if len(word) > 1 and counts[word] for char in word}
    return [
        word for word in words if not _HAN.search(word) or (word not in covered if len(word) == 1 else counts[word] > 0)
    ]  # fmt: skip


def _without_marks(text: str) -> str:
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFKC", text)
    return "".join(char for char in composed if char.isascii() or unicodedata.category(char) not in _UNSEEN)


def _parts(word: str) -> list[str]:
    """``parseHTTPHeader2`` is parse, http, header and 2; a word of one part has none."""
    if word.isdigit() or (word.isalpha() and (word.islower() or word.istitle() or word.isupper())):
        return []
    segments = _LETTERS_OR_DIGITS.findall(word)
    if len(segments) > _MOST_SEGMENTS:
        return []
    parts = [
        part for segment in segments for part in (_HUMPS.findall(segment) if segment.isascii() else ()) or [segment]
    ]
    if not 1 < len(parts) <= _MOST_PARTS:
        return []
    return [part for part in map(str.lower, parts) if part not in STOP_WORDS]


def _pieces(word: str) -> Iterator[str]:
    """Every two neighbours of each run, and every character that can be a word by itself; what else there is, in parts."""
    for segment in _RUN.split(word):
        if not _RUN.match(segment):
            if segment:
                yield segment.lower()
                yield from _parts(segment)
            continue
        yield from (segment[at : at + 2] for at in range(len(segment) - 1))
        yield from _HAN.findall(segment) if len(segment) > 1 else [segment]


def _joined(text: str) -> Iterator[str]:
    """``12,000``, ``U.S.A.``, ``Wi-Fi`` and ``O'Brien`` as one word."""
    for match in _GROUPED.finditer(text):
        yield "".join(char for char in match.group() if char.isdigit())
    for pattern in (_INITIALS, _HYPHENED, _APOSTROPHED):
        for match in pattern.finditer(text):
            yield _NO_LETTER.sub("", match.group()).lower()


def _names_of_signs(text: str) -> Iterator[str]:
    """Currencies and shares by their words, pictures by their Unicode names."""
    for char in text:
        if char in _SIGNS:
            yield _SIGNS[char]
        elif not char.isascii() and _PICTURES.match(char):
            yield from _words_of_picture(char)


@lru_cache(maxsize=2_048)
def _words_of_picture(char: str) -> tuple[str, ...]:
    words = [word for word in words_of(unicodedata.name(char, "")) if word not in _NAMELESS]
    return ("".join(words),) if _IN_ONE_WORD.intersection(words) else tuple(words)
