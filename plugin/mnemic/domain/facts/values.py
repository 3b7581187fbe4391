"""When two values, and two names of a slot, count as the same."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import lru_cache

from mnemic.domain.numbers import NUMBER_WORDS
from mnemic.domain.text import WORD

_SPACE = re.compile(r"\s+")
_CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])")
_POSSESSIVE = re.compile(r"(?<=\w)'s\b|(?<=s)'(?=\s|$)")
_ARTICLE = re.compile(r"(?:the|an?|my|our)\s+(?=\S)", re.IGNORECASE)
_LEADING_PREPOSITION = re.compile(r"(?:at|on|in)\s+(?=\S)", re.IGNORECASE)
_QUOTES = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"
_QUANTITY = re.compile(r"([$€£])?\s*(-?\d+(?:\.\d+)?)\s*-?\s*([a-zµ%$€£]+(?: of [a-z]+)?)?\Z")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?(?::\d{2})?\s*(am|pm|a\.m\.?|p\.m\.?|o'clock)?\Z")
_YEARS_OLD = re.compile(r"\s+years?\s+old\Z|\s+years?\s+of\s+age\Z")

MONTHS = "january february march april may june july august september october november december".split()
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_MONTH = {name[:length]: at for at, name in enumerate(MONTHS, 1) for length in {3, 4, len(name)}}
_WEEKDAY = {name[:length]: name for name in WEEKDAYS for length in {3, 4, len(name)}} | {"tues": "tuesday"}
# Units of time turn into one another exactly; all others are only spelt in one way.
_SECONDS = {
    unit: seconds
    for seconds, units in (
        (0.001, "ms msec millisecond milliseconds"),
        (1.0, "s sec secs second seconds"),
        (60.0, "min mins minute minutes"),
        (3_600.0, "h hr hrs hour hours"),
        (86_400.0, "d day days"),
        (604_800.0, "w wk week weeks"),
    )
    for unit in units.split()
}
_UNITS = {
    "$": "usd", "dollar": "usd", "dollars": "usd", "€": "eur", "euro": "eur", "euros": "eur", "£": "gbp", "pound": "gbp",
    "pounds": "gbp", "percent": "%", "kilometre": "km", "kilometres": "km", "kilometer": "km", "kilometers": "km",
    "metre": "m", "metres": "m", "meter": "m", "meters": "m", "kilogram": "kg", "kilograms": "kg", "kilo": "kg",
    "kilos": "kg", "gram": "g", "grams": "g", "gigabyte": "gb", "gigabytes": "gb", "megabyte": "mb", "megabytes": "mb",
}  # fmt: skip
_SPELLINGS = {
    "color": "colour", "favorite": "favourite", "mail": "email", "telephone": "phone", "organization": "organisation",
    "center": "centre", "timezone": "timezone",
}  # fmt: skip
_PHRASES = (
    (re.compile(r"\be[- ]mail(?: address)?\b|\bemail address\b"), "email"),
    (re.compile(r"\b(?:tele)?phone number\b"), "phone"),
    (re.compile(r"\btime zone\b"), "timezone"),
    (re.compile(r"\b(?:date of birth|birth ?date|birth ?day)\b"), "birthday"),
    (re.compile(r"\b(?:work ?place|place of work)\b"), "employer"),
    (re.compile(r"\b(?:occupation|profession)\b"), "job"),
    (re.compile(r"\bcurrent\b|\bpresent\b"), ""),
)


# A slot and a value are compared several times for each memory that is written.
@lru_cache(maxsize=2_048)
def slot_words(text: str) -> str:
    """The words that name a slot, folded: case, separators, articles, possessive and spelling do not matter."""
    text = _CAMEL.sub(" ", unicodedata.normalize("NFKC", text)).replace("\u2019", "'")
    folded = _POSSESSIVE.sub("", text.casefold()).replace("_", " ").replace("-", " ")
    for pattern, name in _PHRASES:
        folded = pattern.sub(name, folded)
    found: list[str] = WORD.findall(folded)
    words: list[str] = [_SPELLINGS.get(word, word) for word in found]
    kept: list[str] = [word for word in words if word not in ("the", "a", "an", "my", "our")]
    return " ".join(kept or words)


@lru_cache(maxsize=2_048)
def canonical_value(value: str, *, literal: bool = False) -> str:
    """The form in which values are compared: numbers, units of time, clock times, dates, case of plain words.

    ``literal`` keeps numbers as they are written (version 3.10 is not 3.1). What looks like an identifier keeps its case.
    """
    plain = _SPACE.sub(" ", unicodedata.normalize("NFKC", value)).strip()
    plain = plain.rstrip(".!").strip() if not plain.endswith("...") else plain
    unquoted = plain.strip(_QUOTES)
    if not unquoted:
        return plain
    plain = _ARTICLE.sub("", _LEADING_PREPOSITION.sub("", unquoted, count=1), count=1)
    if any(_is_identifier(word) for word in plain.split()) and not literal:
        folded = plain.casefold()
        return _dated(folded) or _measured(folded) or plain
    folded = plain.casefold()
    if literal:
        return folded.removeprefix("version ").removeprefix("v")
    return _dated(folded) or _measured(folded) or " ".join(_word_form(word) for word in folded.split())


def _is_identifier(word: str) -> bool:
    """Passwords, paths and the like: their case may tell two of them apart."""
    core = word.strip(_QUOTES + ",;:()")
    inner_capital = any(char.isupper() for char in core[1:]) and not core.isupper()
    return inner_capital or (any(char.isdigit() for char in core) and any(char.isalpha() for char in core))


def _measured(folded: str) -> str | None:
    folded = _YEARS_OLD.sub("", folded)
    words = [str(NUMBER_WORDS[word]) if word in NUMBER_WORDS else word for word in folded.split()]
    match = _QUANTITY.match(_THOUSANDS.sub("", " ".join(words)))
    if match is None:
        return None
    before, digits, after = match.groups()
    unit = before or after or ""
    number = float(digits)
    if unit in _SECONDS:
        return f"{number * _SECONDS[unit]:g} s"
    if unit in ("am", "pm"):
        return None
    shown = digits.rstrip("0").rstrip(".") if "." in digits and unit else digits.lstrip("0") or "0"
    return f"{shown} {_UNITS.get(unit, unit.removesuffix('s') if len(unit) > 3 else unit)}".strip()


def _dated(folded: str) -> str | None:
    """A clock time, a day of the week or a date, each in one form."""
    if (match := _CLOCK.match(folded)) and (match[2] or match[3]):
        hour, half = int(match[1]), (match[3] or "")[:1]
        if hour < 24 and int(match[2] or 0) < 60:
            hour = hour % 12 + (12 if half == "p" else 0) if half in ("a", "p") else hour
            return f"{hour:02}:{match[2] or '00'}"
    words = [word.strip(",.") for word in folded.split()]
    if len(words) == 1 and words[0] in _WEEKDAY:
        return _WEEKDAY[words[0]]
    try:
        return date.fromisoformat(folded).isoformat()
    except ValueError:
        return _written_date([word for word in words if word not in ("of", "the")])


def _written_date(words: list[str]) -> str | None:
    if not 2 <= len(words) <= 3:
        return None
    month = next((_MONTH[word] for word in words if word in _MONTH), None)
    numbers = [int(core) for word in words if (core := word.rstrip("stndrh")).isascii() and core.isdigit()]
    if month is None or len(numbers) != len(words) - 1:
        return None
    day = next((number for number in numbers if number <= 31), None)
    year = next((number for number in numbers if 1000 <= number <= 9999), None)
    return "-".join(str(part).zfill(2) for part in (year, month, day) if part is not None)


def _word_form(word: str) -> str:
    core = word.strip(",;")
    return {"grey": "gray"}.get(core, core)
