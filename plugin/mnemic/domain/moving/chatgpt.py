"""The data export of ChatGPT: ``conversations.json``, or several files of it.

A conversation is a tree of nodes. Beside what was said, older exports hold what the service told the model (custom
instructions, empty messages of the system), what the model told tools and thought, and what tools answered; exports since
2026 hold what was said alone, and leave out fields that say who is spoken to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mnemic.domain.memory import Kind, Role
from mnemic.domain.moving.conversations import (
    BRANCHES,
    EMPTY,
    FILES,
    HIDDEN,
    NO_MESSAGES,
    THOUGHTS,
    TOOLS,
    left_out,
    message_record,
    newest,
    path_from_root,
    read_conversations,
)
from mnemic.domain.moving.json_values import check_kind, field_of, moment_of, optional_field
from mnemic.domain.moving.records import Damage, Found, LeftOut, Reading, SourceRecord, Unreadable, label, labels

FORMAT = "chatgpt"
# One file, or since 2026 several: conversations-000.json and so on.
FILES_OF_EXPORT = re.compile(r"(?:.*/)?conversations(?:-\d+)?\.json")
# All that the service has of somebody is an archive with the one of the conversations in it; a browser numbers what is
# fetched again.
PARTS_OF_EXPORT = re.compile(r"conversations(?:-\d+|__.*)?(?: ?\(\d+\))?\.zip", re.IGNORECASE)
INSTRUCTIONS = "custom instructions and context that every conversation repeats"

_SAID_BY = frozenset((Role.USER, Role.ASSISTANT))
# To whom the model speaks when it keeps something of the user in ChatGPT's own memory, in plain words.
_OWN_MEMORY = "bio"
_NOT_SAID = {
    "thoughts": THOUGHTS, "reasoning_recap": THOUGHTS, "user_editable_context": INSTRUCTIONS,
    "model_editable_context": INSTRUCTIONS, "code": TOOLS, "execution_output": TOOLS, "tether_quote": TOOLS,
    "tether_browsing_display": TOOLS, "sonic_webpage": TOOLS, "system_error": TOOLS, "computer_output": TOOLS,
    "citable_code_output": TOOLS,
}  # fmt: skip
# Where the page shows a link, a name or a gallery the text has a mark between characters of private use: U+E200, what it
# is and its values with U+E202 between them, U+E201. U+E203 to U+E206 surround what a source supports. Before that it was
# 【11†source】.
_MARK = re.compile("\ue200([^\ue200\ue201]*)\ue201|【[^【】]{0,100}†[^【】]{0,300}】")
_STRAY_MARKS = re.compile("[\ue200-\ue206]")


def read_chatgpt(text: str, name: str) -> Reading:
    """The messages of one file of an export."""
    yield from read_conversations(text, name, _messages, fields=("mapping",), other="claude chat_messages")


def _messages(conversation: dict[str, Any], place: str) -> Iterator[Found]:
    id = conversation.get("conversation_id") or conversation.get("id")
    id = check_kind(id, str, "conversation_id", "a string")
    mapping = optional_field(conversation, "mapping", dict, "an object")
    if not mapping:
        yield LeftOut(reason=NO_MESSAGES)
        return
    end = optional_field(conversation, "current_node", str, "a string")
    branch = _branch(mapping, _last_leaf(mapping) if end is None else end)
    on_it = set(branch)
    aside = sum(isinstance(node, dict) and bool(node.get("message")) for at, node in mapping.items() if at not in on_it)
    yield from left_out(BRANCHES, aside)
    before: datetime | None = None
    for at in branch:
        message = mapping[at].get("message")
        if message is None:
            continue
        where = f"{place}, message {at}"
        try:
            check_kind(message, dict, "message", "an object")
            for found in _message(message, id, at, conversation, before, where):
                before = found.occurred_at if isinstance(found, SourceRecord) else before
                yield found
        except Unreadable as error:
            yield Damage(place=where, message=str(error))


def _last_leaf(mapping: dict[str, Any]) -> str:
    """The newest node that no other follows: where a conversation was read last, if it does not say so."""
    nodes = {at: node for at, node in mapping.items() if isinstance(node, dict)}
    followed = {node["parent"] for node in nodes.values() if isinstance(node.get("parent"), str)}
    messages = {at: node.get("message") for at, node in nodes.items() if at not in followed}
    moments = {at: one.get("create_time") if isinstance(one, dict) else None for at, one in messages.items()}
    return newest(moments) or next(reversed(moments), "")


def _branch(mapping: dict[str, Any], end: str) -> list[str]:
    """The nodes from the root to ``end``."""
    parents = {at: node.get("parent") for at, node in mapping.items() if isinstance(node, dict)}
    branch = path_from_root(parents, end)
    if not branch or parents[branch[0]] is not None:
        raise Unreadable("a message's parent is not there")
    return branch


def _message(
    message: dict[str, Any], id: str, at: str, conversation: dict[str, Any], before: datetime | None, place: str
) -> Iterator[Found]:
    """One message. Without a moment it has ``before``, that of the message before it, or its conversation's."""
    author = field_of(message, "author", dict, "an object")
    role = field_of(author, "role", str, "a string")
    content = optional_field(message, "content", dict, "an object") or {}
    metadata = optional_field(message, "metadata", dict, "an object") or {}
    recipient = message.get("recipient") or "all"
    reason = _why_not_said(role, recipient, content, metadata)
    if reason is not None:
        yield LeftOut(reason=reason)
        return
    parts = optional_field(content, "parts", list, "a list") or []
    texts = [text for text in map(_words, parts) if text is not None]
    if not parts and isinstance(content.get("text"), str):
        texts = [content["text"]]
    text = "\n".join(text for text in texts if text.strip())
    if role == Role.ASSISTANT:
        text = without_marks(text)
    attachments = optional_field(metadata, "attachments", list, "a list") or []
    # A picture that was sent along is in both.
    files = max(len(attachments), sum(isinstance(part, dict) and _words(part) is None for part in parts))
    key = f"{id}/{message.get('id') or at}"
    title = conversation.get("title")
    moment = moment_of(message.get("create_time"), "create_time") or before
    moment = moment or moment_of(conversation.get("create_time"), "create_time")
    if not text.strip():
        yield LeftOut(reason=EMPTY)
    elif recipient == _OWN_MEMORY:
        yield SourceRecord(
            key=key, text=text, place=place, part="memory", kind=Kind.SEMANTIC, tags=labels(title), session=label(id),
            role=role, author=label(role), occurred_at=moment,
        )  # fmt: skip
    else:
        yield from left_out(FILES, files)
        yield message_record(
            key=key, text=text, place=place, session=id, role=role, title=title, speaker=author.get("name"), at=moment
        )


