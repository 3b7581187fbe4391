from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from mnemic.protocols import Ledger
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing import (
    ColdContract,
    FactContract,
    GuardContract,
    ItemContract,
    LearningContract,
    LedgerContract,
    RetrievalContract,
)


class TestSqliteLedger(
    LedgerContract, GuardContract, FactContract, LearningContract, RetrievalContract, ItemContract, ColdContract
):
    def make_ledger(self, folder: Path) -> SqliteLedger:
        self.path = folder / "ledger.sqlite3"
        return SqliteLedger(self.path)

    def lose_words(self, ledger: Ledger) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(
                "INSERT INTO memories_words (memories_words, rowid, scope, body) "
                "SELECT 'delete', key, scope, body FROM memories_searched WHERE key = 1"
            )
