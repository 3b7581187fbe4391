"""Working memory: the sessions of a namespace, one of them as a foldable map, and one message in full."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.errors import InvalidInput
from mnemic_mcp.inspector.browse_view import ROWS
from mnemic_mcp.inspector.pages import asked
from mnemic_mcp.inspector.session_map import BAR_HEIGHT, BAR_WIDTH, map_session, told
from mnemic_mcp.inspector.showing import PART_CHARS


async def sessions(request: Request) -> Response:
    """The sessions of a namespace by name, fifty to a page."""
    page = await asked(request)
    found = await page.memory.sessions(namespace=page.namespace)
    start = page.count("start", default=0, high=max(0, len(found) - 1))
    return await page.page(
        "sessions.html", view="sessions", title=f"Sessions of {page.namespace}", sessions=found[start : start + ROWS],
        start=start, next=start + ROWS if start + ROWS < len(found) else None, total=len(found),
    )  # fmt: skip


async def session_map(request: Request) -> Response:
    """The session ``name``: its token bar, and fifty messages from ``start``."""
    page = await asked(request)
    name, start = page.text("name"), page.count("start", default=0, high=10**8)
    start -= start % ROWS
    session = page.memory.session(name, namespace=page.namespace)
    found = await session.read(partial(map_session, start=start, limit=ROWS))
    return await page.page(
        "session.html", view="sessions", title=name, name=name, map=found, start=start, rows=ROWS,
        next=start + ROWS if start + ROWS < found.messages else None, bar_width=BAR_WIDTH, bar_height=BAR_HEIGHT,
    )  # fmt: skip


async def message(request: Request) -> Response:
    """One message in full: the original and what is shown of it, the part ``part`` of long ones."""
    page = await asked(request)
    name, number = page.text("name"), page.count("number", default=0, high=10**8)

    def look(memory: WorkingMemory) -> tuple[str, str, str]:
        if not 1 <= number <= len(memory.messages):
            raise InvalidInput(
                f"The session has no message {number}.", hint=f"They are numbered 1 to {len(memory.messages)}."
            )
        at = number - 1
        return told(memory.messages[at]), told(memory.render_of(at)), memory.messages[at].role.value

    original, view, role = await page.memory.session(name, namespace=page.namespace).read(look)
    parts = max(1, -(-max(len(original), len(view)) // PART_CHARS))
    part = page.count("part", default=0, high=parts - 1)
    shown = slice(part * PART_CHARS, (part + 1) * PART_CHARS)
    return await page.page(
        "message.html", view="sessions", title=f"Message {number} of {name}", name=name, number=number, role=role,
        original=original[shown], shown=view[shown], same=original == view, chars=len(original), part=part, pages=parts,
        start=(number - 1) // ROWS * ROWS,
    )  # fmt: skip
