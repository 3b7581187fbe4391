"""A part of a plan that is being drawn up."""

from __future__ import annotations

from dataclasses import dataclass

from mnemic.domain.learning.plan import PlanStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What was examined, the steps that follow from it, and where to go on. ``place`` 0: this was the last."""

    examined: int
    steps: tuple[PlanStep, ...] = ()
    kept: tuple[str, ...] = ()
    place: int = 0
