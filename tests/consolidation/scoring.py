"""How the boundaries that were found between episodes agree with the true ones."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryScores:
    """How boundaries agree with the true ones. All 0..1; ``window_diff`` counts errors, the others hits."""

    precision: float
    recall: float
    f1: float
    window_diff: float


def score_boundaries(found: Set[int], true: Set[int], count: int, *, tolerance: int = 2) -> BoundaryScores:
    """Compare boundaries (first turns, without turn 0) of ``count`` turns.

    A boundary is hit within ``tolerance`` turns, each at most once. WindowDiff (Pevzner & Hearst 2002): the share of
    windows of half a mean true segment in which the numbers of boundaries differ.
    """
    free = sorted(true)
    hits = 0
    for at in sorted(found):
        near = [place for place in free if abs(place - at) <= tolerance]
        if near:
            free.remove(min(near, key=lambda place: (abs(place - at), place)))
            hits += 1
    precision = hits / len(found) if found else 0.0
    recall = hits / len(true) if true else 0.0
    width = max(2, round(count / (len(true) + 1) / 2))
    mine, theirs = ([0] * (count + 1) for _ in range(2))
    for at in range(count):
        mine[at + 1] = mine[at] + (at in found)
        theirs[at + 1] = theirs[at] + (at in true)
    windows = max(count - width, 0)
    wrong = sum(mine[at + width] - mine[at] != theirs[at + width] - theirs[at] for at in range(1, windows + 1))
    return BoundaryScores(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if hits else 0.0,
        window_diff=wrong / windows if windows else 0.0,
    )
