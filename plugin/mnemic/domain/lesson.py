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
    """A pattern to avoid, kept apart from memories: never recalled, only consulted.

    ``bad_edges`` are the typed edges that only the rejected path had, sorted; ``fingerprint`` is the same for the same
    edges. ``path_text`` and ``query`` tell people where it comes from; they are emptied when its source is erased.
    """

    id: LessonId
    namespace: Namespace
    bad_edges: tuple[Edge, ...]
    fingerprint: str
    source: MemoryId | None
    path_text: str
    query: str
    created_at: datetime
    expires_at: datetime
    hits: int = 0
    last_hit_at: datetime | None = None
    status: LessonStatus = LessonStatus.ACTIVE

    def heeded_at(self, now: datetime) -> bool:
        """Whether it counts at this moment."""
        return self.status is LessonStatus.ACTIVE and now < self.expires_at
