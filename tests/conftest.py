"""What all tests share: no network but loopback, and a word for data that is not there."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres.servers import PostgresServer, binary, postgres_server

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

for _name in [name for name in os.environ if name.startswith("MNEMIC_")]:
    del os.environ[_name]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network fails: everything works without."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _home_is_a_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "home"))


_SCHEMAS = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests of a process; each test has a schema of its own in it."""
    if binary("postgres") is None or binary("initdb") is None:
        assert not os.environ.get("CI"), "CI must have PostgreSQL: its programs postgres and initdb are not installed"
        pytest.skip("PostgreSQL's programs postgres and initdb are not installed here")
    with postgres_server() as server:
        yield server


@pytest.fixture
def schema() -> str:
    """A name that no other test of this process has used."""
    return f"test_{next(_SCHEMAS)}"


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """The path of a recorded data file, or a skip that says why."""

    def find(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"the recorded data {name} is not on this machine ({SHARED_DATA} is absent)")
        return path

    return find
