"""Trajectories read from what agents and benchmarks write."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mnemic.domain.experience.actions import parse_action
from mnemic.domain.experience.failures import error_class
from mnemic.domain.experience.trajectory import Step, Trajectory
from mnemic.domain.memory import Role
from mnemic.domain.text import fingerprint, normalise
from mnemic.domain.validation import check_unicode
from mnemic.domain.working_memory.messages import Message, ToolCall
from mnemic.domain.working_memory.transcripts import Transcript, TranscriptFormat, read_transcript
from mnemic.domain.working_memory.transcripts.parsing import load_object, shown
from mnemic.errors import InvalidInput

WORDLESS = "a task without words"
"""What a task is called that nobody has put in words."""
_MOST_STEPS = 2_000
_IS_CALL = re.compile(r"[(\[{=\n]")


def read_trajectory(
    raw: str | Mapping[str, Any] | Sequence[Any],
    *,
    id: str | None = None,
    task_id: str | None = None,
    reward: float | None = None,
) -> Trajectory:
    """The trajectory that a transcript, a tau-bench episode or a record with task and steps holds.

    ``raw`` is JSON text (or JSON Lines), or the values that it stands for: a list of messages as OpenAI, Anthropic,
    LangChain or Claude Code write them, an object with ``messages`` or ``traj``, or ``{task, steps: [{thought,
    action, observation}]}``. Id, task's id and reward are taken from ``id``, ``task_id`` and ``trial``, ``reward`` or
    ``success`` of that object when they are not given. The task is its ``task``, or what the user says before the first
    answer; `WORDLESS` where there is neither.

    Raises `InvalidInput` that names the place and the way out.
    """
    text = raw if isinstance(raw, str) else _as_json(raw)
    check_unicode(text, "a trajectory")
    whole = raw if isinstance(raw, Mapping) else load_object(text) or {}
    transcript = read_transcript(text)
    steps, closing = _steps_of(transcript)
    if not transcript.messages or len(steps) > _MOST_STEPS:
        raise InvalidInput(
            f"A trajectory of {len(transcript.messages):,} messages and {len(steps):,} steps.",
            hint=f"Give one task's messages, with at most {_MOST_STEPS:,} steps.",
        )
    named = whole.get("task")
    task = named.strip() if isinstance(named, str) and "steps" not in whole else ""
    task = task or _task_of(transcript) or WORDLESS
    own_task = str(whole["task_id"]) if whole.get("task_id") is not None else ""
    task_id = task_id or own_task or f"t{fingerprint(normalise(task)):016x}"[:12]
    if id is None:
        trial = whole.get("trial")
        given = whole.get("id")
        id = str(given) if given is not None else f"{task_id}/{trial}" if trial is not None else ""
    return Trajectory(
        id=id or f"x{fingerprint(text):016x}"[:12],
        task_id=task_id,
        task=task,
        steps=tuple(steps),
        closing=closing,
        reward=_reward_of(whole) if reward is None else _checked(reward),
    )


def _as_json(raw: object) -> str:
    if not isinstance(raw, Mapping | Sequence) or isinstance(raw, bytes | bytearray):
        raise InvalidInput(
            f"The trajectory is {shown(raw)}.",
            hint="Give messages as a list, an object with messages or steps, or JSON text.",
        )
    try:
        return json.dumps(raw, ensure_ascii=False, default=dict)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput(
            "The trajectory holds something that is not JSON.", hint="Give plain lists, objects, texts and numbers."
        ) from None


def _reward_of(whole: Mapping[str, Any]) -> float | None:
    reward = whole.get("reward")
    if reward is None and isinstance(whole.get("success"), bool):
        return 1.0 if whole["success"] else 0.0
    return None if reward is None else _checked(reward)


def _checked(reward: object) -> float:
    try:
        value = math.nan if isinstance(reward, bool) or not isinstance(reward, int | float) else float(reward)
    except OverflowError:  # a whole number that no float can hold
        value = math.inf
    if not math.isfinite(value):
        raise InvalidInput(f"The reward is {shown(reward)}.", hint="Give a finite number; 1 and more is a success.")
    return value


def _task_of(transcript: Transcript) -> str:
    """What the user said first: everything before the first answer."""
    said: list[str] = []
    for message in transcript.messages:
        if message.role is Role.ASSISTANT:
            break
        if message.role is Role.USER and message.text.strip():
            said.append(message.text.strip())
    return "\n".join(said)


def _steps_of(transcript: Transcript) -> tuple[list[Step], str]:
    """The steps, and what the user said after the last one."""
    in_words = transcript.format is TranscriptFormat.STEPS
    steps: list[Step] = []
    open_calls: dict[str, int] = {}
    told: list[str] = []
    thought: list[str] = []
    for message in transcript.messages:
        if message.role is Role.USER:
            told.append(message.text)
        elif message.role is Role.ASSISTANT:
            thought.append(message.text)
            for call in message.calls:
                open_calls[call.id] = len(steps)
                steps.append(_step_of(call, thought, told, in_words=in_words))
                told, thought = [], []
        elif message.role is Role.TOOL and message.answers in open_calls:
            at = open_calls.pop(message.answers)
            steps[at] = _answered(steps[at], message)
    return steps, "\n".join(filter(None, told))


def _step_of(call: ToolCall, thought: Sequence[str], told: Sequence[str], *, in_words: bool) -> Step:
    arguments = load_object(call.arguments)
    action = f"{call.name}({call.arguments})"
    tool = call.name
    if in_words:
        action = str((arguments or {}).get("command", ""))
        tool, arguments = parse_action(action)
    return Step(
        tool=tool,
        arguments={"input": call.arguments} if arguments is None else arguments,
        action=action,
        thought="\n".join(filter(None, thought)),
        told="\n".join(filter(None, told)),
        in_words=in_words and not _IS_CALL.search(action),
    )


def _answered(step: Step, message: Message) -> Step:
    return replace(step, observation=message.text, error=error_class(message.text, flagged=message.is_error))
