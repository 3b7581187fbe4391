"""mem0 as a library behind the lines of JSON that the other systems speak: it has no local MCP server that stores as told.

python mem0_worker.py STORE_FOLDER MODEL_FOLDER    (runs in mem0's own environment)

``infer=False`` stores texts as they are, without a model; the store is Chroma, in the process. The embedder is
all-MiniLM-L6-v2 on onnxruntime, padded to the text alone. Tools are `remember` (texts), `recall` (query, k), `list`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

store, model = Path(sys.argv[1]), Path(sys.argv[2])
os.environ |= {
    "MEM0_TELEMETRY": "False", "ANONYMIZED_TELEMETRY": "False", "OPENAI_API_KEY": "none", "MEM0_DIR": str(store / "mem0"),
}  # fmt: skip
# Whatever a library prints must not get among the answers.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
os.dup2(2, 1)

import numpy as np  # noqa: E402
import onnxruntime  # type: ignore[import-untyped, unused-ignore]  # noqa: E402
from mem0 import Memory  # type: ignore[import-not-found]  # noqa: E402
from mem0.configs.base import MemoryConfig  # type: ignore[import-not-found]  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

_USER = {"user_id": "bench"}
_MAX_TOKENS = 256


class MiniLm:
    """The interface of mem0's embedders."""

    config: Any = type("Config", (), {"embedding_dims": 384})()

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(model / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._inputs = {one.name for one in self._session.get_inputs()}

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:  # as mem0 calls it
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, {name: value for name, value in feeds.items() if name in self._inputs})[0]
        mean = states[0].mean(axis=0)
        found: list[float] = (mean / np.linalg.norm(mean)).tolist()
        return found

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        return [self.embed(text, memory_action) for text in texts]


memory = Memory(
    MemoryConfig(
        vector_store={"provider": "chroma", "config": {"collection_name": "bench", "path": str(store / "chroma")}},
        history_db_path=str(store / "history.db"),
    )
)
memory.embedding_model = MiniLm()


def call(name: str, arguments: dict[str, Any]) -> Any:
    if name == "remember":
        messages = [{"role": "user", "content": text} for text in arguments["texts"]]
        return [one["id"] for one in memory.add(messages, **_USER, infer=False)["results"]]
    if name == "recall":
        found = memory.search(arguments["query"], top_k=arguments["k"], filters=_USER, threshold=0.0)
        return [{"id": one["id"], "text": one["memory"]} for one in found["results"]]
    return [one["memory"] for one in memory.get_all(filters=_USER, top_k=1_000_000)["results"]]


for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    result: Any = {}
    if request["method"] == "tools/list":
        result = {"tools": []}
    elif request["method"] == "tools/call":
        try:
            value = call(request["params"]["name"], request["params"]["arguments"])
            result = {"structuredContent": {"value": value}}
        except Exception as error:  # whatever it is, the driver counts it as an error
            result = {"isError": True, "content": [{"type": "text", "text": f"{type(error).__name__}: {error}"}]}
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), file=answers, flush=True)
