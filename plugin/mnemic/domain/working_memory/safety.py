"""What hiding something would take from the agent: checked before every fold that is asked for.

Not part of any published method. Agents that fold freely lose the latest values of what keeps changing (measured on
streams of 46 keys: with four updates each, a quarter of the latest values).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mnemic.domain.folding.visible import word_key
from mnemic.domain.memory import Role
from mnemic.domain.working_memory.fragments import Fragment
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.errors import InvalidInput

SAFE_FOLDING = "safe_folding"
"""The session's option: False gives the published behaviour, which hides whatever it is told to."""

_ERROR = re.compile(r"\b(error|exception|traceback|failed|failure|denied)\b", re.IGNORECASE)
_ERROR_CHARS = 400
_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """``kept_lines`` must stay in view: the latest values of keys that had others before. ``single_lines`` hold the only
    value of their key. ``warnings`` say what else goes out of view.
    """

    kept_lines: tuple[str, ...] = ()
    single_lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def is_safe(memory: WorkingMemory) -> bool:
    return memory.value(Cell.OPTION, SAFE_FOLDING) is not False


def check(memory: WorkingMemory, fragments: Sequence[Fragment]) -> Hidden:
    """What folding ``fragments`` would hide. Raises `InvalidInput` for what must not be hidden."""
    kept: list[str] = []
    single: list[str] = []
    warnings: list[str] = []
    for fragment in fragments:
        at = memory.position(fragment.message_id)
        message = memory.messages[at]
        if memory.is_pinned(message.id):
            raise InvalidInput(
                f"{fragment.id} belongs to {message.id}, which is pinned.",
                hint=f"Unpin {message.id} first, if you must.",
            )
        if not is_safe(memory) or fragment.call_id is not None:
            continue
        if message.role is Role.USER and not _answered(memory, at):
            raise InvalidInput(
                f"{fragment.id} belongs to the user's request {message.id}, which has no answer yet.",
                hint="Answer it first.",
            )
        if message.role is not Role.ASSISTANT:
            rewritten, only = memory.latest_values().owned_lines(at, message.text, fragment.start, fragment.end)
            kept += rewritten
            single += only
        if _is_open_error(memory, at):
            warnings.append(
                f"{fragment.id} holds an error of {message.name or 'a tool'} that nothing has solved since."
            )
    return Hidden(kept_lines=tuple(kept), single_lines=tuple(single), warnings=tuple(warnings))


def name_lost(hidden: Hidden, shown: str) -> tuple[str, ...]:
    """A warning that names the latest values that are not in ``shown``."""
    view = f" {word_key(shown)} "
    lines = (line.strip() for line in (*hidden.kept_lines, *hidden.single_lines))
    lost = [line for line in lines if f" {word_key(line)} " not in view]
    if not lost:
        return ()
    changed = [line.strip() for line in hidden.kept_lines if line.strip() in lost]
    named = "; ".join(line[:80] for line in (changed or lost)[:_NAMED])
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    what = "the latest values of what has changed before" if changed else "values that are written nowhere else"
    return (f"This hides {what}: {named}{more}.",)


def _answered(memory: WorkingMemory, at: int) -> bool:
    """Whether the assistant has spoken since, and not only called tools."""
    later = range(len(memory.messages) - 1, at, -1)
    return any(memory.messages[n].role is Role.ASSISTANT and not memory.messages[n].calls for n in later)


def _is_open_error(memory: WorkingMemory, at: int) -> bool:
    """Whether a tool failed here and has not been seen to work since."""
    message = memory.messages[at]
    if message.role is not Role.TOOL or not _failed(message.text, message.is_error):
        return False
    later = (other for other in memory.messages[at + 1 :] if other.role is Role.TOOL and other.name == message.name)
    return all(_failed(other.text, other.is_error) for other in later)


def _failed(text: str, is_error: bool) -> bool:
    # Long results mention errors without being one.
    return is_error or (len(text) <= _ERROR_CHARS and _ERROR.search(text) is not None)
