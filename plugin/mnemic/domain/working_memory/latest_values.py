"""Which lines of a session hold the latest value of their key.

A line such as ``colour: blue`` owns its key until a later line writes the same key. Hiding an owner hides the present
value; hiding any other line hides only what is superseded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mnemic.domain.working_memory.messages import Message

_KEY_VALUE = re.compile(r"[ \t]*(?:[-*] )?([^\s:=][^:=\n]{0,79}?)[ \t]*[:=][ \t]*(\S.*)")
_MAX_LINE_CHARS = 2_000


def key_of(line: str) -> str | None:
    """The key that a line gives a value to, in the form in which keys are compared; None when it gives none."""
    if len(line) > _MAX_LINE_CHARS:
        return None
    match = _KEY_VALUE.fullmatch(line.rstrip())
    return None if match is None else " ".join(match.group(1).casefold().split())


class LatestValues:
    """Owners of keys over the texts of a session, followed message by message."""

    def __init__(self) -> None:
        self._followed = 0
        self._owners: dict[str, tuple[int, int]] = {}
        self._rewritten: set[str] = set()

    def follow(self, messages: Sequence[Message]) -> None:
        """Take in the messages that came since. Assistants quote values rather than set them: theirs do not count."""
        for position in range(self._followed, len(messages)):
            message = messages[position]
            if message.role.value == "assistant":
                continue
            offset = 0
            for line in message.text.split("\n"):
                key = key_of(line)
                if key is not None:
                    if key in self._owners:
                        self._rewritten.add(key)
                    self._owners[key] = (position, offset)
                offset += len(line) + 1
        self._followed = len(messages)

    def owned_lines(self, position: int, text: str, start: int, end: int) -> tuple[list[str], list[str]]:
        """The lines touching ``text[start:end]`` that hold the latest value of their key, in order.

        First those of keys that had another value before, which an agent takes for the present one if the line goes; then
        those of keys with one value.
        """
        offset = text.rfind("\n", 0, start) + 1
        rewritten: list[str] = []
        single: list[str] = []
        for at, line in _lines(text, offset, end):
            key = key_of(line)
            if key is not None and self._owners.get(key) == (position, at):
                (rewritten if key in self._rewritten else single).append(line)
        return rewritten, single


def _lines(text: str, offset: int, end: int) -> Iterable[tuple[int, str]]:
    while offset < end:
        stop = text.find("\n", offset)
        stop = len(text) if stop < 0 else stop
        yield offset, text[offset:stop]
        offset = stop + 1
