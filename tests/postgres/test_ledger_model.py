"""The state machine of tests/property on PostgreSQL: two processes' worth of backends on one database."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from mnemic.services.backends import Backends
from mnemic.storage.postgres.ledger import PostgresLedger
from tests.postgres.servers import PostgresServer
from tests.property.test_ledger_model import MemoryMachine, backends_over


class PostgresMachine(MemoryMachine):
    url: ClassVar[str]

    def open_side(self, folder: Path) -> Backends:
        schema = f"m_{hashlib.sha256(str(folder).encode()).hexdigest()[:24]}"
        return backends_over(PostgresLedger(self.url, schema=schema, durable=False), self.clock)


def test_a_ledger_in_a_database_does_what_the_model_does(postgres: PostgresServer) -> None:
    PostgresMachine.url = postgres.url
    run_state_machine_as_test(
        PostgresMachine,
        settings=settings(
            max_examples=5, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
