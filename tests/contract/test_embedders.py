from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from mnemic.errors import ModelFailed
from mnemic.protocols import Embedder, Vectors
from mnemic.storage import static_embedder
from mnemic.storage.langchain_embedder import LangChainEmbedder
from mnemic.storage.minilm_embedder import MiniLmEmbedder
from mnemic.storage.static_embedder import StaticEmbedder
from mnemic.testing import EmbedderContract, WordEmbedder


class TestStaticEmbedder(EmbedderContract):
    def make_embedder(self, folder: Path) -> Embedder:
        return StaticEmbedder()

    def test_meaning_counts_and_not_only_words(self) -> None:
        embedder = StaticEmbedder()
        query, near, far = embedder.embed(["a physician", "the doctor", "a bicycle"])
        assert query @ near > query @ far + 0.2

    def test_a_text_without_content_gives_zeros(self) -> None:
        assert not StaticEmbedder().embed([""]).any()


class _WordsOfLangChain:
    """The shape of a LangChain ``Embeddings`` object."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        found: list[list[float]] = (WordEmbedder(16).embed(texts) * 3).tolist()
        return found

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class TestLangChainEmbedder(EmbedderContract):
    def make_embedder(self, folder: Path) -> Embedder:
        return LangChainEmbedder(_WordsOfLangChain(), id="words-v1")

    def test_a_failing_model_is_a_typed_error(self) -> None:
        class Broken(_WordsOfLangChain):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                raise ConnectionError("no route")

        with pytest.raises(ModelFailed, match="no route"):
            LangChainEmbedder(Broken(), id="broken")

    def test_a_wrong_number_of_vectors_is_a_typed_error(self) -> None:
        class Short(_WordsOfLangChain):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return super().embed_documents(texts[:1])

        with pytest.raises(ModelFailed):
            LangChainEmbedder(Short(), id="short").embed(["a", "b"])


class TestMiniLmEmbedder(EmbedderContract):
    """The real loading code on a small model of the same shape: token ids in, one state of 384 numbers a token out."""

    def make_embedder(self, folder: Path) -> Embedder:
        make_tiny_model(folder / "minilm")
        return MiniLmEmbedder(folder / "minilm")

    def test_padding_does_not_change_a_vector(self, tmp_path: Path) -> None:
        embedder = self.make_embedder(tmp_path)
        alone = embedder.embed(["cat"])[0]
        beside_a_long_one = embedder.embed(["cat", "a cat sat on the mat " * 20])[0]
        np.testing.assert_allclose(alone, beside_a_long_one, atol=1e-5)

    def test_a_missing_folder_says_how_to_get_it(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFailed, match="mnemic models fetch minilm"):
            MiniLmEmbedder(tmp_path / "nowhere")

    def test_a_damaged_model_says_how_to_mend_it(self, tmp_path: Path) -> None:
        make_tiny_model(tmp_path / "minilm")
        (tmp_path / "minilm" / "model.onnx").write_bytes(b"not a model")
        with pytest.raises(ModelFailed, match="fetch minilm"):
            MiniLmEmbedder(tmp_path / "minilm").embed(["a"])


def make_tiny_model(folder: Path) -> None:
    """A one-layer ONNX model: each token's state is a row of a table."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True)
    words = ["[UNK]", "a", "cat", "sat", "on", "the", "mat", "two", "cats", "and", "dog", "one", "longer", "text"]
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    table: Vectors = np.random.default_rng(1).standard_normal((len(words), 384)).astype(np.float32)
    names = ("input_ids", "attention_mask")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["states"], axis=0)],
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in names],
        [helper.make_tensor_value_info("states", TensorProto.FLOAT, ["batch", "length", 384])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    assert json.loads((folder / "tokenizer.json").read_text())["model"]["type"] == "WordLevel"


def test_the_table_of_the_default_embedder_is_loaded_once_for_all_memories_of_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads: list[object] = []
    read = safetensors.numpy.load_file

    def counted(path: Any) -> Any:
        loads.append(path)
        return read(path)

    monkeypatch.setattr(safetensors.numpy, "load_file", counted)
    static_embedder._read_files.cache_clear()
    embedders = [StaticEmbedder() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        first, *others = threads.map(lambda one: one.embed(["Ana lives in Lisbon."]), embedders)
    assert len(loads) == 1
    assert all((other == first).all() for other in others)
