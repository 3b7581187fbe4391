"""A short run of `tests.replicas`: whoever is killed, nothing acknowledged is lost and everybody sees it at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.postgres.servers import PostgresServer
from tests.replicas.chaos import chaos
from tests.replicas.topology import CHROMA


@pytest.mark.skipif("CHAOS" not in os.environ, reason="run by `make replicas`: it needs both processors for itself")
@pytest.mark.skipif(not CHROMA.exists(), reason="the `chroma` command is not installed beside this Python")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # of Chroma's client, which cannot be closed
@pytest.mark.usefixtures("chroma_connections")
async def test_replicas_a_database_and_chroma_are_killed_and_nothing_is_lost(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    # A database of its own: this one is killed.
    found = await chaos(tmp_path, replicas=2, kills=6, clients=2, seed=3)
    assert found["kills"] == 6
    assert found["wrong"] == 0, found["first_wrong"]
    assert found["lost"] == 0, found["first_lost"]
    assert found["ghosts"] == 0, found["first_ghosts"]
    assert found["doubled"] == 0
    assert found["healthy"], found["findings"]
    assert found["chroma_caught_up"]
    assert found["acknowledged"] >= 10
    assert found["looks"] >= 20
