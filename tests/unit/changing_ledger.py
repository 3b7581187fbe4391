"""A ledger to which things happen, for what follows the changes of one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnemic.domain.memory import Action, MemoryRecord, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing.fakes import make_record

NOW = make_record("now").recorded_at


@contextmanager
def a_ledger() -> Iterator[SqliteLedger]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.sqlite3", durable=False)
        ledger.register_embedder("words", 4)
        yield ledger
        ledger.close()


class ChangingLedger:
    """A ledger and the keys of what was put into it by `remember` and is still there."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.ledger = ledger
        self.keys: list[RowKey] = []

    def remember(self, record: MemoryRecord) -> None:
        with self.ledger.transaction() as transaction:
            self.keys.append(transaction.append(record, embedder_id="words", vector=None))

    def change(self, what: str, number: int) -> None:
        """Do ``what`` to one of the memories, if there is any and it can be done."""
        if not self.keys:
            return
        key = self.keys[number % len(self.keys)]
        with self.ledger.snapshot() as snapshot:
            record = snapshot.records([key])[key]
        said: dict[str, Any] = {"at": NOW, "origin": Origin(), "detail": {}}
        with self.ledger.transaction() as transaction:
            if what == "erase":
                transaction.erase([record.id], at=NOW)
                self.keys.remove(key)
            elif what == "confirm":
                transaction.confirm(key, **said)
            elif what in ("tag", "untag"):
                transaction.set_tags(key, ("heron",) if what == "tag" else ())
            elif what == "archive" and record.status is Status.ACTIVE:
                transaction.set_status(key, Status.ARCHIVED, action=Action.ARCHIVED, **said)
            elif what == "restore" and record.status is Status.ARCHIVED:
                transaction.set_status(key, Status.ACTIVE, action=Action.RESTORED, **said)
