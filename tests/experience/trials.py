"""Short trajectories for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mnemic.domain.experience.reading import read_trajectory
from mnemic.domain.experience.trajectory import Trajectory

Turn = str | tuple[str, Mapping[str, Any], Any]
"""What the user says, or a call: tool, arguments, result."""


def trial(*turns: Turn, id: str = "1/0", task_id: str = "1", reward: float | None = 1.0) -> Trajectory:
    """A conversation as OpenAI writes it."""
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(turns):
        if isinstance(turn, str):
            messages.append({"role": "user", "content": turn})
            continue
        tool, arguments, result = turn
        call = {"id": f"c{number}", "type": "function", "function": {"name": tool, "arguments": json.dumps(arguments)}}
        content = result if isinstance(result, str) else json.dumps(result)
        messages += (
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": content},
        )
    return read_trajectory(messages, id=id, task_id=task_id, reward=reward)


def game(
    *actions: tuple[str, str], task: str = "Your task is to: cool the potato.", id: str = "g/0", success: bool = True
) -> Trajectory:
    """Commands in words and what came of them."""
    steps = [{"thought": "", "action": action, "observation": observation} for action, observation in actions]
    return read_trajectory({"id": id, "task": task, "steps": steps, "success": success}, task_id="game")
