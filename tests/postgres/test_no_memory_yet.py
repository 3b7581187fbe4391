"""What the ``mnemic`` command does where a database holds no memory: a wrong name is told, and nothing is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from mnemic_mcp.cli.app import app
from tests.e2e.test_no_memory_yet import LOOKING
from tests.postgres.servers import PostgresServer

runner = CliRunner()


def schemas(postgres: PostgresServer, prefix: str) -> list[str]:
    with psycopg.connect(postgres.url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", (prefix,))
        return sorted(name for (name,) in found)


@pytest.fixture
def environment(tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MNEMIC_DATABASE", postgres.url)
    return monkeypatch


@pytest.mark.parametrize("partitions", ["1", "4"])
def test_looking_into_a_schema_without_a_memory_says_so_and_makes_none(
    environment: pytest.MonkeyPatch, postgres: PostgresServer, schema: str, partitions: str
) -> None:
    environment.setenv("MNEMIC_DATABASE_SCHEMA", f"{schema}_mistyped")
    environment.setenv("MNEMIC_DATABASE_PARTITIONS", partitions)
    for command in (one for one in LOOKING if one[0] != "backup"):  # no command of ours backs up a database
        result = runner.invoke(app, command)
        assert result.exit_code == 1 and result.stdout == "", command
        assert f"There is no memory in the schema {schema}_mistyped" in result.stderr, command
        assert "MNEMIC_DATABASE_SCHEMA" in result.stderr, command
    assert schemas(postgres, schema) == []


@pytest.mark.parametrize("partitions", ["1", "4"])
def test_storing_something_makes_the_schema_and_then_it_is_looked_into(
    environment: pytest.MonkeyPatch, postgres: PostgresServer, schema: str, partitions: str
) -> None:
    environment.setenv("MNEMIC_DATABASE_SCHEMA", schema)
    environment.setenv("MNEMIC_DATABASE_PARTITIONS", partitions)
    assert runner.invoke(app, ["remember", "Ana lives in Lisbon."]).exit_code == 0
    assert schema in schemas(postgres, schema)
    assert json.loads(runner.invoke(app, ["status", "--json"]).stdout)["memories"] == 1
    assert runner.invoke(app, ["doctor"]).exit_code == 0


def test_whoever_named_no_schema_yet_is_told_how_a_memory_comes_about(
    environment: pytest.MonkeyPatch, postgres: PostgresServer, schema: str
) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{schema}_new"')
    url = postgres.url.removesuffix("/postgres") + f"/{schema}_new"
    environment.setenv("MNEMIC_DATABASE", url)
    asked = runner.invoke(app, ["status"])
    assert asked.exit_code == 0 and "no memory in the schema mnemic of the database yet" in " ".join(
        asked.stdout.split()
    )
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'mnemic'").fetchone() is None


def test_a_database_that_cannot_be_reached_is_told_as_such(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MNEMIC_DATABASE", "postgresql://mnemic@127.0.0.1:1/postgres")
    result = runner.invoke(app, ["status"])
    assert result.exit_code == 1 and "StoreUnavailable" in result.stderr
