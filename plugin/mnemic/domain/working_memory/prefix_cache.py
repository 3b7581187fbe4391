"""What edits cost where a provider caches the prefix of a prompt.

Reading a cached token costs a fraction of a fresh one, writing it a little more. An edit shortens every later prompt, but
what follows the first changed token must be written again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mnemic.domain.working_memory.fragments import Display
from mnemic.domain.working_memory.journal import Cell, Change, Edit
from mnemic.domain.working_memory.session import WorkingMemory

BATCHING = "batching"
"""The session's option: edits wait until together they save more than they cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePrices:
    """Prices of a token relative to an uncached one, and how many more prompts are expected."""

    read: float = 0.1
    write: float = 1.25
    expected_steps: float = 20.0

    def pays(self, *, saved_tokens: int, suffix_tokens: int) -> bool:
        """Whether saving ``saved_tokens`` is worth rewriting the rest of ``suffix_tokens`` behind the first change."""
        rewritten = max(0, suffix_tokens - saved_tokens)
        return saved_tokens * self.read * self.expected_steps > (self.write - self.read) * rewritten


def record_hiding(memory: WorkingMemory, tool: str, changes: Iterable[Change], arguments: dict[str, Any]) -> Edit:
    """Record an edit that hides something: at once, or with `BATCHING` when all that waits pays together."""
    if not memory.value(Cell.OPTION, BATCHING):
        return memory.record(tool, changes, arguments=arguments)
    held = [
        memory.change(Cell.WAITING, change.key, change.after) if change.cell is Cell.DISPLAY else change
        for change in changes
    ]
    edit = memory.record(tool, held, arguments=arguments)
    return release(memory) or edit


def release(memory: WorkingMemory, *, prices: CachePrices | None = None, force: bool = False) -> Edit | None:
    """Apply all edits that wait, as one, if that pays now or is forced. None while they go on waiting."""
    waiting: dict[str, Display] = memory.values(Cell.WAITING)
    if not waiting:
        return None
    fragments = [memory.fragment(id) for id in waiting]
    # What was pinned since must stay in view.
    fragments = [fragment for fragment in fragments if not memory.is_pinned(fragment.message_id)]
    if not fragments:
        return None
    first = min(memory.position(fragment.message_id) for fragment in fragments)
    saved = sum(
        fragment.tokens - memory.count(waiting[fragment.id].text)
        for fragment in fragments
        if memory.display(fragment.id) is None
    )
    suffix = memory.shown_tokens_since(first)
    if not force and not (prices or CachePrices()).pays(saved_tokens=saved, suffix_tokens=suffix):
        return None
    changes = []
    for id, display in [(fragment.id, waiting[fragment.id]) for fragment in fragments]:
        changes += [memory.change(Cell.DISPLAY, id, display), memory.change(Cell.WAITING, id, None)]
    return memory.record(
        "release", changes, arguments={"saved": saved, "suffix": suffix, "forced": force}, automatic=not force
    )
