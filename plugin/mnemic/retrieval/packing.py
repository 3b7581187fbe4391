"""Fitting hits into a token budget, whole where possible, and saying where to go on."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from mnemic.domain.recall import Hit
from mnemic.errors import InvalidInput
from mnemic.protocols import TokenCounter

Render = Callable[[Hit], str]
"""The form in which an adapter will show a hit; what is counted is what is delivered."""


def pack(
    hits: Sequence[Hit], budget_tokens: int | None, render: Render, counter: TokenCounter
) -> tuple[list[Hit], int | None]:
    """The first hits that fit together, in order, and their tokens; without a budget all of them, uncounted.

    The first hit is always delivered: if it alone is too long, as much of its beginning as fits.
    """
    if budget_tokens is None:
        return list(hits), None
    packed: list[Hit] = []
    used = 0
    for hit in hits:
        cost = counter.count(render(hit))
        if used + cost > budget_tokens:
            if packed:
                break
            hit = _cut(hit, budget_tokens, render, counter)
            cost = counter.count(render(hit))
        packed.append(hit)
        used += cost
    return packed, used


def _cut(hit: Hit, budget_tokens: int, render: Render, counter: TokenCounter) -> Hit:
    """The longest beginning that fits, by bisection over characters; without its particulars where these take the room."""
    if counter.count(render(replace(hit, excerpt=""))) > budget_tokens // 2:
        hit = replace(hit, brief=True)
    low, high = 0, len(hit.whole_text)
    while low < high:
        middle = (low + high + 1) // 2
        if counter.count(render(replace(hit, excerpt=hit.whole_text[:middle]))) <= budget_tokens:
            low = middle
        else:
            high = middle - 1
    return hit if low == len(hit.whole_text) else replace(hit, excerpt=hit.whole_text[:low])


def encode_cursor(question: int, skip: int) -> str:
    """An opaque token that continues ``question`` after ``skip`` hits."""
    return base64.urlsafe_b64encode(json.dumps([question, skip]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, question: int) -> int:
    """How many hits to skip. Raises `InvalidInput` for a cursor of another question."""
    try:
        asked, skip = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        asked, skip = None, None
    if asked != question or not isinstance(skip, int) or skip < 0:
        raise InvalidInput(
            f"The cursor {str(cursor)[:40]!r} does not belong to this question.",
            hint="Repeat the question with all its filters exactly, or leave the cursor out to start again.",
        )
    return skip
