"""What every command shares: opening the memory, telling errors, and speaking to people or to programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from mnemic import Memory, MnemicError, Origin, Settings, load_settings
from mnemic.domain.provenance import Channel
from mnemic.domain.quoting import visible
from mnemic.errors import InvalidInput
from mnemic.opening import is_made

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
CLI_ORIGIN = Origin(channel=Channel.USER, client="mnemic", transport="cli")
"""Whoever sits at the command line."""

_NARROW = 100
_LONG_WORD = 24
_BETWEEN = 2


def _folder(text: str) -> Path:
    """A path that names something: a variable that a script has not set would else be the current folder."""
    if not text.strip():
        raise typer.BadParameter("It is empty. Give the path of a folder, or leave --home out.")
    return Path(text)


Home = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Folder of the memory (else MNEMIC_HOME, else the platform's).", parser=_folder, metavar="<path>"
    ),
]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help='Path such as "team/ana".')]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def settings_for(home: Path | None, **overrides: Any) -> Settings:
    """Settings, or the end of the command with a message."""
    try:
        return load_settings(home=home, **overrides)
    except MnemicError as error:
        fail(error)


def is_named(settings: Settings) -> bool:
    """Whether somebody said where the memory is, and did not leave it at the default."""
    return ("home" if settings.database is None else "database_schema") in settings.model_fields_set


def no_memory(settings: Settings) -> InvalidInput:
    """What to tell whoever looks into a memory that nobody has made."""
    if settings.database is not None:
        return InvalidInput(
            f"There is no memory in the schema {settings.database_schema} of the database"
            f"{'.' if is_named(settings) else ' yet.'}",
            hint="Is yours in another? Name it: MNEMIC_DATABASE and MNEMIC_DATABASE_SCHEMA. A new one is made there by "
            "`mnemic remember`, `import`, `migrate` and `serve`.",
        )
    if is_named(settings):
        return InvalidInput(
            f"There is no memory in {settings.home}.",
            hint="Give another --home, or another MNEMIC_HOME. A new one is made there by `mnemic remember`, `import`, "
            "`restore` and `serve`.",
        )
    return InvalidInput(
        f"There is no memory in {settings.home} yet.",
        hint='It is made when something is remembered: `mnemic remember "..."`, or by a host once `mnemic install` has told '
        "it of the server. Is yours in another folder? Name it: --home, or MNEMIC_HOME.",
    )


def require_memory(settings: Settings) -> None:
    """End the command where there is no memory, and make none: a wrong name would look like a memory that lost all."""
    if not is_made(settings):
        fail(no_memory(settings))


def with_memory(
    home: Path | None, use: Callable[[Memory], Awaitable[T]], *, makes: bool = False, needs_chroma: bool = False,
    **overrides: Any,
) -> T:  # fmt: skip
    """Open the memory, use it, close it. An error ends the command with its text on stderr and exit code 1.

    ``makes``: the command stores something new, so a memory that is not there is made.
    """
    import anyio

    settings = settings_for(home, **overrides)
    if not makes:
        require_memory(settings)
    if not needs_chroma and settings.chroma == "embedded":
        # Opening Chroma takes longer than one command has use for.
        settings = settings.model_copy(update={"chroma": "off"})

    async def run() -> T:
        async with Memory(settings, origin=CLI_ORIGIN) as memory:
            return await use(memory)

    try:
        return anyio.run(run)
    except MnemicError as error:
        fail(error)


def fail(error: MnemicError) -> NoReturn:
    """End the command: what happened, then what to do."""
    # What is quoted may be anybody's, and a terminal obeys it.
    complain(f"{type(error).__name__}: {visible(error.message)}")
    if error.hint:
        typer.echo(f"→ {visible(error.hint)}", err=True)
    raise typer.Exit(1)


def complain(text: str, *, beware: bool = False) -> None:
    """A line on stderr in red, or in yellow where it only warns; without colour where nobody wants any (no-color.org)."""
    if not os.environ.get("NO_COLOR"):
        text = typer.style(text, fg=typer.colors.YELLOW if beware else typer.colors.RED)
    typer.echo(text, err=True)


def console() -> Console:
    """The console for people: colour and width of the terminal, plain when piped."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def print_table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A table in a terminal, or a paragraph a row where it is too narrow; lines with tabs between the cells when piped."""
    out = console()
    if not out.is_terminal:
        for row in rows:
            typer.echo("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich.table import Table
    from rich.text import Text

    if "text" in columns and out.width < _NARROW:
        # Two lines for a memory: columns would leave the text a few letters wide.
        for row in rows:
            facts = [cell for name, cell in zip(columns, row, strict=True) if name != "text" and cell]
            out.print(Text(" · ".join(facts), style="dim"))
            out.print(Text(row[columns.index("text")]))
        return
    rows = list(rows)
    if _least_width(columns, rows) > out.width:
        # Columns would cut words and numbers into pieces, and then leave them out.
        for row in rows:
            named = zip(columns, row, strict=True)
            out.print(Text(" · ".join(f"{name} {cell}".strip() for name, cell in named if cell)))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("id", "when", "score", "kind", "status"))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


