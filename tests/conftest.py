"""What all tests share: no network but loopback, and a word for data that is not there."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from mnemic.services.guarding import vetting
from tests.postgres.servers import PostgresServer, binary, postgres_server

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

# Nothing that somebody has set for themselves, and no proxy: servers of the tests are on this machine.
for _name in [name for name in os.environ if name.startswith("MNEMIC_") or name.lower().endswith("_proxy")]:
    del os.environ[_name]

# How long an example takes says more of what else the machine does than of what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


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


def judging_by(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]) -> None:
    """Have the guard of recalls in this process take its seconds from ``clock``."""
    monkeypatch.setattr(vetting.vet, "__kwdefaults__", {**(vetting.vet.__kwdefaults__ or {}), "clock": clock})


@pytest.fixture(autouse=True)
def _the_guard_is_not_hurried_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not judged in time is held back; here only the time counts in which the guard works."""
    judging_by(monkeypatch, time.thread_time)


@pytest.fixture
def patient_erasing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure waits for those who read old pages until they are done, and not half a second."""
    monkeypatch.setattr("mnemic.storage.sqlite.ledger._CHECKPOINT_WAIT_MS", 60_000)


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
