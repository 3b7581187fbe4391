"""One run of moving a memory from its folder to a database, while others go on using the folder.

1. From the first moment on, the folder's ledger notes which rows change (`mnemic.storage.migrating.source`).
2. *copy*: all rows, in parts of their keys. A part may be older or newer than another; what changed meanwhile is noted.
3. *settle*: what was noted is done again in one step, from one state of the folder. Now the copy is that state.
4. *words*, *indexes*: what the database needs to answer questions.
5. *follow*: further steps like 3, each from one state to a later one, until they are small.
6. *verify*: while the copy is one state of the folder, every row of every table is compared with that, and the export of one
   side with that of the other.
7. *switch*: the folder is closed, the last step is done, what it touched is compared, the numbers of new rows are set,
   and the database is opened. Nobody can write either side between closing the one and opening the other, and nothing
   that was acknowledged comes after the last step. Then the folder says where the memory is.

It may be killed anywhere. Every step is one transaction together with the note of how far it came, doing one again changes
nothing, and the order of 7 is kept: the folder is closed durably before the database is opened durably.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mnemic.errors import MnemicError, StoreCorrupted
from mnemic.protocols import LedgerSnapshot
from mnemic.services.transferring.transfer import lines_of
from mnemic.storage.migrating.comparing import Difference, compare_changed, compare_table
from mnemic.storage.migrating.source import Source, SourceSnapshot
from mnemic.storage.migrating.tables import Row, Table
from mnemic.storage.migrating.target import Stage, Target
from mnemic.storage.sqlite.moved import Moving, settings_of

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much; 0 when that is not known."""

_ROWS_AT_ONCE = 10_000
# So many changed rows are soon done: the folder can be closed for them.
_FEW = 500
_MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationReport:
    """What moved where. ``rows`` by table; ``export_sha256`` is that of both sides' exports, when they were compared.

    ``closed_seconds``: how long the memory could not be used. ``settings``: how to open it now.
    """

    home: Path
    settings: str
    memories: int
    rows: dict[str, int]
    followed: int
    export_sha256: str | None
    seconds: float
    closed_seconds: float
    stages: dict[str, float] = field(default_factory=dict)