def _least_width(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> int:
    """How wide a table must be for no word to be cut, but for very long ones."""
    cells = zip(columns, *rows, strict=True)
    words = [[word for cell in column for word in cell.split()] for column in cells]
    return sum(min(max(map(len, found), default=0), _LONG_WORD) + _BETWEEN for found in words)


def heading(text: str) -> None:
    """A line above a table."""
    out = console()
    if out.is_terminal:
        out.print(f"\n{text}", style="bold", markup=False)
    else:
        typer.echo(f"\n{text}")


def print_named_table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table; when it is piped the names of the columns are its first line, as there are many."""
    if not console().is_terminal:
        typer.echo("\t".join(columns))
    print_table(columns, rows)


def print_json(value: Any) -> None:
    """One JSON document on stdout. What is not set is left out; namespaces are paths."""
    typer.echo(json.dumps(to_plain(value), ensure_ascii=False, indent=2))


def to_plain(value: Any) -> Any:
    """JSON values for what the API returns."""
    if is_dataclass(value) and not isinstance(value, type):
        named = {item.name: to_plain(getattr(value, item.name)) for item in fields(value)}
        if isinstance(named.get("namespace"), list):
            named["namespace"] = "/".join(named["namespace"])
        return {name: item for name, item in named.items() if item is not None and item != [] and item != {}}
    if isinstance(value, dict):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, gzipped or not. What cannot be read ends the command with a message."""
    from mnemic.storage.packed_text import read_packed_text

    try:
        # Not splitlines(): a text may hold other line separators than the one that ends a JSON line.
        return read_packed_text(path).split("\n")
    except InvalidInput as error:
        raise typer.BadParameter(error.message) from error


def read_json_lines(path: Path) -> list[Any]:
    """The values of a JSON Lines file, gzipped or not. What is no JSON ends the command with the line's number."""
    values = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            values += [json.loads(line)] if line.strip() else []
        except (ValueError, RecursionError) as error:
            raise typer.BadParameter(f"{path}: line {number} is not JSON ({_why(error)})") from error
    return values


def read_json(path: Path) -> Any:
    """The value of a JSON file, gzipped or not, or the end of the command with a message."""
    try:
        return json.loads("\n".join(read_lines(path)))
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{path}: this is not JSON ({_why(error)})") from error


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, json.JSONDecodeError) else "nested too deeply"


def progress_bar(title: str, total: int | None = None) -> tuple[Any, Callable[[int], None]]:
    """A bar on stderr as a context manager, and a function that sets how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    task = bar.add_task(title, total=total)
    return bar, lambda done: bar.update(task, completed=done)


async def in_thread(work: Callable[..., T], *args: Any) -> T:
    """Run blocking work beside the event loop."""
    import anyio.to_thread

    return await anyio.to_thread.run_sync(partial(work, *args))
