"""``mnemic serve`` and ``mnemic demo``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mnemic import MnemicError
from mnemic.errors import InvalidInput
from mnemic_mcp.cli.common import Home, Namespace, fail, settings_for

_FOR_HTTP = (
    "host", "port", "workers", "allow_host", "public_url", "rate", "max_body", "tokens", "oidc_issuer", "oidc_audience",
    "oidc_namespace", "oidc_rights", "drain",
)  # fmt: skip


def serve(
    ctx: typer.Context,
    home: Home = None,
    namespace: Namespace = None,
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP instead of stdio.")] = False,
    host: Annotated[
        str, typer.Option(help="Address to serve on; any other than loopback needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8765,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port and the memory.")] = 1,
    allow_host: Annotated[list[str] | None, typer.Option(help="Further host name that clients may use.")] = None,
    public_url: Annotated[str | None, typer.Option(help="Where clients reach the server, behind a proxy.")] = None,
    rate: Annotated[
        str, typer.Option(help='Most requests of one caller and process, such as "5000/hour"; "off".')
    ] = "6000/minute",
    max_body: Annotated[int, typer.Option(min=1_000, help="Most bytes of one request.")] = 4_000_000,
    tokens: Annotated[Path | None, typer.Option(help="File of tokens; default: tokens.json in the home.")] = None,
    oidc_issuer: Annotated[str | None, typer.Option(help="OpenID Connect provider whose tokens are taken.")] = None,
    oidc_audience: Annotated[str | None, typer.Option(help="Audience that its tokens must name.")] = None,
    oidc_namespace: Annotated[
        str, typer.Option(help="Where its callers' memories are; {claim} stands for a claim.")
    ] = "users/{sub}",
    oidc_rights: Annotated[
        list[str] | None, typer.Option(help="Right of its tokens in which no scope begins with mnemic:.")
    ] = None,
    drain: Annotated[float, typer.Option(min=0, max=600, help="Seconds at /readyz's 503 before the end.")] = 0.0,
) -> None:
    """Serve the memory over MCP: on stdio for a host that starts this command, or over HTTP.

    Over HTTP clients need a bearer token once there is one: made by `mnemic token create`, set as MNEMIC_TOKEN (which opens
    everything), or given out by an OpenID Connect provider.
    """
    settings = settings_for(home, namespace=namespace)
    named = {name: ctx.get_parameter_source(name) for name in _FOR_HTTP}
    given = [name for name, source in named.items() if source is not None and source.name == "COMMANDLINE"]
    if given and not http:
        # On stdio it would wait for a host that never speaks.
        meant = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        fail(InvalidInput(f"{meant}: that is for a server over HTTP, and this would serve stdio.", hint="Add --http."))
    if not http:
        from mnemic_mcp.serving import serve_stdio

        serve_stdio(settings)
        return
    from mnemic_mcp.http.app import HttpOptions, make_provider
    from mnemic_mcp.http.serving import serve_http

    try:
        options = HttpOptions(
            host=host, port=port, token=os.environ.get("MNEMIC_TOKEN") or None, tokens=tokens,
            provider=make_provider(oidc_issuer, oidc_audience, namespace=oidc_namespace, rights=oidc_rights or ()),
            allowed_hosts=allow_host or (), public_url=public_url, rate=None if rate == "off" else rate,
            max_body_bytes=max_body,
        )  # fmt: skip
        serve_http(settings, options, workers=workers, drain_seconds=drain)
    except MnemicError as error:
        fail(error)


def demo() -> None:
    """Show what it does, on a throw-away folder, through the real server, in a few seconds."""
    from mnemic_mcp.cli.demo import run_demo

    run_demo()
