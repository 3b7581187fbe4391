"""Messages of OpenAI's chat completions, and of the many who speak the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from mnemic.domain.working_memory.transcripts.drafts import Draft, TranscriptFormat, own_opaque
from mnemic.domain.working_memory.transcripts.parsing import PlacedValue, shown
from mnemic.errors import InvalidInput

_FORMAT = TranscriptFormat.OPENAI
ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}
_KNOWN = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "id"})


def read_openai(items: Sequence[PlacedValue]) -> list[Draft]:
    """One draft for each message. Calls of the old ``function_call`` kind get the ids that they never had."""
    drafts: list[Draft] = []
    functions = 0
    for item in items:
        value = object_of(item)
        role = role_of(value.get("role"), item.where)
        content = read_content(value.get("content"), item.where)
        for entry in content.layout:
            if entry.get("block", {}).get("type") in ("tool_use", "tool_result"):
                raise InvalidInput(
                    f"{item.where}: a block of Anthropic's kind among messages of OpenAI's kind.",
                    hint="Give a transcript of one format.",
                )
        draft = Draft(
            where=item.where, role=role, format=_FORMAT, id=optional_string(value, "id", item.where),
            text=content.text, layout=needed(content.layout), name=optional_string(value, "name", item.where),
            fields={name: field for name, field in value.items() if name not in _KNOWN and field is not None},
        )  # fmt: skip
        if value["role"] == "developer":
            draft.fields["role"] = "developer"
        if value.get("tool_calls"):
            _only_assistant(draft)
            read_tool_calls(draft, value["tool_calls"])
        elif value.get("function_call"):
            _only_assistant(draft)
            functions += 1
            called = value["function_call"]
            if not isinstance(called, dict):
                raise InvalidInput(f"{item.where}: function_call is {shown(called)}.", hint="It is an object.")
            call = call_of(f"function_call_{functions}", called.get("name"), called.get("arguments"), item.where)
            draft.calls.append(call)
        if value["role"] == "tool":
            draft.answers = string_of(value, "tool_call_id", item.where)
        elif value["role"] == "function":
            draft.answers = f"function_call_{functions}"
        drafts.append(draft)
    return drafts


def write_openai(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The ``messages`` of a request. Ids of messages and whether a tool failed have no place in this format."""
    return [_write(message) for message in messages]


def read_tool_calls(draft: Draft, calls: Any) -> None:
    """Take in ``tool_calls`` as OpenAI writes them."""
    if not isinstance(calls, list):
        raise InvalidInput(f"{draft.where}: tool_calls is {shown(calls)}.", hint="It is a list of objects.")
    for at, call in enumerate(calls):
        place = f"{draft.where}, tool_calls[{at}]"
        kind = call.get("type", "function") if isinstance(call, dict) else None
        inner = call.get(kind) if isinstance(call, dict) and kind in ("function", "custom") else None
        if not isinstance(inner, dict):
            raise InvalidInput(
                f"{place}: this is not a call of a function: {shown(call)}.",
                hint='A call is {"id": …, "type": "function", "function": {"name": …, "arguments": …}}.',
            )
        arguments = inner.get("input") if kind == "custom" else inner.get("arguments")
        read = call_of(call.get("id"), inner.get("name"), arguments, place)
        draft.calls.append(read)
        fields = {name: value for name, value in call.items() if name not in ("id", "function", "custom")}
        if fields.get("type") == "function":
            del fields["type"]
        if fields:
            draft.call_fields[read.id] = fields


def role_of(role: object, where: str) -> Role:
    """The role by the name that OpenAI gives it."""
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidInput(f"{where}: the role is {shown(role)}.", hint=f"Roles are {', '.join(ROLES)}.")
    return ROLES[role]


def object_of(item: PlacedValue) -> dict[str, Any]:
    """A message, which must be an object."""
    if not isinstance(item.value, dict):
        raise InvalidInput(
            f"{item.where}: this is {shown(item.value)}, not a message.", hint="A message is a JSON object."
        )
    return item.value


def _only_assistant(draft: Draft) -> None:
    if draft.role is not Role.ASSISTANT:
        raise InvalidInput(f"{draft.where}: a message of the {draft.role} calls tools.", hint="Only assistants do.")


def _write(message: Message) -> dict[str, Any]:
    own = own_opaque(message, _FORMAT)
    written: dict[str, Any] = {"role": message.role.value}
    if own.get("layout"):
        # A list may not be empty: when nothing of it is left, the empty text stands.
        written["content"] = write_content(message.text, own["layout"], (), _no_call) or message.text
    else:
        written["content"] = None if message.calls and not message.text else message.text
    if message.name is not None:
        written["name"] = message.name
    if message.calls:
        fields = own.get("calls", {})
        written["tool_calls"] = [_write_call(call, fields.get(call.id, {})) for call in message.calls]
    if message.role is Role.TOOL:
        written["tool_call_id"] = message.answers or ""
    return {**written, **own.get("fields", {})}


def _write_call(call: ToolCall, fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("type") == "custom":
        return {**fields, "id": call.id, "custom": {"name": call.name, "input": call.arguments}}
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
        **fields,
    }


def _no_call(*_: object) -> dict[str, Any]:
    raise AssertionError("content of this format holds no calls")
