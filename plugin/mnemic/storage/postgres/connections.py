"""PostgreSQL connections that threads share."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool

from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.storage.postgres.meanings import translate, translated_errors
from mnemic.storage.postgres.schema import ACCESS, check_undivided, migrate
from mnemic.storage.postgres.statements import ours
from mnemic.storage.postgres.texts import register_texts, written
from mnemic.storage.sql.engine import Insert

TURN_SECONDS = 30.0
"""So long a writer waits for its turn."""
_REACH_SECONDS = 10.0
# A writer holds everybody up. One whose process hangs, or whose machine is gone, is cut off.
_HUNG_MS = 60_000
# What a reader sees is kept for it: one that hangs is cut off as well, much later.
_SLOW_MS = 3_600_000
_MOST_CONNECTIONS = 12
# Of all parts of a divided memory together: eight of them, which are open at once, have a housekeeper each.
_MOST_SHARED = 20
# psycopg keeps a hundred statements of a connection prepared, which is enough for two schemas.
_MOST_PREPARED_SHARED = 400
_CLOSE_SECONDS = 5.0
# How long to ask whether a commit whose answer was lost took place.
_VERDICT_SECONDS = 20.0
_NUMBERED = re.compile(r"\?(\d+)")
# From so many rows on, making one value of them costs less than the journeys of each.
_MANY = 4

_SETTINGS = {
    "client_min_messages": "warning", "idle_in_transaction_session_timeout": _HUNG_MS, "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3, "jit": "off",
}  # fmt: skip


class PostgresConnection:
    """Implements `mnemic.storage.sql.engine.Connection` over a connection inside a transaction."""

    takes_lists = True

    def __init__(self, raw: psycopg.Connection[Any], mark: str = "") -> None:
        """``mark`` tells the statements of one schema from the same of another, where a connection serves several: the
        server would plan a prepared one anew each time that the schema changes.
        """
        self.raw = raw
        self._mark = mark

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        query, numbered = _translated(sql)
        return self.raw.execute(ours(self._mark + query), _arguments(values, numbered) or None, binary=True)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> None:
        query, numbered = _translated(sql)
        arguments = [_arguments(row, numbered) for row in rows]
        if arguments:
            with self.raw.cursor() as cursor:
                cursor.executemany(ours(self._mark + query), arguments)

    def insert(self, insert: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        if len(rows) < _MANY:
            self.executemany(insert.statement(), rows)
            return
        # One parameter and one plan for all rows. COPY would be as fast, and is refused where row security holds.
        columns = ", ".join(insert.columns)
        body = _as_json(insert.columns, rows)
        self.raw.execute(
            ours(
                f"{self._mark}INSERT INTO {insert.table} ({columns}) SELECT {columns} "
                f"FROM json_populate_recordset(NULL::{insert.table}, %s) {insert.clash}"
            ),
            (body,),
        )

    def next_keys(self, table: str, count: int, /, *, after: int) -> list[int]:  # noqa: ARG002  # the sequence knows
        rows = self.raw.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'key')) FROM generate_series(1, %s)", (table, count)
        )
        return [int(row[0]) for row in rows]


class PostgresConnections:
    """A pool of connections to the ledger in one schema of a database.

    A transaction whose commit got no answer is looked up: it is told as done when it was, and as not done when it was not.
    Reading and waiting for a turn are tried again when the server went away before anything was done.
    """

    def __init__(
        self, url: str, *, schema: str = "mnemic", durable: bool = True, beside: PostgresConnections | None = None,
        prepare: Callable[[psycopg.Connection[Any], str], None] | None = None,
    ) -> None:  # fmt: skip
        """``prepare`` makes the schema what it has to be, by default a ledger of this version. ``beside`` are those of
        another schema in the same database: then their pool serves this one too.
        """
        check_schema(schema)
        self.schema = schema
        self.where = _without_secrets(url)
        self._durable = durable
        self._options = _options(url, schema, durable=durable)
        self._beside = beside
        # On a connection of several schemas each transaction says whose tables it means.
        self._here = "" if beside is None else f'; SET LOCAL search_path TO "{schema}"'
        self._mark = "" if beside is None else f"/* {schema} */ "
        with self.translated_errors():
            try:
                connection = self.connect()
            except errors.OperationalError as error:
                raise translate(error, self.where) from error
            with connection:
                (prepare or _prepare)(connection, schema)
        self._pool: ConnectionPool[psycopg.Connection[Any]]
        if beside is not None:
            self._pool = beside._pool
        elif prepare is None:
            self._pool = _pool_of(self._options, most=_MOST_CONNECTIONS, configure=_configure)
        else:
            self._pool = _pool_of(self._options, most=_MOST_SHARED, configure=_configure_shared)

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of its own, outside the pool. The caller closes it."""
        return _connected(self._options)

    @contextmanager
    def reading(self, *, access: Sequence[str] = ()) -> Iterator[PostgresConnection]:
        """A connection inside a transaction that reads one consistent state: of the namespaces at or below the paths
        ``access`` only, if there are any.
        """
        with self.translated_errors():
            # Whoever reads an export may take their time over it, and holds nobody up.
            connection = self._begun(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                f"; SET LOCAL idle_in_transaction_session_timeout = {_SLOW_MS}{_confined(access)}",
            )
            try:
                yield PostgresConnection(connection, self._mark)
            finally:
                self._end(connection, "COMMIT")

    @contextmanager
    def writing(
        self, *, patience_seconds: float | None = None, access: Sequence[str] = ()
    ) -> Iterator[PostgresConnection]:
        """The connection of the one writer, committed at the end and rolled back on any exception."""
        patience = TURN_SECONDS if patience_seconds is None else patience_seconds
        with self.translated_errors():
            # The row of the ledger is every writer's turn. It is waited for in a transaction that has seen nothing yet, and
            # each statement after it sees what the writers before have committed.
            connection = self._begun(
                "BEGIN ISOLATION LEVEL READ COMMITTED",
                f"; SET LOCAL lock_timeout = {max(int(patience * 1000), 1)}; SELECT seq FROM ledger FOR UPDATE; "
                f"SET LOCAL lock_timeout = 0{_confined(access)}",
            )
            try:
                yield PostgresConnection(connection, self._mark)
                row = connection.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone()
            except BaseException:
                self._end(connection, "ROLLBACK")
                raise
            self._commit(connection, None if row is None else row[0])

    def _commit(self, connection: psycopg.Connection[Any], number: str | None) -> None:
        try:
            connection.execute("COMMIT")
        except psycopg.OperationalError as error:
            if not connection.closed or number is None or not self._took_place(number):
                raise
            # It did. The error was about the answer alone.
            error.__traceback__ = None
        finally:
            self._end(connection, "ROLLBACK")

    def _took_place(self, number: str) -> bool:
        """Whether a transaction was committed whose answer was lost. Raises `StoreUnavailable` when nobody can tell."""
        end = time.monotonic() + _VERDICT_SECONDS
        pause = 0.05
        while True:
            with suppress(psycopg.OperationalError), self.connect() as other:
                row = other.execute("SELECT pg_xact_status(%s::xid8)", (number,)).fetchone()
                if row is not None and row[0] in ("committed", "aborted"):
                    return bool(row[0] == "committed")
            if time.monotonic() + pause > end:
                happened = "went away while it stored something; whether it did is not known."
                hint = "Look for it before you store it again. Storing a memory twice only confirms it."
                raise StoreUnavailable(
                    f"{self.where} {happened}", hint=hint, for_clients=f"The database of this memory {happened} {hint}"
                )
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    @contextmanager
    def aside(self) -> Iterator[psycopg.Connection[Any]]:
        """A transaction beside the ledger, which takes no turn and does not wait for the server's disk."""
        with self.translated_errors():
            connection = self._begun("BEGIN ISOLATION LEVEL READ COMMITTED", "; SET LOCAL synchronous_commit = off")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                self._end(connection, "ROLLBACK")

    def note(self, statement: str, values: Sequence[Any]) -> None:
        """One statement of `aside`, in one message to the server and one back. It must be one that may run twice, and name
        the schema of its tables.
        """
        with self.translated_errors():
            connection = self._reached(
                f"WITH hurried AS (SELECT set_config('synchronous_commit', 'off', true)) {statement}", values
            )
            self._end(connection, "ROLLBACK")

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection outside any transaction, for statements such as VACUUM."""
        with self.translated_errors(), self.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close everything that is not in use now, and what is as soon as it is given back. Idempotent."""
        if self._beside is None:
            self._pool.close(timeout=_CLOSE_SECONDS)

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Turn what PostgreSQL raises into errors that say what to do."""
        with translated_errors(self.where):
            yield

    def _begun(self, begin: str, rest: str) -> psycopg.Connection[Any]:
        """A connection on which a transaction began."""
        return self._reached(begin + self._here + rest)

    def _reached(self, statement: str, values: Sequence[Any] | None = None) -> psycopg.Connection[Any]:
        """A connection on which ``statement`` has run. One that was lost while it lay in the pool is replaced."""
        end = time.monotonic() + _REACH_SECONDS
        while True:
            connection = self._pool.getconn()
            try:
                connection.execute(ours(statement), values)
            except psycopg.Error as error:
                self._end(connection, "ROLLBACK")
                lost = isinstance(error, psycopg.OperationalError) and connection.closed
                if not lost or time.monotonic() > end:
                    raise
            except BaseException:
                self._end(connection, "ROLLBACK")
                raise
            else:
                return connection

    def _end(self, connection: psycopg.Connection[Any], how: str) -> None:
        with suppress(psycopg.Error):
            if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.execute(ours(how))
        self._pool.putconn(connection)


def _prepare(connection: psycopg.Connection[Any], schema: str) -> None:
    check_undivided(connection, schema)
    migrate(connection, schema)


def check_schema(schema: str) -> None:
    """Raise `InvalidInput` for what is no name of a schema."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,59}", schema):
        raise InvalidInput(f"{schema[:80]!r} is no name for a schema.", hint="Use lower-case letters, digits and _.")


