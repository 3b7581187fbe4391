"""PostgreSQL connections that threads share, and what PostgreSQL's errors mean to a caller."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from mnemic.errors import BackendError, InvalidInput, MnemicError, StoreCorrupted, StoreUnavailable
from mnemic.storage.postgres.schema import ACCESS, migrate
from mnemic.storage.postgres.statements import ours
from mnemic.storage.postgres.texts import register_texts, written

TURN_SECONDS = 30.0
"""So long a writer waits for its turn."""
_REACH_SECONDS = 10.0
# A writer holds everybody up. One whose process hangs, or whose machine is gone, is cut off.
_HUNG_MS = 60_000
_MOST_CONNECTIONS = 12
_CLOSE_SECONDS = 5.0
# How long to ask whether a commit whose answer was lost took place.
_VERDICT_SECONDS = 20.0
_NUMBERED = re.compile(r"\?(\d+)")

_SETTINGS = {
    "client_min_messages": "warning", "idle_in_transaction_session_timeout": _HUNG_MS, "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3, "jit": "off",
}  # fmt: skip


class PostgresConnection:
    """Implements `mnemic.storage.sql.engine.Connection` over a connection inside a transaction."""

    takes_lists = True

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw = raw

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        query, numbered = _translated(sql)
        return self.raw.execute(ours(query), _arguments(values, numbered) or None, binary=True)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> None:
        query, numbered = _translated(sql)
        arguments = [_arguments(row, numbered) for row in rows]
        if arguments:
            with self.raw.cursor() as cursor:
                cursor.executemany(ours(query), arguments)


class PostgresConnections:
    """A pool of connections to the ledger in one schema of a database.

    A transaction whose commit got no answer is looked up: it is told as done when it was, and as not done when it was not.
    Reading and waiting for a turn are tried again when the server went away before anything was done.
    """

    def __init__(self, url: str, *, schema: str = "mnemic", durable: bool = True) -> None:
        check_schema(schema)
        self.schema = schema
        self.where = _without_secrets(url)
        self._durable = durable
        self._options = _options(url, schema, durable=durable)
        with self.translated_errors():
            try:
                connection = self.connect()
            except errors.OperationalError as error:
                raise _translate(error, self.where) from error
            with connection:
                migrate(connection, schema)
        self._pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            kwargs=self._options, min_size=1, max_size=_MOST_CONNECTIONS, timeout=_REACH_SECONDS, open=True,
            configure=_configure, max_idle=120.0, reconnect_timeout=_REACH_SECONDS,
        )  # fmt: skip

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of its own, outside the pool. The caller closes it."""
        return _connected(self._options)

    @contextmanager
    def reading(self, *, access: Sequence[str] = ()) -> Iterator[PostgresConnection]:
        """A connection inside a transaction that reads one consistent state: of the namespaces at or below the paths
        ``access`` only, if there are any.
        """
        with self.translated_errors():
            connection = self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" + _confined(access))
            try:
                yield PostgresConnection(connection)
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
                f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {max(int(patience * 1000), 1)}; "
                f"SELECT seq FROM ledger FOR UPDATE; SET LOCAL lock_timeout = 0{_confined(access)}"
            )
            try:
                yield PostgresConnection(connection)
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
                raise StoreUnavailable(
                    f"{self.where} went away while it stored something; whether it did is not known.",
                    hint="Look for it before you store it again. Storing a memory twice only confirms it.",
                )
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    @contextmanager
    def aside(self) -> Iterator[psycopg.Connection[Any]]:
        """A transaction beside the ledger, which takes no turn and does not wait for the server's disk."""
        with self.translated_errors():
            connection = self._begun("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                self._end(connection, "ROLLBACK")

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection outside any transaction, for statements such as VACUUM."""
        with self.translated_errors(), self.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close everything that is not in use now, and what is as soon as it is given back. Idempotent."""
        self._pool.close(timeout=_CLOSE_SECONDS)

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Turn what PostgreSQL raises into errors that say what to do."""
        with translated_errors(self.where):
            yield

    def _begun(self, begin: str) -> psycopg.Connection[Any]:
        """A connection on which ``begin`` has run. One that was lost while it lay in the pool is replaced."""
        end = time.monotonic() + _REACH_SECONDS
        while True:
            connection = self._pool.getconn()
            try:
                connection.execute(ours(begin))
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


@contextmanager
def translated_errors(where: str) -> Iterator[None]:
    """Turn what PostgreSQL raises of a ledger ``where`` into errors that say what to do."""
    try:
        yield
    except (psycopg.Error, PoolTimeout, PoolClosed) as error:
        raise _translate(error, where) from error


def _translate(error: Exception, where: str) -> MnemicError:
    text = " ".join(str(error).split())
    what = f"The ledger in {where} "
    if isinstance(error, PoolClosed):
        return StoreUnavailable("This memory has been closed.", hint="Open it again.")
    for kinds, make in _MEANINGS:
        if isinstance(error, kinds):
            return make(what, text)
    return StoreUnavailable(f"{what}failed ({type(error).__name__}: {text}).", hint="Run `mnemic doctor`.")


def _confined(access: Sequence[str]) -> str:
    if not access:
        return ""
    paths = sql.Literal(written("\n".join(access))).as_string(None)
    return f"; SELECT set_config('{ACCESS}', {paths}, true)"


def _busy(what: str, _: str) -> BackendError:
    return StoreUnavailable(f"{what}was being written by others all the time.", hint="Try again; nothing was stored.")


def _full(what: str, _: str) -> BackendError:
    return StoreUnavailable(f"{what}could not grow: the server's disk is full.", hint="Free some space and try again.")


def _denied(what: str, text: str) -> BackendError:
    return StoreUnavailable(
        f"{what}may not be used by this role ({text}).",
        hint="Grant the role all on the schema, or name another role in MNEMIC_DATABASE.",
    )


def _too_long(_: str, text: str) -> MnemicError:
    return InvalidInput(
        f"A label is too long for PostgreSQL ({text}).", hint="Use shorter labels in namespaces and paths."
    )


def _damaged(what: str, text: str) -> BackendError:
    return StoreCorrupted(f"{what}is damaged ({text}).", hint="Restore the database from its backup.")


def _away(what: str, text: str) -> BackendError:
    return StoreUnavailable(
        f"{what}is out of reach ({text}).",
        hint="Try again; nothing was stored. See that the server of MNEMIC_DATABASE runs.",
    )


_MEANINGS = (
    ((errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure, errors.QueryCanceled), _busy),
    ((errors.DiskFull, errors.OutOfMemory), _full),
    ((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction), _denied),
    ((errors.ProgramLimitExceeded,), _too_long),
    ((errors.DataCorrupted, errors.IndexCorrupted), _damaged),
    ((psycopg.OperationalError, PoolTimeout), _away),
)


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


def _arguments(values: Sequence[Any], numbered: bool) -> Sequence[Any] | dict[str, Any]:
    if numbered:
        return {f"p{at}": value for at, value in enumerate(values, 1)}
    return values
