"""Questions about time, and texts that speak of it."""

from __future__ import annotations

import re

_ASKS_WHEN = re.compile(
    r"\s*(?:(?:and|so|but)\s+)?(?:when|how\s+long|how\s+recently|(?:in|on|since|until)?\s*(?:what|which)\s+"
    r"(?:date|day|month|year|week|weekday|season|time))\b",
    re.IGNORECASE,
)
# What people say who ask how things are now, and what says that they ask how things were. "Current" is a kind of current
# where no noun follows it, and "still" asks less often for a life than for a state.
_NOW = (
    r"now(?!\s+that\b|\s+and\s+then\b)|nowadays|currently|current(?=\s+(?!(?:is|was|in|of|that|and|from|to|through)\b)\w)"
    r"|presently|at\s+present|still|any\s?more|these\s+days"
    r"|latest|newest|most\s+recent(?:ly)?|so\s+far|to\s+date|(?:at|for)\s+(?:the|this)\s+moment|at\s+this\s+(?:time|point)"
    r"|as\s+of\s+(?:now|today)"
    r"|derzeit(?:ige[nrms]?)?|momentan(?:e[nrms]?)?|zurzeit|jetzt|jetzige[nrms]?|aktuell(?:e[nrms]?)?|heutzutage"
    r"|actuelle?(?:s|ment)?|maintenant|en\s+ce\s+moment|actualmente|ahora|hoy\s+en\s+d[ií]a"
    r"|attual(?:e|i|mente)|adesso|atual(?:mente)?|neste\s+momento|huidige|momenteel|tegenwoordig"
    r"|сейчас|теперь|текущ\w+|нынешн\w+"
)
_THEN = (
    r"before|previous(?:ly)?|former(?:ly)?|original(?:ly)?|initial(?:ly)?|first|used\s+to|earlier|(?<!how\s)old|did|was|were"
    r"|had|until|vorher|früher(?:e[nrms]?)?|ursprünglich|bevor|war(?:en)?|avant|ancienne?s?|était|antes|anterior|era|prima"
    r"|precedente|vroeger|eerder|раньше|прежн\w+"
)
_ASKS_NOW = re.compile(rf"\b(?:{_NOW})\b|现在|目前|当前|如今|最新|現在|今の|いま|지금|현재", re.IGNORECASE)
_ASKS_THEN = re.compile(rf"\b(?:{_THEN})\b|之前|以前|原来|前の|元の|이전", re.IGNORECASE)
_TIME_WORDS = frozenset(
    """yesterday today tonight tomorrow last next ago since until recently lately soon earlier later
    day days week weeks weekend weekends month months year years night morning evening afternoon decade decades
    monday tuesday wednesday thursday friday saturday sunday
    january february march april may june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec
    spring summer autumn fall winter birthday anniversary christmas easter halloween thanksgiving valentine""".split()
)
_YEAR = re.compile(r"(?:19|20)\d\d")


def asks_when(question: str) -> bool:
    """Whether a question asks for a time or a duration."""
    return _ASKS_WHEN.match(question) is not None


def asks_now(question: str) -> bool:
    """Whether a question asks how things are now, in words that say so."""
    return _ASKS_NOW.search(question) is not None and _ASKS_THEN.search(question) is None


def without_now(question: str) -> str:
    """A question without the words by which it asks how things are now: what answers it seldom has them."""
    return _ASKS_NOW.sub(" ", question)


def is_temporal(word: str) -> bool:
    """Whether a lower-case word speaks of time."""
    return word in _TIME_WORDS or _YEAR.fullmatch(word) is not None
