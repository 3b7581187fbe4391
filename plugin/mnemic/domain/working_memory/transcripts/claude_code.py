"""Sessions of Claude Code: JSON Lines in which messages, subagents, abandoned branches and bookkeeping are mixed.

Lines form a tree by ``parentUuid``. Read is the branch that ends in the last message, across compactions, which put a new
root into the same file. An answer with several blocks is spread over lines that share ``message.id``; the lines of calls
that ran side by side are siblings, so a plain walk from leaf to root would miss some of their results.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.messages import Message
from mnemic.domain.working_memory.transcripts.anthropic_messages import read_assistant, read_user
from mnemic.domain.working_memory.transcripts.blocks import optional_string
from mnemic.domain.working_memory.transcripts.drafts import Draft
from mnemic.domain.working_memory.transcripts.openai_messages import object_of
from mnemic.domain.working_memory.transcripts.parsing import PlacedValue, shown
from mnemic.errors import InvalidInput

_SPOKEN = ("user", "assistant")
_TOLD = ("isMeta", "isCompactSummary")
_NO_MODEL = "<synthetic>"
"""Answers that the host itself fills in, so that turns go on taking turns."""
_MARKUP = re.compile(
    r"\s*<(?P<tag>(?:command|local-command|bash|ide|task|teammate|fork|mcp|user-prompt|user-memory)[-_][a-z_-]+"
    r"|system-reminder|channel)(?:\s[^>]*)?>.*?</(?P=tag)>"
    r"|\s*\[Request interrupted by user[^\]\n]*\]",
    re.DOTALL,
)
"""What the host writes where a user's words stand: commands and what they printed, what an editor shows, notices."""


def spoken_text(message: Message) -> str:
    """What the user or the model said in a message of a session, without what the host put in or before it.

    Empty where nobody but the host spoke: summaries, commands with their output, notices, what fills in for an answer.
    """
    if message.opaque.get("host"):
        return ""
    at = 0
    while found := _MARKUP.match(message.text, at):
        at = found.end()
    return message.text[at:].strip()


def read_claude_code(items: Sequence[PlacedValue], skipped: Counter[str]) -> list[Draft]:
    """The drafts of a session. Subagents are left out, except from a file that holds nothing else."""
    lines: list[tuple[str, dict[str, Any]]] = [(item.where, object_of(item)) for item in items]
    for where, line in lines:
        if line.get("type") in _SPOKEN and not isinstance(line.get("message"), dict):
            raise InvalidInput(
                f"{where}: message is {shown(line.get('message'))}.", hint="A line of a user or assistant holds one."
            )
    if any(_is_spoken(line) and not line.get("isSidechain") for _, line in lines):
        skipped.update("sidechain" for _, line in lines if line.get("isSidechain"))
        lines = [(where, line) for where, line in lines if not line.get("isSidechain")]
    branch = _last_branch([line for _, line in lines])
    kept: list[tuple[str, dict[str, Any]]] = []
    for at, (where, line) in enumerate(lines):
        if not _is_spoken(line):
            skipped[_kind(line)] += 1
        elif line.get("isApiErrorMessage"):
            skipped["API error"] += 1
        elif at not in branch:
            skipped["abandoned branch"] += 1
        else:
            kept.append((where, line))
    return _in_order(kept)


def _is_spoken(line: dict[str, Any]) -> bool:
    return line.get("type") in _SPOKEN or _queued(line) is not None


def _queued(line: dict[str, Any]) -> Any:
    """What the user typed while a tool was running; it reaches the model as an attachment."""
    attached = line.get("attachment")
    if line.get("type") != "attachment" or not isinstance(attached, dict) or attached.get("type") != "queued_command":
        return None
    return attached.get("prompt")


def _told(line: dict[str, Any]) -> dict[str, Any]:
    """What marks a line as the host's own words; nothing for those of a person."""
    origin = line.get("origin")
    kind = origin.get("kind") if isinstance(origin, dict) else None
    told: dict[str, Any] = {name: True for name in _TOLD if line.get(name)}
    return {**told, "origin": kind} if isinstance(kind, str) and kind != "human" else told


def _kind(line: dict[str, Any]) -> str:
    names = [str(value)[:40] for value in (line.get("type"), line.get("subtype")) if isinstance(value, str)]
    return ":".join(names) or "no type"


def _last_branch(lines: Sequence[dict[str, Any]]) -> set[int]:
    """The lines from the last message up to the first, and the siblings that belong to the same answers."""
    by_uuid = {uuid: at for at, line in enumerate(lines) if isinstance(uuid := line.get("uuid"), str)}
    at = max((at for at, line in enumerate(lines) if _is_spoken(line)), default=-1)
    found: set[int] = set()
    while at >= 0:
        found.add(at)
        parent = lines[at].get("parentUuid") or lines[at].get("logicalParentUuid")
        above = by_uuid.get(parent) if isinstance(parent, str) else None
        # A parent that is not in the file, and a new root, follow what stands before them. This always goes up.
        at = above if above is not None and above < at else at - 1
    for at, line in enumerate(lines):
        # No line can name this one as its parent: it belongs to what stands before it.
        if at - 1 in found and not isinstance(line.get("uuid"), str):
            found.add(at)
    answers = {id for at in found if (id := _answer_id(lines[at])) is not None}
    found |= {at for at, line in enumerate(lines) if _answer_id(line) in answers}
    answered = {id for at in found for id in _ids(lines[at], "tool_result", "tool_use_id")}
    called = {id for at in found for id in _ids(lines[at], "tool_use", "id")} - answered
    for at, line in enumerate(lines):
        if called.intersection(_ids(line, "tool_result", "tool_use_id")):
            found.add(at)
    return found


def _answer_id(line: dict[str, Any]) -> str | None:
    id = line["message"].get("id") if line.get("type") == "assistant" else None
    return id if isinstance(id, str) else None


def _ids(line: dict[str, Any], kind: str, name: str) -> Iterator[str]:
    content = line["message"].get("content") if line.get("type") in _SPOKEN else None
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == kind and isinstance(block.get(name), str):
            yield block[name]


def _in_order(lines: Sequence[tuple[str, dict[str, Any]]]) -> list[Draft]:
    """The drafts, with the parts of each answer in one and what the user said meanwhile after its results."""
    drafts: list[Draft] = []
    waiting: list[Draft] = []
    answer: tuple[str, str | None] | None = None
    blocks: list[Any] = []
    at = 0
    used: set[str] = set()
    for where, line in lines:
        uuid = optional_string(line, "uuid", where)
        if line.get("type") != "assistant":
            content = line["message"].get("content") if line.get("type") == "user" else _queued(line)
            for draft in read_user(content, where, uuid):
                draft.host = _told(line)
                (drafts if draft.role is Role.TOOL else waiting).append(draft)
            continue
        message = line["message"]
        id = optional_string(message, "id", where)
        content = message.get("content")
        more = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
        if answer is not None and id is not None and answer[1] == id:
            blocks = [*blocks, *more]
            drafts[at] = read_assistant(blocks, answer[0], drafts[at].id)
            continue
        drafts += waiting
        waiting = []
        answer, blocks, at = (where, id), more, len(drafts)
        # An answer that goes on after another one is told apart by its line.
        drafts.append(read_assistant(blocks, where, uuid if id is None or id in used else id))
        if message.get("model") == _NO_MODEL:
            drafts[at].host = {"synthetic": True}
        used |= {id} if id is not None else set()
    return drafts + waiting
