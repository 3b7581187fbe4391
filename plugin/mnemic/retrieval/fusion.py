"""One score from two channels."""

from __future__ import annotations

from dataclasses import dataclass

from mnemic.domain.memory import RowKey

# Cosine similarities of short texts lie in a narrower band than shares of words, so they get the smaller weight.
# Measured on LoCoMo dev (tests/benchmarks/locomo.py): flat between 0.4 and 1.0.
DENSE_WEIGHT = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A memory that at least one channel proposed. ``lexical`` is a share 0..1, ``similarity`` a cosine."""

    key: RowKey
    lexical: float | None
    similarity: float | None

    @property
    def score(self) -> float:
        """Weighted mean of both channels in 0..1. It needs no other candidate, so scores compare across queries."""
        words = self.lexical or 0.0
        meaning = max(self.similarity or 0.0, 0.0)
        return (words + DENSE_WEIGHT * meaning) / (1.0 + DENSE_WEIGHT)


def rank(lexical: dict[RowKey, float], similarity: dict[RowKey, float]) -> list[Candidate]:
    """All candidates, best first; ties by key, so that the order never depends on chance."""
    candidates = [
        Candidate(key=key, lexical=lexical.get(key), similarity=similarity.get(key))
        for key in lexical.keys() | similarity.keys()
    ]
    return sorted(candidates, key=lambda candidate: (-candidate.score, candidate.key))
