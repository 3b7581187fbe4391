"""What a second, slower look at the best candidates adds to their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mnemic.domain.memory import RowKey
from mnemic.retrieval.fusion import Candidate

RERANKED = 32
DEEP_WEIGHT = 0.5
"""Beside the score of ranking, which weighs 1."""
_DECIMALS = 6


def deepen(ranked: Sequence[Candidate], closeness: Mapping[RowKey, float]) -> list[Candidate]:
    """The same candidates with scores that count ``closeness`` (0..1) as well, best first, ties by key.

    Of those that a reranker has not seen nothing more is known, and they keep only the share of their score that is due to
    ranking. Scores stay in 0..1 on the fixed scale of `mnemic.retrieval.fusion`, and their parts go on adding up to them.
    """
    scale = 1 + DEEP_WEIGHT
    found = []
    for entry in ranked:
        more = DEEP_WEIGHT * closeness.get(entry.key, 0.0) / scale
        score = min(round(entry.score / scale + more, _DECIMALS), 1.0)
        found.append(entry._replace(score=score, parts=np.append(entry.parts / scale, more)))
    return sorted(found, key=lambda entry: (-entry.score, entry.key))
