"""Messages of LangChain, in the three forms in which it writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.messages import Message, ToolCall
from mnemic.domain.working_memory.transcripts.blocks import (
    call_of,
    needed,
    optional_string,
    read_content,
    string_of,
    write_content,
)
from mnemic.domain.working_memory.transcripts.drafts import Draft, TranscriptFormat, message_of, own_opaque
from mnemic.domain.working_memory.transcripts.openai_messages import object_of, read_tool_calls, role_of
from mnemic.domain.working_memory.transcripts.parsing import PlacedValue, load_object, shown
from mnemic.errors import InvalidInput

_FORMAT = TranscriptFormat.LANGCHAIN
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "function"}
_TYPES = {"user": "human", "assistant": "ai", "system": "system", "tool": "tool"}
TYPES = frozenset({*_ROLES, "chat", "remove"})
_KNOWN = frozenset(
    {"content", "type", "name", "id", "tool_calls", "invalid_tool_calls", "tool_call_chunks", "tool_call_id", "status"}
)


def read_langchain(items: Sequence[PlacedValue], skipped: Counter[str]) -> list[Draft]:
    """One draft for each message. Instructions to remove a message are no messages: they are skipped."""
    drafts: list[Draft] = []
    function = ""
    for item in items:
        kind, value = unwrap(object_of(item), item.where)
        if kind == "remove":
            skipped["remove"] += 1
            continue
        name = _ROLES.get(kind) if kind != "chat" else value.get("role")
        role = role_of(name, item.where)
        content = read_content(value.get("content"), item.where, with_calls=role is Role.ASSISTANT)
        draft = Draft(
            where=item.where, role=role, format=_FORMAT, id=optional_string(value, "id", item.where),
            text=content.text, layout=needed(content.layout), name=optional_string(value, "name", item.where),
            is_error=value.get("status") == "error",
            fields={n: field for n, field in value.items() if n not in _KNOWN and field not in (None, {}, [], False)},
        )  # fmt: skip
        if kind == "chat":
            draft.fields["type"] = "chat"
        if role is Role.ASSISTANT:
            function = _read_calls(draft, value, content.calls) or function
        if name == "tool":
            draft.answers = string_of(value, "tool_call_id", item.where)
        elif name == "function":
            draft.answers = function
        drafts.append(draft)
    return drafts


def read_langchain_message(value: Mapping[str, Any], *, id: str) -> Message:
    """One message by itself, whatever it answers. ``id`` is used where it has none. Raises `InvalidInput`."""
    drafts = read_langchain([PlacedValue(where=f"message {id}", value=dict(value))], Counter())
    if not drafts:
        raise InvalidInput(f"{id} is an instruction to remove a message.", hint="Give messages.")
    return message_of(drafts[0], drafts[0].id or id)


def unwrap(value: Mapping[str, Any], where: str) -> tuple[str, Mapping[str, Any]]:
    """The type of a message (``human``, ``ai``…) and its fields, out of any of the three forms."""
    kind, inner = value.get("type"), value
    if value.get("lc") is not None:
        path, inner = value.get("id"), value.get("kwargs", {})
        if kind != "constructor" or not isinstance(inner, dict) or not isinstance(path, list) or not path:
            raise InvalidInput(f"{where}: LangChain could not serialise this message.", hint="Dump its fields.")
        kind = inner.get("type", path[-1])
    elif isinstance(value.get("data"), dict):
        inner = value["data"]
    if isinstance(kind, str):
        kind = kind.removesuffix("MessageChunk").removesuffix("Message").lower()
    if not isinstance(kind, str) or kind not in TYPES:
        raise InvalidInput(f"{where}: the type is {shown(kind)}.", hint=f"Types are {', '.join(sorted(TYPES))}.")
    return kind, inner


def write_langchain(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """What ``messages_from_dict`` of langchain-core takes. Nothing is lost but what only another format carries."""
    return [_write(message) for message in messages]


def _read_calls(draft: Draft, value: Mapping[str, Any], inside: Sequence[ToolCall]) -> str | None:
    """Take in the calls from wherever they stand. Returns the id given to a call of the old kind that has none."""
    for field in ("tool_calls", "invalid_tool_calls"):
        calls = value.get(field) or []
        if not isinstance(calls, list):
            raise InvalidInput(f"{draft.where}: {field} is {shown(calls)}.", hint="It is a list of objects.")
        for at, call in enumerate(calls):
            place = f"{draft.where}, {field}[{at}]"
            if not isinstance(call, dict):
                raise InvalidInput(f"{place}: this call is {shown(call)}.", hint="A call is an object.")
            read = call_of(call.get("id"), call.get("name"), call.get("args"), place)
            draft.calls.append(read)
            fields = {n: v for n, v in call.items() if n not in ("id", "name", "args", "type") and v is not None}
            if fields:
                draft.call_fields[read.id] = fields
    known = {call.id for call in draft.calls}
    draft.calls += [call for call in inside if call.id not in known]
    extras = draft.fields.get("additional_kwargs")
    if not isinstance(extras, dict):
        return None
    # A second copy of the calls, which would contradict them as soon as they are edited.
    rest = {name: field for name, field in extras.items() if name not in ("tool_calls", "function_call")}
    draft.fields = {**draft.fields, "additional_kwargs": rest}
    if not rest:
        del draft.fields["additional_kwargs"]
    if not draft.calls and extras.get("tool_calls"):
        read_tool_calls(draft, extras["tool_calls"])
    called = extras.get("function_call")
    if draft.calls or not isinstance(called, dict):
        return None
    id = f"function_call_{draft.where.split()[-1]}"
    draft.calls.append(call_of(id, called.get("name"), called.get("arguments"), draft.where))
    return id


def _write(message: Message) -> dict[str, Any]:
    own = own_opaque(message, _FORMAT)
    kind = _TYPES[message.role.value]
    content: Any = message.text
    if own.get("layout"):
        content = write_content(message.text, own["layout"], message.calls, _write_block)
    data: dict[str, Any] = {
        "content": content, "additional_kwargs": {}, "response_metadata": {}, "type": kind, "name": message.name,
        "id": message.id,
    }  # fmt: skip
    if kind == "ai":
        data |= {"tool_calls": [], "invalid_tool_calls": []}
        for call in message.calls:
            arguments = load_object(call.arguments)
            extra = own.get("calls", {}).get(call.id, {})
            written: dict[str, Any] = {"type": "tool_call", "args": arguments}
            if arguments is None:
                written = {"type": "invalid_tool_call", "args": call.arguments, "error": None}
            data["tool_calls" if arguments is not None else "invalid_tool_calls"].append(
                {"name": call.name, "id": call.id, **written, **extra}
            )
    elif kind == "tool":
        data |= {"tool_call_id": message.answers or "", "status": "error" if message.is_error else "success"}
    data |= own.get("fields", {})
    return {"type": data["type"], "data": data}


def _write_block(call: ToolCall, shape: Mapping[str, Any]) -> dict[str, Any]:
    arguments = load_object(call.arguments)
    inner = "args" if shape.get("type") == "tool_call" else "input"
    return {**shape, "id": call.id, "name": call.name, inner: call.arguments if arguments is None else arguments}
