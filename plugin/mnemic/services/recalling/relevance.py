"""From when on a memory is worth showing, where the question does not say it (``min_score``)."""

from __future__ import annotations

from collections.abc import Sequence, Set

from mnemic.domain.memory import RowKey
from mnemic.retrieval.fusion import Candidate

# Hiding a memory that would have helped is worse than showing one that does not. An answer that shares no word with its
# question scores little, but is near in meaning: score and cosine together tell it from what has nothing to do with the
# question. Cosines of unrelated texts differ by embedder, so the sum was measured for each.
#
# Four stores (facts about two users, records of a warehouse, notes of a team; 280 questions). Hidden of the answers that are
# among the best five, and questions of other stores that are answered, percent:
#                                   hidden             answered
#   WordLlama, score from 0.14 on   21   6   0   0     36  39  36  49
#   WordLlama, as it is here         9   4   0   0     36  36  29  41
#   MiniLM, score from 0.14 on       6   8   0   0     30  33  25  32
#   MiniLM, as it is here            4   8   0   0     27  35  21  22
# On LoCoMo dev nothing is hidden, and 82 in 100 questions of other conversations are answered (`--abstain`), as before.
_WITH_COSINE = {"wordllama-l2-supercat-256": 0.35, "all-MiniLM-L6-v2-onnx": 0.44}
_BY_ITSELF = 0.18
UNKNOWN_EMBEDDER = 0.14
"""The score from which on a memory is relevant when nobody has measured its embedder's cosines, or it has none."""
BESIDE_SCORE = 0.07
"""The least score of what is shown beside what is relevant: an answer in other words may stand behind what shares words."""


def worth_showing(ranking: Sequence[Candidate], embedder_id: str, complete: Set[RowKey]) -> list[Candidate]:
    """What of ``ranking`` to show, in its order: nothing of it where nothing is relevant, but for the ``complete``."""
    some = any(is_relevant(entry, embedder_id) for entry in ranking)
    return [entry for entry in ranking if (some and entry.score >= BESIDE_SCORE) or entry.key in complete]


def is_relevant(entry: Candidate, embedder_id: str) -> bool:
    """Whether a memory may be shown by itself."""
    together = _WITH_COSINE.get(embedder_id)
    if together is None or entry.similarity is None:
        return entry.score >= UNKNOWN_EMBEDDER
    return entry.score >= _BY_ITSELF or entry.score + entry.similarity >= together
