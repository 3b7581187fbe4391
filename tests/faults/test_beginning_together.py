"""Processes that make a memory in the same moment."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

from mnemic.errors import MnemicError
from mnemic.storage.sqlite.connections import SqliteConnections

_TOGETHER = 4
_LEDGERS = 60


def _open_each(folder: Path, ready: Barrier, answer: multiprocessing.SimpleQueue[str]) -> None:
    told = ""
    for number in range(_LEDGERS):
        ready.wait(60)
        try:
            SqliteConnections(folder / f"{number}" / "ledger.sqlite3").close()
        except MnemicError as error:
            told = f"{number}: {error}"
    answer.put(told)


def test_processes_that_make_a_ledger_in_the_same_moment_all_open_it(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready, answer = spawn.Barrier(_TOGETHER), spawn.SimpleQueue()
    processes = [spawn.Process(target=_open_each, args=(tmp_path, ready, answer)) for _ in range(_TOGETHER)]
    for process in processes:
        process.start()
    told = [answer.get() for _ in processes]
    for process in processes:
        process.join(60)
    assert told == [""] * _TOGETHER
