"""Cold memories in a database."""

from __future__ import annotations

from typing import Any

import psycopg
from hypothesis import HealthCheck, Phase, given, settings

from mnemic.domain.memory import NewMemory
from mnemic.domain.provenance import Origin
from mnemic.services.backends import Backends
from mnemic.services.storing.cold import cool
from mnemic.services.storing.curate import archive
from mnemic.services.storing.remember import remember
from mnemic.storage.postgres.ledger import PostgresLedger, drop_ledger
from mnemic.testing import SetClock
from tests.postgres.servers import PostgresServer
from tests.property.test_cold_any import check, histories, questions
from tests.property.test_ledger_model import backends_over


def test_cooling_changes_nothing_else_in_a_database(postgres: PostgresServer, schema: str) -> None:
    @given(histories, questions)
    @settings(
        max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    def tried(drafted: list[tuple[NewMemory, bool]], asked: list[str]) -> None:
        def open_side(clock: SetClock) -> Backends:
            return backends_over(PostgresLedger(postgres.url, schema=schema, durable=False), clock)

        try:
            check(open_side, drafted, asked)
        finally:
            drop_ledger(postgres.url, schema)

    tried()


def test_the_words_of_a_cold_memory_go_on_counting_without_their_places(postgres: PostgresServer, schema: str) -> None:
    clock = SetClock()
    backends = backends_over(PostgresLedger(postgres.url, schema=schema), clock)
    receipts = remember(backends, ["a kettle of tin", "a kettle of copper"], namespace=("test",), origin=Origin())
    archive(backends, [receipts[0].id], origin=Origin())
    clock.advance(seconds=1)

    def words() -> tuple[Any, ...]:
        with psycopg.connect(postgres.url, options=f"-c search_path={schema}") as connection:
            kept = connection.execute("SELECT count(*) FROM memories_words WHERE words != strip(words)").fetchone()
            told = connection.execute("SELECT documents FROM stems WHERE stem = 'kettl'").fetchone()
            return kept, told, connection.execute("SELECT words FROM ledger").fetchone()

    before = words()
    assert before[:2] == ((2,), (2,))
    cool(backends, days=0)
    assert words() == ((1,), *before[1:])
    backends.ledger.close()
