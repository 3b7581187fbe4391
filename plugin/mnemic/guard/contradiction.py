"""Whether an untrusted memory says something else than a trusted one about what was asked. English, no model.

What the trusted memory adds to the words of the question is its answer; a memory about the same thing that lacks most
of the answer contradicts it. Measured on PoisonedRAG's answers, where it finds four of five and almost never a true
passage. It cannot judge yes/no answers, and a true passage in other words (another unit, an alias) may be called a
contradiction, so its verdict is *contested*, never *false*.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mnemic.domain.numbers import NUMBER_WORDS
from mnemic.domain.stems import canonical_number, uninflected
from mnemic.domain.text import STOP_WORDS

Relation = Literal["contradicts", "agrees", "unknown", "off_topic"]

ON_TOPIC = 0.4
"""Share of the question's content words that a memory must hold to be about it."""
AGREES = 0.5
"""Share of the answer that must be there."""
READ_CHARS = 8_000
_MAX_ANSWER_WORDS = 12  # more is not an answer but a passage, of which another true passage holds little
_MAX_EXACT_WORDS = 8
_MIN_TOPIC_WORDS = 2
_SPLIT = re.compile(r"(?<=[.!])\s+(?=[A-Z\"'(])|(?<=[?])\s*\n|\n\s*\n")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_VALUELESS = frozenset("yes no true false correct incorrect answer maybe".split())
_CONTRAST = frozenset(
    "not never nor unlike than instead rather mistak isn wasn aren weren contrary without wrongly former".split()
)
_CONTRAST_WINDOW = 4


@dataclass(frozen=True, slots=True)
class ClaimTokens:
    """The stemmed content words of a text, made once and good for every question.

    ``sentences``: those of each sentence, in order; a question stands with what follows it. ``sequence``: all words in
    order.
    """

    words: frozenset[str]
    sentences: tuple[frozenset[str], ...]
    sequence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """How one memory stands to a trusted one. ``share``, 0..1, of the answer that it holds; 0 when unknown or off
    topic.

    ``negated``: it holds the answer only within a contrast ("not in Porto"). A label: 3 of 100 true passages do so too.
    """

    relation: Relation
    share: float = 0.0
    negated: bool = False


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A lower-case word without its inflection, roughly. Numbers come out canonical."""
    return canonical_number(word) if word[0].isdigit() else uninflected(word)


def _sequence(text: str) -> list[str]:
    """The stems of all words in order, numbers in words as digits (``twenty one`` and ``twenty-one`` are 21)."""
    found: list[str] = []
    tens = 0
    for word in _TOKEN.findall(text.lower()):
        value = NUMBER_WORDS.get(word)
        if value is None:
            found.append(stem(word))
        elif tens and 0 < value < 10:
            found[-1] = str(tens + value)
        else:
            found.append(str(value))
        tens = value if value is not None and value >= 20 else 0
    return found


_STOP_STEMS = frozenset(stem(word) for word in STOP_WORDS)


def claim_tokens(text: str) -> ClaimTokens:
    """The tokens of ``text``, of its first `READ_CHARS` characters. Linear, never raises."""
    parts = [_sequence(part) for part in _SPLIT.split(text[:READ_CHARS])]
    sentences = tuple(content for part in parts if (content := frozenset(part) - _STOP_STEMS))
    words = frozenset().union(*sentences)
    return ClaimTokens(words, sentences, tuple(word for part in parts for word in part))


def compare(
    query: ClaimTokens, trusted: ClaimTokens, untrusted: ClaimTokens, *, on_topic: float = ON_TOPIC, agrees: float = AGREES
) -> Claim:  # fmt: skip
    """How ``untrusted`` stands to ``trusted`` on what ``query`` asks. ``on_topic`` and ``agrees``: shares, 0..1, as
    `ON_TOPIC` and `AGREES`.

    ``unknown`` when the trusted memory is not about the question, answers with yes or no, or is no short answer.
    """
    asked = query.words
    if not asked or _overlap(asked, untrusted.words) < on_topic:
        return Claim("off_topic")
    answer = _answer(asked, trusted, on_topic)
    if not answer or answer <= _VALUELESS or len(answer) > _MAX_ANSWER_WORDS:
        return Claim("unknown")
    said = untrusted.words - asked
    if len(asked & untrusted.words) < _MIN_TOPIC_WORDS and not (_numbers(answer) and _numbers(said)):
        return Claim("unknown")  # one word in common is no common topic, unless both give a figure for it
    shared = answer & said
    share = len(shared) / min(len(answer), len(said)) if said else 0.0
    if share < agrees or _other_numbers(answer, said):
        return Claim("contradicts", share)
    return Claim("agrees", share, negated=_only_in_contrast(shared, untrusted.sequence))


def contradictions(query: ClaimTokens, trusted: Sequence[ClaimTokens], untrusted: Sequence[ClaimTokens]) -> list[Claim]:
    """For each untrusted memory, its strictest relation to any trusted one: contradicts, agrees, unknown, off topic."""
    order: tuple[Relation, ...] = ("contradicts", "agrees", "unknown", "off_topic")
    found = []
    for claim in untrusted:
        compared = [compare(query, other, claim) for other in trusted]
        found.append(min(compared, key=lambda one: order.index(one.relation), default=Claim("unknown")))
    return found


def _overlap(asked: frozenset[str], words: frozenset[str]) -> float:
    return len(asked & words) / len(asked)


def _answer(asked: frozenset[str], trusted: ClaimTokens, on_topic: float) -> frozenset[str]:
    """What the sentence of the trusted memory that is most about the question adds to it; all of a memory of few
    words.
    """
    if _overlap(asked, trusted.words) < on_topic:
        return frozenset()
    best = max(trusted.sentences, key=lambda sentence: len(asked & sentence))
    return best - asked or trusted.words - asked


def _other_numbers(answer: frozenset[str], said: frozenset[str]) -> bool:
    """Whether a short answer holds a number that is missing, while there are other numbers."""
    return len(answer) <= _MAX_EXACT_WORDS and bool(_numbers(answer) - said) and bool(_numbers(said) - answer)


def _numbers(words: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in words if word[0].isdigit())


def _only_in_contrast(shared: frozenset[str], sequence: Sequence[str]) -> bool:
    """Whether every place where the answer stands follows a word of contrast closely."""
    last_contrast = -_CONTRAST_WINDOW - 1
    for at, word in enumerate(sequence):
        if word in _CONTRAST:
            last_contrast = at
        elif word in shared and at - last_contrast > _CONTRAST_WINDOW:
            return False
    return bool(shared)
