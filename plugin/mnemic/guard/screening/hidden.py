"""Content that a person who looks at the text does not see. These rules work in every language."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import chain

from mnemic.domain.language import is_foreign
from mnemic.domain.text import WORD
from mnemic.domain.verdict import Finding, Span
from mnemic.guard.screening import codes
from mnemic.guard.screening.plain import INVISIBLE, holds_any, lowered, mixed_words, mostly_latin

_OVERRIDE = re.compile("[\u202d\u202e]")
_EMBEDDING = re.compile("[\u202a\u202b\u2066-\u2068]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_TAGS = re.compile("[\U000e0000-\U000e007f]+")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
_SELECTORS = re.compile("[\ufe00-\ufe0d\U000e0100-\U000e01ef]+")
_IDEOGRAPH = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u1800-\u18af]")
_ZERO_WIDTH = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff\u180e\u3164\uffa0]+")
_LONG_RUN = 8
_LATIN = re.compile("[A-Za-z]")

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(r"\b(?:0x)?((?:[0-9a-fA-F]{2}){16,})\b")
_HEX_PAIRS = re.compile(r"(?:(?:\\x|%|\\u00|0x)[0-9a-fA-F]{2}[ ,]?){12,}")
_BASE32 = re.compile(r"(?<![A-Za-z0-9=])[A-Z2-7]{24,}={0,6}(?![A-Za-z0-9])")
_BITS = re.compile(r"(?<![01])(?:[01]{8}[ ,]?){10,}(?![01])")
_WORDS = re.compile(r"[A-Za-z]{2,}")
_MOST_DECODED = 4_000
_SHORTEST_ENCODED = 24
# Common words as they look with the alphabet turned by half, and backwards: three of them are no accident.
_ROT13 = re.compile(r"\b(?:gur|naq|lbh|lbhe|jvgu|guvf|gung|nyy|sbe|sebz|gb|bs|vf|vg|ba|va|hfre|nal|nyjnlf|abg)\b")
_BACKWARDS = re.compile(
    r"\b(?:eht|uoy|ruoy|htiw|siht|taht|lla|rof|morf|resu|syawla|ot|fo|si|ton|secivda|selur|snoitcurtsni)\b"
)
_TELLING = re.compile(r"\b(?:gur|naq|lbh|lbhe|jvgu|guvf|gung|eht|uoy|ruoy|htiw|siht|taht|snoitcurtsni|nyy)\b")
_TELLING_PARTS = ("gur", "naq", "lbh", "jvgu", "guvf", "gung", "nyy", "eht", "uoy", "htiw", "siht", "taht", "itcurts")
_ROTATED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)


def hidden_text(text: str) -> Finding | None:
    """Direction overrides, tag characters outside flags, selector runs, and zero-width characters within words."""
    if text.isascii() or not INVISIBLE.search(text):
        return None
    kinds: list[str] = []
    spans: list[Span] = []
    for kind, found in (
        ("direction control", _directions(text)),
        ("tag characters", _tags(text)),
        ("variation selectors", _selectors(text)),
        ("zero-width characters", _zero_width(text)),
    ):
        if found:
            kinds.append(kind)
            spans += found
    if not spans:
        return None
    return Finding(
        rule="hidden-text",
        reason=f"contains characters that cannot be seen: {', '.join(kinds)}",
        spans=ordered(spans),
        detail=kinds[0],
    )


def _directions(text: str) -> list[Span]:
    found = [match.span() for match in _OVERRIDE.finditer(text)]
    if not _RIGHT_TO_LEFT.search(text):  # texts with Arabic or Hebrew embed and isolate for good reason
        found += [match.span() for match in _EMBEDDING.finditer(text)]
    return found


def _tags(text: str) -> list[Span]:
    flags = [match.span() for match in _FLAG.finditer(text)]
    return [
        match.span()
        for match in _TAGS.finditer(text)
        if not any(start <= match.start() and match.end() <= end for start, end in flags)
    ]


def _selectors(text: str) -> list[Span]:
    """Variation selectors that choose no glyph: several in a row, or more than two after ordinary characters."""
    runs = [
        match.span()
        for match in _SELECTORS.finditer(text)
        if match.end() - match.start() > 1 or not _IDEOGRAPH.match(text[max(0, match.start() - 1)])
    ]
    long = [run for run in runs if run[1] - run[0] > 1]
    return runs if len(runs) > 2 else long


def _zero_width(text: str) -> list[Span]:
    """Zero-width characters between Latin letters, more than two; or a long run of several kinds, which carries bits."""
    within: list[Span] = []
    runs: list[Span] = []
    for match in _ZERO_WIDTH.finditer(text):
        start, end = match.span()
        if end - start >= _LONG_RUN and len(set(match[0])) > 1:
            runs.append((start, end))
        elif start > 0 and end < len(text) and _LATIN.match(text[start - 1]) and _LATIN.match(text[end]):
            within.append((start, end))
    return runs + within if len(within) > 2 else runs


def homoglyphs(text: str) -> Finding | None:
    """Two words or more that mix alphabets by letters that look alike, in a text that is written in Latin letters."""
    if text.isascii():
        return None
    words = mixed_words(text)
    if len(words) < 2 or not mostly_latin(text):
        return None
    return Finding(
        rule="homoglyphs",
        reason=f"{len(words)} words mix Latin letters with look-alikes of another alphabet",
        spans=tuple(words),
    )


def encoded_payload(spans: list[Span]) -> Finding | None:
    """The finding for encoded text that nobody sees and that says something; ``spans`` where it stands."""
    if not spans:
        return None
    return Finding(
        rule="encoded-payload", reason="contains encoded text that decodes to readable words", spans=ordered(spans)
    )


def encoded_runs(text: str) -> list[tuple[Span, str | None]]:
    """Base64, base32, numbers of characters, Morse, turned alphabets or backwards: what becomes readable words, and which;
    None where not all of it was read.

    Keys, hashes and images do not.
    """
    runs = chain(_decoded(text), codes.number_runs(text), codes.parts_of_base64(text))
    found: list[tuple[Span, str | None]] = []
    for (start, end), decoded in runs:
        layers = filter(_readable, (decoded, *codes.inner_layers(decoded)))
        found += [((start, end), _told(one) if end - start <= _MOST_DECODED else None) for one in layers]
    return found + [(span, None) for span in (*_turned(text), *codes.turned(text), *codes.morse(text))]


def stands_in(told: str, text: str) -> bool:
    """Whether these words stand in a text one after the other; case and what is between the words do not matter."""
    return f" {' '.join(WORD.findall(told.casefold()))} " in f" {' '.join(WORD.findall(text.casefold()))} "


def _decoded(text: str) -> Iterator[tuple[Span, bytes]]:
    # Neither of the first two has a space in it.
    long = len(max(text.split(), key=len, default="")) >= _SHORTEST_ENCODED
    for match in _BASE64.finditer(text) if long else ():
        if text[max(0, match.start() - 30) : match.start()].rpartition("data:image/")[1]:
            continue
        run = match[0].rstrip("=")[:_MOST_DECODED].replace("-", "+").replace("_", "/")
        run = run[: len(run) - len(run) % 4] if len(run) % 4 == 1 else run + "=" * (-len(run) % 4)
        try:
            yield match.span(), base64.b64decode(run)
        except (binascii.Error, ValueError):
            continue
    for match in _HEX.finditer(text) if long else ():
        yield match.span(), bytes.fromhex(match[1][:_MOST_DECODED])
    for match in _BASE32.finditer(text) if long else ():
        run = match[0].rstrip("=")[:_MOST_DECODED]
        try:
            yield match.span(), base64.b32decode(run + "=" * (-len(run) % 8))
        except (binascii.Error, ValueError):
            continue
    for match in _BITS.finditer(text) if "01" in text else ():
        digits = re.sub(r"[ ,]", "", match[0])[: 8 * _MOST_DECODED]
        yield match.span(), bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits) - 7, 8))
    if not any(mark in text for mark in ("\\x", "%", "\\u00", "0x")):
        return
    for match in _HEX_PAIRS.finditer(text):
        digits = "".join(re.findall(r"(?:\\x|%|\\u00|0x)([0-9a-fA-F]{2})", match[0][: 4 * _MOST_DECODED]))
        yield match.span(), bytes.fromhex(digits)


def _without_zeros(decoded: bytes) -> bytes:
    """UTF-16 of Latin letters as ASCII."""
    return decoded.replace(b"\0", b"") if decoded.count(0) * 5 > 2 * len(decoded) else decoded


def _told(decoded: bytes) -> str:
    return _without_zeros(decoded).decode("utf-8", "replace")


def _readable(decoded: bytes) -> bool:
    """At least 95 % printable ASCII, and three words or more with spaces between them; or letters of other alphabets."""
    decoded = _without_zeros(decoded)
    printable = sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in decoded)
    if printable < 0.95 * len(decoded):
        return _readable_elsewhere(decoded)
    words = _WORDS.findall(decoded.decode("ascii", "ignore"))
    return b" " in decoded and len(words) >= 3 and sum(map(len, words)) >= 0.5 * len(decoded)


def _readable_elsewhere(decoded: bytes) -> bool:
    """UTF-8 of which nearly all are letters and spaces: random bytes are hardly ever that."""
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError as broken:  # a run that was cut in the middle of its last character
        text = decoded[: broken.start].decode("utf-8", "ignore") if broken.start >= len(decoded) - 3 else ""
    return len(text) >= 8 and sum(char.isalpha() or char in " .,!?:;'-\n" for char in text) >= 0.9 * len(text)


def _turned(text: str) -> list[Span]:
    """Sentences that are English with the alphabet turned by half (rot13), or backwards."""
    low = lowered(text)
    if not (holds_any(low, _TELLING_PARTS) and _TELLING.search(low)):
        return []
    found: list[Span] = []
    for run in codes.SENTENCE.finditer(low):
        words = len(run[0].split())
        for pattern, decoded in ((_ROT13, run[0].translate(_ROTATED)), (_BACKWARDS, run[0][::-1])):
            hits = len(pattern.findall(run[0]))
            if hits >= 2 and hits * 6 >= words and is_foreign(decoded) is False and is_foreign(run[0]) is not False:
                found.append(run.span())
                break
    return found


def ordered(spans: Iterator[Span] | list[Span]) -> tuple[Span, ...]:
    """Ascending and without overlap: spans that meet become one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return tuple(merged)
