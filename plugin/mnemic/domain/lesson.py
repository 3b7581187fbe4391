"""Lessons of the guard: what a rejected reasoning path did that no trusted one did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from mnemic.domain.memory import MemoryId, Namespace

LessonId = NewType("LessonId", str)
"""Public id: ``l`` and 15 characters, made as those of memories are."""

Edge = tuple[str, str, str]
"""A step of a reasoning path: head, relation, tail."""


class LessonStatus(StrEnum):
    """Whether a lesson is heeded. An expired one is active and past its time."""

    ACTIVE = "active"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What to beware of. It is kept apart from memories: never recalled, only consulted.

    ``bad_edges`` are the typed edges that only the rejected path had, never empty; ``fingerprint`` is that of their set.
    ``trigger_text`` is the action of the rejected memory and ``path_text`` its bad edges in words: both quote an attacker,
    so they are for people and for matching and never go to an agent. ``source`` is the rejected memory; erasing
    that erases the lesson.
    """

    id: LessonId
    namespace: Namespace
    trigger_text: str
    bad_edges: frozenset[Edge]
    path_text: str
    query: str
    source: MemoryId | None
    fingerprint: int
    created_at: datetime
    expires_at: datetime
    hits: int = 0
    last_hit_at: datetime | None = None
    status: LessonStatus = LessonStatus.ACTIVE

    def heeded_at(self, now: datetime) -> bool:
        """Whether it counts at this moment."""
        return self.status is LessonStatus.ACTIVE and now < self.expires_at
