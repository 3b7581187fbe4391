"""A memory to look into, and somebody who has opened its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mnemic
from mnemic import Memory
from tests.inspector.looking import Looker, looking_into


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as opened:
        yield opened


@pytest.fixture
async def stranger(memory: Memory) -> AsyncIterator[Looker]:
    async with looking_into(memory) as looker:
        yield looker


@pytest.fixture
async def looker(stranger: Looker) -> Looker:
    assert (await stranger.open()).status_code == 200
    return stranger
