"""Stores for the tests of `MnemicStore`, and a clock that they can move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mnemic
from mnemic import Memory
from mnemic.testing import SetClock, WordEmbedder
from mnemic_langgraph import MnemicStore


@asynccontextmanager
async def open_store(folder: Path, *, policy: str = "default", **options: Any) -> AsyncIterator[MnemicStore]:
    """A store over a memory of its own whose vectors are made of words."""
    async with mnemic.open_memory(
        folder / "home", chroma="off", durable=False, policy=policy, embedder=WordEmbedder()
    ) as memory:
        yield MnemicStore(memory, **options)


def set_clock(memory: Memory) -> SetClock:
    """Put a clock that stands still in the place of the memory's own."""
    clock = SetClock(datetime.now(UTC))
    object.__setattr__(memory._opened().backends, "clock", clock)
    return clock


def keys(found: list[Any]) -> list[str]:
    return [item.key for item in found]
