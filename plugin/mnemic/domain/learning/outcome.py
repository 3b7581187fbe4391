"""How a task ended, and which memories had a part in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from mnemic.domain.learning.utility import SUCCESS_REWARD
from mnemic.domain.memory import MemoryId, Namespace
from mnemic.domain.provenance import Origin

OutcomeId = NewType("OutcomeId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutcome:
    """One finished task. Never changed once it is recorded.

    ``task``: what was asked, in words; the same words are the same task. ``reward`` 0..1. ``used``: the memories that
    the agent said it used; ``shown``: those delivered to it besides. ``attributed``: the agent said what it used, if
    only that it was nothing. ``episodes``: the memories that tell what happened. ``key`` names the report, so that a
    retry is not counted twice.
    """

    id: OutcomeId
    namespace: Namespace
    task: str
    reward: float
    at: datetime
    origin: Origin
    used: tuple[MemoryId, ...] = ()
    shown: tuple[MemoryId, ...] = ()
    episodes: tuple[MemoryId, ...] = ()
    attributed: bool = True
    key: str | None = None

    @property
    def success(self) -> bool:
        """Whether the reward is the full one."""
        return self.reward >= SUCCESS_REWARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How the latest tasks of a namespace ended. ``finished`` counts all there ever were, the others the latest alone."""

    finished: int
    recent: int
    recent_successes: int
