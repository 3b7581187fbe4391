"""The journal of a working memory: every edit as the values it set, with those they replaced.

An edit is data, not code: replaying a journal sets values and runs no rule again, so that every process that reads it
comes to the same state, and undoing one sets the old values back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Cell(StrEnum):
    """What kind of value an edit sets."""

    FRAGMENT = "fragment"  # by fragment id: Fragment
    DISPLAY = "display"  # by fragment id: Display; None shows the original
    WAITING = "waiting"  # by fragment id: Display that is held back until it pays
    PIN = "pin"  # by message id: the reason
    SUBGOAL = "subgoal"  # by number: Subgoal
    EXPANDED = "expanded"  # by number of a retrieved subgoal: what was shown of its fragments
    TASK = "task"  # by task id: Task
    SEARCH_HIT = "search_hit"  # by search id: SearchHit
    OPTION = "option"  # by name: a setting of the session


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One value set: ``before`` and ``after``, None where there is none."""

    cell: Cell
    key: str
    before: Any
    after: Any

    def inverted(self) -> Change:
        return Change(cell=self.cell, key=self.key, before=self.after, after=self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One step of the journal.

    ``number`` counts from 1. ``at_message`` is how many messages there were. ``automatic``: made by a policy and not
    asked for. ``reverses`` is the number of the edit that this one undoes or does again. ``tokens_before`` and
    ``tokens_after`` count what is shown; ``invalidated`` is how many tokens of the prompt's prefix stopped being a prefix.
    """

    number: int
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    at_message: int = 0
    automatic: bool = False
    reverses: int | None = None
    tokens_before: int = 0
    tokens_after: int = 0
    invalidated: int = 0
