"""Snapshots without a ledger, for tests of one part of ranking."""

from __future__ import annotations

from mnemic.domain.memory import RowKey
from mnemic.protocols import LedgerSnapshot, SearchedText


class Texts:
    """A snapshot of a few texts whose stems are their words without a final s."""

    def __init__(self, *texts: str, dated: str = "") -> None:
        self.texts = {RowKey(key): SearchedText(dated, text) for key, text in enumerate(texts, 1)}
        self.asked_for: list[int] = []
        self.seq = 0

    def last_seq(self) -> int:
        return self.seq

    def searched_texts(self, keys: list[RowKey]) -> dict[RowKey, SearchedText]:
        self.asked_for += keys
        return {key: self.texts[key] for key in keys if key in self.texts}

    def stems(self, words: list[str]) -> list[str]:
        return [word.rstrip("s") for word in words]


def snapshot_of(fake: object) -> LedgerSnapshot:
    """``fake`` as a snapshot, of which it has as much as the code under test asks for."""
    return fake  # type: ignore[return-value]