def _why_not_said(role: str, recipient: Any, content: dict[str, Any], metadata: dict[str, Any]) -> str | None:
    """Why a message is none that one of the two said to the other."""
    kind = content.get("content_type")
    if metadata.get("is_user_system_message"):
        return INSTRUCTIONS
    if isinstance(kind, str) and kind in _NOT_SAID and not (kind == "code" and recipient == _OWN_MEMORY):
        return _NOT_SAID[kind]
    if metadata.get("is_visually_hidden_from_conversation") or role == Role.SYSTEM:
        return HIDDEN
    if role not in _SAID_BY or recipient not in ("all", _OWN_MEMORY):
        return TOOLS
    return None


def _words(part: Any) -> str | None:
    """The words of a part: itself, or what stands in an object when it was spoken. None for pictures and the like."""
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else None


def without_marks(text: str) -> str:
    """``text`` as it is read: names instead of their marks, without the marks of sources, galleries and lists of links."""
    pieces: list[str] = []
    end = 0
    for mark in _MARK.finditer(text):
        shown = _shown_for(mark[1] or "")
        before = text[end : mark.start()]
        # What is not shown leaves no gap.
        pieces += [before, shown] if shown else [before.rstrip(" \t")]
        end = mark.end()
    return _STRAY_MARKS.sub("", "".join((*pieces, text[end:])))


def _shown_for(mark: str) -> str:
    kind, *values = mark.split("\ue202")
    if kind == "entity" and values:
        try:
            entity = json.loads(values[0])
        except (ValueError, RecursionError):
            return ""
        named = isinstance(entity, list) and len(entity) > 1 and isinstance(entity[1], str)
        return str(entity[1]) if named else ""
    if kind == "url" and values:
        address = values[-1] if values[-1].startswith(("http://", "https://")) else ""
        return f"{values[0]} ({address})" if address and len(values) > 1 else values[0]
    return ""