class MigrationRun:
    """One run of a move, from wherever the runs before it came to."""

    def __init__(self, ledger: Path, source: Source, target: Target, moving: Moving, progress: Progress | None) -> None:
        self._ledger = ledger
        self._source = source
        self._target = target
        self._moving = moving
        self._progress = progress
        self._began = time.monotonic()
        self._closed_at: float | None = None
        self._stages: dict[str, float] = {}
        self._followed = 0
        self._digest: str | None = None

    def run(self) -> MigrationReport:
        if self._moving.phase == "copying":
            self._fill()
            self._verify()
            self._catch_up()
        rows = self._switch()
        now = time.monotonic()
        return MigrationReport(
            home=self._ledger.parent, settings=settings_of(self._moving), memories=rows.get("memories", 0), rows=rows,
            followed=self._followed, export_sha256=self._digest, seconds=now - self._began,
            closed_seconds=now - (self._closed_at or self._began), stages=self._stages,
        )  # fmt: skip

    def _fill(self) -> None:
        stages = self._target.progress
        if stages.stage == "copy":
            with self._timed("copy"):
                self._copy()
        if stages.stage == "settle":
            with self._timed("settle"):
                self._follow(becomes="words")
        if stages.stage == "words":
            with self._timed("words"):
                self._add_words()
        if stages.stage == "indexes":
            with self._timed("indexes"):
                self._put_back()

    def _copy(self) -> None:
        target = self._target
        with self._source.snapshot() as snapshot:
            tables = snapshot.tables()
            total = sum(snapshot.count(table) for table in tables)
        done = sum(target.count(table) for table in tables if table.name in target.progress.copied)
        for table in tables:
            key = target.progress.copied.get(table.name, [])
            target.make(table)
            while key is not None:
                # A part at a time: a long look at the file would keep its write-ahead log from ever being emptied.
                with self._source.snapshot() as snapshot, target.step():
                    rows = _Counted(snapshot.after(table, tuple(key) or None, _ROWS_AT_ONCE))
                    last = target.add(table, rows)
                    key = None if last is None or rows.count < _ROWS_AT_ONCE else list(last)
                    target.progress.copied[table.name] = key
                done += rows.count
                self._tell("copying rows", done, total)
        with target.step():
            target.progress.stage = "settle"

    def _add_words(self) -> None:
        target = self._target
        with self._source.snapshot() as snapshot:
            total = int(str(snapshot.ledger()["memories"]))
        more, done = True, 0
        target.analyse()
        while more:
            with target.step():
                more = target.add_words()
                if not more:
                    target.progress.stage = "indexes"
            done = min(done + 4_000, total)
            self._tell("storing words", done, total)

    def _put_back(self) -> None:
        target = self._target
        total = len(target.progress.rest)
        more = True
        while more:
            with target.step():
                more = target.put_back()
                if not more:
                    target.progress.stage = "follow"
            self._tell("building indexes", total - len(target.progress.rest), total)
        target.analyse()

    def _catch_up(self) -> None:
        """Follow until little is left."""
        with self._timed("follow"):
            for _ in range(_MOST_ROUNDS):
                if self._follow() <= _FEW:
                    return

    def _follow(self, *, becomes: Stage | None = None) -> int:
        """Bring the copy to the folder's present state, and give how many rows had changed."""
        self._source.watch_new()
        with self._source.snapshot() as snapshot:
            changed = self._bring(snapshot, becomes=becomes)
        self._source.forget(self._target.progress.noted)
        return changed

    def _bring(self, snapshot: SourceSnapshot, *, becomes: Stage | None = None) -> int:
        target = self._target
        tables = snapshot.tables()
        with target.step():
            changed, noted = snapshot.changes(target.progress.noted)
            came = {table.name for table in tables if self._take_in(snapshot, table)}
            # What has just been taken in has its changes.
            changed = {name: keys for name, keys in changed.items() if name not in came}
            rows = {table.name: snapshot.rows(table, list(changed.get(table.name, ()))) for table in tables}
            target.follow(tables, changed, rows)
            target.progress.noted = noted
            if becomes is not None:
                target.progress.stage = becomes
        count = sum(map(len, changed.values()))
        self._followed += count
        self._tell("following changes", count, count)
        return count

    def _take_in(self, snapshot: SourceSnapshot, table: Table) -> bool:
        """Copy a table that came while the others were copied. False when it is there."""
        if table.name in self._target.progress.copied:
            return False
        self._target.make(table)
        self._target.add(table, snapshot.after(table, None))
        self._target.progress.copied[table.name] = None
        return True

    def _verify(self) -> None:
        """Compare everything, both as rows and as an export."""
        self._catch_up()
        with self._timed("verify"):
            self._source.watch_new()
            with self._source.snapshot() as snapshot:
                self._bring(snapshot)
                tables = snapshot.tables()
                differences = []
                for at, table in enumerate(tables):
                    self._tell("comparing tables", at, len(tables))
                    differences.append(compare_table(snapshot, self._target, table))
                _refuse(differences)
                self._tell("comparing exports", 0, 0)
                here = _export_digest(snapshot.reader())
                with self._target.reader() as reader:
                    there = _export_digest(reader)
                if here != there:
                    raise StoreCorrupted(
                        "The exports of both sides differ, although every row is the same.",
                        hint="The folder goes on as it was. Report this; `mnemic migrate --undo` stops the move.",
                    )
                self._digest = here
            self._source.forget(self._target.progress.noted)

    def _switch(self) -> dict[str, int]:
        self._tell("switching over", 0, 0)
        target = self._target
        self._closed_at = time.monotonic()
        with self._timed("switch"):
            if self._moving.phase == "copying":
                self._source.close_ledger()
            if target.progress.stage != "open":
                self._open_target()
            with self._source.snapshot() as snapshot:
                rows = {table.name: snapshot.count(table) for table in snapshot.tables()}
            self._source.finish()
        return rows

    def _open_target(self) -> None:
        target = self._target
        certain = True
        try:
            with self._source.snapshot() as snapshot:
                changed, _ = snapshot.changes(target.progress.noted)
                self._bring(snapshot)
                tables = snapshot.tables()
                _refuse([compare_changed(snapshot, target, table, changed.get(table.name, ())) for table in tables])
                highest = snapshot.highest_keys()
                with target.step():
                    for table in tables:
                        target.number(table, highest.get(table.name, 0))
                    target.open_ledger(snapshot.ledger())
                    # From here on nobody can tell whether a commit without an answer was done.
                    certain = False
        except BaseException:
            if certain:
                with suppress(MnemicError):
                    self._source.reopen_for_copying()
            raise

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._stages[stage] = self._stages.get(stage, 0.0) + time.monotonic() - began

    def _tell(self, what: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(what, done, total)


class _Counted:
    """Rows, and how many came."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


def _refuse(differences: list[Difference | None]) -> None:
    found = [str(one) for one in differences if one is not None]
    if found:
        raise StoreCorrupted(
            f"The two sides differ: {'; '.join(found[:5])}.",
            hint="The folder goes on as it was. See that nobody else writes to the schema, then stop this move with "
            "`mnemic migrate --undo` and begin again.",
        )


def _export_digest(snapshot: LedgerSnapshot) -> str:
    found = hashlib.sha256()
    for line in lines_of(snapshot):
        found.update(line.encode() + b"\n")
    return found.hexdigest()
