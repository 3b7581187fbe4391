"""The application: addresses, and what is answered when something goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from mnemic import Memory, MnemicError
from mnemic.errors import InvalidInput, UnknownMemory
from mnemic.logs import get_logger
from mnemic_mcp.inspector import browse_view, learning_view, memory_view, recall_view, review_view, session_view
from mnemic_mcp.inspector.pages import FOLDER, Inspector
from mnemic_mcp.inspector.protection import Gate, Protection

log = get_logger(__name__)

_ROUTES = (
    Route("/", browse_view.browse),
    Route("/memory", memory_view.show_memory),
    Route("/memory", memory_view.act_on_memory, methods=["POST"]),
    Route("/why", recall_view.why),
    Route("/review", review_view.review),
    Route("/lesson", review_view.act_on_lesson, methods=["POST"]),
    Route("/learning", learning_view.learning),
    Route("/plan", learning_view.act_on_plan, methods=["POST"]),
    Route("/sessions", session_view.sessions),
    Route("/session", session_view.session_map),
    Route("/message", session_view.message),
)


def create_app(
    memory: Memory, *, gate: Gate, hosts: Iterable[str], shown: Callable[[], None] = lambda: None
) -> ASGIApp:
    """The pages over ``memory``, behind their protection. ``shown`` is called with every page.

    ``hosts``: see `Protection`.
    """
    app = Starlette(
        routes=[*_ROUTES, Mount("/static", StaticFiles(directory=FOLDER / "static"))],
        exception_handlers={MnemicError: _told, HTTPException: _told, Exception: _told},
    )
    app.state.inspector = Inspector(memory, gate, shown=shown)
    return Protection(app, gate=gate, hosts=hosts)


async def _told(request: Request, error: Exception) -> Response:
    """A page that says what happened and what to do."""
    inspector = cast(Inspector, request.app.state.inspector)
    if isinstance(error, HTTPException):
        missing = error.status_code == 404
        said = "There is no such page." if missing else f"{error.detail}."
        return _page(inspector, said, "Start from the list of memories.", error.status_code)
    if isinstance(error, MnemicError):
        status = 404 if isinstance(error, UnknownMemory) else 400 if isinstance(error, InvalidInput) else 503
        return _page(inspector, error.message, error.hint, status)
    log.warning("inspector.failed", path=request.url.path, error=type(error).__name__)
    return _page(inspector, "This page could not be made.", "What happened stands in the terminal.", 500)


def _page(inspector: Inspector, message: str, hint: str, status: int) -> Response:
    return inspector.render(
        "error.html", {"title": "That did not work", "message": message, "hint": hint}, status=status
    )
