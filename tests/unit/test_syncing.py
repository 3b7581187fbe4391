"""What outlives a power cut, on the systems that the tests do not run on too."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mnemic.storage import syncing
from mnemic.storage.sqlite.connections import SqliteConnections


@pytest.mark.skipif(os.name == "nt", reason="asks as Windows does, from outside of it")
def test_a_file_is_open_for_writing_when_it_is_synced_as_windows_demands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    synced: list[bool] = []

    def fsync(handle: int) -> None:
        synced.append(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY)

    monkeypatch.setattr(os, "fsync", fsync)
    (tmp_path / "file").write_bytes(b"whole")
    syncing.sync(tmp_path / "file")
    syncing.sync(tmp_path)
    assert synced == [True, False], "POSIX opens no folder for writing"
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_on_macos_a_file_goes_through_the_cache_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    system = SimpleNamespace(F_FULLFSYNC="full", fcntl=lambda _, what: asked.append(what))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setitem(sys.modules, "fcntl", system)
    (tmp_path / "file").write_bytes(b"")
    syncing.sync(tmp_path / "file")
    assert asked == ["full"]


@pytest.mark.parametrize(
    ("system", "readers", "waited"), [("nt", 3, 3), ("nt", 99, 7), ("posix", 0, 0), ("posix", 1, 0)]
)
def test_on_windows_a_file_takes_the_place_of_another_once_nobody_reads_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, readers: int, waited: int
) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text("new")
    old.write_text("old")
    reading, replace = iter(range(readers)), Path.replace
    waits: list[float] = []

    def refusing(self: Path, target: Path) -> Path:
        if next(reading, None) is not None:
            raise PermissionError("somebody reads it")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    monkeypatch.setattr(syncing, "time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr(syncing, "os", SimpleNamespace(name=system))
    if readers > waited:
        with pytest.raises(PermissionError):
            syncing.take_place(new, old)
    else:
        syncing.take_place(new, old)
    assert old.read_text() == ("old" if readers > waited else "new")
    assert len(waits) == waited and sum(waits) <= 1


@pytest.mark.parametrize("durable", [True, False])
def test_a_durable_ledger_asks_sqlite_for_the_same(tmp_path: Path, durable: bool) -> None:
    connections = SqliteConnections(tmp_path / "ledger.sqlite3", durable=durable)
    try:
        for opened in (connections.reading(), connections.writing()):
            with opened as connection:
                assert connection.execute("PRAGMA fullfsync").fetchone() == (int(durable),)
    finally:
        connections.close()
