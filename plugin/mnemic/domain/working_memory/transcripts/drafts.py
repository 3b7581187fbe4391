"""Messages while they are being read, and what must hold for all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.messages import Message, MessageId, ToolCall
from mnemic.domain.working_memory.transcripts.parsing import shown
from mnemic.errors import InvalidInput


class TranscriptFormat(StrEnum):
    """Who wrote a transcript."""

    OPENAI = "openai"
    LANGCHAIN = "langchain"
    ANTHROPIC = "anthropic"
    CLAUDE_CODE = "claude-code"
    TAU_BENCH = "tau-bench"
    STEPS = "steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A conversation in order. Every tool call but those at the very end has exactly one result, right after it.

    ``skipped`` counts what was left out, and ``mended`` what was changed so that it can be kept, each by a short name.
    """

    messages: tuple[Message, ...]
    format: TranscriptFormat
    skipped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    mended: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True, kw_only=True)
class Draft:
    """A message before it has an id. ``where`` is its place in the file.

    What the writer of the same ``format`` wants back goes to `Message.opaque`: ``layout`` (see `blocks`), ``fields`` of
    the message, ``call_fields`` by call id. ``host`` is what only the agent's host said of it; no writer uses it.
    """

    where: str
    role: Role
    format: TranscriptFormat
    id: str | None = None
    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    answers: str | None = None
    name: str | None = None
    is_error: bool = False
    layout: list[dict[str, Any]] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    call_fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    host: dict[str, Any] = field(default_factory=dict)


def own_opaque(message: Message, format: TranscriptFormat) -> Mapping[str, Any]:
    """What the message carries for writers of this format; nothing when it was read from another."""
    return message.opaque if message.opaque.get("format") == format.value else {}


def complete(
    drafts: Sequence[Draft],
    format: TranscriptFormat,
    *,
    skipped: Counter[str],
    half_pairs: int,
    after: Sequence[Message] = (),
) -> Transcript:
    """The messages with ids and paired calls, as they go on ``after`` earlier ones.

    Raises `InvalidInput` for ids that occur twice and for lost results.
    """
    mended: Counter[str] = Counter()
    if half_pairs:
        mended["half a surrogate pair"] = half_pairs
    _pair(drafts, mended, after)
    taken: dict[str, str] = dict.fromkeys((message.id for message in after), "an earlier message")
    for draft in drafts:
        if draft.id is not None and draft.id in taken:
            raise InvalidInput(
                f"{draft.where}: the message id {shown(draft.id)} is that of {taken[draft.id]}, too.",
                hint="Give every message an id of its own, or none.",
            )
        if draft.id is not None:
            taken[draft.id] = draft.where
    messages: list[Message] = []
    for number, draft in enumerate(drafts, len(after) + 1):
        messages.append(message_of(draft, draft.id or _free(f"msg{number}", taken)))
        taken[messages[-1].id] = draft.where
    return Transcript(
        messages=tuple(messages),
        format=format,
        skipped=MappingProxyType(dict(skipped)),
        mended=MappingProxyType(dict(mended)),
    )


def _pair(drafts: Sequence[Draft], mended: Counter[str], after: Sequence[Message]) -> None:
    """Check that each call has its result, and give calls that use an id again an id of their own.

    Some models number their calls anew or draw ids that meet: the results tell which call is meant as long as only one
    of them is open, but not every provider takes such ids.
    """
    used: set[str] = {call.id for message in after for call in message.calls}
    uses: Counter[str] = Counter()
    answered = {message.answers for message in after}
    open_calls: dict[str, str] = {id: id for id in used if id not in answered}
    made = "an earlier message"
    for draft in drafts:
        if draft.role is Role.TOOL:
            if draft.answers not in open_calls:
                what = "is answered already" if draft.answers in used else "was not made before it"
                raise InvalidInput(
                    f"{draft.where}: this is the result of the call {shown(draft.answers)}, which {what}.",
                    hint="Remove this result, or give the call that it answers.",
                )
            draft.answers = open_calls.pop(draft.answers)
            continue
        if open_calls:
            raise InvalidInput(
                f"{draft.where}: the call {shown(next(iter(open_calls)))} of {made} has no result before this message.",
                hint="Put the results right after the calls; for a tool that never answered, say so in a result.",
            )
        made = draft.where
        renamed: dict[str, str] = {}
        for call in draft.calls:
            if call.id in renamed:
                raise InvalidInput(
                    f"{draft.where}: two calls have the id {shown(call.id)}.", hint="Give each call an id of its own."
                )
            renamed[call.id] = call.id
        again = [id for id in renamed if id in used]
        used |= renamed.keys()
        for id in again:
            renamed[id] = _free(id, used, uses[id] + 1)
            uses[id] = int(renamed[id].rpartition("_")[2])
            used.add(renamed[id])
        if again:
            mended["call id used again"] += len(again)
            _rename_calls(draft, renamed)
        open_calls = renamed


def _rename_calls(draft: Draft, renamed: Mapping[str, str]) -> None:
    draft.calls = [replace(call, id=renamed[call.id]) for call in draft.calls]
    draft.call_fields = {renamed.get(id, id): fields for id, fields in draft.call_fields.items()}
    draft.layout = [
        {**entry, "call": renamed.get(entry["call"], entry["call"])} if "call" in entry else entry
        for entry in draft.layout
    ]


def _free(id: str, taken: set[str] | dict[str, str], number: int = 2) -> str:
    """The id, or the first of ``id_2``, ``id_3``… from this number on that is not taken."""
    if id not in taken:
        return id
    number = max(number, 2)
    while f"{id}_{number}" in taken:
        number += 1
    return f"{id}_{number}"


def message_of(draft: Draft, id: str) -> Message:
    """The message that a draft becomes."""
    kept = {
        "layout": draft.layout,
        "fields": draft.fields,
        "calls": draft.call_fields,
        "host": draft.host,
    }
    opaque = {name: value for name, value in kept.items() if value}
    if opaque.keys() - {"host"}:
        opaque["format"] = draft.format.value
    return Message(
        id=MessageId(id),
        role=draft.role,
        text=draft.text,
        calls=tuple(draft.calls),
        answers=draft.answers,
        name=draft.name,
        is_error=draft.is_error,
        opaque=MappingProxyType(opaque),
    )
