"""Fixtures of moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.migrating.filling import fill
from tests.migrating.moves import Process


@pytest.fixture
def writing() -> Iterator[Callable[[Path], list[Process]]]:
    """Starts two processes that write a folder, and waits until both do."""
    started: list[Process] = []

    def start(home: Path) -> list[Process]:
        started.extend(Process("writer", str(home), f"writer {at}") for at in range(2))
        for writer in started:
            writer.wait_for_lines(2)
        return started

    yield start
    for writer in started:
        writer.kill()


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    await fill(tmp_path / "home")
    return tmp_path / "home"
