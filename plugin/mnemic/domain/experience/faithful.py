"""Whether a text keeps to its evidence: every value that it states must occur there.

The check of HaluMem's stage of extraction (a memory's facts must have a span in the source), for values alone: what can be
decided without a model. What a text says *about* its values is not judged; `coverage` tells how much of its
wording the evidence shares.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mnemic.domain.experience.values import (
    GAP,
    NUMBER_WORDS,
    ORDINAL_WORDS,
    Token,
    ValueKind,
    alphanumeric,
    fold,
    tokens_of,
)
from mnemic.domain.text import STOP_WORDS

_WORD = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_GAPS = re.compile(r"\u2026|\.\.\.")
_SUFFIX = re.compile(r"(?:ations?|ings?|ions?|ies|ied|es|ed|ly|s|e|y)\Z")
_NAME_WINDOW = 4
# "Did you mean" is a kindness: it may not cost more than the check.
_MOST_NEAREST = 12
_MOST_REPORTED = 256
_MOST_CANDIDATES = 400
_LEAST_LIKENESS = 0.34
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()

CalendarDate = tuple[int | None, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """A value at ``start`` … ``end`` of the claim that the evidence does not have.

    ``nearest`` is the most similar value of its kind in the evidence, None when nothing there resembles it.
    """

    kind: ValueKind
    text: str
    start: int
    end: int
    nearest: str | None = None


@dataclass(slots=True, kw_only=True)
class Evidence:
    """The values and words of some texts, ready to be compared with. Made by `read_evidence`."""

    flat: str = " "
    runs: set[str] = field(default_factory=set)
    places: dict[str, list[int]] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)
    dates: set[CalendarDate] = field(default_factory=set)
    times: set[int] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)
    shown: dict[ValueKind, dict[str, str]] = field(default_factory=dict)
    trigrams: set[str] = field(default_factory=set)


def unsupported(claim_text: str, evidence_texts: Iterable[str] | Evidence) -> tuple[Unsupported, ...]:
    """The values of a claim that do not occur in the evidence, in order; empty when it keeps to it.

    Compared are normal forms: 1,203.00 is 1203, three is 3, 2024-05-23 is May 23rd, 2 pm is 14:00, ``userId`` is
    ``user_id``. A quotation must occur word by word; an ellipsis in it stands for what was left out. Numbers of lists and
    steps are no claims, nor is a capital at the head of a sentence. Linear in the claim and the evidence; the first 256
    are reported.
    """
    evidence = evidence_texts if isinstance(evidence_texts, Evidence) else read_evidence(evidence_texts)
    titles = _title_lines(claim_text)
    found: list[Unsupported] = []
    known: dict[tuple[ValueKind, str], bool] = {}
    previous: Token | None = None
    for token in tokens_of(claim_text):
        if token.kind is None or token.listed:
            previous = None
            continue
        if token.kind is ValueKind.NAME and _is_within(token.start, titles):
            continue
        key = (token.kind, token.text)
        supported = known.get(key)
        if supported is None:
            supported = known[key] = is_supported(token, evidence)
        if supported and token.kind is ValueKind.NAME and _joins(previous, token, claim_text):
            assert previous is not None
            supported = _stand_together(fold(previous.text), fold(token.text), evidence)
        previous = token
        if not supported:
            nearest = _nearest(token, evidence) if len(found) < _MOST_NEAREST else None
            found.append(
                Unsupported(kind=token.kind, text=token.text, start=token.start, end=token.end, nearest=nearest)
            )
            if len(found) == _MOST_REPORTED:
                break
    return tuple(found)


def coverage(claim_text: str, evidence_texts: Iterable[str] | Evidence) -> float:
    """Share of the claim's content words (lightly stemmed) that occur in the evidence, 0..1; 1 when it has none."""
    evidence = evidence_texts if isinstance(evidence_texts, Evidence) else read_evidence(evidence_texts)
    stems = {_stem(word) for word in _LETTERS.findall(fold(claim_text)) if len(word) > 2 and word not in STOP_WORDS}
    return len(stems & evidence.stems) / len(stems) if stems else 1.0


def read_evidence(texts: Iterable[str]) -> Evidence:
    """Take in texts once, so that many claims can be compared with them."""
    evidence = Evidence()
    flat: list[str] = []
    for text in texts:
        _take_in(text, evidence)
        if "\\n" in text or "\\t" in text:  # JSON inside of JSON
            text = text.replace("\\n", "\n").replace("\\t", "\t")
            _take_in(text, evidence)
        flat += [*_WORD.findall(fold(text)), "\n"]
    position = 0
    places = evidence.places
    for word in flat:
        position += 1 if word != "\n" else _NAME_WINDOW + 1
        for part in (word,) if word.isalpha() else _LETTERS.findall(word):
            if (known := places.get(part)) is None:
                places[part] = [position]
            else:
                known.append(position)
    evidence.flat = f" {' '.join(flat)} "
    evidence.trigrams = {" ".join(flat[at : at + 3]) for at in range(len(flat) - 2)}
    evidence.stems = {_stem(word) for word in evidence.places}
    return evidence


