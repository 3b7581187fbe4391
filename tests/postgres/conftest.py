"""One server for all tests of a process; each test has a schema of its own in it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.postgres.servers import PostgresServer, binary, postgres_server

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    if binary("postgres") is None or binary("initdb") is None:
        assert not os.environ.get("CI"), "CI must have PostgreSQL"
        pytest.skip("PostgreSQL's programs postgres and initdb are not installed here")
    with postgres_server() as server:
        yield server


@pytest.fixture
def schema() -> str:
    """A name that no other test of this process has used."""
    return f"test_{next(_NUMBERS)}"
