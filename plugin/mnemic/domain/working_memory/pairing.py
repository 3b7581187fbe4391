"""Ids are unique and every result answers a call: what must hold for messages that are appended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mnemic.domain.working_memory.messages import Message
from mnemic.errors import InvalidInput


class Conversation(Protocol):
    """What was said before."""

    session: str

    def has_message(self, message_id: str) -> bool: ...

    def call_position(self, call_id: str) -> int | None: ...

    def answer_position(self, call_id: str) -> int | None: ...


def check_pairing(messages: Sequence[Message], before: Conversation) -> None:
    """Raise `InvalidInput` for an id that is taken, a result that answers no call, and one that comes twice."""
    ids: set[str] = set()
    calls: set[str] = set()
    answered: set[str] = set()
    for message in messages:
        if before.has_message(message.id) or message.id in ids:
            raise InvalidInput(
                f"There is a message {message.id!r} in the session {before.session!r} already.",
                hint="Give each message an id of its own, or none.",
            )
        ids.add(message.id)
        for call in message.calls:
            if before.call_position(call.id) is not None or call.id in calls:
                raise InvalidInput(
                    f"The call id {call.id!r} of the message {message.id!r} is taken.",
                    hint="Give each tool call an id of its own.",
                )
            calls.add(call.id)
        if message.answers is None:
            continue
        if before.call_position(message.answers) is None and message.answers not in calls:
            raise InvalidInput(
                f"The message {message.id!r} answers the call {message.answers!r}, which nobody made.",
                hint="Append the assistant's message with the call first.",
            )
        if before.answer_position(message.answers) is not None or message.answers in answered:
            raise InvalidInput(f"The call {message.answers!r} has its answer already.", hint="A call is answered once.")
        answered.add(message.answers)
