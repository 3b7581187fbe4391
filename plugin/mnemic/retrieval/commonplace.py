"""Words that most memories hold: they are in a question without asking for anything."""

from __future__ import annotations

from collections.abc import Collection, Set

from mnemic.domain.text import WORD
from mnemic.retrieval.bm25 import Frequencies

# Between a tenth and a half the gain in a store of facts about one user is the same. From a tenth on it grows a little where
# people talk (LoCoMo dev R@10 by 0.5), but then one question in four loses a word that it may need.
_MOST = 0.5
# How frequent a word is among fewer memories is chance.
_LEAST_MEMORIES = 20


def commonplaces(words: Collection[str], held: Frequencies, *, besides: Set[str] = frozenset()) -> frozenset[str]:
    """Which of ``words`` more than half of the memories hold, none if nothing else is asked for.

    ``held``: in how many of how many memories each of them occurs, in the same order. ``besides`` are words that say when.
    """
    if held.rows < _LEAST_MEMORIES:
        return frozenset()
    found = frozenset(
        word for word, count in zip(words, held.counts.tolist(), strict=True) if count > _MOST * held.rows
    )
    return frozenset() if set(words) - found <= besides else found


def without_words(text: str, words: Collection[str]) -> str:
    """``text`` without ``words``, which are in lower case, and without the "'s" behind them."""
    kept: list[str] = []
    place = 0
    for match in WORD.finditer(text):
        if match[0].lower() in words:
            kept.append(text[place : match.start()])
            place = match.end() + 2 * _owns(text, match.end())
    return "".join([*kept, text[place:]])


def _owns(text: str, end: int) -> bool:
    return text[end : end + 2] in ("'s", "\u2019s") and not text[end + 2 : end + 3].isalnum()
