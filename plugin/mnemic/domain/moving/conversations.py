"""What exports of conversations share: ``conversations.json`` of ChatGPT (`chatgpt`) and of Claude (`claude`).

A message becomes an episode: whose words it holds, when, and in which conversation, which is its session. The title is a
tag. Of a tree of messages the branch is taken over that the conversation ended with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mnemic.domain.memory import Kind, Role
from mnemic.domain.moving.json_values import check_kind, decode_json, moment_of
from mnemic.domain.moving.records import Damage, Found, LeftOut, Reading, SourceRecord, Unreadable, label, labels

BRANCHES = "messages on branches that a conversation was led away from"
HIDDEN = "messages that the conversation does not show"
THOUGHTS = "thoughts of the model"
TOOLS = "calls and results of tools"
FILES = "pictures, sounds and files of messages"
EMPTY = "messages without text (pictures, files, empty)"
NO_MESSAGES = "conversations without messages"

_ROLES = frozenset(Role)
_NEVER = datetime.min.replace(tzinfo=UTC)


def read_conversations(
    text: str,
    name: str,
    messages: Callable[[dict[str, Any], str], Iterator[Found]],
    *,
    fields: tuple[str, ...],
    other: str,
) -> Reading:
    """What ``messages`` makes of every conversation of an export, each with its place. A file may hold one alone, or the
    list of them as ``conversations``.

    One of ``fields`` tells an entry of this export, the first a conversation; ``other`` names the format and the field of
    what it is mistaken for.
    """
    format, strange = other.split()
    field = fields[0]
    try:
        whole = decode_json(text.removeprefix("\ufeff"))
        if isinstance(whole, dict):
            alone = any(one in whole for one in (*fields, strange))
            whole = [whole] if alone else whole.get("conversations", whole)
        conversations = check_kind(whole, list, "the file", "a list of conversations, or one")
    except Unreadable as error:
        yield Damage(place=name, message=str(error))
        return
    for number, conversation in enumerate(conversations, 1):
        place = f"{name}, conversation {number}"
        try:
            check_kind(conversation, dict, "it", "an object")
            if field not in conversation and strange in conversation:
                raise Unreadable(f"it is a conversation of the format {format}")
            yield from messages(conversation, place)
        except Unreadable as error:
            yield Damage(place=place, message=str(error))


def newest(moments: Mapping[str, Any]) -> str | None:
    """The name with the latest moment, of several the last one. None where one of them is no moment."""
    try:
        read = {name: moment_of(value, name) or _NEVER for name, value in moments.items()}
    except Unreadable:
        return None
    return max(reversed(read), key=read.__getitem__, default=None)


def path_from_root(parents: Mapping[str, Any], end: str) -> list[str]:
    """The names from the root to ``end``; ``parents`` gives each its parent's. Raises `Unreadable` for a circle."""
    path: list[str] = []
    seen: set[str] = set()
    at: Any = end
    while isinstance(at, str) and at in parents:
        if at in seen:
            raise Unreadable("its messages form a circle")
        seen.add(at)
        path.append(at)
        at = parents[at]
    return path[::-1]


def message_record(
    *, key: str, text: str, place: str, session: str, role: str, title: Any, speaker: Any, at: datetime | None
) -> SourceRecord:
    """A message as it was said."""
    return SourceRecord(
        key=key, text=text, place=place, part="message", kind=Kind.EPISODIC, tags=labels(title), session=label(session),
        speaker=label(speaker), role=role if role in _ROLES else None, author=label(role), occurred_at=at,
    )  # fmt: skip


def left_out(reason: str, count: int) -> Iterator[LeftOut]:
    """What is left out, unless there is none of it."""
    if count:
        yield LeftOut(reason=reason, count=count)
