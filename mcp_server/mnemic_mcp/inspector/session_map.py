"""A session of working memory as a map: what stands where, what it costs, and what is shown of it."""

from __future__ import annotations

from dataclasses import dataclass

from mnemic.domain.working_memory.fragments import FragmentState
from mnemic.domain.working_memory.journal import Cell, Edit
from mnemic.domain.working_memory.messages import Message
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.stats import nudge, thresholds
from mnemic.domain.working_memory.subgoals import Subgoal

BAR_WIDTH, BAR_HEIGHT = 1_000, 64
_MOST_COLUMNS = 500
_TEXT_CHARS = 2_400
_EDITS_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message. ``number`` counts from 1; ``tokens`` of the original, ``shown`` of what is shown.

    ``state``: shown, folded, summarised, partly or hidden. ``original`` and ``view`` are the beginnings of both texts, calls
    included; ``reasons`` say why something else is shown than was said.
    """

    number: int
    id: str
    role: str
    name: str
    tokens: int
    shown: int
    state: str
    pinned: bool
    original: str
    view: str
    whole_chars: int
    reasons: tuple[str, ...]
    opens: Subgoal | None = None
    within: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A stretch of the token bar; ``fill`` is the height of what is shown of it. ``number`` is that of its first message."""

    x: float
    width: float
    fill: float
    role: str
    number: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMap:
    """A page of a session's messages, and the bar of all of them. Tokens throughout."""

    entries: tuple[Entry, ...]
    columns: tuple[Column, ...]
    messages: int
    tokens: int
    shown: int
    counts: dict[str, int]
    nudge: str | None
    reminded: int
    edits: tuple[Edit, ...]
    subgoals: tuple[Subgoal, ...]


def map_session(memory: WorkingMemory, *, start: int, limit: int) -> SessionMap:
    """The messages from ``start`` (from 0), at most ``limit``, and the whole bar."""
    reasons: dict[str, list[str]] = {}
    states: dict[str, set[FragmentState]] = {}
    pieces: dict[str, bool] = {}
    for fragment in memory.values(Cell.FRAGMENT).values():
        display = memory.display(fragment.id)
        if display is not None:
            states.setdefault(fragment.message_id, set()).add(display.state)
            pieces[fragment.message_id] = pieces.get(fragment.message_id, False) or not fragment.whole
            focus = f" (focus: {display.focus})" if display.focus else ""
            reasons.setdefault(fragment.message_id, []).append(
                f"{fragment.id} {display.state.value}: {display.reason}{focus}"
            )
    named = [
        _state(memory, at, states.get(message.id, set()), whole=not pieces.get(message.id, False))
        for at, message in enumerate(memory.messages)
    ]
    subgoals = memory.subgoals()
    opened = {subgoal.opened_at: subgoal for subgoal in subgoals}
    entries = []
    for at in range(start, min(start + limit, len(memory.messages))):
        message = memory.messages[at]
        within = next((one.number for one in subgoals if one.opened_at <= at < _end(one, len(memory.messages))), None)
        original, view = told(message), told(memory.render_of(at))
        entries.append(
            Entry(
                number=at + 1, id=message.id, role=message.role.value, name=_name(memory, message),
                tokens=memory.raw_tokens(at), shown=memory.shown_tokens(at), state=named[at],
                pinned=memory.is_pinned(message.id), original=original[:_TEXT_CHARS], view=view[:_TEXT_CHARS],
                whole_chars=max(len(original), len(view)), reasons=tuple(dict.fromkeys(reasons.get(message.id, ()))),
                opens=opened.get(at), within=within,
            )
        )  # fmt: skip
    return SessionMap(
        entries=tuple(entries), columns=draw_bar(memory), messages=len(memory.messages), tokens=memory.raw_tokens(),
        shown=memory.shown_tokens(), counts={state: named.count(state) for state in dict.fromkeys(named)},
        nudge=nudge(memory), reminded=thresholds(memory)[0], edits=tuple(memory.edits[-_EDITS_SHOWN:][::-1]),
        subgoals=tuple(subgoals),
    )  # fmt: skip


def draw_bar(memory: WorkingMemory) -> tuple[Column, ...]:
    """Every message as wide as its tokens; neighbours share a column where there are more than five hundred."""
    count, total = len(memory.messages), max(1, memory.raw_tokens())
    group = max(1, -(-count // _MOST_COLUMNS))
    columns, x = [], 0.0
    for start in range(0, count, group):
        places = range(start, min(start + group, count))
        tokens = sum(memory.raw_tokens(at) for at in places)
        shown = sum(memory.shown_tokens(at) for at in places)
        width = tokens / total * BAR_WIDTH
        message = memory.messages[start]
        fill = min(1.0, shown / tokens) * BAR_HEIGHT if tokens else 0.0
        columns.append(
            Column(
                x=round(x, 2), width=round(max(0.4, width - min(1.0, width / 4)), 2), role=message.role.value,
                fill=round(max(1.5, fill), 1), number=start + 1,
                title=f"{start + 1} {message.role.value}: {shown:,} of {tokens:,} tokens shown",
            )
        )  # fmt: skip
        x += width
    return tuple(columns)


def told(message: Message) -> str:
    """A message as one text: its words, then its calls."""
    calls = [f"{call.name}({call.arguments})" for call in message.calls]
    return "\n".join([*([message.text] if message.text else []), *calls])


def _state(memory: WorkingMemory, at: int, states: set[FragmentState], *, whole: bool) -> str:
    if memory.render_of(at) is memory.messages[at] or not states:
        return "shown"
    if not whole:
        return "partly"
    return "summarised" if FragmentState.SUMMARIZED in states else "folded"


def _end(subgoal: Subgoal, messages: int) -> int:
    return messages if subgoal.closed_at is None else subgoal.closed_at


def _name(memory: WorkingMemory, message: Message) -> str:
    """What a tool's message answers, or which tools a message calls."""
    if message.calls:
        return ", ".join(call.name for call in message.calls)
    at = None if message.answers is None else memory.call_position(message.answers)
    if at is None:
        return message.name or ""
    return next((call.name for call in memory.messages[at].calls if call.id == message.answers), "")
