"""A session as pages of text: its view, its numbers, its journal. Each page fits a token budget and says where to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from mnemic.domain.quoting import visible
from mnemic.domain.working_memory.journal import Cell, Edit
from mnemic.domain.working_memory.packs import shown_text
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.stats import context_stats, nudge
from mnemic.domain.working_memory.subgoals import Subgoal
from mnemic.domain.working_memory.summaries import shorten
from mnemic.domain.working_memory.task_graph import tasks_of
from mnemic.errors import InvalidInput


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
    """Entries from ``start`` on, whole where possible, at most ``budget_tokens``. Raises `InvalidInput` for a bad start."""
    lines = _SOURCES[what]
    count = len(memory.edits) if what is Shown.LOG else len(memory.messages)
    if not 0 <= start <= count:
        raise InvalidInput(f"The cursor is {start}.", hint=f"Give a number from 0 to {count}.")
    shown: list[str] = [_head(memory)] if what is Shown.STATS and start == 0 else []
    used = sum(map(memory.count, shown))
    for at, text in islice(lines(memory), start, None):
        if text is None:
            continue
        cost = memory.count(text) + 1
        if used + cost > budget_tokens:
            if shown:
                return Page(text="\n".join(shown), next=at)
            cut = shorten(text, count_tokens=memory.count, max_tokens=max(budget_tokens - 20, 1))
            return Page(text=f"{cut}\n[cut]", next=at + 1 if at + 1 < count else None)
        shown.append(text)
        used += cost
    return Page(text="\n".join(shown) or "Nothing yet.", next=None)


def _view(memory: WorkingMemory) -> Iterator[tuple[int, str | None]]:
    for at, message in enumerate(memory.render()):
        yield at, shown_text(message)


def _log(memory: WorkingMemory) -> Iterator[tuple[int, str | None]]:
    for at, edit in enumerate(memory.edits):
        yield at, _logged(edit)


def _logged(edit: Edit) -> str:
    who = "policy" if edit.automatic else "agent"
    size = edit.tokens_after - edit.tokens_before
    line = f"{edit.number} {edit.tool} by the {who}: {size:+d} tokens, {edit.invalidated} of the prefix invalidated"
    reasons = {
        change.key: change.after.reason for change in edit.changes if change.cell is Cell.DISPLAY and change.after
    }
    return "\n".join([line, *(f"  {id}: {reason}" for id, reason in reasons.items())])


def _stats(memory: WorkingMemory) -> Iterator[tuple[int, str | None]]:
    stats = context_stats(memory)
    fragments: dict[str, list[str]] = {}
    for fragment in stats.fragments:
        state = f"{fragment.state.value}{', waiting' if fragment.waiting else ''}"
        fragments.setdefault(fragment.message_id, []).append(f"{fragment.id} {state} {fragment.tokens}")
    for at, message in enumerate(stats.messages):
        parts = [f"{message.id} {message.role.value}"]
        parts += [message.name] if message.name else []
        parts += [call.id for call in memory.messages[at].calls]
        parts.append(
            f"{message.shown} of {message.tokens} tokens"
            if message.shown != message.tokens
            else f"{message.tokens} tokens"
        )
        parts += [f"folding saves {message.foldable}"] if message.foldable else []
        parts += ["pinned"] if message.pinned else []
        parts += [f"[{'; '.join(fragments[message.id])}]"] if message.id in fragments else []
        yield at, visible(" · ".join(parts))


def _head(memory: WorkingMemory) -> str:
    shown, raw = memory.shown_tokens(), memory.raw_tokens()
    lines = [f"{len(memory.messages)} messages, {shown:,} of {raw:,} tokens shown, {len(memory.edits)} edits"]
    if (reminder := nudge(memory)) is not None:
        lines.append(reminder)
    lines += [_subgoal_line(subgoal) for subgoal in memory.subgoals()]
    lines += [
        f"task {task.id} ({task.status.value}{', after ' + ', '.join(task.after) if task.after else ''}): "
        f"{visible(task.title)}"
        for task in tasks_of(memory).values()
    ]
    return "\n".join(lines)


def _subgoal_line(subgoal: Subgoal) -> str:
    state = "open" if subgoal.is_open else "closed"
    return f"subgoal {subgoal.number} ({state}): {visible(subgoal.text)}"


_SOURCES: dict[Shown, Callable[[WorkingMemory], Iterator[tuple[int, str | None]]]] = {
    Shown.VIEW: _view,
    Shown.STATS: _stats,
    Shown.LOG: _log,
}
