"""Token by token: how near the nearest token of a text comes to each token of a question, in MiniLM's states."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnemic.protocols import Vectors
from mnemic.storage.minilm import MODEL_FILES, SMALL_MODEL, TokenModel

# What counts of a text. On LoCoMo dev 32 of a turn after 24 of the turn before find as much as 48 after 32, in less time. On
# LongMemEval dev (15 cases) the beginning of a long turn finds as much as the window with most of the question's tokens.
_TEXT_TOKENS = 56
# More than that many tokens have, as a rule: cutting tokens costs more than cutting characters first.
_TEXT_CHARS = 1_000
_CACHE_BYTES = 64 << 20
# The nearest of some forty tokens has a cosine of 0.2 to nearly any other: it says nothing.
_COMMON = 0.2


class _States(NamedTuple):
    """The directions of a text's tokens: ``rows`` (tokens, 384) times ``scales`` (tokens,) are unit vectors."""

    rows: NDArray[np.int8]
    scales: NDArray[np.float32]


class MiniLmReranker:
    """Implements `mnemic.protocols.Reranker` by late interaction (MaxSim as in ColBERT, Khattab and Zaharia 2020).

    The states are those of a model that was trained for whole sentences; there is no further training. Their cosines are
    averaged over all tokens of the question but the special ones: leaving out function words, or weighing words by how
    telling they are, finds less on LoCoMo dev, because ranking has done that already.

    Texts are run one by one. A batch saves nothing at this length, and in the small model numbers would depend on what
    else is in it. So a text has the same states whenever it is run, and those of the last 4,000 or so turns are kept as
    int8, 64 MB at most. Shared by threads.
    """

    def __init__(self, folder: Path, *, cache_bytes: int = _CACHE_BYTES) -> None:
        small = (folder / SMALL_MODEL).is_file()
        # One thread: two are faster on an idle machine alone.
        file = SMALL_MODEL if small else MODEL_FILES[0]
        self._model = TokenModel(folder, file=file, threads=1)
        self._room = cache_bytes
        self._kept: OrderedDict[bytes, _States] = OrderedDict()
        self._used = 0
        self._lock = threading.Lock()

    def rerank(self, question: str, texts: Sequence[str]) -> list[float]:
        asked = _directions(self._run(question))
        return [_closeness(asked, self._states(text)) for text in texts]

    def _states(self, text: str) -> _States:
        text = text[:_TEXT_CHARS]
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = self._run(text, _TEXT_TOKENS)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._used += _size(found)
            while self._used > self._room:
                self._used -= _size(self._kept.popitem(last=False)[1])
        return found

    def _run(self, text: str, limit: int | None = None) -> _States:
        """The states of the first ``limit`` tokens between the special ones, which are there but do not count."""
        encoding = self._model.encode([text])[0]
        content = np.array(encoding.special_tokens_mask) == 0
        kept = ~content | (np.cumsum(content) <= (len(content) if limit is None else limit))
        if not content[kept].any():
            return _States(np.zeros((0, 0), np.int8), np.zeros(0, np.float32))
        states = self._model.states([np.array(encoding.ids)[kept].tolist()])[0][0][content[kept]]
        rows = np.round(states * (127 / np.maximum(np.abs(states).max(axis=1, keepdims=True), 1e-9))).astype(np.int8)
        norms = np.linalg.norm(rows.astype(np.float32), axis=1)
        return _States(rows, (1 / np.maximum(norms, 1.0)).astype(np.float32))


def _directions(states: _States) -> Vectors:
    directions: Vectors = states.rows.astype(np.float32) * states.scales[:, None]
    return directions


def _closeness(asked: Vectors, states: _States) -> float:
    if not len(asked) or not len(states.rows):
        return 0.0
    nearest = (asked @ _directions(states).T).max(axis=1)
    share = (float(nearest.mean(dtype=np.float64)) - _COMMON) / (1 - _COMMON)
    return min(max(share, 0.0), 1.0)


def _size(states: _States) -> int:
    return states.rows.nbytes + states.scales.nbytes + 200
