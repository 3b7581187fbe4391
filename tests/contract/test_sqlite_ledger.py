from __future__ import annotations

from pathlib import Path

from mnemic.storage.sqlite_ledger import SqliteLedger
from mnemic.testing import GuardContract, LedgerContract


class TestSqliteLedger(LedgerContract, GuardContract):
    def make_ledger(self, folder: Path) -> SqliteLedger:
        return SqliteLedger(folder / "ledger.sqlite3")
