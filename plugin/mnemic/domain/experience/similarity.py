"""Whether two experiences say the same: the same words, or the same values where they are nearly the same words."""

from __future__ import annotations

from mnemic.domain.experience.values import ValueKind, alphanumeric, fold, tokens_of
from mnemic.domain.text import words_of

_NEGATIONS = frozenset("not never no without avoid don cannot unless except".split())


def same_content(left: str, right: str) -> bool:
    """Whether two contents have the same words in the same order; case, marks and punctuation are not looked at."""
    return words_of(fold(left)) == words_of(fold(right))


def value_difference(left: str, right: str) -> str | None:
    """A value or negation that only one of two texts has; None when they state the same values."""
    differing = _stated(left) ^ _stated(right)
    return min(differing) if differing else None


def _stated(text: str) -> set[str]:
    values = {
        alphanumeric(token.text)
        for token in tokens_of(text)
        if token.kind is not None and token.kind is not ValueKind.NAME and not token.listed
    }
    return values | (_NEGATIONS & set(words_of(text)))
