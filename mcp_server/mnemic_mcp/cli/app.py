"""The commands, put together. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

from typing import Annotated

import typer

from mnemic import __version__
from mnemic_mcp.cli import (
    backups,
    bench,
    context,
    guard,
    hosts,
    inspector,
    learning,
    memories,
    migrating,
    models,
    moving,
    policy,
    serve,
    tokens,
    upkeep,
)
from mnemic_mcp.log_output import configure_logs

app = typer.Typer(
    name="mnemic",
    help="A memory for AI agents that checks itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mnemic {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens to stderr.")] = False,
    version: Annotated[  # noqa: ARG001  # acts in its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    configure_logs(verbose)


app.command("serve")(serve.serve)
app.command("demo")(serve.demo)
app.command("install")(hosts.install)
app.command("inspect")(inspector.inspect)
app.command("remember")(memories.remember)
app.command("recall")(memories.recall)
app.command("list")(memories.list_memories)
app.command("show")(memories.show)
app.command("history")(memories.history)
app.command("forget")(memories.forget)
app.command("export")(moving.export)
app.command("import")(moving.import_)
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("migrate")(migrating.migrate)
app.command("status")(upkeep.status)
app.command("doctor")(upkeep.doctor)
app.command("reindex")(upkeep.reindex)
app.command("cool")(upkeep.cool)
app.command("prune")(learning.prune)
app.add_typer(learning.reflect_app, name="reflect")
app.add_typer(learning.experiences_app, name="experiences")
app.add_typer(learning.plans_app, name="plans")
app.add_typer(models.app, name="models")
app.add_typer(context.app, name="context")
app.add_typer(guard.app, name="guard")
app.add_typer(policy.app, name="policy")
app.add_typer(tokens.app, name="token")
app.add_typer(bench.app, name="bench")
