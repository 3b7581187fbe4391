# ruff: noqa: RUF001, RUF002 - look-alike letters are what this is about
"""The text as the rules read it: one form for look-alikes and nothing invisible, with the way back to the original."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html.entities import html5
from itertools import pairwise

from mnemic.domain.verdict import Span

# Characters that leave no mark: zero-width spaces and joiners, direction controls, soft hyphens, variation selectors,
# invisible operators and tag characters (Unicode 15, general category Cf and default-ignorable code points).
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U000e0000-\U000e0fff]+"
)

# Lines through, under and around letters, which no language writes on those of the Latin alphabet; and blanks that are seen.
_OVERLAID = "\u0332-\u0338\u0305\u033f\u0346-\u034e\u20d0-\u20f0\ufe20-\ufe2f"
_DROPPED = re.compile(f"{INVISIBLE.pattern[:-2]}{_OVERLAID}]+")
# Letters of phonetics, of boxes and of flags in place of those they show, and the blank of Braille.
_SMALL_CAPITALS = (
    "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\u0280\ua731\u1d1b\u1d1c\u1d20"
    "\u1d21\u028f\u1d22\u0251\u0261"
)
_SHOWN_AS = {
    **{ord(char): letter for char, letter in zip(_SMALL_CAPITALS, "abcdefghijklmnoprstuvwyzag", strict=True)},
    **{first + at: chr(ord("a") + at) for first in (0x1F150, 0x1F170, 0x1F1E6) for at in range(26)},
    0x2800: " ",
}
# A few signs stand for whole sentences (one for 18 letters): a text of those alone would become as much longer.
_MOST_LETTERS = 4
_SHOWN = re.compile(f"[{''.join(map(chr, _SHOWN_AS))}]")

# Letters of Cyrillic and Greek that look like a Latin one, in pairs (after Unicode's confusables.txt, the letters alone).
_PAIRS = (
    "аa еe оo рp сc уy хx іi јj ѕs ԁd һh ӏl ԛq ԝw ѵv ьb кk мm тt нh вb гr пn АA ВB ЕE ІI ЈJ КK МM НH ОO РP СC ЅS ТT УY ХX"
    " οo ρp νv αa ιi κk τt υu ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX"
)
# One character written with several: a character reference of HTML, an escape of JSON, Markdown or iCalendar.
_ESCAPED = re.compile(
    r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|[A-Za-z]{2,8});|\\(?:u[0-9a-fA-F]{4}|[nrt\"'/\\,;!*_#\[\](){}<>-])"
)
_JSON = {"n": "\n", "r": "\n", "t": "\t"}
LOOK_ALIKE = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}
_MIXABLE = re.compile(r"[A-Za-z\u0370-\u04ff\u0500-\u052f]{2,64}")
_OTHER = re.compile(r"[\u0370-\u052f]")
_LATIN = re.compile(r"[A-Za-z]")
_MASSES = (re.compile(r"[\u0370-\u03ff]"), re.compile(r"[\u0400-\u052f]"))


@dataclass(frozen=True, slots=True)
class Plain:
    """``text`` is what the rules match. ``low`` is the same in small letters, of equal length.

    ``origins`` gives for each character of ``text`` the start of the original character that it came from; None when
    both are the same text. ``size`` is the length of the original.
    """

    text: str
    low: str
    size: int
    origins: Sequence[int] | None

    def span(self, start: int, end: int) -> Span:
        """The range of the original text that ``text[start:end]`` came from."""
        if self.origins is None:
            return (start, end)
        if start >= end:
            at = self.origins[start] if start < len(self.origins) else self.size
            return (at, at)
        # Up to where the next kept character begins: invisible ones in between belong to what comes before them.
        return (self.origins[start], self.origins[end] if end < len(self.origins) else self.size)


def plain(text: str) -> Plain:
    """Undo escapes, compose compatibility forms (NFKC, character by character), drop what is invisible, undo look-alikes."""
    if ("&" in text or "\\" in text) and _ESCAPED.search(text):
        return _unescaped(text)
    return _composed(text)


def _composed(text: str) -> Plain:
    if text.isascii():
        return Plain(text=text, low=text.lower(), size=len(text), origins=None)
    if unicodedata.is_normalized("NFKC", text) and not _DROPPED.search(text):
        composed = _without_look_alikes(text)
        return Plain(text=composed, low=lowered(composed), size=len(text), origins=None)
    kept: list[str] = []
    origins: list[int] = []
    for at, char in enumerate(text):
        if char < "\x80":
            kept.append(char)
            origins.append(at)
        elif not _DROPPED.match(char):
            form = unicodedata.normalize("NFKC", char)[:_MOST_LETTERS]
            kept.extend(form)
            origins.extend([at] * len(form))
    composed = _without_look_alikes("".join(kept))
    same = len(composed) == len(text) and all(before + 1 == after for before, after in pairwise(origins))
    return Plain(text=composed, low=lowered(composed), size=len(text), origins=None if same else origins)


def _unescaped(text: str) -> Plain:
    """As `plain`, for a text with escapes in it."""
    pieces: list[str] = []
    origins: list[int] = []
    last = 0
    for match in _ESCAPED.finditer(text):
        char = _meant(match[0])
        if char is not None:
            pieces += (text[last : match.start()], char)
            origins += range(last, match.start())
            origins += [match.start()] * len(char)
            last = match.end()
    pieces.append(text[last:])
    origins += range(last, len(text))
    inner = _composed("".join(pieces))
    places = origins if inner.origins is None else [origins[at] for at in inner.origins]
    return Plain(text=inner.text, low=inner.low, size=len(text), origins=places)


def _meant(escape: str) -> str | None:
    """The character that an escape stands for; None for a reference that does not exist."""
    if escape[0] == "\\":
        return chr(int(escape[2:], 16)) if escape[1] == "u" else _JSON.get(escape[1], escape[1])
    if escape[1] != "#":
        return html5.get(escape[1:])
    number = int(escape[3:-1], 16) if escape[2] in "xX" else int(escape[2:-1])
    return chr(number) if 9 <= number < 0x110000 and not 0xD800 <= number < 0xE000 else None


def lowered(text: str) -> str:
    """Small letters, as many as there are characters: the few capitals that become two, such as İ, are kept."""
    low = text.lower()
    return (
        low if len(low) == len(text) else "".join(small if len(small := char.lower()) == 1 else char for char in text)
    )


def holds_any(text: str, parts: Sequence[str]) -> bool:
    """Whether any of a few strings is in a text: the quick look before a slow one, so written for speed."""
    for part in parts:  # noqa: SIM110  # `any` takes three times as long
        if part in text:
            return True
    return False


def mixed_words(text: str) -> list[Span]:
    """Words that mix Latin letters with Cyrillic or Greek ones that look like Latin: ``pаypal`` with a Cyrillic a."""
    if not _OTHER.search(text):
        return []
    return [
        match.span()
        for match in _MIXABLE.finditer(text)
        if any(ord(char) in LOOK_ALIKE for char in match[0]) and _LATIN.search(match[0])
    ]


def mostly_latin(text: str) -> bool:
    """Whether Latin letters outnumber those of Greek and of Cyrillic."""
    latin = len(_LATIN.findall(text))
    return all(len(mass.findall(text)) <= latin for mass in _MASSES)


def _without_look_alikes(text: str) -> str:
    """What shows a letter becomes it, and so do Cyrillic and Greek look-alikes in a text of Latin letters."""
    if _SHOWN.search(text):
        text = text.translate(_SHOWN_AS)
    if not _OTHER.search(text) or not mostly_latin(text):
        return text
    pieces: list[str] = []
    last = 0
    for match in _MIXABLE.finditer(text):
        if _OTHER.search(match[0]) and all(char < "\x80" or ord(char) in LOOK_ALIKE for char in match[0]):
            pieces += (text[last : match.start()], match[0].translate(LOOK_ALIKE))
            last = match.end()
    return "".join(pieces) + text[last:] if pieces else text
