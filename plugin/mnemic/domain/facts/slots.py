"""When two names of a slot, a subject and its attribute, count as the same."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# A sign at its end belongs to a name: C++ and C# are two things.
_WORD = re.compile(r"[^\W_]+[+#]*")
_CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])")
_POSSESSIVE = re.compile(r"(?<=\w)'s\b|(?<=s)'(?=\s|$)")
# Elsewhere, and without a word behind it, it is a name: "Team A", "vitamin A intake", "plan_a".
_ARTICLE = re.compile(r"(?:(?<=\s)(?:the|an?|my|our)|\A(?i:the|an?|my|our))\s+(?=\W?\w)")
# In a notation it is the name of something else: current_limit.
_NOW = re.compile(r"\A(?:current|present)\s+(?=\W?\w)", re.IGNORECASE)
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
)
_ONCE_DROPPED = frozenset("the a an my our current present".split())


# A slot is compared several times for each memory that is written.
@lru_cache(maxsize=2_048)
def slot_words(attribute: str, subject: str = "") -> str:
    """The words that name a slot, folded: case, separators, articles, possessive and spelling do not matter.

    Nor does "current" before an attribute that is written in words. Empty where there is no letter or digit.
    """
    text = f"{_without_articles(subject)} {_NOW.sub('', _without_articles(attribute))}"
    folded = _POSSESSIVE.sub("", _CAMEL.sub(" ", text).casefold()).replace("_", " ").replace("-", " ")
    for pattern, name in _PHRASES:
        folded = pattern.sub(name, folded)
    found: list[str] = _WORD.findall(folded)
    return " ".join(_SPELLINGS.get(word, word) for word in found)


def earlier_slot(slot: str) -> str:
    """What ledgers up to version 9 have for ``slot``: without signs, and without those words wherever they stood."""
    words = [word.rstrip("+#") for word in slot.split()]
    return " ".join([word for word in words if word not in _ONCE_DROPPED] or words)


def _without_articles(text: str) -> str:
    return _ARTICLE.sub("", unicodedata.normalize("NFKC", text).replace("\u2019", "'").strip())
