"""What an agent did for a task, step by step, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

SUCCESS_THRESHOLD = 1.0
"""The reward from which on a trajectory counts as a success (ReMe's code)."""

_MOST_DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action and what came of it.

    ``tool`` is the tool's name, of a command in words its verb (``go to``); ``arguments`` the values by name;
    ``action`` the text as the agent wrote it, ``thought`` what it said besides. ``told`` is what the user said since
    the step before. ``error`` is the class of the failure when the observation reports one (see
    `failures.error_class`).
    """

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    action: str = ""
    thought: str = ""
    observation: str = ""
    told: str = ""
    error: str | None = None
    in_words: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """The steps of one trial.

    ``task_id`` is the same for all trials of a task, ``closing`` what the user said after the last step; ``reward`` is None
    when nobody gave one.
    """

    id: str
    task_id: str
    task: str
    steps: tuple[Step, ...]
    reward: float | None = None
    closing: str = ""

    def outcome(self, success_threshold: float = SUCCESS_THRESHOLD) -> bool | None:
        """Whether it succeeded; None when that is not known."""
        return None if self.reward is None else self.reward >= success_threshold


def scalars_of(value: Any, depth: int = 0) -> Iterator[str]:
    """The text, numbers and truth values inside a JSON value, as text, in order."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from scalars_of(item, depth + 1) if depth < _MOST_DEPTH else ()
    elif isinstance(value, list | tuple):
        for item in value:
            yield from scalars_of(item, depth + 1) if depth < _MOST_DEPTH else ()
    elif value is not None:
        yield str(value)
