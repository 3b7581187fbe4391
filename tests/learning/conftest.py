"""A memory to learn in. A module says in a fixture ``writer`` whose words it writes; by default an agent's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mnemic
from mnemic import Memory, Origin


@pytest.fixture
def writer() -> Origin:
    return Origin()


@pytest.fixture
async def memory(tmp_path: Path, writer: Origin) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False, origin=writer) as opened:
        yield opened
