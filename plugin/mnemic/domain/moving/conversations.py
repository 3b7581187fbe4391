"""Exports of conversations: ``conversations.json`` of ChatGPT and of Claude, as their data exports give it.

A message becomes an episode: whose words it holds, when, and in which conversation, which is its session. The title is a
tag. ChatGPT keeps a tree; what is taken over is the branch that the conversation ended with.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mnemic.domain.memory import Kind, Role
from mnemic.domain.moving.json_values import check_kind, decode_json, field_of, moment_of, optional_field
from mnemic.domain.moving.records import Damage, Found, LeftOut, Reading, SourceRecord, Unreadable, label, labels

CHATGPT = "chatgpt"
CLAUDE = "claude"
_ROLES = frozenset(Role)
_CLAUDE_ROLES: dict[str, str] = {"human": Role.USER, "assistant": Role.ASSISTANT}


def read_chatgpt(text: str, name: str) -> Reading:
    """The messages of a ChatGPT export."""
    yield from _conversations(text, name, _chatgpt_messages)


def read_claude(text: str, name: str) -> Reading:
    """The messages of a Claude export."""
    yield from _conversations(text, name, _claude_messages)


def _conversations(text: str, name: str, messages: Any) -> Reading:
    try:
        conversations = check_kind(
            decode_json(text.removeprefix("\ufeff")), list, "the file", "a list of conversations"
        )
    except Unreadable as error:
        yield Damage(place=name, message=str(error))
        return
    for number, conversation in enumerate(conversations, 1):
        place = f"{name}, conversation {number}"
        try:
            check_kind(conversation, dict, "it", "an object")
            yield from messages(conversation, place)
        except Unreadable as error:
            yield Damage(place=place, message=str(error))


def _chatgpt_messages(conversation: dict[str, Any], place: str) -> Iterator[Found]:
    id = conversation.get("conversation_id") or conversation.get("id")
    id = check_kind(id, str, "conversation_id", "a string")
    mapping = field_of(conversation, "mapping", dict, "an object")
    branch = _branch(mapping, field_of(conversation, "current_node", str, "a string"))
    title = conversation.get("title")
    left = sum(
        isinstance(node, dict) and bool(node.get("message")) for at, node in mapping.items() if at not in set(branch)
    )
    if left:
        yield LeftOut(reason="messages on branches that a conversation was led away from", count=left)
    started = conversation.get("create_time")
    for at in branch:
        message = mapping[at].get("message")
        if message is None:
            continue
        where = f"{place}, message {at}"
        try:
            yield _chatgpt_message(check_kind(message, dict, "message", "an object"), id, at, title, started, where)
        except Unreadable as error:
            yield Damage(place=where, message=str(error))


def _branch(mapping: dict[str, Any], end: str) -> list[str]:
    """The nodes from the root to ``end``."""
    path: list[str] = []
    seen: set[str] = set()
    at: Any = end
    while at is not None:
        if not isinstance(at, str) or not isinstance(mapping.get(at), dict):
            raise Unreadable("a message's parent is not there")
        if at in seen:
            raise Unreadable("its messages form a circle")
        seen.add(at)
        path.append(at)
        at = mapping[at].get("parent")
    return path[::-1]


def _chatgpt_message(message: dict[str, Any], id: str, at: str, title: Any, started: Any, place: str) -> Found:
    author = field_of(message, "author", dict, "an object")
    role = field_of(author, "role", str, "a string")
    content = field_of(message, "content", dict, "an object")
    parts = optional_field(content, "parts", list, "a list") or []
    texts = [one for one in parts if isinstance(one, str) and one.strip()]
    # What is said in voice mode stands in an object.
    texts += [
        one["text"]
        for one in parts
        if isinstance(one, dict) and isinstance(one.get("text"), str) and one["text"].strip()
    ]
    if not parts and isinstance(content.get("text"), str) and content["text"].strip():
        texts = [content["text"]]
    hidden = optional_field(message, "metadata", dict, "an object") or {}
    if hidden.get("is_visually_hidden_from_conversation"):
        return LeftOut(reason="messages that the conversation does not show")
    if not texts:
        return LeftOut(reason="messages without text (pictures, files, empty)")
    return _message(
        key=f"{id}/{message.get('id') or at}", text="\n".join(texts), place=place, session=id, role=role, title=title,
        speaker=author.get("name"), at=moment_of(message.get("create_time") or started, "create_time"),
    )  # fmt: skip


def _claude_messages(conversation: dict[str, Any], place: str) -> Iterator[Found]:
    id = field_of(conversation, "uuid", str, "a string")
    for number, message in enumerate(field_of(conversation, "chat_messages", list, "a list"), 1):
        where = f"{place}, message {number}"
        try:
            yield from _claude_message(check_kind(message, dict, "message", "an object"), id, conversation, where)
        except Unreadable as error:
            yield Damage(place=where, message=str(error))


def _claude_message(message: dict[str, Any], id: str, conversation: dict[str, Any], place: str) -> Iterator[Found]:
    key = f"{id}/{field_of(message, 'uuid', str, 'a string')}"
    sender = field_of(message, "sender", str, "a string")
    blocks = optional_field(message, "content", list, "a list") or []
    spoken = [
        one["text"]
        for one in blocks
        if isinstance(one, dict) and one.get("type") == "text" and isinstance(one.get("text"), str)
    ]
    text = "\n".join(one for one in spoken if one.strip()) or optional_field(message, "text", str, "a string") or ""
    at = moment_of(message.get("created_at") or conversation.get("created_at"), "created_at")
    role = str(_CLAUDE_ROLES.get(sender) or sender)
    title = conversation.get("name")
    attachments = [one for one in optional_field(message, "attachments", list, "a list") or [] if isinstance(one, dict)]
    others = sum(isinstance(one, dict) and one.get("type") not in ("text", None) for one in blocks)
    others += len(optional_field(message, "files", list, "a list") or [])
    if text.strip():
        yield _message(key=key, text=text, place=place, session=id, role=role, title=title, speaker=None, at=at)
    elif not attachments:
        yield LeftOut(reason="messages without text (pictures, files, empty)")
    for number, one in enumerate(attachments, 1):
        content = one.get("extracted_content")
        if isinstance(content, str) and content.strip():
            yield SourceRecord(
                key=f"{key}/attachment/{number}", text=content, place=f"{place}, attachment {number}", part="attachment",
                kind=Kind.EPISODIC, tags=labels(title, one.get("file_name")), session=label(id), role=role, occurred_at=at,
            )  # fmt: skip
        else:
            others += 1
    if others:
        yield LeftOut(reason="tool calls, pictures and files of messages", count=others)


def _message(
    *, key: str, text: str, place: str, session: str, role: str, title: Any, speaker: Any, at: datetime | None
) -> SourceRecord:
    return SourceRecord(
        key=key, text=text, place=place, part="message", kind=Kind.EPISODIC, tags=labels(title), session=label(session),
        speaker=label(speaker), role=role if role in _ROLES else None, author=label(role), occurred_at=at,
    )  # fmt: skip
