"""Going on with a question while others write: nothing is repeated, and nothing that was there is left out."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

import mnemic
from mnemic import Memory
from mnemic.testing import WordEmbedder

QUESTION = "apple pear plum cherry grape melon lemon peach mango fig date kiwi"


async def page(memory: Memory, query: str, cursor: str | None) -> tuple[list[str], str | None]:
    found = await memory.recall(query, k=4, min_score=0, cursor=cursor)
    return [hit.memory.text for hit in found.hits], found.cursor


def open_here(folder: Path) -> Memory:
    return mnemic.open_memory(folder, embedder=WordEmbedder(), chroma="off", facts="off")


async def fill(memory: Memory) -> list[str]:
    """Twelve memories, each with one word of the question less; all of them, as they come in answer to it."""
    for at in range(12):
        await memory.remember(" ".join([*QUESTION.split()[: 12 - at], f"basket{at}"]))
    found = await memory.recall(QUESTION, k=20, min_score=0)
    assert len(found.hits) == 12
    return [hit.memory.text for hit in found.hits]


@pytest.mark.parametrize("query", [QUESTION, ""], ids=["asked", "newest"])
async def test_what_others_write_ahead_of_a_cursor_moves_no_page(tmp_path: Path, query: str) -> None:
    async with open_here(tmp_path) as memory:
        there = set(await fill(memory))
        seen, cursor = await page(memory, query, None)
        for number in range(2):
            await memory.remember(f"{QUESTION} {number}")
            more, cursor = await page(memory, query, cursor)
            seen += more
        assert len(seen) == len(set(seen)) == 12
        assert set(seen) == there


@pytest.mark.parametrize("query", [QUESTION, ""], ids=["asked", "newest"])
async def test_what_others_take_out_ahead_of_a_cursor_hides_nothing(tmp_path: Path, query: str) -> None:
    async with open_here(tmp_path) as memory:
        there = set(await fill(memory))
        seen, cursor = await page(memory, query, None)
        ids = {record.text: record.id for record in await memory.list()}
        await memory.archive([ids[text] for text in seen[:2]])
        for _ in range(2):
            more, cursor = await page(memory, query, cursor)
            seen += more
        assert set(seen) == there and len(seen) == 12 and cursor is None


@pytest.mark.parametrize("erase", [False, True])
async def test_where_the_last_that_was_shown_is_gone_the_places_are_counted(tmp_path: Path, erase: bool) -> None:
    async with open_here(tmp_path) as memory:
        await fill(memory)
        seen, cursor = await page(memory, QUESTION, None)
        ids = {record.text: record.id for record in await memory.list()}
        await memory.forget([ids[seen[-1]]], erase=erase)
        more, _ = await page(memory, QUESTION, cursor)
        assert len(more) == 4 and not set(more) & set(seen)


async def test_a_cursor_of_an_older_version_goes_on_by_its_places(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        ranked = await fill(memory)
        _, cursor = await page(memory, QUESTION, None)
        assert cursor is not None
        question, skip, *_ = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        older = base64.urlsafe_b64encode(json.dumps([question, skip]).encode()).decode().rstrip("=")
        assert (await page(memory, QUESTION, older))[0] == ranked[4:8]
