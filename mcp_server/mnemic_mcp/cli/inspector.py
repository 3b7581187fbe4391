"""``mnemic inspect``."""

from __future__ import annotations

from typing import Annotated

import typer

from mnemic import MnemicError
from mnemic_mcp.cli.common import Home, Namespace, fail, require_memory, settings_for


def inspect(
    home: Home = None,
    namespace: Namespace = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Print the link and leave opening it to you.")] = False,
) -> None:
    """Look into the memory in a browser: search, why recall answers as it does, review, learning, sessions.

    The pages are served to this machine alone. The link works once, in one browser.
    """
    from mnemic_mcp.inspector.serving import serve_inspector

    settings = settings_for(home, namespace=namespace)
    require_memory(settings)
    if settings.chroma == "embedded":
        # An exact scan answers as well, and opening Chroma takes longer than one look has use for.
        settings = settings.model_copy(update={"chroma": "off"})
    try:
        serve_inspector(settings, port=port, open_browser=not no_open)
    except MnemicError as error:
        fail(error)
