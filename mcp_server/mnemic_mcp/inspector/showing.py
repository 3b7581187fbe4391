"""Stored text as data on a page. The one place where HTML is made of it, beside the templates, which escape everything."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from markupsafe import Markup, escape

from mnemic.domain.quoting import visible

PART_CHARS = 20_000
"""So much of a long text is on one page."""

Marked = tuple[int, int, str]
"""Characters ``start`` to before ``end`` of a text, and what is said of them."""

_HIDDEN = Markup('<span class="hidden" title="{}">{}</span>')
_FOUND = Markup('<mark title="{}">{}</mark>')
_NAMED = 6
_MOST_MARKED = 500
_NAMES = {"\x1b": "ESCAPE", "\r": "CARRIAGE RETURN", "\x00": "NULL", "\x07": "BELL", "\x08": "BACKSPACE"}


def as_data(text: str, marked: Iterable[Marked] = ()) -> Markup:
    """A text with everything escaped, and whatever hides, reorders or moves in it written out and named.

    ``marked`` parts are highlighted; where they overlap, the first. Of more than five hundred the last that is highlighted
    says how many are not: a rule may name every other character of a long text.
    """
    parts: list[Markup] = []
    at = 0
    found = sorted(one for one in marked if one[0] < len(text))
    if len(found) > _MOST_MARKED:
        start, end, why = found[_MOST_MARKED - 1]
        found[_MOST_MARKED - 1 :] = [(start, end, f"{why}; {len(found) - _MOST_MARKED:,} more are not marked")]
    for start, end, why in found:
        start, end = max(start, at), min(end, len(text))
        if start < end:
            parts += [_written_out(text[at:start]), _FOUND.format(visible(why), _written_out(text[start:end]))]
            at = end
    parts.append(_written_out(text[at:]))
    return Markup("").join(parts)


def short(text: str, limit: int = 280) -> Markup:
    """The beginning of a text, for a row of a list."""
    return as_data(text) if len(text) <= limit else as_data(text[: limit - 1]) + "…"


def plain_short(text: str, limit: int = 60) -> str:
    """The beginning of a text on one line without markup, for what a template escapes: titles, labels, drawings."""
    line = " ".join(text[: limit * 4].split())
    return visible(line if len(line) <= limit else line[: limit - 1] + "…")


def when(moment: datetime | None) -> str:
    """A moment in UTC to the minute, empty for none."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def told(value: Any) -> str:
    """A detail of an event in words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} → {told(part)}" for name, part in value.items())
    return ", ".join(map(told, value)) if isinstance(value, list | tuple) else str(value)


def day(moment: datetime | None) -> str:
    """The day of a moment in UTC, empty for none."""
    return "" if moment is None else f"{moment:%Y-%m-%d}"


def _written_out(text: str) -> Markup:
    if visible(text) == text:
        return escape(text)
    return Markup("").join(_runs(text))


def _runs(text: str) -> Iterator[Markup]:
    for hides, run in groupby(text, key=lambda char: visible(char) != char):
        if hides:
            # One element for all that stand together: twenty thousand would make a page of megabytes.
            chars = "".join(run)
            kinds = [_name(char) for char in dict.fromkeys(chars)]
            more = [f"{len(kinds) - _NAMED} others"] if len(kinds) > _NAMED else []
            yield _HIDDEN.format(", ".join(kinds[:_NAMED] + more), visible(chars))
        else:
            yield escape("".join(run))


def _name(char: str) -> str:
    return _NAMES[char] if char in _NAMES else unicodedata.name(char, f"CONTROL {ord(char):#06x}")
