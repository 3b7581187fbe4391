"""From when on a memory is worth showing, where the question does not say it (``min_score``)."""

from __future__ import annotations

from collections.abc import Sequence, Set
from math import log10

from mnemic.domain.memory import RowKey
from mnemic.retrieval.fusion import Candidate

# Hiding a memory that would have helped is worse than showing one that does not. An answer that shares no word with its
# question scores little, but is near in meaning: score and cosine together tell it from what has nothing to do with the
# question. Cosines of unrelated texts differ by embedder, so the sum was measured for each; and of many memories the one
# that happens to be nearest is nearer than of few, so it rises with their number.
#
# Four stores (facts about two users, records of a warehouse, notes of a team; 280 questions), whole and parts of them:
# percent hidden of the answers that are among the best five / answered of the questions of other stores.
#   memories                           4           10          25          60        all (185)
#   WordLlama, score from 0.14 on   22.4 / 2.3  22.6 / 6.8  12.5 / 9.2   9.6 / 20.3  6.5 / 40.3
#   WordLlama, as it is here        13.2 / 3.9  12.9 / 7.0   8.9 / 7.5   5.9 / 16.3  3.0 / 36.7
# On LoCoMo dev nothing is hidden, and 79 in 100 questions of other conversations are answered, which were 83 (`--abstain`).
_WITH_COSINE = {"wordllama-l2-supercat-256": 0.25, "all-MiniLM-L6-v2-onnx": 0.34}
_FOR_EACH_TENFOLD = 0.05
_BY_ITSELF = 0.18
UNKNOWN_EMBEDDER = 0.14
"""The score from which on a memory is relevant when nobody has measured its embedder's cosines, or it has none."""
BESIDE_SCORE = 0.07
"""The least score of what is shown beside what is relevant: an answer in other words may stand behind what shares words."""


def worth_showing(ranking: Sequence[Candidate], embedder_id: str, complete: Set[RowKey]) -> list[Candidate]:
    """What of ``ranking`` to show, in its order: nothing of it where nothing is relevant, but for the ``complete``."""
    some = any(is_relevant(entry, embedder_id, among=len(ranking)) for entry in ranking)
    return [entry for entry in ranking if (some and entry.relevance >= BESIDE_SCORE) or entry.key in complete]


def is_relevant(entry: Candidate, embedder_id: str, *, among: int) -> bool:
    """Whether one of so many candidates may be shown by itself."""
    score = entry.relevance
    together = _WITH_COSINE.get(embedder_id)
    if together is None or entry.similarity is None:
        return score >= UNKNOWN_EMBEDDER
    return score >= _BY_ITSELF or score + entry.similarity >= together + _FOR_EACH_TENFOLD * log10(among)
