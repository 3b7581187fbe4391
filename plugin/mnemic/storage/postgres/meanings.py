"""What PostgreSQL's errors mean to a caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout

from mnemic.errors import BackendError, InvalidInput, MnemicError, StoreCorrupted, StoreUnavailable


@contextmanager
def translated_errors(where: str) -> Iterator[None]:
    """Turn what PostgreSQL raises of a ledger ``where`` into errors that say what to do."""
    try:
        yield
    except (psycopg.Error, PoolTimeout, PoolClosed) as error:
        raise translate(error, where) from error


def translate(error: Exception, where: str) -> MnemicError:
    text = " ".join(str(error).split())
    what = f"The ledger in {where} "
    if isinstance(error, PoolClosed):
        return StoreUnavailable("This memory has been closed.", hint="Open it again.")
    for kinds, make in _MEANINGS:
        if isinstance(error, kinds):
            return _made(make, what, text)
    return _made(_failed, what, f"{type(error).__name__}: {text}")


def _made(make: Callable[[str, str], MnemicError], what: str, text: str) -> MnemicError:
    """The error, and what a client of a server reads: psycopg names the database's machine and its user as well."""
    made = make(what, text)
    if isinstance(made, BackendError):
        made.for_clients = str(make("The database of this memory ", "the server's log says more"))
    return made


def _failed(what: str, text: str) -> BackendError:
    return StoreUnavailable(f"{what}failed ({text}).", hint="Run `mnemic doctor`.")


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
