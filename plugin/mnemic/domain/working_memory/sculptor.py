"""Sculptor's six tools: cut, fold, summarise, restore, search, look closer.

Names, required fields, defaults and ranges are the published ones (Active Context Management, section F). Each function
changes a session by one edit, or raises `InvalidInput` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from mnemic.domain.counting import counted
from mnemic.domain.folding.items import folded_arguments
from mnemic.domain.validation import check_count, check_text
from mnemic.domain.working_memory import safety
from mnemic.domain.working_memory.fragments import (
    Display,
    Fragment,
    FragmentId,
    FragmentState,
    containing_span,
    cut_points,
    fold_marker,
    solid_spans,
    summary_marker,
)
from mnemic.domain.working_memory.journal import Cell, Change
from mnemic.domain.working_memory.messages import Message, MessageId
from mnemic.domain.working_memory.outcome import EditOutcome
from mnemic.domain.working_memory.prefix_cache import record_hiding
from mnemic.domain.working_memory.search import messages_of
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.summaries import extract, shorten
from mnemic.errors import InvalidInput

Summarise = Callable[[str, str], str]
"""Gives a summary of a text with a focus. It may raise or give nothing: the extract serves then."""

MAX_MARKER_CHARS = 2_000
MAX_FOCUS_CHARS = 500
SUMMARY_SHARE = 0.25  # of the original's tokens
_MIN_SUMMARY_TOKENS = 24


def fragment_context(
    memory: WorkingMemory, *, start_marker: str, end_marker: str, num_fragments: int = 5, role: str = "user"
) -> EditOutcome:
    """Cut the text from ``start_marker`` to ``end_marker``, both included, into ``num_fragments`` (1-20) pieces.

    Markers are matched exactly, in the originals, and must be unambiguous. With ``role="all"`` the text may go over
    several messages; no piece does. Pieces that are in the way are given up if they are visible.
    """
    check_count(num_fragments, name="num_fragments", low=1, high=20)
    start, end = _marked(memory, start_marker, end_marker, messages_of(memory, role), role)
    spans = [
        (at, start[1] if at == start[0] else 0, end[1] if at == end[0] else len(memory.messages[at].text))
        for at in range(start[0], end[0] + 1)
        if at in (start[0], end[0]) or memory.messages[at].text
    ]
    spans = [span for span in spans if span[1] < span[2] and not memory.is_pinned(memory.messages[span[0]].id)]
    if not spans:
        raise InvalidInput("The text between the markers is pinned.", hint="Unpin it first, or choose other markers.")
    if num_fragments < len(spans):
        raise InvalidInput(
            f"The markers span {len(spans)} messages, and a fragment lies within one message.",
            hint=f"Ask for {len(spans)} fragments or more, or mark a shorter text.",
        )
    changes: list[Change] = []
    made: list[Fragment] = []
    for (at, low, high), pieces in zip(
        spans, _shares([high - low for _, low, high in spans], num_fragments), strict=True
    ):
        message = memory.messages[at]
        changes += _clear(memory, message.id, low, high)
        bounds = [low, *_cuts(message.text, low, high, pieces), high]
        for begin, stop in pairwise(bounds):
            made.append(_make_fragment(memory, message, begin, stop, [fragment.id for fragment in made]))
    changes += [memory.change(Cell.FRAGMENT, fragment.id, fragment) for fragment in made]
    edit = memory.record(
        "fragment_context", changes,
        arguments={"start_marker": start_marker, "end_marker": end_marker, "num_fragments": num_fragments, "role": role},
    )  # fmt: skip
    listed = "\n".join(
        f"{fragment.id}: {fragment.tokens} tokens, {_preview(memory.original(fragment))}" for fragment in made
    )
    return EditOutcome(
        said=f"Cut into {counted(len(made), 'fragment')}:\n{listed}",
        edit=edit,
        ids=tuple(fragment.id for fragment in made),
    )


def fold_fragment(memory: WorkingMemory, *, fragment_id: str) -> EditOutcome:
    """Hide a fragment; a marker stays, and the lines that hold the latest value of their key (`safety`)."""
    fragment = memory.fragment(fragment_id)
    _check_uncovered(memory, fragment)
    hidden = safety.check(memory, [fragment])
    marker = fold_marker(fragment.id, fragment.tokens)
    shown = "\n".join([marker, *hidden.kept_lines])
    rest = memory.part_text((fragment.message_id, fragment.call_id))[fragment.end :]
    ends_line = safety.is_safe(memory) and memory.original(fragment).endswith("\n")
    if (hidden.kept_lines or ends_line) and rest and not rest.startswith("\n"):
        shown += "\n"  # what stays and what follows are lines of their own, as they were
    shown = _in_place(fragment, shown)
    if hidden.kept_lines and memory.count(shown) >= fragment.tokens:
        raise InvalidInput(
            f"Nothing of {fragment_id} can be folded: its lines hold the latest values of their keys.",
            hint="Fold older values instead; these are needed.",
        )
    if memory.state(fragment_id) is FragmentState.FOLDED:
        return EditOutcome(
            said=f"{fragment_id} is folded already.",
            edit=memory.record("fold_fragment", arguments={"fragment_id": fragment_id}),
        )
    display = Display(state=FragmentState.FOLDED, text=shown, reason="folded by the agent")
    edit = record_hiding(
        memory, "fold_fragment", [memory.change(Cell.DISPLAY, fragment.id, display)], {"fragment_id": fragment_id}
    )
    warnings = (*hidden.warnings, *safety.name_lost(hidden, shown))
    if memory.count(shown) >= fragment.tokens:
        warnings = (*warnings, f"The marker is as long as {fragment_id} itself: this saves nothing.")
    kept = f" {len(hidden.kept_lines)} lines with latest values stay." if hidden.kept_lines else ""
    return EditOutcome(
        said=f"{_done(memory, fragment, 'Folded')}: {fragment.tokens} tokens hidden.{kept}", edit=edit, ids=(fragment.id,),
        warnings=warnings,
    )  # fmt: skip


def _in_place(fragment: Fragment, text: str) -> str:
    """What stands for a fragment, as a provider takes it there: arguments of a call are always a JSON object."""
    return text if fragment.call_id is None else folded_arguments(text)


def _check_uncovered(memory: WorkingMemory, fragment: Fragment) -> None:
    """A piece of what is hidden as a whole cannot be hidden again."""
    cover = memory.cover((fragment.message_id, fragment.call_id))
    if cover is not None and cover.id != fragment.id and memory.display(cover.id) is not None:
        raise InvalidInput(
            f"{fragment.id} lies in {cover.id}, which is {memory.state(cover.id).value} as a whole.",
            hint=f"Restore {cover.id} first.",
        )


def summarize_fragment(
    memory: WorkingMemory, *, fragment_id: str, focus: str, summarise: Summarise | None = None
) -> EditOutcome:
    """Show a summary of a fragment in its place: ``summarise``'s, else the telling lines of it."""
    focus = memory.kept_text(check_text(focus, name="focus", limit=MAX_FOCUS_CHARS))
    fragment = memory.fragment(fragment_id)
    _check_uncovered(memory, fragment)
    hidden = safety.check(memory, [fragment])
    original = memory.original(fragment)

    def replacing(summary: str) -> str:
        return _in_place(fragment, summary_marker(fragment.id, summary, focus))

    room = fragment.tokens - memory.count(replacing(""))
    if room < 1:
        raise InvalidInput(
            f"{fragment_id} has {fragment.tokens} tokens: a summary would not be shorter.",
            hint="Leave it, or fold it.",
        )
    summary = _model_summary(summarise, original, focus, memory, room) or extract(
        original, focus=focus, count_tokens=memory.count,
        max_tokens=min(room, max(_MIN_SUMMARY_TOKENS, int(fragment.tokens * SUMMARY_SHARE))),
    )  # fmt: skip
    shown = replacing(summary)
    # Counts do not add up exactly: what is put together may be a token or two longer than its parts.
    for size in range(memory.count(summary) - 1, 0, -1):
        if memory.count(shown) <= fragment.tokens:
            break
        summary = shorten(summary, count_tokens=memory.count, max_tokens=size)
        shown = replacing(summary)
    display = Display(state=FragmentState.SUMMARIZED, text=shown, reason="summarised by the agent", focus=focus)
    edit = record_hiding(
        memory, "summarize_fragment", [memory.change(Cell.DISPLAY, fragment.id, display)],
        {"fragment_id": fragment_id, "focus": focus},
    )  # fmt: skip
    saved = edit.tokens_before - edit.tokens_after
    return EditOutcome(
        said=f"{_done(memory, fragment, 'Summarised')}, {abs(saved)} tokens {'fewer' if saved >= 0 else 'more'}: {summary}",
        edit=edit, ids=(fragment.id,), warnings=(*hidden.warnings, *safety.name_lost(hidden, shown)),
    )  # fmt: skip


