"""Conversations that nobody cut are cut into episodes."""

from __future__ import annotations

from pathlib import Path

import pytest

import mnemic
from mnemic import NewMemory
from mnemic.errors import InvalidInput

TALKS = (
    (
        "2026-03-01T10:0",
        ("Hi Rui, did the sourdough rise?", "The dough rose well, the oven was hot.", "I baked two loaves."),
    ),
    (
        "2026-03-09T18:3",
        ("Hey Rui! My router is broken.", "Restart the router and check the cable.", "The cable was loose."),
    ),
)


async def test_a_gap_in_time_begins_a_new_episode_and_no_turn_is_lost(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", durable=False) as memory:
        turns = [
            NewMemory(text=text, kind="episodic", speaker="Ana" if at % 2 else "Rui", occurred_at=f"{start}{at}:00")
            for start, talk in TALKS
            for at, text in enumerate(talk)
        ]
        ids = [receipt.id for receipt in await memory.remember_many(turns)]
        found = await memory.learning.segments()
        assert [id for episode in found for id in episode.turns] == ids
        assert [episode.turns for episode in found] == [tuple(ids[:3]), tuple(ids[3:])]
        assert all(episode.reason for episode in found)


async def test_an_empty_memory_has_no_episodes_and_bad_limits_are_named(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", durable=False) as memory:
        assert await memory.learning.segments(session="none") == ()
        with pytest.raises(InvalidInput, match="limit"):
            await memory.learning.segments(limit=0)
