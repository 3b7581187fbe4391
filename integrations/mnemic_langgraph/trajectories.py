"""The messages of a graph's state as a trajectory that the engine reads.

A state may hold what no transcript does: results whose calls were trimmed, calls that were never answered, what a model
wrote as a call and nobody could read. A task must not fail at its end because of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    convert_to_openai_messages,
)

from mnemic_langgraph.conversation import as_text, last_user_message, spoken_by

NO_RESULT = "(no result)"
"""What stands for the result of a call that has none."""


def trajectory_of(messages: Sequence[BaseMessage], *, task: str) -> list[dict[str, Any]]:
    """Messages as plain JSON, without the system's; where no user says what the ``task`` is, it is put in front.

    Every call has one result right behind it, unless nothing else follows: a call without one gets `NO_RESULT`, and a result
    without its call is left out. So are the blocks of a message that cannot be written as OpenAI's, all but its text.
    """
    told = [message for message in messages if spoken_by(message) is not None]
    if task and last_user_message(told) is None:
        told.insert(0, HumanMessage(task))
    written = [one for at, message in enumerate(told) for one in _written(message, at)]
    return [_all_as_text(one) for one in _paired(written)]


def _written(message: BaseMessage, at: int) -> list[dict[str, Any]]:
    if isinstance(message, ChatMessage):  # whoever that is, it is somebody beside the user
        message = AIMessage(message.content, name=message.name)
    try:
        written = convert_to_openai_messages([message])
    except ValueError:  # a video, say
        written = convert_to_openai_messages([message.model_copy(update={"content": message.text})])
    found = [dict(one) for one in written]
    if isinstance(message, AIMessage) and found:
        unread = [
            {
                "type": "function",
                "id": one["id"],
                "function": {"name": one["name"] or "", "arguments": one["args"] or ""},
            }
            for one in message.invalid_tool_calls
        ]
        calls = [*found[0].get("tool_calls", ()), *unread]
        if calls:
            found[0]["tool_calls"] = [{**call, "id": call["id"] or f"call {at}.{n}"} for n, call in enumerate(calls)]
    return found


def _paired(written: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    paired: list[dict[str, Any]] = []
    unanswered: list[str] = []
    for one in written:
        if one["role"] == "tool":
            if one["tool_call_id"] not in unanswered:
                continue
            unanswered.remove(one["tool_call_id"])
        elif one["role"] == "function":
            if not paired or "function_call" not in paired[-1]:
                continue
        else:
            paired += ({"role": "tool", "tool_call_id": id, "content": NO_RESULT} for id in unanswered)
            unanswered = [call["id"] for call in one.get("tool_calls", ())]
        paired.append(one)
    return paired


def _all_as_text(value: Any) -> Any:
    if isinstance(value, str):
        return as_text(value)
    if isinstance(value, list):
        return [_all_as_text(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _all_as_text(one) for name, one in value.items()}
    return value
