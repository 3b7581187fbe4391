"""Deep recall: the best candidates are looked at once more, by a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

from mnemic.domain.memory import MemoryRecord
from mnemic.domain.recall import MemoryFilter, Mode
from mnemic.domain.validation import check_named
from mnemic.errors import ModelFailed
from mnemic.protocols import LedgerSnapshot, Reranker
from mnemic.retrieval.deep import RERANKED, deepen
from mnemic.retrieval.fusion import Candidate
from mnemic.services.backends import Backends
from mnemic.services.recalling.channels import namespace_keys


def check_mode(mode: object) -> Mode:
    """A mode by its name. Raises `InvalidInput`."""
    found: Mode = check_named(mode, get_args(Mode), name="mode")
    return found


def require_reranker(reranker: Reranker | None) -> Reranker:
    """The model of deep recall. Raises `ModelFailed` when there is none."""
    if reranker is None:
        raise ModelFailed(
            "Deep recall needs a model that is not here.",
            hint="Run `mnemic models fetch minilm` and open the memory again, or give open_memory a reranker.",
        )
    return reranker


def look_deeper(
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, question: str, ranked: Sequence[Candidate],
    notes: list[str],
) -> list[Candidate]:  # fmt: skip
    """``ranked`` with the best of it reranked; as it was, and a note, when the model fails.

    The snapshot stays open meanwhile: what was ranked and what is read afterwards must be of one moment, and readers
    hold nobody up. Raises `ModelFailed` when there is no model.
    """
    reranker = require_reranker(backends.reranker)
    records = snapshot.records([entry.key for entry in ranked[:RERANKED]])
    keys = [entry.key for entry in ranked if entry.key in records]
    try:
        scores = _checked(reranker.rerank(question, [reranked_text(records[key]) for key in keys]), len(keys))
    except ModelFailed as error:
        notes.append(f"Ranked without a deeper look: {error.message}")
        return list(ranked)
    turns = backends.turns.around(snapshot, namespace_keys(snapshot, filter), keys, reach=0)
    return deepen(ranked, dict(zip(keys, scores, strict=True)), turns)


def reranked_text(record: MemoryRecord) -> str:
    """What a reranker reads of a memory: who said it, or when it is of use, and the text.

    Without the speaker's name there is no gain on LoCoMo dev, where most questions name somebody; a date adds nothing to it.
    """
    parts = [record.when_to_use] if record.when_to_use is not None else []
    said = record.text if record.speaker is None else f"{record.speaker}: {record.text}"
    return " ".join([*parts, said])


def _checked(scores: Sequence[float], count: int) -> list[float]:
    """What a reranker gave, if it is one number in 0..1 for each of ``count`` texts. Raises `ModelFailed`."""
    found = [float(score) for score in scores]
    if len(found) != count:
        raise ModelFailed(f"The reranker gave {len(found)} scores for {count} texts.")
    wrong = next((score for score in found if not (math.isfinite(score) and 0 <= score <= 1)), None)
    if wrong is not None:
        raise ModelFailed(f"The reranker gave the score {wrong}, which is not in 0 to 1.")
    return found
