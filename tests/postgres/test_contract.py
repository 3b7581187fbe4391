"""PostgreSQL is held to the same contracts as SQLite."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from mnemic.protocols import Ledger
from mnemic.storage.postgres.ledger import PostgresLedger
from mnemic.testing import (
    ColdContract,
    FactContract,
    GuardContract,
    ItemContract,
    LearningContract,
    LedgerContract,
    RetrievalContract,
)
from tests.postgres.servers import PostgresServer


class TestPostgresLedger(
    LedgerContract, GuardContract, FactContract, LearningContract, RetrievalContract, ItemContract, ColdContract
):
    @pytest.fixture(autouse=True)
    def _served(self, postgres: PostgresServer, schema: str) -> None:
        self.url = postgres.url
        self.schema = schema

    def make_ledger(self, folder: Path) -> PostgresLedger:  # a schema takes the place of the folder
        return PostgresLedger(self.url, schema=self.schema)

    def lose_words(self, ledger: Ledger) -> None:  # there is no other one in the schema
        with psycopg.connect(self.url) as connection:
            connection.execute(f'DELETE FROM "{self.schema}".memories_words WHERE key = 1')
