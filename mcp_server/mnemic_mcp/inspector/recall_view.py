"""Why recall answers as it does: who proposed each hit, what its score is made of, and what was kept back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mnemic import Hit
from mnemic.domain.memory import Status
from mnemic.domain.recall import DEEP_PART, LINKS_PART, PARTS
from mnemic_mcp.inspector.pages import asked

ALL_PARTS = (*PARTS, LINKS_PART, DEEP_PART)
BAR_WIDTH = 1_000
_HITS = (5, 10, 20, 50)
MEANINGS = {
    "words": "the question's words, weighed by how rare they are",
    "together": "words that stand side by side",
    "words_around": "the words of the turns around it",
    "meaning": "nearness in meaning",
    "meaning_around": "the meaning of the turns around it",
    "nearness": "nearness in meaning word by word",
    "occasion": "speaker, part in the session, role, and speaking of time",
    "date": "of the time that the question names",
    "recency": "the newest, where the question asks how things are now",
    "session": "the best turn of its session",
    "links": "linked to what was found",
    "deep": "what the model says of it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a score. ``x`` and ``width`` of `BAR_WIDTH`; ``value`` on the scale of scores."""

    name: str
    value: float
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A hit with its bar. ``channels`` are (name, place from 1), best place first; ``total`` is the sum before bending."""

    hit: Hit
    rank: int
    channels: tuple[tuple[str, int], ...]
    pieces: tuple[Piece, ...]
    total: float


async def why(request: Request) -> Response:
    """Ask ``q`` and show the reasons. ``k`` hits; ``links`` looks at linked memories, ``deep`` asks the model."""
    page = await asked(request)
    query, k = page.text("q"), page.count("k", default=10, high=50) or 10
    links, deep = bool(page.text("links")), bool(page.text("deep"))
    statuses = [Status.ACTIVE, Status.QUARANTINED] if page.text("held") else [Status.ACTIVE]
    result, took = None, 0.0
    if query:
        started = time.perf_counter()
        result = await page.memory.recall(
            query, k=k, namespace=page.namespace, subtree=bool(page.text("below")), explain=True, expand_links=links,
            statuses=statuses, mode="deep" if deep else None, cursor=page.given("cursor"),
        )  # fmt: skip
        took = (time.perf_counter() - started) * 1_000
    hits = [] if result is None else explain(result.hits)
    used = {piece.name for one in hits for piece in one.pieces}
    given = {name: page.text(name) for name in ("q", "k", "links", "deep", "below", "held")}
    return await page.page(
        "why.html", view="why", title="Why recall answers so", query=query, k=k, counts=_HITS, links=links, deep=deep,
        below=bool(page.text("below")), held=bool(page.text("held")), result=result, hits=hits, took=took, given=given,
        later=bool(page.text("cursor")), legend=[(name, MEANINGS[name]) for name in ALL_PARTS if name in used],
        bar_width=BAR_WIDTH,
    )  # fmt: skip


def explain(hits: Sequence[Hit]) -> list[Explained]:
    """Hits with bars on one scale: the largest sum among them, at least 0.6, fills the width."""
    explained = [(hit, hit.explanation) for hit in hits if hit.explanation is not None]
    sums = [sum(value for value in why.parts.values() if value > 0) for _, why in explained]
    scale = BAR_WIDTH / max([0.6, *sums])
    found = []
    for (hit, why), total in zip(explained, sums, strict=True):
        pieces, x = [], 0.0
        for name in sorted(why.parts, key=ALL_PARTS.index):
            width = max(0.0, why.parts[name]) * scale
            pieces.append(Piece(name=name, value=why.parts[name], x=round(x, 1), width=round(width, 1)))
            x += width
        channels = tuple(sorted(why.channels.items(), key=lambda channel: channel[1]))
        found.append(Explained(hit=hit, rank=why.rank, channels=channels, pieces=tuple(pieces), total=total))
    return found
