"""``mnemic backup`` and ``mnemic restore``: a whole memory in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mnemic import MnemicError
from mnemic.domain.counting import counted
from mnemic.errors import InvalidInput
from mnemic_mcp.cli.common import AsJson, Home, fail, print_json, settings_for


def backup(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")],
    home: Home = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the whole memory to one file, checked, as it is at this moment. Servers and agents may go on writing."""
    from mnemic.backup import back_up_memory

    if str(path) == "-":
        # Elsewhere this is stdout, and a backup is checked before anybody has it.
        fail(InvalidInput("A backup is a file, and - is none.", hint="Name one, such as memory.backup."))
    try:
        report = back_up_memory(path, home=settings_for(home).home, force=force)
    except MnemicError as error:
        fail(error)
    if as_json:
        print_json(report)
        return
    typer.echo(f"{report.path}: {counted(report.counts['memories'], 'memory')}, {report.size_bytes / 1e6:,.1f} MB")
    typer.echo(f"sha256 {report.sha256}")


def restore(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `mnemic backup` wrote.")],
    home: Home = None,
    force: Annotated[bool, typer.Option("--force", help="Move the memory that is there aside.")] = False,
    sha256: Annotated[str | None, typer.Option(help="The digest that `mnemic backup` printed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the folder the memory that a backup holds, once all of it has been checked. The index is built anew."""
    from mnemic.backup import restore_memory

    try:
        report = restore_memory(path, home=settings_for(home).home, force=force, sha256=sha256)
    except MnemicError as error:
        fail(error)
    if as_json:
        values: dict[str, Any] = {"home": report.home, "moved_aside": report.moved_aside, "backup": report.backup}
        print_json({name: value for name, value in values.items() if value is not None})
        return
    typer.echo(f"restored {counted(report.backup.counts['memories'], 'memory')} to {report.home}")
    typer.echo(f"sha256 {report.backup.sha256}")
    if report.moved_aside is not None:
        typer.echo(f"what was there before is in {report.moved_aside}")
