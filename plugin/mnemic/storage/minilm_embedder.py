"""The quality tier: all-MiniLM-L6-v2 on onnxruntime, once its folder is present."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnemic.errors import ModelFailed
from mnemic.protocols import Vectors

MODEL_FILES = ("model.onnx", "tokenizer.json")
_MAX_TOKENS = 256
_CHUNK = 16


class MiniLmEmbedder:
    """Implements `mnemic.protocols.Embedder`: mean-pooled token states of a sentence transformer in ONNX form.

    Texts are sorted by length and padded to the longest of their batch only (``dynamic padding``): padding everything to
    256 tokens costs ten times as much for ordinary sentences. Longer texts are cut at 256 tokens.
    """

    dimensions = 384

    def __init__(self, folder: Path, *, id: str = "all-MiniLM-L6-v2-onnx") -> None:
        missing = [name for name in MODEL_FILES if not (folder / name).is_file()]
        if missing:
            raise ModelFailed(
                f"The folder {folder} has no {' and no '.join(missing)}.", hint="Run `mnemic models fetch minilm`."
            )
        self.id = id
        self._folder = folder
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        session, tokenizer = self._load()
        encodings = tokenizer.encode_batch(list(texts))
        found = np.zeros((len(texts), self.dimensions), np.float32)
        order = sorted(range(len(texts)), key=lambda at: len(encodings[at].ids))
        for start in range(0, len(order), _CHUNK):
            rows = order[start : start + _CHUNK]
            found[rows] = self._pool(session, [encodings[at].ids for at in rows])
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        np.divide(found, norms, out=found, where=norms > 0)
        return found

    def _pool(self, session: Any, token_ids: list[list[int]]) -> Vectors:
        longest = max(len(ids) for ids in token_ids)
        inputs = np.zeros((len(token_ids), longest), np.int64)
        mask = np.zeros_like(inputs)
        for at, ids in enumerate(token_ids):
            inputs[at, : len(ids)] = ids
            mask[at, : len(ids)] = 1
        feeds = {"input_ids": inputs, "attention_mask": mask, "token_type_ids": np.zeros_like(inputs)}
        wanted = {node.name for node in session.get_inputs()}
        states = session.run(None, {name: value for name, value in feeds.items() if name in wanted})[0]
        weights = mask[:, :, None].astype(np.float32)
        pooled: Vectors = (states * weights).sum(axis=1) / weights.sum(axis=1)
        return pooled

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                import onnxruntime
                from tokenizers import Tokenizer

                try:
                    options = onnxruntime.SessionOptions()
                    options.log_severity_level = 3
                    session = onnxruntime.InferenceSession(
                        str(self._folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
                    )
                    tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
                except Exception as error:
                    raise ModelFailed(
                        f"The model in {self._folder} cannot be loaded ({error}).",
                        hint="Run `mnemic models fetch minilm` again.",
                    ) from error
                tokenizer.no_padding()
                tokenizer.enable_truncation(_MAX_TOKENS)
                self._loaded = (session, tokenizer)
            return self._loaded
