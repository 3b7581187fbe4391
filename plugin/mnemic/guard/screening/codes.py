"""Text that is written as something else: numbers of its characters, other alphabets of a coder, layers of encodings.

Whoever decodes it reads words; a list of ages, a hash or a table of measurements does not become any. Linear.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from mnemic.domain.language import is_foreign
from mnemic.domain.text import STOP_WORDS
from mnemic.domain.verdict import Span
from mnemic.guard.screening.plain import lowered

MOST_DECODED = 4_000
"""So many characters of one encoded run are looked at."""
MOST_LAYERS = 3
"""An encoding inside another is followed this deep."""

# Numbers of characters with something between them: 73 103 110, 49:67:6E, U+0049 U+0067.
_APART = re.compile(
    r"(?<![\w.,:-])(?:(?:0[xo]|U\+|u\+)?[0-9A-Fa-f]{2,5}(?:[ ,;:|/-]{1,2}|\n)){11,4000}"
    r"(?:0[xo]|U\+|u\+)?[0-9A-Fa-f]{2,5}(?![\w.])"
)
# ... or with a sign before each: \111\147, =49=67, \u{49}, %2549, &#73&#103.
_SIGNED = re.compile(r"(?:[\\=%&](?:[xu]?\{|[xu]|25|u00|(?:amp;)?#[xX]?)?[0-9A-Fa-f]{2,6}[};]{0,2}[ ]?){12,4000}")
_NUMBER = re.compile(r"(?:0[xXoO]|[uU]\+|\\[xu]?\{?|=|%(?:25|u00)?|&(?:amp;)?#[xX]?)?([0-9A-Fa-f]{2,6})")
_HEX_SIGN = re.compile(r"0x|u\+|\\[xu]|=|%|#x", re.I)
_MIXED_CASE = re.compile(r"[a-z][A-Z]")
_BASE64_PART = re.compile(r"[A-Za-z0-9+/_-]{4,100}={0,2}$")
_FEWEST_PARTS = 3
_WHOLE_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_WHOLE_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){12,}")
_MORSE_RUN = re.compile(
    r"(?<![\w.-])(?:[.\u00b7-]{1,5}(?:[ ]{1,3}(?:[/|][ ]{0,2})?|[ ]?[/|][ ]?)){11,600}[.\u00b7-]{1,5}(?![\w-])"
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIGNS = ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
_MORSE: dict[str, str] = dict(zip(_SIGNS.split(), _LETTERS, strict=True))
_MIRRORED = str.maketrans(_LETTERS, _LETTERS[::-1])
# The distances between the letters of frequent words are the same however far the alphabet is turned.
_FREQUENT = frozenset("the and you all for are not with this that your from have".split())
_SHORT_WORD = re.compile(r"(?<![\w'\u2019])[a-z]{3,4}(?![\w'\u2019])")
_WORD = re.compile(r"[A-Za-z]+")
_VOWEL = re.compile(r"[aeiouyAEIOUY]")
# A sentence, or what stands before or behind its colon.
SENTENCE = re.compile(r"(?:[^.!?\n:]|:(?!\s)){12,600}")


def _distances(word: str) -> tuple[int, ...]:
    return tuple((ord(after) - ord(before)) % 26 for before, after in pairwise(word))


# By the distance that the alphabet is turned; in the place of none, mirrored.
_ALPHABETS = [_MIRRORED, *(str.maketrans(_LETTERS, _LETTERS[shift:] + _LETTERS[:shift]) for shift in range(1, 26))]
_TURNED = {_distances(word): word for word in _FREQUENT}


def number_runs(text: str) -> Iterator[tuple[Span, bytes]]:
    """What runs of character numbers stand for, in each base that they may be in."""
    runs = list(_APART.finditer(text))
    if any(sign in text for sign in ("\\", "=", "%", "&#", "&amp;#")):
        runs += _SIGNED.finditer(text)
    for match in runs:
        run = match[0][: 8 * MOST_DECODED]
        numbers = _NUMBER.findall(run)
        for base in _bases(run, numbers):
            decoded = _characters(numbers, base)
            if _is_text(decoded):
                yield match.span(), decoded.encode()


def _is_text(decoded: str) -> bool:
    """Whether it can be words: the numbers in a table, such as ages, make letters without vowels and spaces."""
    words = _WORD.findall(decoded)
    told = [word for word in words if _VOWEL.search(word)]
    letters = sum(map(len, words))
    return (
        len(words) >= 3
        and len(told) * 4 >= len(words) * 3
        and letters >= 0.7 * len(decoded)
        and letters < 10 * len(words)
    )


def _bases(run: str, numbers: list[str]) -> tuple[int, ...]:
    if _HEX_SIGN.search(run) or any(not number.isdecimal() for number in numbers):
        return (16,)
    return (10, 8, 16)


def _characters(numbers: list[str], base: int) -> str:
    try:
        codes = [int(number, base) for number in numbers]
    except ValueError:
        return ""
    return "".join(map(chr, codes)) if all(code in (9, 10, 13) or 32 <= code < 127 for code in codes) else ""


def parts_of_base64(text: str) -> Iterator[tuple[Span, bytes]]:
    """Base64 that is cut into pieces of equal length, by spaces or lines."""
    if len(_MIXED_CASE.findall(text)) < _FEWEST_PARTS:
        return
    tokens = [(match.start(), match[0]) for match in re.finditer(r"\S+", text)]
    at = 0
    while at < len(tokens):
        size = len(tokens[at][1])
        end = at + 1
        while end < len(tokens) and len(tokens[end][1]) == size and _BASE64_PART.match(tokens[end][1]):
            end += 1
        last = end
        if (
            last < len(tokens)
            and len(tokens[last][1]) < size
            and _BASE64_PART.match(tokens[last][1] + "AAAA"[: 4 - size])
        ):
            last += 1
        if size >= 4 and end - at >= _FEWEST_PARTS and _BASE64_PART.match(tokens[at][1]):
            joined = "".join(token for _, token in tokens[at:last])[:MOST_DECODED]
            if _MIXED_CASE.search(joined):
                span = (tokens[at][0], tokens[last - 1][0] + len(tokens[last - 1][1]))
                yield from ((span, decoded) for decoded in [_from_base64(joined)] if decoded)
        at = max(end, at + 1)


def _from_base64(run: str) -> bytes:
    run = run.rstrip("=").replace("-", "+").replace("_", "/")
    run = run[: len(run) - len(run) % 4] if len(run) % 4 == 1 else run + "=" * (-len(run) % 4)
    try:
        return base64.b64decode(run)
    except (binascii.Error, ValueError):
        return b""


def inner_layers(decoded: bytes) -> Iterator[bytes]:
    """What an encoded text holds that is nothing but an encoding again."""
    for _ in range(MOST_LAYERS):
        decoded = decoded.strip()
        if _WHOLE_HEX.fullmatch(decoded):
            decoded = bytes.fromhex(decoded.decode())
        elif _WHOLE_BASE64.fullmatch(decoded):
            decoded = _from_base64(decoded.decode())
        elif b"=" in decoded and decoded.count(b"=") * 4 > len(decoded):
            decoded = quopri.decodestring(decoded)
        else:
            return
        yield decoded


def morse(text: str) -> list[Span]:
    """Morse code of English words."""
    if not any(pair in text for pair in (".-", "-.", ". -", "- .")):
        return []
    found = []
    for match in _MORSE_RUN.finditer(text):
        words = [
            "".join(_MORSE.get(sign, "?") for sign in word.replace("\u00b7", ".").split())
            for word in re.split(r"[ ]?[/|][ ]?|[ ]{3}", match[0])
        ]
        said = " ".join(words)
        if said.count("?") * 8 < len(said) and is_foreign(said) is False:
            found.append(match.span())
    return found


def turned(text: str) -> list[Span]:
    """Sentences that are English with the alphabet turned, by whatever distance, or mirrored."""
    low = lowered(text)
    if not _alphabets(low):
        return []
    found = []
    for run in SENTENCE.finditer(low):
        alphabets = _alphabets(run[0])
        if alphabets and _turns_english(run[0], alphabets):
            found.append(run.span())
    return found


def _turns_english(run: str, alphabets: list[dict[int, int]]) -> bool:
    """Whether it is English in one of the alphabets, and more so than as it stands."""
    plainly = len(_english_words(run))
    turned_to = (run.translate(one) for one in alphabets)
    return any(_is_english(said) and len(_english_words(said)) > plainly for said in turned_to)


def _english_words(said: str) -> list[str]:
    return [word for word in _WORD.findall(said) if word in STOP_WORDS and len(word) > 1]


def _alphabets(run: str) -> list[dict[int, int]]:
    """The alphabets in which some word of a run is a frequent English one."""
    met = {alphabet for word in set(_SHORT_WORD.findall(run)) for alphabet in _meant(word)}
    return [_ALPHABETS[one] for one in sorted(met)]


@lru_cache(maxsize=4096)
def _meant(word: str) -> tuple[int, ...]:
    """The alphabets, by their numbers in `_ALPHABETS`, in which a word is a frequent one."""
    meant = _TURNED.get(_distances(word))
    found = () if meant is None else ((ord(meant[0]) - ord(word[0])) % 26,)
    return (*(one for one in found if one), *((0,) if word.translate(_MIRRORED) in _FREQUENT else ()))


def _is_english(decoded: str) -> bool:
    """Whether three different function words, and a fifth of all words, are English: one may be an accident."""
    words = _WORD.findall(decoded)
    told = _english_words(decoded)
    return len(set(told)) >= 3 and len(told) * 5 >= len(words) and is_foreign(decoded) is False
