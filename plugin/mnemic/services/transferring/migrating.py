"""Moving a memory from its folder to a database, or taking it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.services.transferring.migration_run import MigrationReport, MigrationRun, Progress
from mnemic.storage.leases import FileLease
from mnemic.storage.migrating.comparing import Difference, compare_table
from mnemic.storage.migrating.source import Source
from mnemic.storage.migrating.tables import VECTORS
from mnemic.storage.migrating.target import Target, open_target
from mnemic.storage.postgres.connections import address_of
from mnemic.storage.sqlite.moved import Moving, settings_of

LOCK = "migrate.lock"
# What a database that is in use computes anew or again; a memory that was taken back does not lack it.
_COMPUTED = ("embedders", "near_keys", "facet_vectors", "passages", VECTORS)


def migrate(ledger: Path, url: str, schema: str, *, progress: Progress | None = None) -> MigrationReport:
    """Move the memory of the file ``ledger`` into a schema of a database, or go on where this was interrupted.

    Raises `InvalidInput` when there is no memory, it moves elsewhere already or the schema is in use; `StoreUnavailable`
    when either side cannot be used: run it again; `StoreCorrupted` when the two sides differ. The folder stays open then.
    """
    with _alone(ledger), _opened(ledger) as source:
        moving = source.moving()
        address = address_of(url)
        if moving is not None and (moving.address, moving.schema) != (address, schema):
            raise InvalidInput(
                f"The memory of {ledger.parent} {'went' if moving.phase == 'moved' else 'is on its way'} to "
                f"{settings_of(moving)}.",
                hint="Go on with that, or take it back first: mnemic migrate --undo.",
            )
        if moving is not None and moving.phase == "moved":
            raise InvalidInput(
                f"The memory of {ledger.parent} is there already.", hint=f"Set {settings_of(moving)} to use it."
            )
        with open_target(url, schema) as target:
            if moving is None or not target.resume(moving.token):
                if moving is not None and moving.phase == "closing":
                    raise StoreUnavailable(
                        f"The memory of {ledger.parent} was nearly at {settings_of(moving)}, and nothing of it is there.",
                        hint="See that this is the right database, or open the folder again: mnemic migrate --undo --force.",
                    )
                moving = Moving(token_hex(8), address, schema, "copying")
                # The schema first: when it is refused, the folder is as it was.
                target.begin(moving.token)
                source.begin(moving)
            return MigrationRun(ledger, source, target, moving, progress).run()


def undo(ledger: Path, url: str | None, *, force: bool = False, progress: Progress | None = None) -> list[Difference]:
    """Open the folder of ``ledger`` again, as it was when it was closed; stop a move that is not finished.

    A database that was opened is closed then. Raises `InvalidInput` when the memory has changed there since and ``force`` is
    not given, or the database that has to be asked is not given; with ``force`` gives what differs, where it can be told.
    """
    with _alone(ledger), _opened(ledger) as source:
        moving = source.moving()
        if moving is None:
            raise InvalidInput(f"The memory of {ledger.parent} is not moving.", hint="There is nothing to undo.")
        if moving.phase != "copying" and url is None and not force:
            raise InvalidInput(
                f"Whether the memory has changed since it went to {settings_of(moving)} has to be asked there.",
                hint="Name that database: mnemic migrate --undo DATABASE. Or give --force to open the folder as it was.",
            )
        differences: list[Difference] = []
        if url is not None:
            if address_of(url) != moving.address:
                raise InvalidInput(f"The memory went to {moving.address}.", hint="Name that database.")
            try:
                with open_target(url, moving.schema) as target:
                    differences = _taken_back(source, target, moving, force=force, progress=progress)
            except StoreUnavailable:
                if not force:
                    raise
        source.leave()
    return differences


def _taken_back(
    source: Source, target: Target, moving: Moving, *, force: bool, progress: Progress | None
) -> list[Difference]:
    """Close the database for a memory that goes back to its folder, and say what it has and the folder has not."""
    if not target.resume(moving.token):
        if moving.phase != "copying" and not force:
            raise InvalidInput(
                f"Nothing of the memory is at {settings_of(moving)} any more.", hint="Give --force to open the folder."
            )
        return []
    if not target.is_open():
        target.discard()
        return []
    found: list[Difference] = []
    with source.snapshot() as snapshot, target.step():
        target.hold()
        tables = [table for table in snapshot.all_tables() if not table.name.startswith(_COMPUTED)]
        for at, table in enumerate(tables):
            if progress is not None:
                progress("comparing tables", at, len(tables))
            difference = compare_table(snapshot, target, table)
            found += [] if difference is None else [difference]
        if found and not force:
            raise InvalidInput(
                f"The memory has changed in the database since it went there: {'; '.join(map(str, found[:5]))}.",
                hint="Export it there and import that into the folder; or give --force to go on without what changed.",
            )
        target.leave()
    return found


@contextmanager
def _alone(ledger: Path) -> Iterator[None]:
    if not ledger.exists():
        raise InvalidInput(f"There is no memory in {ledger.parent}.", hint="Give another --home.")
    lease = FileLease(ledger.parent / LOCK)
    if not lease.acquire():
        raise StoreUnavailable(
            f"Another process moves the memory of {ledger.parent}.", hint="Wait until it is done, or stop it."
        )
    try:
        yield
    finally:
        lease.release()


@contextmanager
def _opened(ledger: Path) -> Iterator[Source]:
    source = Source(ledger)
    try:
        yield source
    finally:
        source.close()
