"""``mnemic export`` and ``mnemic import``: moving memories out and in."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

import typer

from mnemic import Memory, MemoryRecord, Status
from mnemic.errors import InvalidInput
from mnemic_mcp.cli.common import (
    AsJson,
    Home,
    Namespace,
    console,
    fail,
    in_thread,
    print_json,
    progress_bar,
    with_memory,
)
from mnemic_mcp.private_files import replacing
from mnemic_mcp.text_streams import read_utf8

if TYPE_CHECKING:
    from mnemic.services.moving.planning import ImportPlan
    from mnemic.services.moving.taking_over import ImportOutcome

_OWN = "mnemic"
_PAGE = 1_000


def export(
    path: Annotated[str, typer.Argument(help='File to write, or with markdown a folder; "-" is stdout.')] = "-",
    home: Home = None,
    namespace: Namespace = None,
    format: Annotated[
        Literal["jsonl", "markdown"],
        typer.Option(help="jsonl: everything, exactly. markdown: texts, tags and times, for people."),
    ] = "jsonl",
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write every memory with its origin, versions and history. Importing it gives the same memory again.

    With --format markdown: a file (a path that ends in .md, or "-"), or a folder with a file for each memory; a folder that
    is not empty is never replaced. What is in quarantine is not in it.
    """
    if as_json and path == "-":
        fail(InvalidInput("--json tells on stdout what was written, and there goes the export.", hint="Name a file."))
    if not _is_folder(path, format):
        _check_target(path, force=force)

    async def run(memory: Memory) -> int:
        total = (await memory.status()).memories
        bar, advance = progress_bar("exporting", total)
        with bar:
            if format == "markdown":
                return await _export_markdown(memory, path, namespace, advance, force=force)
            return await _export_lines(memory, path, namespace, advance, force=force)

    try:
        count = with_memory(home, run)
    except FileExistsError:
        fail(_exists(path))
    except BrokenPipeError:
        raise  # whoever read it has enough, as with any command
    except OSError as error:
        what = "stdout" if path == "-" else path
        fail(InvalidInput(f"{what} cannot be written ({error.strerror or error}).", hint="Choose another file."))
    parts = "memories" if format == "markdown" else "lines"
    if as_json:
        print_json({"path": path, "format": format, parts: count})
        return
    typer.echo(f"exported {count} {parts}", err=True)


async def _export_lines(memory: Memory, path: str, namespace: str | None, advance: Any, *, force: bool) -> int:
    written = 0
    with _writing(path, force=force) as file:
        async for line in memory.export(namespace=namespace):
            file.write(line + "\n")
            written += 1
            if written % 500 == 0:
                advance(written)
    return written


async def _export_markdown(memory: Memory, path: str, namespace: str | None, advance: Any, *, force: bool) -> int:
    records = [one for one in await memory.records(namespace=namespace) if one.status is not Status.QUARANTINED]
    await in_thread(_write_markdown, path, records, advance, force)
    return len(records)


def _is_folder(path: str, format: str) -> bool:
    return format == "markdown" and path != "-" and not path.lower().endswith((".md", ".markdown"))


def _write_markdown(path: str, records: list[MemoryRecord], advance: Any, force: bool) -> None:
    from mnemic.domain.moving.portable_markdown import file_name, header_section, memory_section

    if not _is_folder(path, "markdown"):
        with _writing(path, force=force) as file:
            file.write(header_section() + "".join(map(memory_section, records)))
        return
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{path} is no empty folder.", hint="Choose another one; nothing there is replaced.")
    folder.mkdir(parents=True, exist_ok=True)
    for number, record in enumerate(records, 1):
        target = folder / file_name(record)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", encoding="utf-8", newline="\n") as file:
            file.write(header_section() + memory_section(record))
        advance(number)


def _check_target(path: str, *, force: bool) -> None:
    """End the command where a file stands in the way: before the memory is opened, and not after all of it was written."""
    target = Path(path)
    if path == "-" or _is_device(target):
        return
    if target.is_dir():
        fail(InvalidInput(f"{path} is a folder.", hint="Name a file in it."))
    if target.is_symlink() and force:
        fail(InvalidInput(f"{path} is a link, which is not replaced.", hint="Name the file that it leads to."))
    if not force and (target.exists() or target.is_symlink()):
        fail(_exists(path))


def _exists(path: str) -> InvalidInput:
    return InvalidInput(f"{path} exists already.", hint="Choose another file, or give --force to replace it.")


def _is_device(target: Path) -> bool:
    """Whether there is something to write into that keeps nothing, such as a pipe or ``/dev/stdout``."""
    return target.exists() and not target.is_file() and not target.is_dir()


@contextlib.contextmanager
def _writing(path: str, *, force: bool) -> Iterator[IO[str]]:
    """The file to write. It appears when it is complete, so that a broken export is never taken for a whole one."""
    target = Path(path)
    if path == "-":
        yield sys.stdout
    elif _is_device(target):
        with target.open("w", encoding="utf-8", newline="\n") as file:
            yield file
    else:
        # For its owner alone, as the memory is.
        with replacing(target, new=not force) as file:
            yield file


