"""Fitting hits into a token budget, whole where possible, and saying where to go on."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from mnemic.domain.recall import MAX_K, Hit
from mnemic.domain.validation import check_id, shown
from mnemic.errors import InvalidInput
from mnemic.protocols import TokenCounter

# What is longer than this many times its share is not counted: it would take longer than all the rest.
_MOST_CHARS_OF_A_TOKEN = 16
# No ranking is longer, and a ledger cannot be asked for what lies behind far more.
_MOST_PLACES = 2**40

Render = Callable[[Hit], str]
"""The form in which an adapter will show a hit; what is counted is what is delivered."""


def pack(
    hits: Sequence[Hit], budget_tokens: int | None, render: Render, counter: TokenCounter
) -> tuple[list[Hit], int | None]:
    """The first hits that fit together, in order, and their tokens; without a budget all of them, uncounted.

    Of a long text that would take more than its share of what is left, its passage is delivered. The first hit is always
    delivered: if it alone is too long, as much of its beginning as fits, or of its passage.
    """
    if budget_tokens is None:
        return list(hits), None
    packed: list[Hit] = []
    used = 0
    for at, found in enumerate(hits):
        hit, cost = _whole_or_passage(found, (budget_tokens - used) // (len(hits) - at), render, counter)
        if used + cost > budget_tokens:
            if packed:
                break
            hit = _cut(hit, budget_tokens, render, counter)
            cost = counter.count(render(hit))
        packed.append(hit)
        used += cost
    return packed, used


def _whole_or_passage(hit: Hit, share: int, render: Render, counter: TokenCounter) -> tuple[Hit, int]:
    """A hit, shrunk to its passage if it has one and costs more than ``share``, and what it costs."""
    if hit.passage is None:
        return hit, counter.count(render(hit))
    passage = replace(hit, excerpt=hit.passage.text)
    if len(hit.whole_text) <= _MOST_CHARS_OF_A_TOKEN * share:
        cost = counter.count(render(hit))
        if cost <= share:
            return hit, cost
    return passage, counter.count(render(passage))


def _cut(hit: Hit, budget_tokens: int, render: Render, counter: TokenCounter) -> Hit:
    """The longest beginning that fits, by bisection over characters; without its particulars where these take the room."""
    if counter.count(render(replace(hit, excerpt=""))) > budget_tokens // 2:
        hit = replace(hit, brief=True)
    text = hit.shown_text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if counter.count(render(replace(hit, excerpt=text[:middle]))) <= budget_tokens:
            low = middle
        else:
            high = middle - 1
    return hit if low == len(text) else replace(hit, excerpt=text[:low])


class Bookmark(NamedTuple):
    """How far a question has been answered.

    ``skip`` places of the ranking are dealt with, and those ``ahead`` besides, which lie behind them. ``sessions`` are
    fingerprints of the sessions that have been shown, one for each hit; empty where nobody counts them. ``last`` is the
    memory in the last of the places, by which they are found again where others have written meanwhile. ``window`` is the
    ``k`` of the first page where the order depends on it; else 0.
    """

    skip: int = 0
    ahead: tuple[int, ...] = ()
    sessions: tuple[int, ...] = ()
    last: str = ""
    window: int = 0

    def moved_to(self, skip: int) -> Bookmark:
        """The same where the last place dealt with is ``skip``."""
        return self._replace(skip=skip, ahead=tuple(place + skip - self.skip for place in self.ahead))


def encode_cursor(question: int, mark: Bookmark) -> str:
    """An opaque token that continues ``question`` after ``mark``."""
    more = [mark.ahead, mark.sessions] if mark.ahead or mark.sessions or mark.window else []
    told = json.dumps(
        [question, mark.skip, mark.last, *more, *([mark.window] if mark.window else [])], separators=(",", ":")
    )
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, question: int) -> Bookmark:
    """Where to go on. Raises `InvalidInput` for a cursor of another question."""
    try:
        asked, skip, *more = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        # Those of an older version name no memory.
        named = more.pop(0) if more and isinstance(more[0], str) else ""
        ahead, sessions, *sized = more or ((), ())
        (window,) = sized or (0,)
        mark = Bookmark(skip, tuple(ahead), tuple(sessions), named and check_id(named), window)
    except (ValueError, TypeError, RecursionError, binascii.Error, InvalidInput):
        asked, mark = None, Bookmark(-1)
    places = (mark.skip, *mark.ahead)
    numbers = all(isinstance(number, int) and number >= 0 for number in (*places, *mark.sessions, mark.window))
    if asked != question or not numbers or max(places) > _MOST_PLACES or mark.window > MAX_K:
        raise InvalidInput(
            f"The cursor {shown(cursor)} does not belong to this question.",
            hint="Repeat the question with all its filters exactly, or leave the cursor out to start again.",
        )
    return mark
