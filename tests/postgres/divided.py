"""A memory that is divided among several ledgers of one database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

import mnemic
from mnemic import Memory
from mnemic.domain.partitions import partition_of
from mnemic.partitioning import OpenPartitions
from tests.conftest import ROOT
from tests.postgres.servers import PostgresServer

COUNT = 4
# The first label in the alphabet that lies in each part.
ONE_IN_EACH = [
    next(label for label in map("tenant{}".format, range(100)) if partition_of((label,), COUNT) == number)
    for number in range(COUNT)
]
COMMAND = str(Path(sys.executable).parent / "mnemic")


def divided(home: Path, postgres: PostgresServer, schema: str, **settings: Any) -> Memory:
    given = {"database_partitions": COUNT, "chroma": "off", **settings}
    return mnemic.open_memory(home, database=postgres.url, database_schema=schema, **given)


def environment(postgres: PostgresServer, schema: str, count: int = COUNT) -> dict[str, str]:
    return {
        "MNEMIC_DATABASE": postgres.url, "MNEMIC_DATABASE_SCHEMA": schema, "MNEMIC_DATABASE_PARTITIONS": str(count),
    }  # fmt: skip


def texts_in(postgres: PostgresServer, schema: str) -> list[str]:
    """What the table of a schema holds, as the database itself says."""
    with psycopg.connect(postgres.url) as raw:
        if raw.execute("SELECT to_regclass(%s)", (f"{schema}.memories",)).fetchone() == (None,):
            return []
        return [text for (text,) in raw.execute(f"SELECT text FROM {schema}.memories ORDER BY key")]


def opened_parts(memory: Memory) -> set[int]:
    found = memory._opened()
    assert isinstance(found, OpenPartitions)
    return set(found.parts._parts)


def command(arguments: list[str], env: dict[str, str] | None = None, *, code: int = 0) -> str:
    done = subprocess.run(
        [COMMAND, *arguments], env={**os.environ, **(env or {})}, text=True, capture_output=True, cwd=ROOT, timeout=600
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr
