"""What nodes need to know of the messages in a state."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    ToolMessage,
    convert_to_messages,
)

from mnemic import Channel, Role
from mnemic.domain.validation import MAX_QUERY_CHARS
from mnemic.errors import InvalidInput

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")

EPISODE = "/episode "
"""An episode of a whole conversation stands in ``remembered`` by the key of its last message, this, and a number."""

ARTIFACT = "mnemic"
"""The key in a tool message's artifact by which answers of `get_memory_tools` are known; recall keeps there what it showed.
"""


def answer_of_memory(message: BaseMessage) -> Mapping[str, Any] | None:
    """What a memory tool noted with its answer, as JSON; None for any other message."""
    artifact = message.artifact if isinstance(message, ToolMessage) else None
    found = artifact.get(ARTIFACT) if isinstance(artifact, Mapping) else None
    return found if isinstance(found, Mapping) else None


def value_in(state: Any, name: str, default: Any = None) -> Any:
    """A value of a state that is a mapping or an object; ``default`` where it is absent or None."""
    found = state.get(name) if isinstance(state, Mapping) else getattr(state, name, None)
    return default if found is None else found


def messages_in(state: Any) -> list[BaseMessage]:
    """The messages of a state, which may be the messages themselves. One alone, or one text, is a list of one."""
    found = state if isinstance(state, list) else value_in(state, "messages", [])
    return list(convert_to_messages([found] if isinstance(found, str | BaseMessage) else found))


def last_user_message(messages: Sequence[BaseMessage]) -> HumanMessage | None:
    """What the user said last."""
    return next((one for one in reversed(messages) if isinstance(one, HumanMessage) and one.text.strip()), None)


def words_of(message: BaseMessage) -> str:
    """What a message says, as a memory can keep it: NUL and halves of surrogate pairs become U+FFFD.

    A tool that read a binary file, or cut a text in the middle of a character, must not make every later step of its
    thread fail.
    """
    return as_text(message.text).strip()


def asked(state: Any) -> str:
    """The user's last words, cut to what a question may have; empty when there are none."""
    message = last_user_message(messages_in(state))
    return "" if message is None else words_of(message)[:MAX_QUERY_CHARS]


def first_asked(state: Any) -> str:
    """The user's first words, which name the task of a thread."""
    said = (one for one in messages_in(state) if isinstance(one, HumanMessage) and one.text.strip())
    message = next(said, None)
    return "" if message is None else words_of(message)[:MAX_QUERY_CHARS]


def said_by(ask: Callable[[Any], str] | None, state: Any, *, otherwise: Callable[[Any], str], name: str) -> str:
    """What ``ask``, else ``otherwise``, makes of the state; empty for None. Raises `InvalidInput` for what is no text."""
    found: Any = (otherwise if ask is None else ask)(state)
    if found is not None and not isinstance(found, str):
        raise InvalidInput(
            f"What {name} made of the state is {type(found).__name__}.",
            hint="Give a text, or None where there is none.",
        )
    return found or ""


def spoken_by(message: BaseMessage) -> tuple[Role, Channel] | None:
    """Whose words a message holds, and the channel by which they came; None for a system's, which are ours."""
    if isinstance(message, HumanMessage):
        return Role.USER, Channel.USER
    if isinstance(message, AIMessage):
        return Role.ASSISTANT, Channel.AGENT
    if isinstance(message, ToolMessage) or message.type == "function":
        return Role.TOOL, Channel.TOOL
    if isinstance(message, ChatMessage):
        return Role.ASSISTANT, Channel.AGENT
    return None


def message_keys(messages: Sequence[BaseMessage]) -> list[str]:
    """A name for every message: its id, or what it says and how often that was said before it."""
    keys: list[str] = []
    seen: dict[str, int] = {}
    for message in messages:
        if message.id is not None:
            keys.append(message.id)
            continue
        digest = hashlib.sha256(f"{message.type}\0{message.text}".encode(errors="surrogatepass")).hexdigest()[:16]
        seen[digest] = seen.get(digest, 0) + 1
        keys.append(f"{digest}-{seen[digest]}")
    return keys


def as_text(text: str) -> str:
    """A text without NUL and halves of surrogate pairs, which become U+FFFD."""
    return _NO_TEXT.sub("\ufffd", text)
