"""A session as pages of text: its view, its numbers, its journal. Each page fits a token budget and says where to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from mnemic.domain.counting import counted
from mnemic.domain.quoting import visible
from mnemic.domain.validation import check_count
from mnemic.domain.working_memory.journal import Cell, Edit
from mnemic.domain.working_memory.packs import shown_text, task_line
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.stats import context_stats
from mnemic.domain.working_memory.subgoals import Subgoal
from mnemic.domain.working_memory.summaries import shorten
from mnemic.domain.working_memory.task_graph import tasks_of

MIN_PAGE_TOKENS = 100
MAX_PAGE_TOKENS = 10_000_000


class Shown(StrEnum):
    """What of a session is shown."""

    VIEW = "view"
    STATS = "stats"
    LOG = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """``next`` is where the next page begins, None after the last one."""

    text: str
    next: int | None


def page(memory: WorkingMemory, what: Shown, *, start: int, budget_tokens: int) -> Page:
    """Entries from ``start`` on, whole where possible, at most ``budget_tokens``.

    An entry that alone is too long is cut. Raises `InvalidInput` for a start that is not there and for a small budget.
    """
    check_count(budget_tokens, name="budget_tokens", low=MIN_PAGE_TOKENS, high=MAX_PAGE_TOKENS)
    entries = _SOURCES[what](memory)
    check_count(start, name="cursor", low=0, high=len(entries))
    shown: list[str] = []
    used = 0
    for at in range(start, len(entries)):
        text = entries[at]()
        if text is None:
            continue
        cost = memory.count(text) + 1
        if used + cost > budget_tokens:
            if shown:
                return Page(text="\n".join(shown), next=at)
            cut = shorten(text, count_tokens=memory.count, max_tokens=budget_tokens - 20)
            return Page(text=f"{cut}\n[cut]", next=at + 1 if at + 1 < len(entries) else None)
        shown.append(text)
        used += cost
    return Page(text="\n".join(shown) or "Nothing yet.", next=None)


Entry = Callable[[], str | None]
"""Makes one entry of a page when its turn comes; None for one that shows nothing."""


def _view(memory: WorkingMemory) -> list[Entry]:
    return [partial(shown_text, memory, at) for at in range(len(memory.messages))]


def _log(memory: WorkingMemory) -> list[Entry]:
    return [partial(_logged, edit) for edit in memory.edits]


def _logged(edit: Edit) -> str:
    who = "policy" if edit.automatic else "agent"
    size = edit.tokens_after - edit.tokens_before
    line = f"{edit.number} {edit.tool} by the {who}: {size:+d} tokens, {edit.invalidated} of the prefix invalidated"
    reasons = {
        change.key: change.after.reason for change in edit.changes if change.cell is Cell.DISPLAY and change.after
    }
    return "\n".join([line, *(f"  {id}: {reason}" for id, reason in reasons.items())])


def _stats(memory: WorkingMemory) -> list[Entry]:
    stats = context_stats(memory)
    fragments: dict[str, list[str]] = {}
    for fragment in stats.fragments:
        state = f"{fragment.state.value}{', waiting' if fragment.waiting else ''}"
        fragments.setdefault(fragment.message_id, []).append(f"{fragment.id} {state} {fragment.tokens}")
    lines = [
        f"{counted(len(stats.messages), 'message')}, {stats.shown:,} of {stats.tokens:,} tokens shown, "
        f"{counted(stats.edits, 'edit')}",
        *([stats.nudge] if stats.nudge else []),
        *map(_subgoal_line, memory.subgoals()),
        *map(task_line, tasks_of(memory).values()),
    ]
    for message, raw in zip(stats.messages, memory.messages, strict=True):
        parts = [f"{message.id} {message.role.value}", *([message.name] if message.name else [])]
        parts += [call.id for call in raw.calls]
        of = f" of {message.tokens}" if message.shown != message.tokens else ""
        parts.append(f"{message.shown}{of} tokens")
        parts += [f"folding saves {message.foldable}"] if message.foldable else []
        parts += ["pinned"] if message.pinned else []
        parts += [f"[{'; '.join(fragments[message.id])}]"] if message.id in fragments else []
        lines.append(visible(" · ".join(parts)))
    return [partial(str, line) for line in lines]


def _subgoal_line(subgoal: Subgoal) -> str:
    state = "open" if subgoal.is_open else "closed"
    return f"subgoal {subgoal.number} ({state}): {visible(subgoal.text)}"


_SOURCES: dict[Shown, Callable[[WorkingMemory], list[Entry]]] = {
    Shown.VIEW: _view,
    Shown.STATS: _stats,
    Shown.LOG: _log,
}
