"""Maintenance as a plan: what would be done to which memory and why, then done in one transaction, then undone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from mnemic.domain.memory import MemoryId, Namespace

PlanId = NewType("PlanId", str)

LOST = "no longer answered: "
"""How a plan that was taken back at once names a question, which is made from the words of memories."""


class Upkeep(StrEnum):
    """The kinds of maintenance."""

    PRUNE = "prune"
    CONSOLIDATE = "consolidate"
    MERGE = "merge"
    LINK = "link"
    EXPIRE = "expire"


class StepAction(StrEnum):
    """What a step does."""

    ARCHIVE = "archive"
    DELETE = "delete"
    NOTE = "note"
    LINK = "link"


class PlanStatus(StrEnum):
    """Where a plan stands. An unfinished one is still being drawn up."""

    UNFINISHED = "unfinished"
    PLANNED = "planned"
    APPLIED = "applied"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """One change. ``ids``: the memories it is about; ``detail`` holds what the action needs besides."""

    action: StepAction
    upkeep: Upkeep
    ids: tuple[str, ...]
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A maintenance plan of one namespace. ``examined`` counts the memories that were looked at.

    ``done``: the places in ``steps`` of what applying it did; ``created``: memories that it wrote; ``skipped``: what did
    not fit any more when it was applied or undone, and why.
    """

    id: PlanId
    namespace: Namespace
    upkeep: tuple[Upkeep, ...]
    rule: str
    status: PlanStatus
    created_at: datetime
    steps: tuple[PlanStep, ...] = ()
    examined: int = 0
    kept: tuple[str, ...] = ()
    applied_at: datetime | None = None
    undone_at: datetime | None = None
    done: tuple[int, ...] = ()
    created: tuple[MemoryId, ...] = ()
    skipped: tuple[str, ...] = ()
    cursor: dict[str, int] = field(default_factory=dict)
