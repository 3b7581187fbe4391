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
    newest,
    path_from_root,
    read_conversations,
)
from mnemic.domain.moving.json_values import check_kind, field_of, moment_of, optional_field
from mnemic.domain.moving.records import Damage, Found, LeftOut, Reading, SourceRecord, Unreadable, label, labels

FORMAT = "claude"
# What is kept is in one file, or since August 2026 in a file for each account.
FILES_OF_EXPORT = re.compile(r"(?:.*/)?(?:conversations(?:-\d+)?\.json|memories\.json|memories/[^/.][^/]*\.json)")
# Since August 2026 there is an archive for each kind of thing, in as many parts as it takes; a browser numbers what is
# fetched again.
PARTS_OF_EXPORT = re.compile(r"(?:conversations|memories)(?:-\d+)?(?: ?\(\d+\))?\.zip", re.IGNORECASE)

_ROLES: dict[str, str] = {"human": Role.USER, "assistant": Role.ASSISTANT}
# What a block that is no text counts as; one of another kind counts as a tool's.
_NOT_SAID = {
    "thinking": THOUGHTS, "redacted_thinking": THOUGHTS, "image": FILES, "document": FILES, "injected_prompt_block": HIDDEN
}  # fmt: skip
_SAYS_NOTHING = frozenset(("text", "voice_note", "token_budget", "flag"))
# What is spoken stands in a block of its own.
_SAYS = {"text": ("text",), "voice_note": ("text", "transcript")}
_KEPT = ("account_uuid", "conversations_memory", "project_memories", "memory_files")


# A line in bold by itself.
_HEADING = re.compile(r"\*\*([^*\n]+)\*\*[ \t]*")


def read_claude(text: str, name: str) -> Reading:
    """Of one file of an export: its messages and the texts of what was attached to them, or what Claude keeps of a user."""

    def read(entry: dict[str, Any], place: str) -> Iterator[Found]:
        if "chat_messages" not in entry and any(field in entry for field in _KEPT):
            return _kept(entry, name)
        return _messages(entry, place)

    yield from read_conversations(text, name, read, fields=("chat_messages", *_KEPT), other="chatgpt mapping")


def _messages(conversation: dict[str, Any], place: str) -> Iterator[Found]:
    id = field_of(conversation, "uuid", str, "a string")
    messages = field_of(conversation, "chat_messages", list, "a list")
    shown = _shown(messages, conversation.get("current_leaf_message_uuid"))
    yield from left_out(BRANCHES, len(messages) - len(shown))
    for number in shown:
        where = f"{place}, message {number + 1}"
        try:
            message = check_kind(messages[number], dict, "message", "an object")
            yield from _message(message, id, conversation, where)
        except Unreadable as error:
            yield Damage(place=where, message=str(error))


def _shown(messages: list[Any], leaf: Any) -> list[int]:
    """The places of the messages that the conversation shows, or of all if they name no parents: the branch to ``leaf``,
    which exports leave out and copies of the page name, or else to the newest one.
    """
    places = {
        one["uuid"]: number
        for number, one in enumerate(messages)
        if isinstance(one, dict) and isinstance(one.get("uuid"), str)
    }
    parents = {uuid: messages[number].get("parent_message_uuid") for uuid, number in places.items()}
    first, *others = [isinstance(parent, str) for parent in parents.values()] or [False]
    # The first message has none, which some write as null.
    if len(places) < len(messages) or not all(others) or not (first or others):
        return list(range(len(messages)))
    moments = {uuid: messages[number].get("created_at") for uuid, number in places.items()}
    end = leaf if isinstance(leaf, str) and leaf in places else newest(moments) or messages[-1]["uuid"]
    return [places[uuid] for uuid in path_from_root(parents, end)]


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
    said = (one.get(name) for one in blocks if isinstance(one, dict) for name in _SAYS.get(str(one.get("type")), ()))
    return "\n".join(text for text in said if isinstance(text, str) and text.strip())


def _extracted(attachment: dict[str, Any]) -> str:
    content = attachment.get("extracted_content")
    return content if isinstance(content, str) and content.strip() else ""


def _kept(entry: dict[str, Any], name: str) -> Iterator[Found]:
    account = optional_field(entry, "account_uuid", str, "a string") or ""
    kept = {account: optional_field(entry, "conversations_memory", str, "a string") or ""}
    projects = optional_field(entry, "project_memories", dict, "an object") or {}
    for project in projects:
        kept[f"{account}/{project}"] = optional_field(projects, project, str, "a string") or ""
    for of, text in kept.items():
        tag = f"project:{of.partition('/')[2]}" if "/" in of else None
        for heading, section in _sections(text):
            yield SourceRecord(
                key=f"memory/{of}/{heading}", text=section, place=f"{name}, section {heading or 'before the first'}",
                part="memory", kind=Kind.SEMANTIC, tags=labels(heading, tag),
            )  # fmt: skip
    for number, file in enumerate(optional_field(entry, "memory_files", list, "a list") or [], 1):
        place = f"{name}, file {number}"
        try:
            yield from _memory_file(check_kind(file, dict, "it", "an object"), account, place)
        except Unreadable as error:
            yield Damage(place=place, message=str(error))


def _memory_file(file: dict[str, Any], account: str, place: str) -> Iterator[Found]:
    """A file that Claude keeps of a user since 2026: what it says, under its name, since it was written last."""
    path = field_of(file, "path", str, "a string")
    text = optional_field(file, "content", str, "a string") or ""
    at = moment_of(file.get("updated_at") or file.get("created_at"), "updated_at")
    if text.strip():
        name = path.rpartition("/")[2].removesuffix(".md")
        yield SourceRecord(
            key=f"memory/{account}/file/{path}", text=text.strip(), place=place, part="memory", kind=Kind.SEMANTIC,
            tags=labels(name), valid_from=at,
        )  # fmt: skip


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