def restore_fragment(memory: WorkingMemory, *, fragment_id: str) -> EditOutcome:
    """Show the original again, whatever stood in its place."""
    fragment = memory.fragment(fragment_id)
    cover = memory.cover((fragment.message_id, fragment.call_id))
    shown = [fragment] if cover is None or cover.id == fragment.id else [fragment, cover]
    changes = [memory.change(cell, f.id, None) for f in shown for cell in (Cell.DISPLAY, Cell.WAITING)]
    edit = memory.record("restore_fragment", changes, arguments={"fragment_id": fragment_id})
    return EditOutcome(said=f"Restored {fragment_id}, {fragment.tokens} tokens.", edit=edit, ids=(fragment.id,))


def _marked(
    memory: WorkingMemory, start_marker: str, end_marker: str, positions: Sequence[int], role: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Message and character where the marked text begins, and where it ends (exclusive)."""
    check_text(start_marker, name="start_marker", limit=MAX_MARKER_CHARS)
    check_text(end_marker, name="end_marker", limit=MAX_MARKER_CHARS)
    start = _the_one(memory, start_marker, positions, "start_marker", role)
    across = role == "all"
    rest = [at for at in positions if at == start[0] or (across and at > start[0])]
    # The end may lie within the start marker, if that says it all, but not before its end.
    first = max(start[1], start[1] + len(start_marker) - len(end_marker))
    try:
        found = _the_one(memory, end_marker, rest, "end_marker", role, first)
    except InvalidInput:
        elsewhere = [] if across else _places(memory, end_marker, [at for at in positions if at > start[0]], 0)
        if elsewhere and not _places(memory, end_marker, rest, first):
            raise InvalidInput(
                f"The end_marker is in another message ({memory.messages[elsewhere[0][0]].id}) than the start_marker "
                f"({memory.messages[start[0]].id}).",
                hint='Mark a text within one message, or use role="all" to go over several.',
            ) from None
        raise
    return start, (found[0], found[1] + len(end_marker))


def _the_one(
    memory: WorkingMemory, marker: str, positions: Sequence[int], name: str, role: str, first: int = 0
) -> tuple[int, int]:
    places = _places(memory, marker, positions, first)
    if not places:
        raise InvalidInput(
            f"The {name} {marker[:80]!r} does not occur where role={role!r} looks.",
            hint='Copy it exactly, or use another role ("user", "assistant", "all").',
        )
    if len(places) > 1:
        where = ", ".join(f"{memory.messages[at].id} at {char}" for at, char in places[:3])
        raise InvalidInput(
            f"The {name} {marker[:80]!r} occurs {len(places)} times or more ({where}).",
            hint="Give a longer marker that occurs once.",
        )
    return places[0]


def _places(memory: WorkingMemory, marker: str, positions: Sequence[int], first: int) -> list[tuple[int, int]]:
    """Up to three places of ``marker``; ``first`` bounds those in the first of the messages."""
    places: list[tuple[int, int]] = []
    for at in positions:
        begin = first if at == positions[0] else 0
        while len(places) < 3 and (begin := memory.messages[at].text.find(marker, begin)) >= 0:
            places.append((at, begin))
            begin += 1
    return places


def _shares(lengths: Sequence[int], pieces: int) -> list[int]:
    """How many of ``pieces`` each text gets: one, and the rest by length."""
    shares = [1] * len(lengths)
    for _ in range(pieces - len(lengths)):
        longest = max(range(len(lengths)), key=lambda at: lengths[at] / shares[at])
        shares[longest] += 1
    return shares


def _cuts(text: str, low: int, high: int, pieces: int) -> list[int]:
    solid = solid_spans(text)
    for edge, name in ((low, "begins"), (high, "ends")):
        broken = containing_span(solid, edge)
        if broken is not None and not (low <= broken[0] and broken[1] <= high):
            raise InvalidInput(
                f"The marked text {name} inside a code block or JSON value (characters {broken[0]} to {broken[1]}).",
                hint=f"Mark all of it, from {text[broken[0] : broken[0] + 40]!r} on, or none of it.",
            )
    cuts = cut_points(text, low, high, pieces)
    if len(cuts) < pieces - 1:
        raise InvalidInput(
            f"The marked text can be cut into {counted(len(cuts) + 1, 'fragment')}, not {pieces}: code blocks and JSON "
            "stay whole.",
            hint=f"Ask for at most {len(cuts) + 1}, or mark a longer text.",
        )
    return cuts


def _clear(memory: WorkingMemory, message_id: MessageId, low: int, high: int) -> list[Change]:
    """Give up the visible pieces that lie across ``low`` to ``high``. Raises `InvalidInput` for one that is hidden."""
    changes = []
    cover = memory.cover((message_id, None))
    present = [piece for piece in memory.pieces((message_id, None)) if piece.start < high and low < piece.end]
    for piece in [*present, *([cover] if cover else [])]:
        if memory.display(piece.id) is not None:
            raise InvalidInput(
                f"The marked text overlaps the fragment {piece.id}, which is {memory.state(piece.id).value}.",
                hint=f"Restore {piece.id} first, or mark a text beside it.",
            )
        if not piece.whole:
            changes += [memory.change(Cell.WAITING, piece.id, None), memory.change(Cell.FRAGMENT, piece.id, None)]
    return changes


def _make_fragment(
    memory: WorkingMemory, message: Message, start: int, end: int, made: Sequence[FragmentId]
) -> Fragment:
    fragments = memory.values(Cell.FRAGMENT)
    id = memory.fresh_id("f", lambda free: free in fragments or free in made, message.id, start, end)
    return Fragment(
        id=FragmentId(id), message_id=message.id, start=start, end=end, tokens=memory.count(message.text[start:end])
    )


def _done(memory: WorkingMemory, fragment: Fragment, what: str) -> str:
    waits = memory.value(Cell.WAITING, fragment.id) is not None
    return f"{fragment.id} waits for more edits, to be {what.lower()}" if waits else f"{what} {fragment.id}"


def _preview(text: str, limit: int = 60) -> str:
    line = " ".join(text[: limit * 3].split())
    return f'"{line if len(line) <= limit else line[: limit - 1] + "…"}"'


def _model_summary(
    summarise: Summarise | None, text: str, focus: str, memory: WorkingMemory, max_tokens: int
) -> str | None:
    """The model's summary if it gave one that is not longer than what it replaces."""
    if summarise is None:
        return None
    try:
        summary: Any = summarise(text, focus)
    except Exception:  # whatever a model's client raises: the extract serves
        return None
    summary = memory.kept_text(summary).strip() if isinstance(summary, str) else ""
    return summary if summary and memory.count(summary) <= max_tokens else None
