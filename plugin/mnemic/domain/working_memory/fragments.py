"""Fragments: addressable pieces of messages, and what is shown in their place.

The tools, ids and limits are those of Sculptor (Active Context Management, section F of the paper); what it leaves open
(where cuts fall, what a marker may match) is decided here and said at each function.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from mnemic.domain.working_memory.messages import MessageId

FragmentId = NewType("FragmentId", str)
"""``f`` and five characters of base 36, unique within a session."""

ID_CHARS = 6
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)
_BOUNDARY = re.compile(r"\n|(?<=[.!?]) ")


class FragmentState(StrEnum):
    """What is shown of a fragment: itself, a marker, or other words in its place."""

    VISIBLE = "visible"
    FOLDED = "folded"
    SUMMARIZED = "summarized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A piece of a message: characters ``start`` to ``end`` (exclusive) of its text, or of a call's arguments.

    ``whole`` is a cover: it spans all of its part and goes before the pieces cut out of the same part. ``tokens`` counts
    the original.
    """

    id: FragmentId
    message_id: MessageId
    start: int
    end: int
    tokens: int
    call_id: str | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """How a fragment is shown now, and why. ``text`` stands in its place, exactly."""

    state: FragmentState
    text: str
    reason: str
    focus: str | None = None


def fold_marker(fragment_id: FragmentId, tokens: int) -> str:
    """What stands for folded content."""
    return f"[folded {fragment_id} · {tokens} tok · restore_fragment to view]"


def summary_marker(fragment_id: FragmentId, summary: str, focus: str) -> str:
    """What stands for summarised content."""
    return f"[summary of {fragment_id} (focus: {focus})] {summary}"


def make_id(prefix: str, taken: Callable[[str], bool], *parts: object) -> str:
    """An id of six characters that is the same for the same ``parts``, and free."""
    for attempt in range(1_000):
        joined = "\x1f".join(map(str, (*parts, attempt)))
        number = int.from_bytes(hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        id = prefix + "".join(_BASE36[number // 36**at % 36] for at in range(ID_CHARS - 1))
        if not taken(id):
            return id
    raise AssertionError("a thousand ids in a row were taken")  # pragma: no cover  # 60 million are possible


def solid_spans(text: str) -> list[tuple[int, int]]:
    """What must not be cut: fenced code blocks, and the JSON object or array that a text or a paragraph consists of."""
    spans: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for match in _FENCE.finditer(text):
        if opened is None:
            opened = (match.start(), match.group(1))
        elif match.group(1) == opened[1]:
            line_end = text.find("\n", match.end())
            spans.append((opened[0], len(text) if line_end < 0 else line_end))
            opened = None
    if opened is not None:
        spans.append((opened[0], len(text)))
    spans += _json_spans(text, spans)
    return sorted(spans)


def cut_points(text: str, start: int, end: int, pieces: int) -> list[int]:
    """Where to cut ``text[start:end]`` into ``pieces``, ascending; fewer when there is no place left to cut.

    Each cut is the line or sentence boundary nearest to an equal share, a space where there is neither, and never inside
    a code fence or a JSON object.
    """
    solid = solid_spans(text)
    places = _allowed([match.end() for match in _BOUNDARY.finditer(text, start, end)], start, end, solid)
    if len(places) < pieces - 1:
        places = _allowed([match.end() for match in re.compile(r"\s").finditer(text, start, end)], start, end, solid)
    if len(places) < pieces - 1:
        places = _allowed(range(start + 1, end), start, end, solid)
    cuts: list[int] = []
    for number in range(1, pieces):
        wanted = start + (end - start) * number // pieces
        # Leave a place for each cut that is still to come.
        low = bisect_left(places, cuts[-1] + 1) if cuts else 0
        high = len(places) - (pieces - 1 - number)
        free = places[low : max(high, low)]
        if not free:
            break
        at = bisect_left(free, wanted)
        cuts.append(min(free[max(at - 1, 0) : at + 1], key=lambda place: abs(place - wanted)))
    return cuts


def containing_span(spans: Sequence[tuple[int, int]], place: int) -> tuple[int, int] | None:
    """The span that a cut at ``place`` would break."""
    return next((span for span in spans if span[0] < place < span[1]), None)


def _allowed(places: Sequence[int], start: int, end: int, solid: Sequence[tuple[int, int]]) -> list[int]:
    starts = [span[0] for span in solid]
    kept = []
    for place in places:
        at = bisect_left(starts, place) - 1
        if start < place < end and (at < 0 or place >= solid[at][1]):
            kept.append(place)
    return kept


def _json_spans(text: str, fences: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Objects and arrays that begin a line, found by their brackets: one pass, strings skipped."""
    spans: list[tuple[int, int]] = []
    at = 0
    starts = [low for low, _ in fences]
    for match in re.compile(r"^[ \t]*+(?=[{\[])", re.MULTILINE).finditer(text):
        begin = match.end()
        fence = bisect_left(starts, begin + 1) - 1
        if begin < at or (fence >= 0 and begin < fences[fence][1]):
            continue
        end = _closing(text, begin)
        if end is None:
            break  # brackets that never close: what follows was looked at once, and is not looked at again
        if text[begin + 1 : begin + 2] not in {"", " "} or '"' in text[begin:end]:
            spans.append((begin, end))
        at = end
    return spans


# A string that never ends is taken whole, so that nothing is looked at twice.
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)


def _closing(text: str, begin: int) -> int | None:
    """The position after the bracket that closes the one at ``begin``."""
    depth = 0
    for match in _BRACKET.finditer(text, begin):
        char = match.group()
        if char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
            if depth == 0:
                return match.end()
    return None
