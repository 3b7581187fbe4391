"""A folder to move, processes that write it meanwhile, and whether it has arrived."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

from mnemic import Memory
from mnemic.domain.items import GetItem, Item
from mnemic.services.transferring.transfer import lines_of
from mnemic.storage.migrating.source import Source
from tests.conftest import ROOT
from tests.migrating.filling import Acknowledged

COMMAND = str(Path(sys.executable).parent / "mnemic")


class Process:
    """A process of the tests whose lines are kept."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.migrating.{module}", *arguments], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        self._lines: list[str] = []
        self._came = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for_lines(self, count: int) -> None:
        with self._came:
            assert self._came.wait_for(lambda: len(self._lines) >= count or self._ended, timeout=240), self._lines
            assert len(self._lines) >= count, self.end()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> tuple[int, str]:
        """Its exit code and its last line."""
        code = self._process.wait(timeout=240)
        self._reader.join(60)
        assert self._process.stderr is not None and self._process.stdout is not None
        with self._process.stderr as errors, self._process.stdout:
            told = errors.read()
        assert code in (0, -signal.SIGKILL), told
        return code, self._lines[-1] if self._lines else ""

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._came:
                self._lines.append(line)
                self._came.notify_all()
        with self._came:
            self._ended = True
            self._came.notify_all()


def folder_export(home: Path) -> list[str]:
    """The export of a folder, closed or not."""
    with closing(Source(home / "ledger.sqlite3")) as source, source.snapshot() as snapshot:
        return list(lines_of(snapshot.reader()))


def rows_of_every_table(home: Path) -> dict[str, int]:
    with closing(Source(home / "ledger.sqlite3")) as source, source.snapshot() as snapshot:
        return {table.name: snapshot.count(table) for table in snapshot.all_tables()}


async def exported(memory: Memory) -> list[str]:
    return [line async for line in memory.export()]


async def check_moved(memory: Memory, home: Path, written: list[Acknowledged]) -> None:
    """All of it is there, and what was acknowledged as it was acknowledged."""
    assert await exported(memory) == folder_export(home)
    findings = (await memory.doctor()).findings
    # What was erased before the move is vacuumed when no reader is old enough to see it: by housekeeping, a little later.
    assert all(finding.ok for finding in findings if finding.check != "erasures"), findings
    records = {str(record.id): record.text for record in await memory.records()}
    for done in written:
        assert {id: records.get(id) for id in done.texts} == done.texts
        assert not set(done.erased) & records.keys()
    tasks = [json.loads(line)["task"] for line in await exported(memory) if '"type":"outcome"' in line]
    assert len(tasks) == len(set(tasks))
    for done in written:
        assert set(done.tasks) <= set(tasks)
        for key, text in done.items.items():
            (found,) = await memory.items.run([GetItem(path=("shelf",), key=key)])
            assert found is None if text is None else isinstance(found, Item) and found.value["text"] == text
    for number, done in enumerate(written):
        messages = [message.text for message in await memory.session(f"talk of writer {number}").originals()]
        assert len(messages) == len(set(messages))
        assert [text for text in messages if text in set(done.said)] == done.said
    # New rows take numbers that none had, and are found.
    receipt = await memory.remember("The heron of Kallavesi stands at pier 44")
    assert [hit.memory.id for hit in (await memory.recall("heron of Kallavesi", k=1)).hits] == [receipt.id]


def names_in(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as raw:
        return [row[0] for row in raw.execute("SELECT name FROM sqlite_schema")]
