"""Long texts in passages, cut where they pause: at headings, paragraphs, list items, lines of code, ends of sentences.

A passage is a span of the text, so that it can be quoted exactly. (semchunk 4.1.1 is quick and gives spans too, and finds
passages as well on joined conversations; but it parts a heading from what stands under it, cuts inside a line of code, and
counts a Chinese letter as a Latin one.)
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import accumulate
from typing import NamedTuple

from mnemic.domain.text import FIRST_WIDE, WIDE

# Sizes are in Latin letters: six make a word with its space. A letter of a script without spaces counts as `WIDE`.
LONG_FROM = 2_400
"""A text of more than this, some 400 words, is cut; a shorter one stays whole.

An assistant's replies do better whole: cut from 200 words on, R@5 among LongMemEval's falls from 63.3 to 53.7 (15 cases),
from 300 on to 57.0, from 400 on to 62.0, with the same R@10.
"""
MOST = 600
"""The size of the longest passage, some 100 words, but for a line of code."""
FACET = "passages"
"""The name under which the vectors of a text's passages are kept beside those of an experience's facets."""
_LEAST = MOST // 3
_LONGEST_LINE = 4 * MOST


class Span(NamedTuple):
    """From the character ``start`` to the one before ``end``."""

    start: int
    end: int


class _Rank(IntEnum):
    """How well a text can be cut at a place."""

    WORD = 0
    CLAUSE = 1
    LINE = 2
    SENTENCE = 3
    ITEM = 4
    PARAGRAPH = 5
    HEADING = 6


class _Places(NamedTuple):
    """Where a text may be cut, ascending, and where lines of code stand that must stay whole."""

    at: list[int]
    rank: list[_Rank]
    code: list[Span]


_LINE = re.compile(r"[^\n]*+\n?")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]")
_ITEM = re.compile(r"[ \t]*(?:[-*+\u2022][ \t]|\d{1,3}[.)][ \t]|\|)")
# Each run of marks is looked at once, whatever follows: no run makes the search go back and forth.
_PAUSE = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019)\]*_\u00bb]*+(?=\s)"
    r"|[\u3002\uff01\uff1f]++[\u300d\u300f\u201d\uff09]*+"
    r"|(?P<clause>[;:,](?=\s)|[\u3001\uff0c\uff1b\uff1a])"
)
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)\]*_\u00bb\u300d\u300f\uff09]{0,4}\s*\Z")
_SPACE = re.compile(r"\s")
_TEXT = re.compile(r"\S")


def passages(text: str) -> tuple[Span, ...]:
    """The passages of a text in their order; none for a text that stays whole.

    They do not overlap, hold everything but white space between them, and begin and end with something else. Linear in the
    length of the text.
    """
    return tuple(_pack(text, _places(text), _sizes(text))) if is_long(text) else ()


def is_long(text: str) -> bool:
    """Whether a text is cut. Of a short one nothing but the length is looked at."""
    if len(text) * WIDE <= LONG_FROM:
        return False
    return len(text) > LONG_FROM or _sizes(text)(len(text)) > LONG_FROM


def _sizes(text: str) -> Callable[[int], int]:
    """The size of the text up to each character."""
    if text.isascii():
        return int
    sums = [0, *accumulate(WIDE if letter >= FIRST_WIDE else 1 for letter in text)]
    return sums.__getitem__


def _pack(text: str, places: _Places, size: Callable[[int], int]) -> Iterator[Span]:
    """Passages that end at the best place within reach, and there as late as can be."""
    length = len(text)
    start = _skip(text, 0)
    while start < length:
        if size(length) - size(start) <= MOST:
            end = length
        else:
            low = bisect_right(range(length + 1), size(start) + _LEAST, start, key=size) - 1
            high = bisect_right(range(length + 1), size(start) + MOST, start, key=size) - 1
            end = _best_end(text, places, start, low, high)
        yield Span(start, start + len(text[start:end].rstrip()))
        start = _skip(text, end)


def _best_end(text: str, places: _Places, start: int, low: int, high: int) -> int:
    """Where the passage from ``start`` ends: after ``low`` where something serves, never after ``high`` but in code."""
    first, last = bisect_right(places.at, low), bisect_right(places.at, high)
    if first < last:
        # Of equally good places the latest.
        return places.at[max(range(first, last), key=lambda at: (places.rank[at], at))]
    line = _line_of_code(places, high)
    if line is None:
        return next((at for at in range(high, low, -1) if text[at].isspace()), high)
    if line.start > start:
        return line.start
    return line.end if line.end - line.start <= _LONGEST_LINE else high


def _line_of_code(places: _Places, at: int) -> Span | None:
    """The line of code that a cut at ``at`` would part."""
    found = bisect_left(places.code, at, key=lambda line: line.end)
    return places.code[found] if found < len(places.code) and places.code[found].start < at else None


def _skip(text: str, start: int) -> int:
    found = _TEXT.search(text, start)
    return len(text) if found is None else found.start()


def _places(text: str) -> _Places:
    """Read the text line by line."""
    places = _Places([], [], [])
    fence: str | None = None
    blank = after_heading = ended = False
    for match in _LINE.finditer(text):
        line, start = match[0], match.start()
        if fence is None and not line.strip():
            blank = True
            continue
        mark = _FENCE.match(line)
        opens = fence is None and mark is not None
        heading = fence is None and mark is None and _HEADING.match(line) is not None
        item = _ITEM.match(line) if fence is None and not heading else None
        if start:
            if fence is not None:
                rank = _Rank.LINE
            elif after_heading:
                rank = _Rank.WORD
            elif heading:
                rank = _Rank.HEADING
            elif blank:
                rank = _Rank.PARAGRAPH
            else:
                rank = _Rank.ITEM if item is not None or ended else _Rank.LINE
            places.at.append(start)
            places.rank.append(rank)
        if fence is not None or opens:
            places.code.append(Span(start, match.end()))
        elif not heading:
            _read_line(places, line, start, item.end() if item is not None else 0)
        if opens and mark is not None:
            fence = mark[1]
        elif fence is not None and mark is not None and mark[1].startswith(fence) and not line[mark.end() :].strip():
            fence = None
        blank, after_heading, ended = False, heading, _SENTENCE_END.search(line[-8:]) is not None
    return places


def _read_line(places: _Places, line: str, start: int, after: int) -> None:
    """The pauses inside a line, behind the mark of a list item."""
    for pause in _PAUSE.finditer(line, after):
        if pause.end() < len(line):
            places.at.append(start + pause.end())
            places.rank.append(_Rank.CLAUSE if pause["clause"] else _Rank.SENTENCE)
