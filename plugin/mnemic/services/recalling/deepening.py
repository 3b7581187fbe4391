"""Deep recall: the best candidates are looked at once more, by a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import numpy as np

from mnemic.domain.memory import MemoryRecord, RowKey
from mnemic.domain.recall import MemoryFilter, Mode, Passage
from mnemic.domain.validation import check_named
from mnemic.errors import ModelFailed
from mnemic.protocols import LedgerSnapshot, Reranker
from mnemic.retrieval.deep import RERANKED, deepen
from mnemic.retrieval.fusion import Candidate
from mnemic.retrieval.turns import NOBODY, NONE
from mnemic.services.backends import Backends
from mnemic.services.recalling.candidates import Found, best_passages
from mnemic.services.recalling.channels import namespace_keys, passing

# Of what was said before so much is read: the end is what is answered.
_BEFORE_CHARS = 120
_BEFORE_WORDS = 18


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
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, question: str, found: Found, notes: list[str]
) -> list[Candidate]:  # fmt: skip
    """What was ``found`` with the best of it reranked; as it was, and a note, when the model fails.

    The snapshot stays open meanwhile: what was ranked and what is read afterwards must be of one moment, and readers
    hold nobody up. Raises `ModelFailed` when there is no model.
    """
    reranker = require_reranker(backends.reranker)
    ranked = found.candidates
    records = snapshot.records([entry.key for entry in ranked[:RERANKED]])
    keys = [entry.key for entry in ranked if entry.key in records]
    said_before = _said_before(backends, snapshot, filter, keys)
    passages = best_passages(snapshot, records, found.passages)
    texts = [reranked_text(records[key], before=said_before.get(key), passage=passages.get(key)) for key in keys]
    try:
        scores = _checked(reranker.rerank(question, texts), len(keys))
    except ModelFailed as error:
        notes.append(f"Ranked without a deeper look: {error.message}")
        return list(ranked)
    return deepen(ranked, dict(zip(keys, scores, strict=True)))


def reranked_text(record: MemoryRecord, *, before: MemoryRecord | None = None, passage: Passage | None = None) -> str:
    """What a reranker reads of a memory: who said it, or when it is of use, and the text, or the best ``passage`` of a long
    one, after the end of what somebody else said ``before``.

    An answer makes sense with its question: on LoCoMo dev what was said before gains 1.5 R@5 and 1.5 MRR. Without the
    speaker's name there is no gain there, where most questions name somebody; a date adds nothing to it.
    """
    parts = [] if before is None else [_end_of(_as_said(before, before.text))]
    parts += [record.when_to_use] if record.when_to_use is not None else []
    return " ".join([*parts, _as_said(record, record.text if passage is None else passage.text)])


def _said_before(
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, keys: Sequence[RowKey]
) -> dict[RowKey, MemoryRecord]:
    """For each turn the one before it in its session, if that passes the filter and is somebody else's."""
    namespaces = namespace_keys(snapshot, filter)
    among = passing(backends, snapshot, filter, namespaces)
    turns = backends.turns.around(snapshot, namespaces, keys, reach=1, among=among)
    at = np.flatnonzero(np.isin(turns.keys, keys) & (turns.before != NONE))
    voice, earlier = turns.voice[at], turns.voice[turns.before[at]]
    answers = at[(voice != NOBODY) & (earlier != NOBODY) & (voice != earlier)]
    before: list[RowKey] = turns.keys[turns.before[answers]].tolist()
    records = snapshot.records(before)
    answering: list[RowKey] = turns.keys[answers].tolist()
    return {key: records[one] for key, one in zip(answering, before, strict=True) if one in records}


def _as_said(record: MemoryRecord, text: str) -> str:
    return text if record.speaker is None else f"{record.speaker}: {text}"


def _end_of(text: str) -> str:
    """The last words, some 24 tokens of an English model: it takes other letters than ASCII's one by one, and must have room
    left for what is to be compared.
    """
    words: list[str] = []
    room = _BEFORE_WORDS
    for word in reversed(text[-_BEFORE_CHARS:].split()):
        room -= max(sum(not letter.isascii() for letter in word), 1)
        if room < 0:
            break
        words.insert(0, word)
    return " ".join(words) if words else text[-_BEFORE_WORDS:]


def _checked(scores: Sequence[float], count: int) -> list[float]:
    """What a reranker gave, if it is one number in 0..1 for each of ``count`` texts. Raises `ModelFailed`."""
    found = [float(score) for score in scores]
    if len(found) != count:
        raise ModelFailed(f"The reranker gave {len(found)} scores for {count} texts.")
    wrong = next((score for score in found if not (math.isfinite(score) and 0 <= score <= 1)), None)
    if wrong is not None:
        raise ModelFailed(f"The reranker gave the score {wrong}, which is not in 0 to 1.")
    return found
