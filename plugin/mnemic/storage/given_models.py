"""Models that a program gives, held to what their ports promise: a wrong vector would spoil every later recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mnemic.errors import InvalidInput, ModelFailed
from mnemic.protocols import ChatModel, Embedder, Reranker, Vectors

_LENGTH_ONE = 1e-3


class GivenEmbedder:
    """Implements `mnemic.protocols.Embedder` over one of a program's own, whose vectors it checks and brings to length 1.

    Whatever else it raises becomes `ModelFailed`, without which a memory is stored without a vector.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def id(self) -> str:
        found: Any = getattr(self._embedder, "id", None)
        if not isinstance(found, str) or not found:
            raise InvalidInput(
                f"The id of the embedder is {found!r:.60}.",
                hint="Name the model and its version: it tells vectors apart.",
            )
        return found

    @property
    def dimensions(self) -> int:
        found: Any = getattr(self._embedder, "dimensions", None)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise InvalidInput(
                f"The dimensions of the embedder {self.id} are {found!r:.60}.", hint="Say how long its vectors are."
            )
        return found

    def embed(self, texts: Sequence[str]) -> Vectors:
        try:
            found: Vectors = np.asarray(self._embedder.embed(texts), np.float32)
        except ModelFailed:
            raise
        except Exception as error:
            raise ModelFailed(
                f"The embedder {self.id} failed ({type(error).__name__}: {error}).", hint="Check the model behind it."
            ) from error
        if found.shape != (len(texts), self.dimensions) or not np.isfinite(found).all():
            raise ModelFailed(
                f"The embedder {self.id} gave an array of shape {found.shape} for {len(texts)} texts, "
                f"where {self.dimensions} finite numbers each are due.",
                hint="Check the model behind it.",
            )
        lengths = np.linalg.norm(found.astype(np.float64), axis=1, keepdims=True)
        off = (lengths > 0) & (np.abs(lengths - 1) > _LENGTH_ONE)
        return np.where(off, found / np.where(off, lengths, 1), found).astype(np.float32) if off.any() else found


class GivenReranker:
    """Implements `mnemic.protocols.Reranker` over one of a program's own: whatever else it raises becomes `ModelFailed`."""

    def __init__(self, reranker: Reranker) -> None:
        self._reranker = reranker

    def rerank(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        try:
            return [float(score) for score in self._reranker.rerank(question, texts)]
        except ModelFailed:
            raise
        except Exception as error:
            raise ModelFailed(f"The reranker failed ({type(error).__name__}: {error}).") from error


class GivenModel:
    """Implements `mnemic.protocols.ChatModel` over one of a program's own, as `GivenReranker`."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    def complete(self, prompt: str) -> str:
        try:
            answer: Any = self._model.complete(prompt)
        except ModelFailed:
            raise
        except Exception as error:
            raise ModelFailed(f"The model failed ({type(error).__name__}: {error}).", hint="Try again.") from error
        if not isinstance(answer, str):
            raise ModelFailed(f"The model answered with {type(answer).__name__}.", hint="complete gives a text.")
        return answer
