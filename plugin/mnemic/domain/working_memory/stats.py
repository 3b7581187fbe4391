"""What is in a session, what it costs, and what could be folded.

Not part of any published method: Sculptor's agents only learn about their context from the results of tools.
"""

from __future__ import annotations

from dataclasses import dataclass

from mnemic.domain.memory import Role
from mnemic.domain.working_memory import safety
from mnemic.domain.working_memory.fragments import FragmentId, FragmentState, fold_marker
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import MessageId
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.errors import InvalidInput

NUDGE_AT = "nudge_at_tokens"
DEFAULT_NUDGES = (8_000, 16_000)
"""Where an agent is reminded to tidy up, and where it is urged to: the thresholds Memory-as-Action trained with."""
_MARKER_ID = FragmentId("f00000")


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentStats:
    id: FragmentId
    message_id: MessageId
    state: FragmentState
    tokens: int
    reason: str | None
    waiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStats:
    """``shown`` and ``tokens`` count what is shown and the original; ``foldable`` is what folding it would save now."""

    id: MessageId
    role: Role
    name: str | None
    tokens: int
    shown: int
    foldable: int
    pinned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextStats:
    """A session in numbers; all are tokens unless named otherwise. ``invalidated`` sums over all edits."""

    messages: tuple[MessageStats, ...]
    fragments: tuple[FragmentStats, ...]
    tokens: int
    shown: int
    foldable: int
    invalidated: int
    edits: int
    nudge: str | None


def context_stats(memory: WorkingMemory) -> ContextStats:
    """Everything there is to know about a session's size."""
    messages = tuple(
        MessageStats(
            id=message.id, role=message.role, name=message.name, tokens=memory.raw_tokens(at),
            shown=memory.shown_tokens(at), foldable=_foldable(memory, at), pinned=memory.is_pinned(message.id),
        )
        for at, message in enumerate(memory.messages)
    )  # fmt: skip
    fragments = tuple(
        FragmentStats(
            id=fragment.id, message_id=fragment.message_id, state=memory.state(fragment.id), tokens=fragment.tokens,
            reason=display.reason if (display := memory.display(fragment.id)) else None,
            waiting=memory.value(Cell.WAITING, fragment.id) is not None,
        )
        for fragment in memory.values(Cell.FRAGMENT).values()
    )  # fmt: skip
    return ContextStats(
        messages=messages, fragments=fragments, tokens=memory.raw_tokens(), shown=memory.shown_tokens(),
        foldable=sum(message.foldable for message in messages), edits=len(memory.edits),
        invalidated=sum(edit.invalidated for edit in memory.edits), nudge=nudge(memory),
    )  # fmt: skip


def nudge(memory: WorkingMemory) -> str | None:
    """What to tell the agent about the size of its context; None while it is small."""
    reminded, urged = thresholds(memory)
    shown = memory.shown_tokens()
    if shown < reminded:
        return None
    if shown < urged:
        return f"The context holds {shown:,} tokens. Fold or prune what is no longer needed."
    return (
        f"The context holds {shown:,} tokens, over the limit of {urged:,}: fold, summarise or prune before you go on."
    )


def thresholds(memory: WorkingMemory) -> tuple[int, int]:
    found = memory.value(Cell.OPTION, NUDGE_AT)
    return DEFAULT_NUDGES if found is None else (int(found[0]), int(found[1]))


def _foldable(memory: WorkingMemory, at: int) -> int:
    """What folding a message's text safely would save."""
    message = memory.messages[at]
    shown = memory.part_tokens((message.id, None)) if memory.render_of(at) is message else memory.shown_tokens(at)
    if memory.is_pinned(message.id) or shown < 2 * memory.count(fold_marker(_MARKER_ID, shown)):
        return 0
    fragment, _ = memory.covering((message.id, None))
    try:
        hidden = safety.check(memory, [fragment])
    except InvalidInput:
        return 0
    left = memory.count(fold_marker(_MARKER_ID, shown)) + sum(memory.count(line) + 1 for line in hidden.kept_lines)
    return max(0, shown - left)
