"""Words without their inflection and numbers in one form, roughly: for comparing texts, not for search. English."""

from __future__ import annotations

import re

_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")
_SHORTEST = 3


def uninflected(word: str) -> str:
    """A lower-case word without its inflection: lives, lived and living are one."""
    if len(word) <= _SHORTEST:
        return word
    if word.endswith("ies") and len(word) > _SHORTEST + 1:
        return word[:-3] + "y"
    for suffix in ("ing", "ed", "es", "s", "ly", "e"):
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST and not word.endswith("ss"):
            return _undoubled(word[: -len(suffix)]) if suffix in ("ing", "ed") else word[: -len(suffix)]
    return word


def _undoubled(word: str) -> str:
    # running, planned: the consonant was doubled for the suffix alone.
    return word[:-1] if len(word) > _SHORTEST and word[-1] == word[-2] and word[-1] not in "lsz" else word


def canonical_number(number: str) -> str:
    """Digits in one form: 1,200 and 1200.0 are the same number."""
    if _THOUSANDS.match(number):
        number = number.replace(",", "")
    whole, dot, fraction = number.partition(".")
    if dot and fraction.isdigit():
        number = f"{whole}.{fraction.rstrip('0')}".rstrip(".")
    return number.lstrip("0") or "0"
