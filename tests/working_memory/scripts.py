"""Conversations made for tests."""

from __future__ import annotations

from itertools import count as counter
from typing import Any

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import Message, MessageId, ToolCall
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.storage.token_counters import HeuristicTokenCounter

COUNT = HeuristicTokenCounter().count
_numbers = counter(1)


def new_session(**options: Any) -> WorkingMemory:
    """An empty session with its options set."""
    memory = WorkingMemory("test", count_tokens=COUNT)
    if options:
        memory.record("set_options", [memory.change(Cell.OPTION, name, value) for name, value in options.items()])
    return memory


def message(role: Role | str, text: str, **fields: Any) -> Message:
    """A message with an id of its own."""
    return Message(id=fields.pop("id", MessageId(f"t{next(_numbers)}")), role=Role(role), text=text, **fields)


def tool_step(name: str, arguments: str, result: str, *, text: str = "", is_error: bool = False) -> list[Message]:
    """An assistant's call and the tool's answer."""
    id = f"call{next(_numbers)}"
    return [
        message("assistant", text, calls=(ToolCall(id=id, name=name, arguments=arguments),)),
        message("tool", result, answers=id, name=name, is_error=is_error),
    ]


def shown(memory: WorkingMemory) -> list[str]:
    """The texts in view."""
    return [message.text for message in memory.render()]
