"""The data export of Claude: ``conversations.json``, and ``memories.json`` with what Claude keeps of a user.

A message has ``text`` alone in old exports. Since 2025 its ``content`` has blocks, and ``text`` is no more than a rendering
of them, with thoughts among the words and a placeholder for every call of a tool. Since 2026 messages name their parents,
and the last one is the end of the branch that is shown.

What Claude keeps is one text for all conversations, and one for each project, in sections under lines in bold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mnemic.domain.memory import Kind, Role
from mnemic.domain.moving.conversations import (
    BRANCHES,
    EMPTY,
    FILES,
    HIDDEN,
    THOUGHTS,
    TOOLS,
    left_out,
    message_record,
    path_from_root,
    read_conversations,
)
from mnemic.domain.moving.json_values import check_kind, field_of, moment_of, optional_field
from mnemic.domain.moving.records import Damage, Found, LeftOut, Reading, SourceRecord, Unreadable, label, labels

FORMAT = "claude"
FILES_OF_EXPORT = re.compile(r"conversations(-\d+)?\.json|memories\.json")
MEMORY_FILES = "files of Claude's memory"

_ROLES: dict[str, str] = {"human": Role.USER, "assistant": Role.ASSISTANT}
# What a block that is no text counts as; one of another kind counts as a tool's.
_NOT_SAID = {
    "thinking": THOUGHTS, "redacted_thinking": THOUGHTS, "image": FILES, "document": FILES, "injected_prompt_block": HIDDEN
}  # fmt: skip
_SAYS_NOTHING = frozenset(("text", "token_budget", "flag"))


# A line in bold by itself.
_HEADING = re.compile(r"\*\*([^*\n]+)\*\*[ \t]*")


def read_claude(text: str, name: str) -> Reading:
    """Of one file of an export: its messages and the texts of what was attached to them, or what Claude keeps of a user."""

    def read(entry: dict[str, Any], place: str) -> Iterator[Found]:
        if "chat_messages" not in entry and "account_uuid" in entry:
            return _kept(entry, name)
        return _messages(entry, place)

    yield from read_conversations(text, name, read, field="chat_messages", other="chatgpt mapping")


def _messages(conversation: dict[str, Any], place: str) -> Iterator[Found]:
    id = field_of(conversation, "uuid", str, "a string")
    messages = field_of(conversation, "chat_messages", list, "a list")
    shown = _shown(messages)
    yield from left_out(BRANCHES, len(messages) - len(shown))
    for number in shown:
        where = f"{place}, message {number + 1}"
        try:
            message = check_kind(messages[number], dict, "message", "an object")
            yield from _message(message, id, conversation, where)
        except Unreadable as error:
            yield Damage(place=where, message=str(error))


def _shown(messages: list[Any]) -> list[int]:
    """The places of the messages that the conversation shows: the branch to the last one, or all if it names no parents."""
    places = {
        one["uuid"]: number
        for number, one in enumerate(messages)
        if isinstance(one, dict) and isinstance(one.get("uuid"), str)
    }
    parents = {uuid: messages[number].get("parent_message_uuid") for uuid, number in places.items()}
    if len(places) < len(messages) or not all(isinstance(parent, str) for parent in parents.values()):
        return list(range(len(messages)))
    return [places[uuid] for uuid in path_from_root(parents, messages[-1]["uuid"])] if messages else []


def _message(message: dict[str, Any], id: str, conversation: dict[str, Any], place: str) -> Iterator[Found]:
    key = f"{id}/{field_of(message, 'uuid', str, 'a string')}"
    sender = field_of(message, "sender", str, "a string")
    blocks = optional_field(message, "content", list, "a list") or []
    text = _spoken(blocks) if blocks else optional_field(message, "text", str, "a string") or ""
    at = moment_of(message.get("created_at") or conversation.get("created_at"), "created_at")
    role = str(_ROLES.get(sender) or sender)
    title = conversation.get("name")
    attachments = [one for one in optional_field(message, "attachments", list, "a list") or [] if isinstance(one, dict)]
    readable = [one for one in attachments if _extracted(one)]
    if text.strip():
        yield message_record(key=key, text=text, place=place, session=id, role=role, title=title, speaker=None, at=at)
    elif not readable:
        yield LeftOut(reason=EMPTY)
    for number, one in enumerate(attachments, 1):
        if one in readable:
            yield SourceRecord(
                key=f"{key}/attachment/{number}", text=_extracted(one), place=f"{place}, attachment {number}",
                part="attachment", kind=Kind.EPISODIC, tags=labels(title, one.get("file_name")), session=label(id),
                role=role, occurred_at=at,
            )  # fmt: skip
    kinds = [str(one.get("type")) for one in blocks if isinstance(one, dict)]
    others = Counter(_NOT_SAID.get(kind, TOOLS) for kind in kinds if kind not in _SAYS_NOTHING)
    # What was attached is among the files too, under the same name.
    names = [one.get("file_name") for one in readable]
    files = [one for one in optional_field(message, "files", list, "a list") or [] if isinstance(one, dict)]
    others[FILES] += len(attachments) - len(readable) + sum(one.get("file_name") not in names for one in files)
    for reason, count in others.items():
        yield from left_out(reason, count)


def _spoken(blocks: list[Any]) -> str:
    said = (one["text"] for one in blocks if isinstance(one, dict) and one.get("type") == "text" and _is_text(one))
    return "\n".join(text for text in said if text.strip())


def _is_text(block: dict[str, Any]) -> bool:
    return isinstance(block.get("text"), str)


def _extracted(attachment: dict[str, Any]) -> str:
    content = attachment.get("extracted_content")
    return content if isinstance(content, str) and content.strip() else ""


def _kept(entry: dict[str, Any], name: str) -> Iterator[Found]:
    account = field_of(entry, "account_uuid", str, "a string")
    kept = {account: optional_field(entry, "conversations_memory", str, "a string") or ""}
    projects = optional_field(entry, "project_memories", dict, "an object") or {}
    for project in projects:
        kept[f"{account}/{project}"] = field_of(projects, project, str, "a string")
    for of, text in kept.items():
        tag = f"project:{of.partition('/')[2]}" if "/" in of else None
        for heading, section in _sections(text):
            yield SourceRecord(
                key=f"memory/{of}/{heading}", text=section, place=f"{name}, section {heading or 'before the first'}",
                part="memory", kind=Kind.SEMANTIC, tags=labels(heading, tag),
            )  # fmt: skip
    yield from left_out(MEMORY_FILES, len(optional_field(entry, "memory_files", list, "a list") or []))


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Headings and sections with them; what stands before the first has none. Rules between them are no words."""
    heading, lines = "", list[str]()
    for line in (*text.split("\n"), "**end**"):
        found = _HEADING.fullmatch(line)
        if found is None:
            lines.append("" if line.strip() == "---" else line)
            continue
        body = "\n".join(lines).strip()
        if body:
            yield heading, f"{heading}\n\n{body}" if heading else body
        heading, lines = found[1].strip(), []
