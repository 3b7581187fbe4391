"""Writes memories with mcp-memory-service's SQLite storage (a stand-in embedder), and asks it what it holds.

python memory_service.py OUT_FOLDER
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

out = Path(sys.argv[1])
os.environ |= {"MCP_MEMORY_BASE_DIR": str(out / "unused"), "MCP_MEMORY_USE_ONNX": "0", "HF_HUB_OFFLINE": "1"}

import numpy as np  # noqa: E402
from mcp_memory_service.models.memory import Memory  # type: ignore[import-not-found]  # noqa: E402
from mcp_memory_service.storage.graph import GraphStorage  # type: ignore[import-not-found]  # noqa: E402
from mcp_memory_service.storage.sqlite_vec import SqliteVecMemoryStorage  # type: ignore[import-not-found]  # noqa: E402
from mcp_memory_service.utils.hashing import generate_content_hash  # type: ignore[import-not-found]  # noqa: E402


class StandIn:
    """Numbers from a seed: the service wants vectors, and nothing here looks at them."""

    def encode(self, texts: Any, **_: Any) -> Any:
        many = [texts] if isinstance(texts, str) else texts
        rows = [np.random.default_rng(len(text)).random(384, dtype=np.float32) for text in many]
        return rows[0] if isinstance(texts, str) else np.stack(rows)


async def main() -> None:
    path = str(out / "memory.db")
    storage = SqliteVecMemoryStorage(path)

    async def stand_in() -> None:
        storage.embedding_model = StandIn()
        storage.embedding_dimension = 384

    storage._initialize_embedding_model = stand_in
    await storage.initialize()
    storage.embedding_model = StandIn()
    texts = [
        ("Decided to use SQLite in WAL mode.", ["database", "adr"], "decision", {"author": "ana"}, 1_767_261_600.25),
        ("The nightly build fails on Windows – Umlaute: äöü.", ["ci"], "observation", {}, 1_767_348_000.0),
        ("A memory without tags.", [], "observation", {}, 1_767_434_400.5),
        ("This one is deleted.", ["x"], "observation", {}, 1_767_434_500.0),
    ]
    hashes = []
    for text, tags, kind, metadata, at in texts:
        memory = Memory(
            content=text, content_hash=generate_content_hash(text), tags=tags, memory_type=kind, metadata=metadata,
            created_at=at, updated_at=at,
        )  # fmt: skip
        done = await storage.store(memory)
        assert done[0], done
        hashes.append(memory.content_hash)
    await storage.delete(hashes[3])
    graph = GraphStorage(path)
    await graph.store_association(hashes[0], hashes[1], 0.8, ["semantic"], {}, relationship_type="related")
    reported = [
        {
            "content_hash": one.content_hash, "content": one.content, "tags": one.tags, "memory_type": one.memory_type,
            "metadata": one.metadata, "created_at": one.created_at, "updated_at": one.updated_at,
        }
        for one in await storage.get_all_memories()
    ]  # fmt: skip
    connected = {one: await graph.find_connected(one, max_hops=1) for one in hashes[:3]}
    told = {"memories": reported, "connected": connected}
    (out / "reported.json").write_text(
        json.dumps(told, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8"
    )
    await storage.close()


asyncio.run(main())
