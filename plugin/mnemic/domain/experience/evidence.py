"""The values and words of some texts, in normal forms, and whether a value occurs among them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mnemic.domain.experience.values import (
    NUMBER_WORDS,
    ORDINAL_WORDS,
    Token,
    ValueKind,
    alphanumeric,
    fold,
    tokens_of,
)
from mnemic.domain.text import WORD

LETTERS = re.compile(r"[^\W\d_]+")
_GAPS = re.compile(r"\u2026|\.\.\.")
_SUFFIX = re.compile(r"(?:ations?|ings?|ions?|ies|ied|es|ed|ly|s|e|y)\Z")
_NAME_WINDOW = 4
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()

CalendarDate = tuple[int | None, int, int]
"""Year (None where none is given), month, day."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """The values and words of some texts, ready to be compared with. Made by `read_evidence`."""

    flat: str = " "
    runs: set[str] = field(default_factory=set)
    places: dict[str, list[int]] = field(default_factory=dict)
    numbers: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    dates: set[CalendarDate] = field(default_factory=set)
    times: set[int] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)
    shown: dict[ValueKind, dict[str, str]] = field(default_factory=dict)
    trigrams: set[str] = field(default_factory=set)


def read_evidence(texts: Iterable[str]) -> Evidence:
    """Take in texts once, so that many claims can be compared with them."""
    evidence = Evidence()
    flat: list[str] = []
    for text in texts:
        _take_in(text, evidence)
        if "\\n" in text or "\\t" in text:  # JSON inside of JSON
            text = text.replace("\\n", "\n").replace("\\t", "\t")
            _take_in(text, evidence)
        flat += [*WORD.findall(fold(text)), "\n"]
    position = 0
    places = evidence.places
    for word in flat:
        position += 1 if word != "\n" else _NAME_WINDOW + 1
        for part in (word,) if word.isalpha() else LETTERS.findall(word):
            if (known := places.get(part)) is None:
                places[part] = [position]
            else:
                known.append(position)
    evidence.flat = f" {' '.join(flat)} "
    evidence.trigrams = {" ".join(flat[at : at + 3]) for at in range(len(flat) - 2)}
    evidence.stems = {stem_of(word) for word in evidence.places}
    return evidence


def is_supported(token: Token, evidence: Evidence) -> bool:
    """Whether one value occurs in the evidence. A plain word always does."""
    return token.kind is None or _CHECKS[token.kind](token.text, evidence)


def occurs(value: str, evidence: Evidence) -> bool:
    """Whether a single value, such as an argument of a call, stands in the evidence: its values, or else its words
    in order.
    """
    tokens = [token for token in tokens_of(value, quotations=False) if token.kind not in (None, ValueKind.NAME)]
    if tokens and all(is_supported(token, evidence) for token in tokens):
        rest = sum(len(token.text) for token in tokens)
        if rest >= len(value.replace(" ", "")) - 2:
            return True
    words = WORD.findall(fold(value))
    return bool(words) and _occurs(words, evidence)


# --- taking in ---


def _take_in(text: str, evidence: Evidence) -> None:
    for token in tokens_of(text, quotations=False):
        kind, word = token.kind, token.text
        if kind is None or kind is ValueKind.NAME:
            lower = fold(word)
            evidence.runs.add(lower)
            if value := NUMBER_WORDS.get(lower) or ORDINAL_WORDS.get(lower):
                evidence.numbers[value] = None
            if kind is None:
                continue
        elif kind is ValueKind.NUMBER:
            if token.listed:  # the place in a list is no fact
                continue
            value = number_key(word)
            evidence.numbers |= dict.fromkeys((value, value.lstrip("-")))
            evidence.runs.add(alphanumeric(word))
        elif kind is ValueKind.DATE:
            for year, month, day in dates_of(word):
                evidence.dates.add((year, month, day))
                evidence.numbers |= dict.fromkeys((str(day), *(() if year is None else (str(year),))))
        elif kind is ValueKind.TIME:
            evidence.times.update(times_of(word))
        elif kind in (ValueKind.URL, ValueKind.EMAIL, ValueKind.PATH):
            evidence.links.add(_link_key(word))
            evidence.runs.update(alphanumeric(part) for part in re.split(r"[/\\:?&=#@]+", word) if part)
        else:
            evidence.runs.add(alphanumeric(word))
            if "." in word:
                evidence.runs.update(map(alphanumeric, word.split(".")))
        evidence.shown.setdefault(kind, {}).setdefault(alphanumeric(word), word)


def number_key(text: str) -> str:
    """A number in its shortest digits, with its sign if it is negative: ``$1,203.50`` is ``1203.5``."""
    word = fold(text)
    if word in NUMBER_WORDS:
        return NUMBER_WORDS[word]
    digits = re.sub(r"[^\d.]", "", word.replace("%", "")).strip(".")
    whole, _, rest = digits.partition(".")
    value = f"{whole.lstrip('0') or '0'}.{rest.rstrip('0')}".rstrip(".")
    return f"-{value}" if text[0] in "-\u2212" and value != "0" else value


def dates_of(text: str) -> tuple[CalendarDate, ...]:
    """The dates that a text may mean as (year or None, month, day): two when day and month can be exchanged."""
    lower = text.lower()
    numbers = [int(digits) for digits in re.findall(r"\d+", lower)]
    named = next((at for at, name in enumerate(_MONTHS, 1) if re.search(rf"\b{name}", lower)), None)
    if named is not None:
        year = numbers[1] if len(numbers) > 1 else None
        return ((year, named, numbers[0]),) if numbers else ()
    first, second, third = numbers
    if first > 99:
        return ((first, second, third),)
    year = third if third > 99 else 2000 + third
    orders = ((year, first, second), (year, second, first))
    return tuple(dict.fromkeys(order for order in orders if order[1] <= 12))


def times_of(text: str) -> tuple[int, ...]:
    """The times of day that a text may mean, in minutes since midnight."""
    lower = text.lower()
    hour, minute = [*map(int, re.findall(r"\d+", lower)), 0][:2]
    if "p" in lower or "a" in lower:
        return (hour % 12 * 60 + minute + ("p" in lower) * 720,)
    return (
        (hour * 60 + minute,)
        if not 0 < hour < 12 or lower.startswith(("0", "t0"))
        else (hour * 60 + minute, (hour + 12) * 60 + minute)
    )


def _link_key(text: str) -> str:
    return fold(text).replace("\\", "/").rstrip("/.")


def stem_of(word: str) -> str:
    stem = _SUFFIX.sub("", word)
    return stem if len(stem) > 2 else word


# --- checks ---


def _quotation(text: str, evidence: Evidence) -> bool:
    inner = text[1:-1]
    for piece in _GAPS.split(inner):
        words = WORD.findall(fold(piece))
        if words and not _occurs(words, evidence) and not _is_one_value(piece.strip(), evidence):
            return False
    return True


def _occurs(words: Sequence[str], evidence: Evidence) -> bool:
    """Whether the words stand in the evidence in this order, one right after the other."""
    if len(words) == 3 or (
        len(words) > 3 and any(" ".join(words[at : at + 3]) not in evidence.trigrams for at in range(len(words) - 2))
    ):
        return " ".join(words) in evidence.trigrams
    return f" {' '.join(words)} " in evidence.flat


def _is_one_value(piece: str, evidence: Evidence) -> bool:
    tokens = list(tokens_of(piece, quotations=False))
    return (
        len(tokens) == 1
        and tokens[0].kind not in (None, ValueKind.NAME)
        and len(tokens[0].text) >= len(piece) - 1
        and is_supported(tokens[0], evidence)
    )


def _number(text: str, evidence: Evidence) -> bool:
    return number_key(text) in evidence.numbers


def _date(text: str, evidence: Evidence) -> bool:
    for year, month, day in dates_of(text):
        if (year, month, day) in evidence.dates:
            return True
        if year is None and any((month, day) == date[1:] for date in evidence.dates):
            return True
        if (None, month, day) in evidence.dates and str(year) in evidence.numbers:
            return True
    return False


def _time(text: str, evidence: Evidence) -> bool:
    return not evidence.times.isdisjoint(times_of(text))


def _link(text: str, evidence: Evidence) -> bool:
    return _link_key(text) in evidence.links


def _identifier(text: str, evidence: Evidence) -> bool:
    if alphanumeric(text) in evidence.runs:
        return True
    parts = text.split(".")
    return len(parts) > 1 and all(alphanumeric(part) in evidence.runs for part in parts)


def _name(text: str, evidence: Evidence) -> bool:
    lower = fold(text)
    return lower in evidence.places or lower in evidence.runs or (lower.endswith("s") and lower[:-1] in evidence.places)


_CHECKS: dict[ValueKind, Callable[[str, Evidence], bool]] = {
    ValueKind.QUOTED: _quotation,
    ValueKind.URL: _link,
    ValueKind.EMAIL: _link,
    ValueKind.PATH: _link,
    ValueKind.DATE: _date,
    ValueKind.TIME: _time,
    ValueKind.NUMBER: _number,
    ValueKind.IDENTIFIER: _identifier,
    ValueKind.CODE: _identifier,
    ValueKind.NAME: _name,
}


def stand_together(left: str, right: str, evidence: Evidence) -> bool:
    """Whether two words occur within four of each other: ``first_name: Ana, last_name: Li`` is Ana Li."""
    first, second = evidence.places.get(left, []), evidence.places.get(right, [])
    if len(first) > len(second):
        first, second = second, first
    for place in first:
        at = bisect_left(second, place - _NAME_WINDOW)
        if at < len(second) and second[at] <= place + _NAME_WINDOW:
            return True
    return False
