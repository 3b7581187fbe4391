"""LangChain's messages as the engine sees them, and the engine's view as LangChain's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, ToolMessage

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.messages import Message
from mnemic.domain.working_memory.transcripts import read_langchain_message, write_langchain
from mnemic.services.working_memory.conversation import Made, Said
from mnemic_langgraph.conversation import ARTIFACT

NOTE = "mnemic"
"""Under this key of ``additional_kwargs`` an assistant's message carries what a model summarised when it was made."""
EDIT = "edit"
"""Under this key, in what a tool's answer carries for us, is the name of the edit that was made; beside it stand its
``arguments``, when they are not those of the call.
"""
OBSERVATION = "observation"
"""The name of a human message that tells what an environment answered to an action in the text protocol."""

_CHAT_ROLES = ("user", "assistant", "system", "developer")
_CALL_COPIES = ("tool_calls", "function_call")


def said(message: BaseMessage, at: int) -> Said:
    """A message of a graph's state for the engine, which knows it by its place: ``msg1`` is the first.

    Its own id is drawn at random when it enters a state, and what a model is shown must not depend on that. Raises
    `InvalidInput` for what is no message of a conversation.
    """
    value: dict[str, Any] = {
        "type": message.type, "content": message.content, "name": message.name,
        "additional_kwargs": {name: found for name, found in message.additional_kwargs.items() if name != NOTE},
    }  # fmt: skip
    summary = None
    made = None
    if isinstance(message, AIMessage):
        for field, calls in _calls_of(message).items():
            value[field] = list(filter(_is_named, calls))
        if message.tool_calls or message.invalid_tool_calls:
            value["additional_kwargs"].pop("tool_calls", None)  # LangChain has read them
        summary = _summary(message.additional_kwargs.get(NOTE))
    elif isinstance(message, ToolMessage):
        value |= {"tool_call_id": message.tool_call_id, "status": message.status}
        summary = _summary(message.artifact)
        made = _made(message.artifact)
    elif isinstance(message, ChatMessage):
        # Its role is any word; one that nobody knows is another speaker's, as an agent's is.
        value["role"] = message.role if message.role in _CHAT_ROLES else Role.ASSISTANT.value
    read = read_langchain_message(value, id=f"msg{at + 1}")
    if isinstance(message, HumanMessage) and message.name == OBSERVATION:
        read = Message(id=read.id, role=Role.TOOL, text=read.text, opaque=read.opaque)
    return Said(message=read, summary=summary, made=made)


def as_shown(message: BaseMessage, original: Message, shown: Message) -> BaseMessage:
    """``message`` as the engine shows it: itself where nothing is changed, else a copy with other words or arguments."""
    if shown is original:
        return _without_note(message)
    written = write_langchain([shown])[0]["data"]
    update: dict[str, Any] = {"content": written["content"]}
    if isinstance(message, AIMessage):
        for field, calls in _calls_of(message).items():
            update[field] = [*written[field], *(call for call in calls if not _is_named(call))]
        # A second copy of the calls would contradict them.
        gone = (NOTE, *_CALL_COPIES) if shown.calls != original.calls else (NOTE,)
        update["additional_kwargs"] = {n: found for n, found in message.additional_kwargs.items() if n not in gone}
    return message.model_copy(update=update)


def _calls_of(message: AIMessage) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    return {"tool_calls": message.tool_calls, "invalid_tool_calls": message.invalid_tool_calls}


def _is_named(call: Mapping[str, Any]) -> bool:
    """Whether a result could answer a call: of what a model broke off, neither id nor name need be known."""
    return bool(call["id"] and call["name"])


def _without_note(message: BaseMessage) -> BaseMessage:
    if NOTE not in message.additional_kwargs:
        return message
    rest = {name: found for name, found in message.additional_kwargs.items() if name != NOTE}
    return message.model_copy(update={"additional_kwargs": rest})


def _summary(note: Any) -> str | None:
    found = note.get("summary") if isinstance(note, dict) else None
    return found if isinstance(found, str) else None


def _made(artifact: Any) -> Made | None:
    note = artifact.get(ARTIFACT) if isinstance(artifact, dict) else None
    name = note.get(EDIT) if isinstance(note, dict) else None
    if not isinstance(note, dict) or not isinstance(name, str):
        return None
    arguments = note.get("arguments")
    return Made(name=name, arguments=arguments if isinstance(arguments, dict) else None)
