"""Seeded texts of any number, with the word frequencies of real notes: a few words everywhere, most words rarely."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from mnemic import NewMemory

_SYLLABLES = """
    ba be bi bo ca ce da de di do fa fe ga ge ha he ja ka ke la le li lo ma me mi na ne no pa pe ra re ri sa
    se ta te va ve
""".split()
_GLUE = """
    the a of and to in was is for with on at by from that had
""".split()


class Corpus:
    """Texts of 8 to 40 words over a vocabulary of 20,000 with Zipf's frequencies, and questions about them."""

    def __init__(self, seed: int = 7, *, vocabulary: int = 20_000) -> None:
        self._random = random.Random(seed)
        words: set[str] = set()
        while len(words) < vocabulary:
            words.add("".join(self._random.choices(_SYLLABLES, k=self._random.randint(2, 5))))
        self._words = sorted(words)
        self._random.shuffle(self._words)
        total = 0.0
        self._cumulative = [total := total + 1 / (rank + 5) for rank in range(vocabulary)]

    def text(self) -> str:
        """One text."""
        content = self._random.choices(self._words, cum_weights=self._cumulative, k=self._random.randint(5, 25))
        return " ".join(
            word
            for item in content
            for word in ([item, self._random.choice(_GLUE)] if self._random.random() < 0.4 else [item])
        )

    def memories(self, count: int, *, namespace: tuple[str, ...] = ("bench",)) -> list[NewMemory]:
        """Memories a minute apart."""
        start = datetime(2025, 1, 1, tzinfo=UTC)
        return [
            NewMemory(text=self.text(), namespace=namespace, occurred_at=start + timedelta(minutes=at))
            for at in range(count)
        ]

    def question(self, text: str) -> str:
        """A question about ``text``: some of its words in another order, and one that does not occur in it."""
        words = text.split()
        asked = self._random.sample(words, min(5, len(words)))
        return "what about " + " ".join([*asked, self._random.choice(self._words)]) + "?"
