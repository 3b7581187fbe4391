"""``mnemic install``: telling a host of the server."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from mnemic import MnemicError
from mnemic_mcp.cli.common import AsJson, Home, complain, console, fail, print_json
from mnemic_mcp.hosts.catalogue import HOSTS, host_named

HostName = Annotated[str, typer.Argument(metavar="HOST", help=f"One of: {', '.join(HOSTS)}.")]


def install(
    host: HostName,
    home: Home = None,
    config: Annotated[Path | None, typer.Option("--config", help="The host's file, where it is elsewhere.")] = None,
    show: Annotated[
        bool, typer.Option("--print", help="Show what would be written, and where; write nothing.")
    ] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take the server out again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell a host of this server, or with --uninstall forget it. What else is in its file stays as it is."""
    from mnemic_mcp.hosts.installing import apply, plan, plan_removal, snippet
    from mnemic_mcp.hosts.plugins import enabled_plugin, told_twice

    try:
        known = host_named(host)
        plugin = None if uninstall else enabled_plugin(known)
        if home is None and os.environ.get("MNEMIC_HOME"):
            # The host starts the server with an environment of its own: it would use another memory than this command.
            home = Path(os.environ["MNEMIC_HOME"])
        change = plan_removal(known, config=config) if uninstall else plan(known, config=config, home=home)
        backup = None if show else apply(change, now=datetime.now().astimezone())
    except MnemicError as error:
        fail(error)
    if as_json:
        print_json(
            {
                "host": known.name, "config": str(change.config), "changed": change.is_needed and not show,
                "backup": None if backup is None else str(backup),
                "entry": None if uninstall else snippet(change),
                **({"warning": told_twice(known, plugin)} if plugin is not None else {}),
            }
        )  # fmt: skip
        return
    out = console()
    if plugin is not None:
        complain(f"Beware: {told_twice(known, plugin)}.", beware=True)
    if show:
        out.print(str(change.config), style="bold", markup=False)
        out.print(change.after if uninstall else snippet(change), markup=False)
        return
    if not change.is_needed:
        told = "knows nothing of mnemic" if uninstall else "knows mnemic already"
        out.print(f"{known.title} {told}: {change.config}", markup=False)
        return
    out.print(f"{known.title} {'has forgotten' if uninstall else 'knows'} mnemic now: {change.config}", markup=False)
    if backup is not None:
        out.print(f"as it was before: {backup}", markup=False)
    out.print(f"→ {f'Start {known.title} anew.' if uninstall else known.after}", markup=False)
