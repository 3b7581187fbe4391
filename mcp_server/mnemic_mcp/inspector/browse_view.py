"""Searching and browsing the memories of a namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mnemic import Hit, MemoryRecord
from mnemic.domain.memory import Kind, Status
from mnemic.domain.recall import Withheld
from mnemic.filters import Filters
from mnemic_mcp.inspector.pages import Asked, asked

ROWS = 50
"""A page has no more memories than this, however many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A memory in a list. ``score`` in 0..1 where a question was asked."""

    memory: MemoryRecord
    score: float | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of a list. ``next`` are the fields of the address of the page after it, empty on the last."""

    rows: tuple[Row, ...]
    next: dict[str, str]
    reason: str | None = None
    notes: tuple[str, ...] = ()
    withheld: tuple[Withheld, ...] = ()


async def browse(request: Request) -> Response:
    """The newest memories, or those that answer ``q``; narrowed by kind, status, tag and session."""
    page = await asked(request)
    filters = _filters(page)
    query = page.text("q")
    found = await (_search(page, query, filters) if query else _newest(page, filters))
    narrowed = {name: page.text(name) for name in ("q", "kind", "status", "tag", "session", "below")}
    return await page.page(
        "browse.html", view="memories", title=f"Memories of {page.namespace}", found=found, asked=narrowed,
        later=bool(page.text("before") or page.text("cursor")), kinds=[kind.value for kind in Kind],
        statuses=[status.value for status in Status],
    )  # fmt: skip


def _filters(page: Asked) -> Filters:
    kind, status, tag = page.given("kind"), page.given("status"), page.given("tag")
    return Filters(
        namespace=page.namespace, subtree=bool(page.text("below")), kinds=[kind] if kind else (),
        statuses=[status] if status else list(Status), tags=[tag] if tag else (), session=page.given("session"),
    )  # fmt: skip


async def _newest(page: Asked, filters: Filters) -> Found:
    records = await page.memory.list(limit=ROWS + 1, before=page.given("before"), **filters)
    rows, more = records[:ROWS], len(records) > ROWS
    return Found(
        rows=tuple(Row(memory=record) for record in rows), next={"before": rows[-1].id} if more else {},
        reason=None if rows else "No memory here passes the filters.",
    )  # fmt: skip


async def _search(page: Asked, query: str, filters: Filters) -> Found:
    result = await page.memory.recall(query, k=ROWS, cursor=page.given("cursor"), **filters)
    return Found(
        rows=rows_of(result.hits), next={"cursor": result.cursor} if result.cursor else {}, reason=result.reason,
        notes=(*result.notes, *result.warnings), withheld=result.withheld,
    )  # fmt: skip


def rows_of(hits: Sequence[Hit]) -> tuple[Row, ...]:
    """Hits as rows."""
    return tuple(
        Row(memory=hit.memory, score=hit.score, labels=() if hit.standing is None else hit.standing.labels)
        for hit in hits
    )
