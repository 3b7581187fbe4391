"""Experiences as dots: how often each was tried, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from mnemic import MemoryRecord
from mnemic.domain.learning.utility import Utility
from mnemic.domain.memory import MemoryId
from mnemic_mcp.inspector.showing import plain_short

WIDTH, HEIGHT = 960, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 34
_DOUBTFUL = 2.5
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """``mood``: good, fair or bad, by its value and the doubt about it. ``proposed``: a plan would archive it."""

    id: MemoryId
    x: float
    y: float
    mood: str
    proposed: bool
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A drawing of `WIDTH` by `HEIGHT`. ``across`` and ``up`` are ticks as (place, label). ``untried`` are not drawn."""

    dots: tuple[Dot, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    untried: int


def draw_utility(
    records: Sequence[MemoryRecord], utilities: Mapping[MemoryId, Utility], proposed: Set[str]
) -> Plot | None:
    """Trials from left to right, each doubling as wide as the last; value -1..1 upwards. None where nothing was tried."""
    tried = [(record, utilities[record.id]) for record in records if record.id in utilities]
    tried = [(record, utility) for record, utility in tried if utility.trials]
    if not tried:
        return None
    most = max(utility.trials for _, utility in tried)
    dots, taken = [], dict[tuple[float, float], int]()
    for record, utility in tried:
        place = (_across(utility.trials, most), _up(utility.q_value))
        # Those with the same fate stand side by side.
        beside = taken[place] = taken.get(place, -1) + 1
        rate = f"{utility.successes} of {utility.trials} succeeded, value {utility.q_value:+.2f}, doubt {utility.doubt:.1f}"
        dots.append(
            Dot(
                id=record.id, x=round(min(place[0] + beside * 7, WIDTH - _RIGHT), 1), y=place[1], mood=mood_of(utility),
                proposed=record.id in proposed, title=f"{plain_short(record.text, 60)}: {rate}",
            )
        )  # fmt: skip
    return Plot(
        dots=tuple(dots), untried=len(records) - len(tried),
        across=tuple((_across(tick, most), f"{tick:,}") for tick in _TICKS if tick <= most),
        up=tuple((_up(value), f"{value:+.1f}" if value else "0") for value in (-1.0, -0.5, 0.0, 0.5, 1.0)),
    )  # fmt: skip


def mood_of(utility: Utility) -> str:
    """good, fair or bad."""
    if utility.doubt >= _DOUBTFUL or utility.q_value < -0.2:
        return "bad"
    return "good" if utility.q_value > 0.2 else "fair"


def _across(trials: int, most: int) -> float:
    share = math.log2(trials + 1) / math.log2(most + 1)
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT - 30), 1)


def _up(value: float) -> float:
    return round(_TOP + (1 - value) / 2 * (HEIGHT - _TOP - _BOTTOM), 1)
