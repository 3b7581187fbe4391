"""``mnemic token``: who may use a memory over HTTP, where, and for what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mnemic import MnemicError
from mnemic.domain.quoting import visible
from mnemic_mcp.cli.common import AsJson, Home, fail, print_json, print_named_table, settings_for

app = typer.Typer(no_args_is_help=True, help="Make and revoke the tokens of a server's callers.")

TokensFile = Annotated[Path | None, typer.Option("--tokens", help="File of tokens; default: tokens.json in the home.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose token it is.")],
    namespace: Annotated[
        list[str], typer.Option("--namespace", "-n", help="Where it opens the memory, with all below. May be repeated.")
    ],
    right: Annotated[
        list[str] | None, typer.Option("--right", help="read, write, review or admin; may be repeated.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Until when it holds, ISO 8601. Default: until revoked.")] = None,
    home: Home = None,
    tokens: TokensFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. It is shown this once; the file keeps a hash. Without --right it may read and write."""
    file = _file(home, tokens)
    try:
        made, text = file.create(name, namespaces=namespace, rights=right or ("read", "write"), expires_at=expires)
    except MnemicError as error:
        fail(error)
    if as_json:
        print_json({**_values(made), "token": text})
        return
    typer.echo(text)
    typer.echo(f"The token of {made.access.name}. It is not shown again; clients send it as a bearer token.", err=True)


@app.command("list")
def list_tokens(home: Home = None, tokens: TokensFile = None, as_json: AsJson = False) -> None:
    """Show whose tokens there are, and what they open."""
    try:
        found = _file(home, tokens).tokens()
    except MnemicError as error:
        fail(error)
    if as_json:
        print_json([_values(token) for token in found])
        return
    if not found:
        typer.echo("No tokens.")
        return
    rows: list[tuple[str, ...]] = [
        (
            visible(token.access.name),
            visible(", ".join(_values(token)["namespaces"])),
            ", ".join(_values(token)["rights"]),
            f"{token.created_at:%Y-%m-%d}",
            "no end" if token.expires_at is None else f"{token.expires_at:%Y-%m-%d %H:%M}",
        )
        for token in found
    ]
    print_named_table(("name", "namespaces", "rights", "made", "until"), rows)


@app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Whose token to take away.")],
    home: Home = None,
    tokens: TokensFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a token away. It opens nothing from the next request on."""
    try:
        _file(home, tokens).revoke(name)
    except MnemicError as error:
        fail(error)
    if as_json:
        print_json({"revoked": name})
        return
    typer.echo(f"The token of {name} is revoked.")


def _file(home: Path | None, path: Path | None) -> Any:
    from mnemic_mcp.http.tokens import TOKENS_FILE, TokenFile

    return TokenFile(path or settings_for(home).home / TOKENS_FILE)


def _values(token: Any) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.access.name,
        "namespaces": ["/".join(namespace) for namespace in token.access.namespaces],
        "rights": sorted(token.access.rights),
        "created_at": token.created_at.isoformat(),
        "expires_at": None if token.expires_at is None else token.expires_at.isoformat(),
    }
