"""Where one piece of an agent's work ends and the next begins, told from its calls alone."""

from __future__ import annotations

import re

from mnemic.domain.folding.items import FoldingItem, ItemKind
from mnemic.domain.folding.visible import word_key

# Verbs that change nothing, at the head of a tool's name: "get_user", "searchFlights", "wait1".
_READS = re.compile(
    r"(?:get|list|search|read|look|open|wait|think|calculate|find|view|fetch|show|check|query|describe|inventory)"
    r"(?![a-z])",
)
_SHORT_FAILURE = 200
_FAILURE = re.compile(
    r"\b(?:error|exception|traceback|failed|failure|invalid|not found|no such|cannot|could not|couldn't|unable to"
    r"|permission denied|forbidden|nothing happens|no known|not possible|not allowed)\b",
    re.IGNORECASE,
)
FAILURE_LINE = re.compile(r"error|exception|fail|invalid|not found|no such|denied|traceback", re.IGNORECASE)
_NO_EFFECT = re.compile(r"\balready\b", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def is_read_by_name(name: str) -> bool:
    """Whether a tool's name starts with a verb that only looks; a namespace before it (``db.get``) is skipped."""
    tail = re.split(r"[./:]|__", name)[-1]
    return _READS.match(_CAMEL.sub("_", tail).lower()) is not None


def has_failed(item: FoldingItem) -> bool:
    """Whether a result says that the call failed. Only short results are read: long ones quote such words."""
    return item.is_error or (len(item.text) <= _SHORT_FAILURE and _FAILURE.search(item.text) is not None)


def _had_no_effect(item: FoldingItem) -> bool:
    """Whether a result says that the call did nothing: it failed, or what it asked for was so already."""
    return has_failed(item) or (len(item.text) <= _SHORT_FAILURE and _NO_EFFECT.search(item.text) is not None)


class Segmenter:
    """Numbers the chunks of a conversation.

    A chunk ends before a user's message, after the first success of an act that changes something, when the host says so,
    and before a step when it has ``max_steps`` steps. A step is what an agent does between two things it is told.
    """

    def __init__(self, *, max_steps: int, milestones: bool) -> None:
        self.current = 0
        self.ends: list[int] = []
        self.milestones: list[int] = []
        self._max_steps = max_steps
        self._uses_milestones = milestones
        self._steps = 0
        self._size = 0
        self._last: ItemKind | None = None
        self._done: set[str] = set()

    def before(self, item: FoldingItem, index: int, *, answers: bool) -> None:
        """Close the chunk if item ``index`` must not join it. ``answers`` says that it is the result of a known call."""
        acts = item.kind in (ItemKind.THOUGHT, ItemKind.SAY, ItemKind.CALL)
        told = self._last in (None, ItemKind.OBSERVATION, ItemKind.USER)
        starts = (acts and told) or (item.kind is ItemKind.OBSERVATION and not answers)
        if item.kind is ItemKind.USER or (starts and self._steps >= self._max_steps):
            self.close(index)
        self._steps += starts
        self._size += 1
        self._last = item.kind

    def after(self, call: FoldingItem | None, result: FoldingItem, index: int, *, read: bool) -> bool:
        """Close the chunk if the result at ``index`` is a milestone; returns whether it is one."""
        if call is None or read or _had_no_effect(result):
            return False
        act = f"{call.name} {word_key(call.text)}"
        if act in self._done:
            return False
        self._done.add(act)
        if self._uses_milestones:
            self.milestones.append(index + 1)
            self.close(index + 1)
        return True

    def close(self, index: int) -> None:
        """End the chunk before item ``index``; without effect on an empty chunk."""
        if self._size:
            self.current += 1
            self.ends.append(index)
            self._size = self._steps = 0