@contextmanager
def connected(url: str, schema: str) -> Iterator[psycopg.Connection[Any]]:
    """One connection to a schema that need not hold a ledger. Errors are those of a ledger."""
    with translated_errors(_without_secrets(url)), _connected(_options(url, schema, durable=True)) as connection:
        yield connection


def address_of(url: str) -> str:
    """The address of a database as it may be told to everybody: without a password."""
    parts = {
        name: str(value) for name, value in _parsed(url).items() if name not in ("password", "passfile", "sslpassword")
    }
    if parts.keys() <= {"user", "host", "port", "dbname"} and "/" not in parts.get("host", ""):
        user = f"{quote(parts['user'], safe='')}@" if "user" in parts else ""
        host, port = parts.get("host", "localhost"), parts.get("port", "5432")
        return f"postgresql://{user}{host}:{port}/{quote(parts.get('dbname', ''), safe='')}"
    return make_conninfo(**parts)


def _confined(access: Sequence[str]) -> str:
    if not access:
        return ""
    paths = sql.Literal(written("\n".join(access))).as_string(None)
    return f"; SELECT set_config('{ACCESS}', {paths}, true)"


def _options(url: str, schema: str, *, durable: bool) -> dict[str, Any]:
    given = _parsed(url)
    settings = {**_SETTINGS, "search_path": schema, "synchronous_commit": "on" if durable else "off"}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return {
        "application_name": "mnemic", "connect_timeout": int(_REACH_SECONDS), "keepalives_idle": 10,
        "keepalives_interval": 5, "keepalives_count": 3, **given,
        "options": f"{given.get('options', '')} {options}".strip(), "autocommit": True,
    }  # fmt: skip


