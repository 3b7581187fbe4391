"""Commands that look after the whole memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemic import Memory, MnemicError, Settings
from mnemic.domain.counting import counted
from mnemic.opening import is_made
from mnemic_mcp.cli.common import (
    AsJson,
    Home,
    console,
    fail,
    is_named,
    no_memory,
    print_json,
    progress_bar,
    settings_for,
    with_memory,
)

if TYPE_CHECKING:
    from rich.console import Console

    from mnemic.protocols import HealthCheck


def status(home: Home = None, as_json: AsJson = False) -> None:
    """Show how many memories there are and what serves them."""

    where = settings_for(home)
    if not is_named(where) and not is_made(where):
        # Whoever has just installed mnemic and named no place has done nothing wrong.
        _say_none_yet(where, as_json=as_json)
        return

    async def run(memory: Memory) -> Any:
        return memory.settings, await memory.status()

    settings, found = with_memory(home, run, needs_chroma=True)
    if as_json:
        print_json({"home": str(settings.home), **_status_values(found)})
        return
    out = console()
    out.print(f"{counted(found.memories, 'memory')} in {settings.home}", markup=False)
    for path, count in found.namespaces:
        out.print(f"  {count:>9,}  {'/'.join(path)}", markup=False)
    out.print(f"ledger      {found.ledger_bytes / 1e6:,.1f} MB, {found.last_seq:,} changes", markup=False)
    out.print(f"embedder    {found.embedder}, {found.dimensions} dimensions", markup=False)
    out.print(f"tokens      {found.token_counter}", markup=False)
    parts = found.index.get("partitions")
    if parts:
        told = f"{len(parts)} of {settings.partitions} hold something: {', '.join(parts)}"
        out.print(f"partitions  {told}", markup=False)
    chroma = found.index.get("chroma")
    if chroma:
        use = "this process feeds it" if chroma["owner"] else "not in use by this process"
        out.print(f"chroma      {chroma['index']}: {use}", markup=False)


def _say_none_yet(settings: Settings, *, as_json: bool) -> None:
    if as_json:
        print_json({"home": str(settings.home), "memories": 0, "namespaces": {}})
        return
    told = no_memory(settings)
    console().print(told.message, markup=False)
    console().print(f"→ {told.hint}", markup=False)


def doctor(
    host: Annotated[
        str | None, typer.Argument(metavar="[HOST]", help="Tell why this host cannot see the server: cursor, zed, ...")
    ] = None,
    home: Home = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended from the ledger.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the ledger, its full text, its vectors and the index. Exit code 1 when something is wrong."""
    if host is not None:
        _check_host(host, as_json=as_json)
        return

    async def run(memory: Memory) -> Any:
        return await memory.doctor(repair=repair)

    diagnosis = with_memory(home, run, needs_chroma=True)
    if as_json:
        print_json(diagnosis)
    else:
        out = console()
        for line in diagnosis.repaired:
            out.print(f"repaired: {line}", style="yellow", markup=False)
        _print_findings(out, diagnosis.findings)
        if not diagnosis.healthy:
            mendable = any(finding.repairable for finding in diagnosis.findings)
            hint = "mnemic doctor --repair" if mendable else "restore the folder from a backup or import an export"
            out.print(f"→ {hint}", markup=False)
    if not diagnosis.healthy:
        raise typer.Exit(1)


def _check_host(name: str, *, as_json: bool) -> None:
    import anyio

    from mnemic_mcp.hosts.catalogue import host_named
    from mnemic_mcp.hosts.checking import check_host

    try:
        findings = anyio.run(check_host, host_named(name))
    except MnemicError as error:
        fail(error)
    if as_json:
        print_json(findings)
    else:
        _print_findings(console(), findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _print_findings(out: Console, findings: Sequence[HealthCheck]) -> None:
    for finding in findings:
        mark = "ok   " if finding.ok else "WRONG"
        out.print(f"{mark} {finding.check}: {finding.detail}", style=None if finding.ok else "red", markup=False)


def reindex(home: Home = None, as_json: AsJson = False) -> None:
    """Embed what lacks a vector and rebuild Chroma from the ledger. Recall goes on meanwhile."""

    async def run(memory: Memory) -> int:
        bar, advance = progress_bar("embedding", (await memory.status()).memories)
        with bar:
            return await memory.reindex(progress=advance)

    embedded = with_memory(home, run, needs_chroma=True)
    if as_json:
        print_json({"embedded": embedded})
        return
    typer.echo(f"embedded {embedded} memories; the index agrees with the ledger")


def cool(
    days: Annotated[
        int | None,
        typer.Option(
            help="What was not touched for so many days; 0: all that is archived. Default: as the settings say."
        ),
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Keep only text and history of what is archived and was left alone for long; it is searched again once restored."""

    async def run(memory: Memory) -> tuple[int, int]:
        return await memory.cool(days=days), (await memory.status()).ledger_bytes

    cooled, size = with_memory(home, run)
    if as_json:
        print_json({"cooled": cooled, "ledger_bytes": size})
        return
    typer.echo(f"{cooled:,} memories are cold; the ledger has {size / 1e6:,.1f} MB")
    if cooled:
        typer.echo("the room of what they had is used by what comes next; `mnemic forget ID --restore` brings one back")


def _status_values(found: Any) -> dict[str, Any]:
    return {
        "memories": found.memories,
        "namespaces": {"/".join(path): count for path, count in found.namespaces},
        "last_seq": found.last_seq,
        "ledger_id": found.ledger_id,
        "ledger_bytes": found.ledger_bytes,
        "embedder": found.embedder,
        "dimensions": found.dimensions,
        "token_counter": found.token_counter,
        "index": found.index,
    }
