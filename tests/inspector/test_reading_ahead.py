"""What the first question needs is read after the first page was shown, and never before."""

from __future__ import annotations

import anyio
import httpx2
import pytest

from mnemic import Memory, MnemicError
from mnemic_mcp.inspector.app import create_app
from mnemic_mcp.inspector.protection import Gate
from mnemic_mcp.inspector.reading_ahead import ReadingAhead
from tests.inspector.looking import BASE, HOST, Looker


@pytest.fixture
def asked(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that the memory is asked."""
    questions: list[str] = []

    async def recall(question: str, **_: object) -> None:
        questions.append(question)

    monkeypatch.setattr(memory, "recall", recall)
    return questions


async def test_a_page_and_its_parts_are_answered_before_anything_is_read_ahead(
    asked: list[str], looker: Looker
) -> None:
    await looker.page("/")
    await looker.page("/static/style.css")
    assert asked == []


async def test_reading_waits_for_a_page(memory: Memory, asked: list[str]) -> None:
    reading = ReadingAhead(memory, pause_seconds=0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reading.run)
        await anyio.wait_all_tasks_blocked()
        assert asked == []
        reading.page_shown()
    assert asked == ["warm up"]


async def test_every_page_says_that_it_is_shown(memory: Memory) -> None:
    shown: list[str] = []
    gate = Gate()
    app = create_app(memory, gate=gate, hosts=[HOST], shown=lambda: shown.append("shown"))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=BASE) as client:
        await client.get(gate.new_link(), follow_redirects=True)
        await client.get("/memory?id=nothing")
    assert shown == ["shown", "shown"]


async def test_what_fails_is_left_to_the_page_that_asks(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    async def recall(question: str, **_: object) -> None:
        raise MnemicError("The disk is gone.", hint="Bring it back.")

    monkeypatch.setattr(memory, "recall", recall)
    reading = ReadingAhead(memory, pause_seconds=0)
    reading.page_shown()
    await reading.run()
