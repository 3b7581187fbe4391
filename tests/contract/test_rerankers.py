from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mnemic.errors import ModelFailed
from mnemic.protocols import Reranker
from mnemic.storage.minilm import SMALL_MODEL, quantise
from mnemic.storage.minilm_reranker import MiniLmReranker
from mnemic.testing import RerankerContract, WordReranker
from tests.contract.test_embedders import make_tiny_model

_QUESTION = "the cat on the mat"
_TEXTS = ["a cat sat on the mat", "one longer text", "two cats and a dog", "a mat"]


class TestWordReranker(RerankerContract):
    def make_reranker(self, folder: Path) -> Reranker:
        return WordReranker()


class TestMiniLmReranker(RerankerContract):
    """The real code on a small model of the same shape."""

    def make_reranker(self, folder: Path) -> Reranker:
        make_tiny_model(folder / "minilm")
        return MiniLmReranker(folder / "minilm")

    def test_what_is_kept_gives_the_same_scores_as_what_is_run_again(self, tmp_path: Path) -> None:
        kept = self.make_reranker(tmp_path)
        forgetful = MiniLmReranker(tmp_path / "minilm", cache_bytes=0)
        first = kept.rerank(_QUESTION, _TEXTS)
        assert kept.rerank(_QUESTION, _TEXTS) == first
        assert forgetful.rerank(_QUESTION, _TEXTS) == first

    def test_a_text_that_is_kept_is_not_run_again_and_what_was_not_asked_for_longest_goes_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_tiny_model(tmp_path / "minilm")
        # One token has 384 bytes, a scale of 4, and 200 for its keeping: room for three.
        reranker = MiniLmReranker(tmp_path / "minilm", cache_bytes=3 * 588)
        run: list[str] = []
        encode = reranker._model.encode

        def note(texts: Sequence[str]) -> list[Any]:
            run.extend(texts)
            return encode(texts)

        monkeypatch.setattr(reranker._model, "encode", note)
        for texts in (["cat", "dog", "mat"], ["cat"], ["two"], ["cat", "mat", "two"], ["dog"]):
            reranker.rerank("a", texts)
        assert [text for text in run if text != "a"] == ["cat", "dog", "mat", "two", "dog"]

    def test_only_the_beginning_of_a_long_text_counts(self, tmp_path: Path) -> None:
        reranker = self.make_reranker(tmp_path)
        early, late = reranker.rerank("cat", ["cat " + "dog " * 90, "dog " * 90 + "cat"])
        assert early > late

    def test_the_small_model_is_used_when_it_is_there_and_says_nearly_the_same(self, tmp_path: Path) -> None:
        whole = self.make_reranker(tmp_path).rerank(_QUESTION, _TEXTS)
        assert quantise(tmp_path / "minilm")
        small = MiniLmReranker(tmp_path / "minilm").rerank(_QUESTION, _TEXTS)
        assert small == pytest.approx(whole, abs=0.05)
        (tmp_path / "minilm" / SMALL_MODEL).write_bytes(b"not a model")
        with pytest.raises(ModelFailed, match="fetch minilm"):
            MiniLmReranker(tmp_path / "minilm").rerank(_QUESTION, _TEXTS)

    def test_a_model_that_cannot_be_made_smaller_leaves_nothing_behind(self, tmp_path: Path) -> None:
        make_tiny_model(tmp_path / "minilm")
        (tmp_path / "minilm" / "model.onnx").write_bytes(b"not a model")
        with pytest.raises(ModelFailed, match="smaller"):
            quantise(tmp_path / "minilm")
        assert sorted(path.name for path in (tmp_path / "minilm").iterdir()) == ["model.onnx", "tokenizer.json"]

    def test_a_missing_folder_says_how_to_get_it(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFailed, match="mnemic models fetch minilm"):
            MiniLmReranker(tmp_path / "nowhere")
