"""Going on with a question while others write: nothing is repeated, and nothing that was there is left out."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

import mnemic
from mnemic import Memory
from mnemic.errors import InvalidInput
from mnemic.services.recalling.valuing import Rank
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


@pytest.mark.parametrize("rank", ["value", "retention", "relevance"])
@pytest.mark.parametrize("sizes", [(1, 20), (3, 5, 20), (2, 9, 20), (10, 1, 20)])
async def test_pages_of_several_sizes_repeat_nothing_and_leave_nothing_out(
    tmp_path: Path, rank: Rank, sizes: tuple[int, ...]
) -> None:
    async with open_here(tmp_path) as memory:
        there = await fill(memory)
        # The least relevant have done best.
        for at, record in enumerate(await memory.list()):
            for _ in range(4):
                await memory.learning.outcome("t", float(at < 5), used=[record.id])
        seen: list[str] = []
        cursor = None
        for k in sizes:
            if seen and cursor is None:
                break
            found = await memory.recall(QUESTION, k=k, min_score=0, rank=rank, cursor=cursor)
            seen += [hit.memory.text for hit in found.hits]
            cursor = found.cursor
        assert sorted(seen) == sorted(there) and cursor is None


async def test_a_cursor_with_an_impossible_window_is_refused(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await fill(memory)
        cursor = (await memory.recall(QUESTION, k=2, min_score=0, rank="value")).cursor
        assert cursor is not None
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        for window in (-1, "2", None, 10**9):
            crafted = base64.urlsafe_b64encode(json.dumps([*told[:-1], window]).encode()).decode().rstrip("=")
            with pytest.raises(InvalidInput, match="does not belong"):
                await memory.recall(QUESTION, k=2, min_score=0, rank="value", cursor=crafted)
