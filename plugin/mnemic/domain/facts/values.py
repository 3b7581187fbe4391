"""When two values count as the same."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from mnemic.domain.numbers import NUMBER_WORDS

_SPACE = re.compile(r"\s+")
_ARTICLE = re.compile(r"(?:the|an?|my|our)\s+(?=\S)", re.IGNORECASE)
_LEADING_PREPOSITION = re.compile(r"(?:at|on|in)\s+(?=\S)", re.IGNORECASE)
_QUOTES = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"
_QUANTITY = re.compile(r"([$€£])?\s*(-?\d{1,40}(?:\.\d{1,40})?)\s*-?\s*([A-Za-z\u03bc%$€£]+(?: of [A-Za-z]+)?)?\Z")
_NUMBER = re.compile(r"[\d.]+\Z")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*(am|pm|a\.m\.?|p\.m\.?|o'clock)?\Z")
_YEARS_OLD = re.compile(r"\s+years?\s+(?:old|of\s+age)\Z", re.IGNORECASE)
_GENERIC = frozenset("name number string text value".split())
# What a program compares letter by letter, by the last word that says what it is.
_LITERAL = frozenset(
    """branch bucket channel checksum code commit database digest directory endpoint file filename folder hash id identifier
    key login passcode passphrase password path phone pin repo repository revision salt secret seed serial sha tag token url
    username uuid zip""".split()
)

MONTHS = "january february march april may june july august september october november december".split()
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_MONTH = {name[:length]: at for at, name in enumerate(MONTHS, 1) for length in {3, 4, len(name)}}
_WEEKDAY = {name[:length]: name for name in WEEKDAYS for length in {3, 4, len(name)}} | {"tues": "tuesday"}
# Units of time turn into one another exactly; all others are only spelt in one way.
_SECONDS = {
    unit: seconds
    for seconds, units in (
        (Fraction(1, 1_000), "ms msec millisecond milliseconds"),
        (Fraction(1), "s sec secs second seconds"),
        (Fraction(60), "min mins minute minutes"),
        (Fraction(3_600), "h hr hrs hour hours"),
        (Fraction(86_400), "d day days"),
        (Fraction(604_800), "w wk week weeks"),
    )
    for unit in units.split()
}
_UNITS = {
    "dollar": "usd", "dollars": "usd", "euro": "eur", "euros": "eur", "pound": "gbp", "pounds": "gbp",
    "percent": "%", "kilometre": "km", "kilometres": "km", "kilometer": "km", "kilometers": "km",
    "metre": "m", "metres": "m", "meter": "m", "meters": "m", "kilogram": "kg", "kilograms": "kg", "kilo": "kg",
    "kilos": "kg", "gram": "g", "grams": "g", "kilobyte": "KB", "kilobytes": "KB", "megabyte": "MB", "megabytes": "MB",
    "gigabyte": "GB", "gigabytes": "GB", "terabyte": "TB", "terabytes": "TB", "megabit": "Mb", "megabits": "Mb",
    "gigabit": "Gb", "gigabits": "Gb", "watt": "W", "watts": "W", "volt": "V", "volts": "V", "$": "usd", "€": "eur",
    "£": "gbp", "%": "%",
}  # fmt: skip
# Short, and the same in capitals.
_UNITS |= {unit: unit for unit in "usd eur gbp km kg cm rpm fps px dpi pt".split()}
# A milliwatt is no megawatt, a megabit no megabyte, a week no watt.
_SYMBOLS = {unit: unit for unit in "m g mm KB MB GB TB Kb Mb Gb mW W kW MW mV V kV mA A Hz kHz MHz GHz".split()}
_SYMBOLS["kB"] = "KB"
_IN_TWO_CASES = frozenset(unit.casefold() for unit in _SYMBOLS)
_LONGEST_SYMBOL = 3


# A slot and a value are compared several times for each memory that is written.
@lru_cache(maxsize=2_048)
def is_literal(slot: str) -> bool:
    """Whether values of a slot, as `slot_words` gives it, are compared letter by letter: passwords, branches, ids."""
    words = slot.split()
    while len(words) > 1 and words[-1] in _GENERIC:
        words.pop()
    return bool(words) and words[-1] in _LITERAL


@lru_cache(maxsize=2_048)
def canonical_value(value: str, *, literal: bool = False, version: bool = False, cased: bool = False) -> str:
    """The form in which values are compared: numbers, units of time, clock times, dates, case of plain words.

    ``literal`` keeps all but the space and the quotes around it; ``version`` keeps numbers as they are written (3.10 is not
    3.1); ``cased`` keeps the case of words. What looks like an identifier keeps its case. Where it is in doubt, two values
    differ: that one wrongly took the other's place can be undone, a correction that is only counted is not seen.
    """
    if literal:
        return unicodedata.normalize("NFC", value).strip().strip(_QUOTES) or value
    plain = _SPACE.sub(" ", unicodedata.normalize("NFKC", value)).strip()
    plain = plain.rstrip(".!").strip() if not plain.endswith("...") else plain
    unquoted = plain.strip(_QUOTES)
    if not unquoted:
        return plain
    plain = _ARTICLE.sub("", _LEADING_PREPOSITION.sub("", unquoted, count=1), count=1)
    if version:
        return plain.casefold().removeprefix("version ").removeprefix("v")
    alike = _dated(plain.casefold()) or _measured(plain)
    if alike is not None:
        return alike
    if cased or any(_is_identifier(word) for word in plain.split()):
        return plain
    return _worded(plain)


def _is_identifier(word: str) -> bool:
    """Passwords, paths and the like: their case may tell two of them apart."""
    core = word.strip(_QUOTES + ",;:()")
    inner_capital = any(char.isupper() for char in core[1:]) and not core.isupper()
    return inner_capital or (any(char.isdigit() for char in core) and any(char.isalpha() for char in core))


def _measured(plain: str) -> str | None:
    """A number with its unit, exactly; None for anything else."""
    words = [str(NUMBER_WORDS.get(word.casefold(), word)) for word in _YEARS_OLD.sub("", plain).split()]
    match = _QUANTITY.match(_THOUSANDS.sub("", " ".join(words)))
    if match is None:
        return None
    before, digits, after = match.groups()
    if not before and not after:
        return digits  # 0042 is no 42
    if before and after and _known_unit(before) != _known_unit(after):
        return f"{_known_unit(before)} {digits} {_unit(after)}"  # $5 million
    unit = before or after
    seconds = _seconds(unit)
    if seconds is not None:
        return f"{Fraction(digits) * seconds} s"
    if unit.casefold() in ("am", "pm"):
        return None
    return f"{Fraction(digits) if _known_unit(unit) else digits} {_unit(unit)}"


def _seconds(unit: str) -> Fraction | None:
    """How long one of a unit of time is. Of the short ones the case counts: 5 W are watts."""
    return _SECONDS.get(unit) or (_SECONDS.get(unit.casefold()) if len(unit) >= _LONGEST_SYMBOL else None)


def _known_unit(unit: str) -> str | None:
    return _SYMBOLS.get(unit) or _UNITS.get(unit.casefold())


def _unit(unit: str) -> str:
    """The one spelling of a unit. What is short, or has a capital inside, may mean another thing in another case."""
    known = _known_unit(unit)
    if known is not None:
        return known
    if len(unit) <= _LONGEST_SYMBOL or unit[1:] != unit[1:].lower():
        return unit
    return unit.casefold().removesuffix("s")


def _worded(plain: str) -> str:
    """Words in small letters, but for units after a number."""
    words = [word.strip(",;") for word in plain.split()]
    return " ".join(
        _unit(word) if word.casefold() in _IN_TWO_CASES and _NUMBER.match(before) else _word_form(word.casefold())
        for before, word in pairwise(["", *words])
    )


def _dated(folded: str) -> str | None:
    """A clock time, a day of the week or a date, each in one form."""
    if (match := _CLOCK.match(folded)) and (match[2] or match[4]):
        hour, minutes, seconds, half = int(match[1]), match[2] or "00", match[3] or "00", (match[4] or "")[:1]
        if hour < 24 and int(minutes) < 60 and int(seconds) < 60:
            hour = hour % 12 + (12 if half == "p" else 0) if half in ("a", "p") else hour
            return f"{hour:02}:{minutes}" + (f":{seconds}" if int(seconds) else "")
    words = [word.strip(",.") for word in folded.split()]
    if len(words) == 1 and words[0] in _WEEKDAY:
        return _WEEKDAY[words[0]]
    try:
        return date.fromisoformat(folded).isoformat()
    except ValueError:
        return _written_date([word for word in words if word not in ("of", "the")])


def _written_date(words: list[str]) -> str | None:
    """A month with a day, a year or both. Whatever else is in it may tell two values apart: then it is none."""
    if not 2 <= len(words) <= 3:
        return None
    month = next((_MONTH[word] for word in words if word in _MONTH), None)
    cores = [core for word in words if (core := word.rstrip("stndrh")).isascii() and core.isdigit() and len(core) <= 4]
    numbers = [int(core) for core in cores]
    days = [number for number in numbers if 1 <= number <= 31]
    years = [number for number in numbers if 1000 <= number <= 9999]
    if month is None or len(numbers) != len(words) - 1 or len(days) + len(years) != len(numbers):
        return None
    if len(days) > 1 or len(years) > 1:
        return None
    return "-".join(str(part).zfill(2) for part in (*years, month, *days))


def _word_form(word: str) -> str:
    return {"grey": "gray"}.get(word, word)
