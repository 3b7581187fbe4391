"""What several tests of learning put into a memory, and read out of it."""

from __future__ import annotations

from collections.abc import Sequence

from mnemic import Memory, NewMemory
from mnemic.domain.memory import MemoryId


async def exported(memory: Memory) -> list[str]:
    """The lines of an export."""
    return [line async for line in memory.export()]


async def told(memory: Memory, said: Sequence[str]) -> list[MemoryId]:
    """Ana says each of ``said`` in a conversation of its own."""
    turns = [
        NewMemory(text=text, kind="episodic", speaker="Ana", session=f"talk {at}", occurred_at=f"2026-03-{at + 1:02}")
        for at, text in enumerate(said)
    ]
    return [receipt.id for receipt in await memory.remember_many(turns)]
