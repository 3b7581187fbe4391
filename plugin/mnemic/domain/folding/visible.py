"""An index of the words in view, to tell whether a value can be read elsewhere without scanning what is shown."""

from __future__ import annotations

import re
from itertools import pairwise

_WORD = re.compile(r"\w+")


def word_key(text: str) -> str:
    """The words of a text in lower case with one space between them: two values with the same key read the same."""
    return " ".join(_WORD.findall(text.lower()))


class VisibleWords:
    """Which word sequences the settled part of the prompt shows.

    One or two words are found by a dictionary, longer sequences by the rarest pair of neighbours and a look at the few
    texts that hold it. A sequence never spans two texts.
    """

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._holders: dict[str, set[int]] = {}
        self._texts_of: dict[int, list[int]] = {}
        self._next = 0

    def add(self, owner: int, text: str) -> None:
        """Count a text as shown by item ``owner``, beside what the item shows already."""
        key = word_key(text)
        if not key:
            return
        number = self._next
        self._next += 1
        self._texts[number] = f" {key} "
        self._texts_of.setdefault(owner, []).append(number)
        for term in _terms(key):
            self._holders.setdefault(term, set()).add(number)

    def remove(self, owner: int) -> None:
        """Count nothing of item ``owner`` as shown any more."""
        for number in self._texts_of.pop(owner, ()):
            for term in _terms(self._texts.pop(number).strip()):
                holders = self._holders.get(term)
                if holders is not None:
                    holders.discard(number)
                    if not holders:
                        del self._holders[term]

    def shows(self, key: str) -> bool:
        """Whether the words of ``key`` (see `word_key`) stand side by side in some text; true when there are none."""
        if not key:
            return True
        words = key.split(" ")
        if len(words) <= 2:
            return key in self._holders
        fewest: set[int] | None = None
        for first, second in pairwise(words):
            holders = self._holders.get(f"{first} {second}")
            if holders is None:
                return False
            if fewest is None or len(holders) < len(fewest):
                fewest = holders
        wanted = f" {key} "
        return any(wanted in self._texts[number] for number in fewest or ())


def _terms(key: str) -> set[str]:
    """The single words and the pairs of neighbours of a key."""
    words = key.split(" ")
    return {*words, *(f"{first} {second}" for first, second in pairwise(words))}
