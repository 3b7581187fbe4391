"""``mnemic serve`` and ``mnemic demo``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mnemic import MnemicError
from mnemic_mcp.cli.common import Home, Namespace, fail, settings_for


def serve(
    home: Home = None,
    namespace: Namespace = None,
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP instead of stdio.")] = False,
    host: Annotated[
        str, typer.Option(help="Address to serve on; any other than loopback needs MNEMIC_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8765,
    allow_host: Annotated[list[str] | None, typer.Option(help="Further host name that clients may use.")] = None,
) -> None:
    """Serve the memory over MCP: on stdio for a host that starts this command, or over HTTP.

    With MNEMIC_TOKEN set, HTTP clients must send it as a bearer token.
    """
    from mnemic_mcp.serving import serve_http, serve_stdio

    settings = settings_for(home, namespace=namespace)
    if not http:
        serve_stdio(settings)
        return
    try:
        serve_http(settings, host=host, port=port, token=os.environ.get("MNEMIC_TOKEN"), allowed_hosts=allow_host or ())
    except MnemicError as error:
        fail(error)


def demo() -> None:
    """Show what it does, on a throw-away folder, through the real server, in a few seconds."""
    from mnemic_mcp.cli.demo import run_demo

    run_demo()
