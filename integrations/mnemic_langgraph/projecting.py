"""Parts of a prompt that are not in the messages: added to what a model is shown, while the state keeps the originals."""

from __future__ import annotations

from typing import Any

from langchain.agents.middleware.types import ModelRequest
from langchain_core.messages import BaseMessage, SystemMessage


def with_system_text(request: ModelRequest[Any], text: str) -> ModelRequest[Any]:
    """The request with ``text`` at the end of its system message; the same request when there is none."""
    if not text:
        return request
    system = request.system_message
    if system is None:
        return request.override(system_message=SystemMessage(text))
    return request.override(system_message=_joined(system, text, before=False))


def with_text_before(message: BaseMessage, text: str) -> Any:
    """A copy of a message with ``text`` before what it says."""
    return _joined(message, text, before=True)


def _joined(message: Any, text: str, *, before: bool) -> Any:
    content = message.content
    if isinstance(content, str):
        parts = [part for part in ((text, content) if before else (content, text)) if part]
        return message.model_copy(update={"content": "\n\n".join(parts)})
    block = {"type": "text", "text": text}
    return message.model_copy(update={"content": [block, *content] if before else [*content, block]})
