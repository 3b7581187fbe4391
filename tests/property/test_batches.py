"""What is stored as a batch is what would have been stored one by one: the same memories, numbers, facts and events."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from mnemic.storage.sqlite.ledger import SqliteLedger
from tests.property.batches import Ledgers, histories


@pytest.mark.slow
@given(history=histories)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_batch_leaves_what_the_same_memories_leave_one_by_one(history: Any) -> None:
    before, batch, delivered, exposed = history
    with tempfile.TemporaryDirectory() as folder:
        one, other = (SqliteLedger(Path(folder) / name / "ledger.sqlite3", durable=False) for name in ("one", "other"))
        ledgers = Ledgers(one, other)
        ledgers.compare(before, batch, delivered=delivered, exposed=exposed)
        ledgers.close()
