"""What every embedder must do. Tests, not documentation, are the definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mnemic.protocols import Embedder


class EmbedderContract:
    """Implement ``make_embedder``."""

    def make_embedder(self, folder: Path) -> Embedder:
        raise NotImplementedError

    def test_vectors_have_length_one_and_the_promised_shape(self, tmp_path: Path) -> None:
        embedder = self.make_embedder(tmp_path)
        found = embedder.embed(["a cat sat", "Straße, 東京 and 😀", "x" * 5_000])
        assert found.shape == (3, embedder.dimensions)
        assert found.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)

    def test_a_text_has_the_same_vector_alone_and_in_a_batch(self, tmp_path: Path) -> None:
        embedder = self.make_embedder(tmp_path)
        texts = ["one", "a much longer text about two cats and a dog", "three words here"]
        together = embedder.embed(texts)
        for row, text in enumerate(texts):
            np.testing.assert_allclose(embedder.embed([text])[0], together[row], atol=1e-4)

    def test_no_texts_give_no_vectors(self, tmp_path: Path) -> None:
        embedder = self.make_embedder(tmp_path)
        assert embedder.embed([]).shape == (0, embedder.dimensions)