def is_supported(token: Token, evidence: Evidence) -> bool:
    """Whether one value occurs in the evidence. A plain word always does."""
    return token.kind is None or _CHECKS[token.kind](token.text, evidence)


# --- taking in ---


def _take_in(text: str, evidence: Evidence) -> None:
    for token in tokens_of(text, quotations=False):
        kind, word = token.kind, token.text
        if kind is None or kind is ValueKind.NAME:
            lower = fold(word)
            evidence.runs.add(lower)
            if value := NUMBER_WORDS.get(lower) or ORDINAL_WORDS.get(lower):
                evidence.numbers.add(value)
            if kind is None:
                continue
        elif kind is ValueKind.NUMBER:
            value = number_key(word)
            evidence.numbers.update((value, value.lstrip("-")))
            evidence.runs.add(alphanumeric(word))
        elif kind is ValueKind.DATE:
            for year, month, day in dates_of(word):
                evidence.dates.add((year, month, day))
                evidence.numbers.update((str(day), *(() if year is None else (str(year),))))
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
    return (hour * 60 + minute,) if not 0 < hour < 12 or lower.startswith(("0", "t0")) else (hour * 60 + minute, (hour + 12) * 60 + minute)


def _link_key(text: str) -> str:
    return fold(text).replace("\\", "/").rstrip("/.")


def _stem(word: str) -> str:
    stem = _SUFFIX.sub("", word)
    return stem if len(stem) > 2 else word


# --- checks ---


def _quotation(text: str, evidence: Evidence) -> bool:
    inner = text[1:-1]
    for piece in _GAPS.split(inner):
        words = _WORD.findall(fold(piece))
        if words and not _occurs(words, evidence) and not _is_one_value(piece.strip(), evidence):
            return False
    return True


def _occurs(words: Sequence[str], evidence: Evidence) -> bool:
    """Whether the words stand in the evidence in this order, one right after the other."""
    if len(words) == 3 or len(words) > 3 and any(
        " ".join(words[at : at + 3]) not in evidence.trigrams for at in range(len(words) - 2)
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
    return lower in evidence.places or (lower.endswith("s") and lower[:-1] in evidence.places)


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


def _joins(previous: Token | None, token: Token, text: str) -> bool:
    """Whether two words are one name: both capitalised and nothing but a space between them."""
    return previous is not None and previous.kind is ValueKind.NAME and text[previous.end : token.start] == " "


def _stand_together(left: str, right: str, evidence: Evidence) -> bool:
    """Whether two words occur within four of each other: ``first_name: Ana, last_name: Li`` is Ana Li."""
    first, second = evidence.places.get(left, []), evidence.places.get(right, [])
    if len(first) > len(second):
        first, second = second, first
    for place in first:
        at = bisect_left(second, place - _NAME_WINDOW)
        if at < len(second) and second[at] <= place + _NAME_WINDOW:
            return True
    return False


def _title_lines(text: str) -> list[tuple[int, int]]:
    """The lines of three and more words in which almost every word is a capital's: headings, where names cannot be told."""
    titles = []
    at = 0
    for line in text.split("\n"):
        words = [word for word in line.split(" ") if len(word) > 3 and word[0].isalpha()]
        if len(words) >= 3 and len(line) <= 120 and all(word[0].isupper() for word in words):
            titles.append((at, at + len(line)))
        at += len(line) + 1
    return titles


def _is_within(place: int, spans: Sequence[tuple[int, int]]) -> bool:
    at = bisect_left(spans, (place + 1, 0)) - 1
    return at >= 0 and place < spans[at][1]


def _nearest(token: Token, evidence: Evidence) -> str | None:
    """The value of the same kind in the evidence that shares the most pairs of characters; of numbers the closest."""
    kinds = (ValueKind.IDENTIFIER, ValueKind.CODE) if token.kind in (ValueKind.IDENTIFIER, ValueKind.CODE) else (token.kind,)
    shown = [item for kind in kinds if kind is not None for item in evidence.shown.get(kind, {}).items()]
    if token.kind is ValueKind.NUMBER:
        value = float(number_key(token.text))
        keyed = [(abs(float(key) - value), key) for key in list(evidence.numbers)[:_MOST_CANDIDATES]]
        return min(keyed)[1] if keyed else None
    wanted = _pairs(alphanumeric(token.text))
    best, likeness = None, _LEAST_LIKENESS
    for key, text in shown[:_MOST_CANDIDATES]:
        pairs = _pairs(key)
        share = 2 * len(wanted & pairs) / (len(wanted) + len(pairs) or 1)
        if share > likeness:
            best, likeness = text, share
    return best


def _pairs(key: str) -> set[str]:
    return {key[at : at + 2] for at in range(len(key) - 1)}


__all__ = ["GAP", "Evidence", "Unsupported", "coverage", "is_supported", "read_evidence", "unsupported"]
