"""The node at the end of a task: what a reward may be, and in which forms what happened may be given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mnemic import Memory
from mnemic.domain.experience.reading import read_trajectory
from mnemic.errors import InvalidInput
from mnemic_langgraph import create_reflect_node
from tests.langgraph.graphs import USER, open_here

STEPS: dict[str, Any] = {
    "task": "The printer is stuck.",
    "steps": [{"action": "open tray 2", "observation": "The printer hums."}],
}
KEPT_BACK = """\
name: a
rules: [{id: mine, phase: write, when: {text: printer}, decision: quarantine, reason: Because.}]
"""


async def credit_of(memory: Memory, reward: Any, trajectory: Any = STEPS) -> tuple[float, int]:
    """What the one memory that helped got for a task: the sum of its rewards, and successes."""
    id = (await memory.remember("Tray two is sticky.", origin=USER)).id
    node = create_reflect_node(memory=memory, trajectory=lambda _: trajectory)
    await node.ainvoke({"reward": reward, "used": [id]})
    utility = (await memory.learning.utilities([id]))[id]
    return utility.reward_sum, utility.used_successes


@pytest.mark.parametrize("policy", ["", KEPT_BACK], ids=["kept", "kept back by the guard"])
@pytest.mark.parametrize(
    ("reward", "credit"), [(3, (1.0, 1)), (-2.5, (0.0, 0)), (0.5, (0.5, 0)), (True, (1.0, 1))]
)  # fmt: skip
async def test_any_finite_reward_counts_within_0_and_1_whether_or_not_its_episode_is_kept(
    tmp_path: Path, policy: str, reward: Any, credit: tuple[float, int]
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(policy or "name: a\n", encoding="utf-8")
    async with open_here(tmp_path, policy=str(file)) as memory:
        assert await credit_of(memory, reward) == credit


@pytest.mark.parametrize("reward", ["good", float("nan"), float("inf"), [1], 10**400], ids=lambda one: str(one)[:6])
async def test_what_is_no_finite_number_is_refused_as_a_reward_and_credits_nothing(tmp_path: Path, reward: Any) -> None:
    async with open_here(tmp_path) as memory:
        with pytest.raises(InvalidInput, match="1 and more is a success"):
            await credit_of(memory, reward)
        assert not await memory.list(kinds=["episodic"])


@pytest.mark.parametrize(
    "trajectory",
    [read_trajectory(STEPS), json.dumps(STEPS), ({"role": "user", "content": "The printer is stuck."},)],
    ids=["read", "text", "a tuple of messages"],
)
async def test_the_reward_counts_in_whatever_form_the_trajectory_is(tmp_path: Path, trajectory: Any) -> None:
    async with open_here(tmp_path) as memory:
        assert await credit_of(memory, 1.0, trajectory) == (1.0, 1)
