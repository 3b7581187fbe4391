"""On PostgreSQL, too, a batch is stored as its memories would be one by one."""

from __future__ import annotations

import itertools
from contextlib import closing
from typing import Any

from hypothesis import HealthCheck, given, settings

from mnemic.storage.postgres.ledger import PostgresLedger, drop_ledger
from tests.postgres.servers import PostgresServer
from tests.property.batches import Ledgers, histories

_NUMBERS = itertools.count()


@given(history=histories)
@settings(
    max_examples=15, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_a_batch_leaves_what_the_same_memories_leave_one_by_one(postgres: PostgresServer, history: Any) -> None:
    before, batch, delivered, exposed = history
    schemas = [f"batches_{next(_NUMBERS)}" for _ in range(2)]
    one, other = (PostgresLedger(postgres.url, schema=schema, durable=False) for schema in schemas)
    # A failure is looked for in hundreds of smaller histories: what it leaves open would take every connection there is.
    with closing(one), closing(other):
        ledgers = Ledgers(one, other)
        ledgers.compare(before, batch, delivered=delivered, exposed=exposed)
        ledgers.close()
    for schema in schemas:
        drop_ledger(postgres.url, schema)
