from __future__ import annotations

from pathlib import Path

from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing import (
    FactContract,
    GuardContract,
    ItemContract,
    LearningContract,
    LedgerContract,
    RetrievalContract,
)


class TestSqliteLedger(LedgerContract, GuardContract, FactContract, LearningContract, RetrievalContract, ItemContract):
    def make_ledger(self, folder: Path) -> SqliteLedger:
        return SqliteLedger(folder / "ledger.sqlite3")
