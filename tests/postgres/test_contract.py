"""PostgreSQL is held to the same contracts as SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnemic.storage.postgres.ledger import PostgresLedger
from mnemic.testing import (
    FactContract,
    GuardContract,
    ItemContract,
    LearningContract,
    LedgerContract,
    RetrievalContract,
)
from tests.postgres.servers import PostgresServer


class TestPostgresLedger(
    LedgerContract, GuardContract, FactContract, LearningContract, RetrievalContract, ItemContract
):
    @pytest.fixture(autouse=True)
    def _served(self, postgres: PostgresServer, schema: str) -> None:
        self.url = postgres.url
        self.schema = schema

    def make_ledger(self, folder: Path) -> PostgresLedger:  # a schema takes the place of the folder
        return PostgresLedger(self.url, schema=self.schema)
