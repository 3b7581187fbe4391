"""Messages of Anthropic's API: the system prompt apart, results of tools inside of the user's messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.messages import NOTHING_SHOWN, Message, ToolCall
from mnemic.domain.working_memory.transcripts.blocks import (
    needed,
    optional_string,
    read_content,
    string_of,
    write_content,
)
from mnemic.domain.working_memory.transcripts.drafts import Draft, TranscriptFormat, own_opaque
from mnemic.domain.working_memory.transcripts.openai_messages import object_of
from mnemic.domain.working_memory.transcripts.parsing import PlacedValue, load_object, shown
from mnemic.errors import InvalidInput

_FORMAT = TranscriptFormat.ANTHROPIC
_THINKING = frozenset({"thinking", "redacted_thinking"})


def read_anthropic(items: Sequence[PlacedValue], system: Any = None) -> list[Draft]:
    """Drafts of the system prompt's blocks and of the messages; a user's message may become several."""
    drafts = read_system(system, "the system prompt", None)
    for item in items:
        value = object_of(item)
        role, id = value.get("role"), optional_string(value, "id", item.where)
        if role == "user":
            drafts += read_user(value.get("content"), item.where, id)
        elif role == "assistant":
            drafts.append(read_assistant(value.get("content"), item.where, id))
        elif role == "system":
            drafts += read_system(value.get("content"), item.where, id)
        else:
            raise InvalidInput(f"{item.where}: the role is {shown(role)}.", hint="Roles are user and assistant.")
    return drafts


def read_system(content: Any, where: str, id: str | None) -> list[Draft]:
    """One draft for each block of a system prompt."""
    if content is None:
        return []
    blocks = content if isinstance(content, list) else [content]
    drafts: list[Draft] = []
    for at, block in enumerate(blocks):
        read = read_content(block if isinstance(block, str) else [block], f"{where}[{at}]")
        drafts.append(Draft(where=where, role=Role.SYSTEM, format=_FORMAT, text=read.text, layout=needed(read.layout)))
    return _with_ids(drafts, id)


def read_user(content: Any, where: str, id: str | None) -> list[Draft]:
    """The results of tools, each a draft of its own, then what the user said."""
    rest, drafts = content, list[Draft]()
    if isinstance(content, list):
        rest = []
        for at, block in enumerate(content):
            if isinstance(block, dict) and block.get("type") == "tool_result":
                drafts.append(_read_result(block, f"{where}, content[{at}]"))
            else:
                rest.append(block)
    if rest or not drafts:
        read = read_content(rest, where)
        drafts.append(Draft(where=where, role=Role.USER, format=_FORMAT, text=read.text, layout=needed(read.layout)))
    return _with_ids(drafts, id)


def read_assistant(content: Any, where: str, id: str | None) -> Draft:
    """The text and the calls of an answer; thinking is carried."""
    read = read_content(content, where, with_calls=True)
    for entry in read.layout:
        if entry.get("block", {}).get("type") == "tool_result":
            raise InvalidInput(
                f"{where}: the result of a tool inside of an assistant's message.",
                hint="Results stand in the user's message after the calls.",
            )
    return Draft(
        where=where, role=Role.ASSISTANT, format=_FORMAT, id=id, text=read.text, calls=read.calls,
        layout=needed(read.layout, calls_inside=True),
    )  # fmt: skip


def write_anthropic(messages: Iterable[Message]) -> tuple[str | list[dict[str, Any]] | None, list[dict[str, Any]]]:
    """The ``system`` of a request (None when there is none) and its ``messages``.

    System messages after the first other message become the user's. A conversation that does not begin with the user is
    given a first message of the user that shows nothing, and so does content that would be empty: both are refused. Ids
    and names of messages have no place in this format.
    """
    system: list[dict[str, Any]] = []
    written: list[dict[str, Any]] = []
    results: list[dict[str, Any]] | None = None
    for message in messages:
        if message.role is Role.SYSTEM and not written:
            system += _blocks(message)
            continue
        if message.role is Role.TOOL:
            if results is None:
                results = []
                written.append({"role": "user", "content": results})
            results.append(_write_result(message))
            continue
        results = None
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        content: str | list[dict[str, Any]] = _blocks(message)
        if len(content) == 1 and isinstance(content[0], dict) and content[0].keys() == {"type", "text"}:
            content = content[0]["text"]
        written.append({"role": role, "content": content})
    if written and written[0]["role"] != "user":
        written.insert(0, {"role": "user", "content": NOTHING_SHOWN})
    if len(system) == 1 and system[0].keys() == {"type", "text"}:
        return system[0]["text"], written
    return system or None, written


def _read_result(block: Mapping[str, Any], where: str) -> Draft:
    read = read_content(block.get("content"), where)
    known = ("type", "tool_use_id", "content", "is_error")
    return Draft(
        where=where, role=Role.TOOL, format=_FORMAT, text=read.text, layout=needed(read.layout),
        answers=string_of(block, "tool_use_id", where), is_error=block.get("is_error") is True,
        fields={name: value for name, value in block.items() if name not in known},
    )  # fmt: skip


def _with_ids(drafts: list[Draft], id: str | None) -> list[Draft]:
    for number, draft in enumerate(drafts, 1):
        draft.id = id if id is None or len(drafts) == 1 else f"{id}.{number}"
    return drafts


def _blocks(message: Message) -> list[dict[str, Any]]:
    """The content of a message as blocks, none of them empty."""
    layout = own_opaque(message, _FORMAT).get("layout") or [
        {"text": len(message.text)},
        *({"call": call.id, "shape": {"type": "tool_use"}} for call in message.calls),
    ]
    blocks = write_content(message.text, layout, message.calls, _write_call)
    known = {entry.get("call") for entry in layout}
    blocks += [_write_call(call, {"type": "tool_use"}) for call in message.calls if call.id not in known]
    return _shown(blocks, after_thinking=True)


def _write_result(message: Message) -> dict[str, Any]:
    own = own_opaque(message, _FORMAT)
    content: str | list[dict[str, Any]] = message.text
    if own.get("layout"):
        content = _shown(write_content(message.text, own["layout"], (), _write_call), after_thinking=False)
    elif message.is_error and not message.text.strip():
        content = NOTHING_SHOWN
    written = {"type": "tool_result", "tool_use_id": message.answers or "", "content": content}
    return {**written, **({"is_error": True} if message.is_error else {}), **own.get("fields", {})}


def _shown(blocks: list[Any], *, after_thinking: bool) -> list[dict[str, Any]]:
    """The blocks without those that are refused for being empty; nothing but thinking is not an answer."""
    words = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    kept = [block for block in words if block.get("type") != "text" or str(block.get("text")).strip()]
    if not kept or (after_thinking and kept[-1].get("type") in _THINKING):
        kept.append({"type": "text", "text": NOTHING_SHOWN})
    return kept


def _write_call(call: ToolCall, shape: Mapping[str, Any]) -> dict[str, Any]:
    arguments = load_object(call.arguments)
    if arguments is None:
        # The format has no place for arguments that the model wrote wrong, so they are shown as what they are: text.
        arguments = {"arguments": call.arguments}
    return {**shape, "type": "tool_use", "id": call.id, "name": call.name, "input": arguments}
