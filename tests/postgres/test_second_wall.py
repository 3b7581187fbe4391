"""Behind the engine's own wall the database keeps callers apart as well."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

import mnemic
from mnemic.domain.access import Access, Right
from mnemic.errors import MnemicError
from mnemic.storage.postgres.ledger import PostgresLedger
from mnemic.storage.postgres.schema import _BEHIND_THE_WALL
from tests.postgres.servers import PostgresServer, postgres_server

ANA = Access(name="ana", namespaces=(("team", "ana"),), rights=frozenset(Right))
BOB = Access(name="bob", namespaces=(("team", "bob"),), rights=frozenset(Right))


@dataclass(frozen=True)
class Shared:
    """A database that a role without privileges uses, and what two callers have in it."""

    url: str
    schema: str
    home: Path

    def open(self) -> mnemic.Memory:
        return mnemic.open_memory(self.home, database=self.url, database_schema=self.schema)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """An address of a role that row security holds for: the tests' own is a superuser."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'app'").fetchone() is None:
            connection.execute("CREATE ROLE app LOGIN NOSUPERUSER NOBYPASSRLS")
        connection.execute("GRANT CREATE ON DATABASE postgres TO app")
    return postgres.url.replace("mnemic@", "app@")


@pytest.fixture
async def shared(url: str, schema: str, tmp_path: Path) -> Shared:
    made = Shared(url, schema, tmp_path)
    async with made.open() as memory:
        for access, word in ((ANA, "heliotrope"), (BOB, "obsidian")):
            own = memory.within(access)
            await own.remember(
                f"The vault of {access.name} opens with {word}.", subject=f"{access.name} vault", attribute="word"
            )
            await own.remember(f"The vault of {access.name} was painted {word} in 2024.")
    return made


async def test_the_database_shows_a_caller_no_row_of_another(shared: Shared) -> None:
    whole = PostgresLedger(shared.url, schema=shared.schema)
    with whole.snapshot() as snapshot:
        everything = [key for key, _ in snapshot.iterate()]
    assert len(everything) == 4
    with whole.confined(ANA).snapshot() as snapshot:
        assert {record.namespace for record in snapshot.records(everything).values()} == {("team", "ana")}
        assert [name for name, _ in snapshot.namespaces()] == [("team", "ana")]
        assert snapshot.namespace_key(("team", "bob")) is None
    with whole._connections.reading(access=["team/ana"]) as connection:
        for table in _BEHIND_THE_WALL:
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            assert not [row for row in rows if "bob" in row[0] or "obsidian" in row[0]], table
        assert connection.execute("SELECT count(*) FROM memories").fetchone() == (2,)
    whole.close()


async def test_a_namespace_whose_name_begins_alike_is_another(shared: Shared) -> None:
    async with shared.open() as memory:
        await memory.remember("Anastasia keeps bees.", namespace=("team", "anastasia"))
    whole = PostgresLedger(shared.url, schema=shared.schema)
    with whole.confined(ANA).snapshot() as snapshot:
        assert [name for name, _ in snapshot.namespaces()] == [("team", "ana")]
    whole.close()


async def test_the_database_refuses_a_caller_a_row_in_anothers_namespace(shared: Shared) -> None:
    whole = PostgresLedger(shared.url, schema=shared.schema)
    with pytest.raises(MnemicError, match="row-level security"), whole.confined(ANA).transaction() as transaction:
        transaction._make_namespace(("team", "bob", "below"))
    whole.close()


async def test_a_caller_behind_both_walls_remembers_recalls_and_erases(shared: Shared) -> None:
    async with shared.open() as memory:
        ana = memory.within(ANA)
        found = (await ana.recall("What opens the vault?")).hits
        assert {hit.memory.namespace for hit in found} == {("team", "ana")}
        below = await ana.remember("The key is under the mat.", namespace=("team", "ana", "notes"))
        assert [hit.memory.id for hit in (await ana.recall("key mat", namespace=("team", "ana", "notes"))).hits] == [
            below.id
        ]
        await ana.erase([below.id])
        assert (await memory.status()).memories == 4


async def test_every_statement_for_a_caller_is_run_where_only_the_callers_namespaces_are_in_sight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read from the server's own log, so that no statement of ours can be left out."""
    # Otherwise a slow machine does more housekeeping and reading ahead meanwhile than anything else.
    monkeypatch.setattr("mnemic.housekeeping._HOUSEKEEPING_SECONDS", 3_600.0)
    monkeypatch.setattr("mnemic.services.warming.Warmth.next", lambda _: None)
    with postgres_server(log_statement="all", log_line_prefix="%p|") as server:
        async with mnemic.open_memory(tmp_path, database=server.url, database_schema="logged") as memory:
            await memory.remember("Somebody else keeps bees.", namespace=("team", "bob"))
            marks = []
            for _ in range(2):
                ana = memory.within(ANA)
                marks.append(len(server.log.read_text()))
                await ana.remember("The vault opens with heliotrope.")
                await ana.recall("What opens the vault?")
                await ana.list()
                marks.append(len(server.log.read_text()))
            log = server.log.read_text()
    confined = free = 0
    for transaction in _transactions(log[marks[0] : marks[-1]]):
        if "set_config('mnemic.access', 'team/ana', true)" in transaction[0]:
            confined += 1
        else:
            free += 1
            # Housekeeping goes on meanwhile: it looks at numbers and at what nobody has screened or embedded yet.
            assert not any("heliotrope" in statement or "vault" in statement for statement in transaction)
    assert confined >= 6
    assert free <= confined


def _transactions(log: str) -> list[list[str]]:
    """The statements of each transaction in the log of a server, first that which began it."""
    running: dict[str, list[str]] = {}
    found: list[list[str]] = []
    for line in re.split(r"\n(?=\d+\|)", log):
        told = re.match(r"(\d+)\|LOG:  (?:statement|execute [^:]*): (.*)", line, re.DOTALL)
        if told is None:
            continue
        process, statement = told.groups()
        if statement.startswith("BEGIN"):
            running[process] = [statement]
            found.append(running[process])
        elif process in running:
            running[process].append(statement)
        if statement.startswith(("COMMIT", "ROLLBACK")):
            running.pop(process, None)
    return found
