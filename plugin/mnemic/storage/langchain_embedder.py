"""Any LangChain ``Embeddings`` object as an embedder, without importing LangChain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnemic.errors import ModelFailed
from mnemic.protocols import LangChainEmbeddings, Vectors


class LangChainEmbedder:
    """Implements `mnemic.protocols.Embedder` over a LangChain ``Embeddings`` object.

    ``id`` must name the model and its version: it keeps its vectors apart from those of every other embedder.
    The number of dimensions is learnt from one call with the word "dimensions".
    """

    def __init__(self, embeddings: LangChainEmbeddings, *, id: str) -> None:
        self.id = id
        self._embeddings = embeddings
        self.dimensions = self._call(["dimensions"]).shape[1]

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        found = self._call(list(texts))
        if found.shape != (len(texts), self.dimensions) or not np.isfinite(found).all():
            raise ModelFailed(
                f"The embedder {self.id} returned an array of shape {found.shape} for {len(texts)} texts.",
                hint="Check the model behind it.",
            )
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        np.divide(found, norms, out=found, where=norms > 0)
        return found

    def _call(self, texts: list[str]) -> Vectors:
        try:
            return np.asarray(self._embeddings.embed_documents(texts), np.float32).reshape(len(texts), -1)
        except Exception as error:
            raise ModelFailed(
                f"The embedder {self.id} failed ({type(error).__name__}: {error}).", hint="Try again."
            ) from error
