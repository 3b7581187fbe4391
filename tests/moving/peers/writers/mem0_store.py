"""Writes memories with mem0 (``infer=False``, Chroma, a stand-in embedder), and asks it what it holds.

python mem0_store.py OUT_FOLDER
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {"MEM0_TELEMETRY": "False", "ANONYMIZED_TELEMETRY": "False", "OPENAI_API_KEY": "none"}
out = Path(sys.argv[1])
os.environ["MEM0_DIR"] = str(out / "unused")

from mem0 import Memory  # type: ignore[import-not-found]  # noqa: E402
from mem0.configs.base import MemoryConfig  # type: ignore[import-not-found]  # noqa: E402


class StandIn:
    """Eight numbers from a hash: mem0 wants vectors, and nothing here looks at them."""

    config: Any = type("C", (), {"embedding_dims": 8})()

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        return [self.embed(text) for text in texts]


config = MemoryConfig(
    vector_store={"provider": "chroma", "config": {"collection_name": "mem0", "path": str(out / "chroma")}},
    history_db_path=str(out / "history.db"),
)
memory = Memory(config)
memory.embedding_model = StandIn()
ana: dict[str, Any] = {"user_id": "ana"}
memory.add("Ana is allergic to peanuts.", **ana, metadata={"category": "health", "weight": 3}, infer=False)
first = memory.add("Ana lives in Lisbon.", **ana, infer=False)["results"][0]["id"]
memory.add(
    [
        {"role": "user", "content": "The ferry to Almada leaves at nine."},
        {"role": "assistant", "content": "Noted: nine o'clock ☀ – Fähre."},
    ],
    user_id="ana", agent_id="planner", run_id="run-7", infer=False,
)  # fmt: skip
memory.update(first, "Ana lives in Porto.")
gone = memory.add("This was told by mistake.", **ana, infer=False)["results"][0]["id"]
memory.delete(gone)
memory.add("Ben collects stamps.", user_id="ben", infer=False)
held = [memory.get_all(filters={"user_id": user}, top_k=100)["results"] for user in ("ana", "ben")]
results = [one for found in held for one in found]
(out / "get_all.json").write_text(
    json.dumps({"results": results}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
)
history = {one["id"]: memory.history(one["id"]) for one in results} | {gone: memory.history(gone)}
(out / "history_reported.json").write_text(
    json.dumps(history, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8"
)
