"""The messages of a conversation as an agent's host sent them. They never change; only what is shown of them does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NewType

from mnemic.domain.memory import Role

MessageId = NewType("MessageId", str)
"""The host's own id of a message, else one that the session gave it (``msg7``). Unique within a session."""

NOTHING_SHOWN = "·"
"""Stands where nothing of a message is left to show: some providers refuse empty content."""
EMPTY_ARGUMENTS = "{}"
"""What is shown of a call's arguments where nothing is left: providers demand an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A request of the assistant to run a tool. ``arguments`` is the JSON text that the model wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message.

    ``answers`` is the id of the call whose result a tool's message holds. ``is_error`` says that the tool failed.
    ``opaque`` is what else the provider sent and wants back unchanged, such as signed thinking blocks: it is carried,
    counted by nobody and never edited.
    """

    id: MessageId
    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    answers: str | None = None
    name: str | None = None
    is_error: bool = False
    opaque: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