def _parsed(url: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError as error:
        raise InvalidInput(
            "MNEMIC_DATABASE is no address of a PostgreSQL database.",
            hint="Write it as postgresql://user@host:5432/database.",
        ) from error


def _connected(options: dict[str, Any]) -> psycopg.Connection[Any]:
    connection: psycopg.Connection[Any] = psycopg.connect(**options)
    _configure(connection)
    return connection


def _pool_of(
    options: dict[str, Any], *, most: int, configure: Callable[[psycopg.Connection[Any]], None]
) -> ConnectionPool[psycopg.Connection[Any]]:
    return ConnectionPool(
        kwargs=options, min_size=1, max_size=most, timeout=_REACH_SECONDS, open=True, configure=configure,
        max_idle=120.0, reconnect_timeout=_REACH_SECONDS,
    )  # fmt: skip


def _configure_shared(connection: psycopg.Connection[Any]) -> None:
    _configure(connection)
    connection.prepared_max = _MOST_PREPARED_SHARED


def _configure(connection: psycopg.Connection[Any]) -> None:
    # All whole numbers of one size, so that a statement is prepared once and not for each size.
    connection.adapters.register_dumper(int, Int8Dumper)
    register_texts(connection)


def _without_secrets(url: str) -> str:
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "PostgreSQL"
    return f"PostgreSQL {parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


@lru_cache(maxsize=2_048)
def _translated(sql: str) -> tuple[str, bool]:
    """A statement with PostgreSQL's places for parameters, and whether they are numbered."""
    sql = sql.replace("%", "%%")
    if _NUMBERED.search(sql):
        return _NUMBERED.sub(r"%(p\1)s", sql), True
    return sql.replace("?", "%s"), False


def _as_json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as a list of JSON objects, as ``json_populate_recordset`` reads them."""
    body = json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_hexadecimal)
    if "\\u0000" in body or "\\u001a" in body:
        safe = [[written(value) if isinstance(value, str) else value for value in row] for row in rows]
        body = json.dumps([dict(zip(columns, row, strict=True)) for row in safe], default=_hexadecimal)
    return body


def _hexadecimal(value: bytes) -> str:
    return "\\x" + value.hex()


def _arguments(values: Sequence[Any], numbered: bool) -> Sequence[Any] | dict[str, Any]:
    if numbered:
        return {f"p{at}": value for at, value in enumerate(values, 1)}
    return values
