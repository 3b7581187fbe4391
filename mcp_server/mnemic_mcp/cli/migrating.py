"""``mnemic migrate``: a memory goes from its folder to a database, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from mnemic import MnemicError
from mnemic_mcp.cli.common import AsJson, Home, console, fail, print_json, progress_bar, settings_for

if TYPE_CHECKING:
    from pathlib import Path


def migrate(
    database: Annotated[
        str | None,
        typer.Argument(
            metavar="DATABASE_URL",
            help="postgresql://user@host:5432/database (else MNEMIC_DATABASE). A password may stand in ~/.pgpass.",
        ),
    ] = None,
    schema: Annotated[str | None, typer.Option(help="Schema in that database (else MNEMIC_DATABASE_SCHEMA).")] = None,
    home: Home = None,
    undo: Annotated[bool, typer.Option("--undo", help="Stop a move, or open the folder again as it was.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --undo: also when the memory has changed in the database since.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move the memory to a PostgreSQL database while it is used. Interrupted anywhere, the same command goes on."""
    folder = settings_for(home).home
    if undo:
        _undo(database, folder, force=force, as_json=as_json)
        return
    from mnemic.migration import migrate_memory

    try:
        with _progress() as tell:
            report = migrate_memory(database, schema=schema, home=folder, progress=tell)
    except MnemicError as error:
        fail(error)
    if as_json:
        print_json(report)
        return
    out = console()
    further = sum(report.rows.values()) - report.memories
    out.print(
        f"{report.memories:,} memories and {further:,} further rows are in the database; both sides were compared."
    )
    out.print(f"It took {report.seconds:,.1f} s; nobody could use the memory for {report.closed_seconds:,.2f} s.")
    out.print("\nWhoever used the folder gets an error that says where the memory is. Set this, with the password:")
    out.print(f"  {report.settings}", markup=False, style="bold")
    out.print("\nThe folder is as it was. `mnemic migrate --undo` opens it again.")


def _undo(database: str | None, home: Path, *, force: bool, as_json: bool) -> None:
    from mnemic.migration import undo_migration

    try:
        with _progress() as tell:
            differences = undo_migration(database, home=home, force=force, progress=tell)
    except MnemicError as error:
        fail(error)
    if as_json:
        print_json({"home": home, "not_in_the_folder": [str(one) for one in differences]})
        return
    typer.echo(f"The memory of {home} is open again.")
    if differences:
        typer.echo("What has changed in the database since is not in it:")
        for one in differences:
            typer.echo(f"  {one}")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr that says what is being done; nothing where nobody looks."""
    bar, _ = progress_bar("starting")
    with bar:
        task = bar.task_ids[0]

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield tell
