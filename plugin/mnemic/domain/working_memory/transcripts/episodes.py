"""Recorded episodes of benchmarks: tau-bench's, and lists of thought, action and observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.messages import ToolCall
from mnemic.domain.working_memory.transcripts.drafts import Draft, TranscriptFormat
from mnemic.domain.working_memory.transcripts.parsing import PlacedValue, dump, shown
from mnemic.errors import InvalidInput

_FORMAT = TranscriptFormat.STEPS


def read_steps(episode: Mapping[str, Any]) -> list[Draft]:
    """The task as the user's message; each step as a thought with a call of ``act``, and what came of it."""
    drafts: list[Draft] = []
    if episode.get("task") is not None:
        drafts.append(Draft(where="the task", role=Role.USER, format=_FORMAT, text=_text(episode, "task", "the task")))
    for number, step in enumerate(episode["steps"], 1):
        where = f"step {number}"
        if not isinstance(step, dict):
            raise InvalidInput(
                f"{where}: this is {shown(step)}.", hint="A step is an object with thought, action and observation."
            )
        rest = {n: v for n, v in step.items() if n not in ("thought", "action", "observation") and v is not None}
        call = ToolCall(id=f"act{number}", name="act", arguments=dump({"command": _text(step, "action", where)}))
        drafts.append(
            Draft(
                where=where, role=Role.ASSISTANT, format=_FORMAT, text=_text(step, "thought", where), calls=[call],
                host=rest,
            )
        )  # fmt: skip
        if step.get("observation") is not None:
            observation = _text(step, "observation", where)
            drafts.append(Draft(where=where, role=Role.TOOL, format=_FORMAT, text=observation, answers=call.id))
    return drafts


def messages_of(episode: Mapping[str, Any]) -> list[PlacedValue]:
    """The messages of a tau-bench episode."""
    return [PlacedValue(where=f"message {number}", value=value) for number, value in enumerate(episode["traj"], 1)]


def _text(step: Mapping[str, Any], name: str, where: str) -> str:
    value = step.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{where}: {name} is {shown(value)}.", hint=f"Give {name} as a string.")
    return value