def import_(
    path: Annotated[str, typer.Argument(help='What to read; of an own export, "-" is stdin.')],
    home: Home = None,
    namespace: Namespace = None,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="mnemic (an own export), server-memory, mem0, mcp-memory-service, basic-memory, langgraph, chatgpt, "
            "claude, markdown or jsonl.",
        ),
    ] = _OWN,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and write nothing.")] = False,
    on_error: Annotated[
        Literal["stop", "skip-long", "skip"],
        typer.Option(
            help="Where something is damaged or too long: import nothing; leave out texts that are too long, and stop "
            "at damage; or leave out both."
        ),
    ] = "stop",
    collection: Annotated[str | None, typer.Option(help="Which of several collections (mem0's Chroma).")] = None,
    as_json: AsJson = False,
) -> None:
    """Take in an export, or what another memory holds: a plan first. Importing twice adds nothing.

    An own export comes in whole or not at all. Other formats come in batches that are durable one by one; after an
    interruption, the same command goes on.
    """
    if source == _OWN:
        if dry_run or namespace or collection:
            fail(
                InvalidInput("--dry-run, --namespace and --collection are for other formats.", hint="Give --from too.")
            )
        _import_own(path, home, as_json)
        return

    async def run(memory: Memory) -> tuple[ImportPlan, ImportOutcome | None]:
        plan = await memory.imports.plan(path, format=source, namespace=namespace, collection=collection)
        if not as_json:
            _print_plan(plan)
        if dry_run:
            return plan, None
        bar, advance = progress_bar("importing", len(plan.records))
        with bar:
            return plan, await memory.imports.run(plan, on_error=on_error, advance=advance)

    plan, outcome = with_memory(home, run, makes=True)
    if as_json:
        print_json({"plan": plan.summary(), **({"outcome": outcome} if outcome else {})})
    elif outcome is not None:
        _print_outcome(outcome)


def _import_own(path: str, home: Path | None, as_json: bool) -> None:
    async def run(memory: Memory) -> Any:
        text = read_utf8() if path == "-" else await in_thread(partial(Path(path).read_text, encoding="utf-8-sig"))
        # Not splitlines(): a text may hold other line separators than the one that ends a JSON line.
        lines = text.split("\n")
        bar, advance = progress_bar("importing", len(lines))
        with bar:
            return await memory.import_(lines, progress=advance)

    try:
        report = with_memory(home, run, makes=True)
    except (OSError, UnicodeDecodeError) as error:
        fail(InvalidInput(f"{path} cannot be read ({error}).", hint="Give a file that `mnemic export` wrote."))
    if as_json:
        print_json(report)
    else:
        typer.echo(f"imported {report.imported} memories; {report.present} were there already")


def _print_plan(plan: ImportPlan) -> None:
    """What would come in, what would not and why, what is damaged where."""
    told = plan.summary()
    parts = ", ".join(_counted(part, count) for part, count in plan.parts.items()) or "nothing"
    lines = [f"{plan.file} as {plan.format}, into {told['namespace']}: {parts}"]
    if plan.first is not None and plan.last is not None:
        lines.append(f"  from {plan.first:%Y-%m-%d} to {plan.last:%Y-%m-%d}")
    lines.append(
        f"  {told['new']:,} new, {plan.present:,} imported before, {plan.repeated:,} that say the same as another"
    )
    if plan.links or plan.lost_links:
        lines.append(f"  {plan.links:,} links, {plan.lost_links:,} to what is not there, which are lost")
    lines += [f"  left out: {count:,} {reason}" for reason, count in plan.left_out.items()]
    lines += [f"  too long: {one}" for one in plan.too_long[:_PAGE]]
    lines += [f"  damaged: {one}" for one in plan.damaged[:_PAGE]]
    _print_lines(lines)


def _counted(part: str, count: int) -> str:
    several = f"{part[:-1]}ies" if part.endswith("y") else f"{part}s"
    return f"{count:,} {part if count == 1 else several}"


def _print_outcome(outcome: ImportOutcome) -> None:
    lines = [
        f"imported {outcome.stored:,}; {outcome.present:,} were there already, {outcome.confirmed:,} said the same; "
        f"{outcome.links:,} links"
    ]
    if outcome.quarantined:
        lines.append(f"{outcome.quarantined:,} are in quarantine: mnemic guard review")
    if outcome.redacted:
        lines.append(f"{outcome.redacted:,} were stored without the secrets in them")
    lines += [f"refused: {one}" for one in outcome.refused[:_PAGE]]
    _print_lines(lines)


def _print_lines(lines: list[str]) -> None:
    out = console()
    for line in lines:
        # A file can say anything, also to the terminal.
        out.print("".join(letter if letter.isprintable() else "·" for letter in line), markup=False)
