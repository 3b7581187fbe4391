"""Seeded streams of tasks with a pool of experiences, to see what a pruning rule keeps: no model, no disk.

The setting is that of a pool where each entry of the topic at hand is tried in every task on it, and helps or not by a
chance of its own. Entries may turn bad in the middle.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime

from mnemic.domain.learning.refinement import Refinement, judge_utility, success_rate, sweep_is_due
from mnemic.domain.learning.utility import NO_UTILITY, Utility, credit

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_WINDOW = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The setting: ``topics`` of ``per_topic`` entries each; ``harmful`` of them help with chance ``bad``, the rest
    with ``good``, and ``turning`` of the useful ones help with chance ``bad`` from half-time on. ``shared``: one reward
    for all entries of a task instead of one for each.
    """

    topics: int = 20
    per_topic: int = 5
    tasks: int = 600
    harmful: int = 30
    turning: int = 0
    good: float = 0.8
    bad: float = 0.2
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResult:
    """Entries left at the end, of how many; ``success`` is the share of trials that succeeded in the last third."""

    harmful_left: int
    harmful: int
    turned_left: int
    turned: int
    useful_left: int
    useful: int
    success: float


def run_stream(rule: Refinement | None, stream: Stream, *, seed: int) -> StreamResult:
    """One run of a stream with a pruning rule, or with None without any. The same seed gives the same run."""
    rng = random.Random(seed)  # noqa: S311  # a simulation
    entries = list(range(stream.topics * stream.per_topic))
    shuffled = rng.sample(entries, len(entries))
    harmful, useful = shuffled[: stream.harmful], shuffled[stream.harmful :]
    turning, lasting = useful[: stream.turning], useful[stream.turning :]
    chance = dict.fromkeys(useful, stream.good) | dict.fromkeys(harmful, stream.bad)
    counters: dict[int, Utility] = dict.fromkeys(entries, NO_UTILITY)
    active = set(entries)
    rewards: list[float] = []
    for task in range(1, stream.tasks + 1):
        if task == stream.tasks // 2:
            chance |= dict.fromkeys(turning, stream.bad)
        topic = rng.randrange(stream.topics)
        there = [entry for entry in range(topic * stream.per_topic, (topic + 1) * stream.per_topic) if entry in active]
        rate = _rate(rewards)
        together = rng.random() < sum(chance[entry] for entry in there) / len(there) if there else False
        for entry in there:
            helped = together if stream.shared else rng.random() < chance[entry]
            counters[entry] = credit(
                counters[entry], reward=float(helped), used=True, attributed=True, at=_AT, scope_rate=rate
            )
            rewards.append(float(helped))
        if rule is not None and sweep_is_due(rule, task):
            rate = _rate(rewards)
            active = {entry for entry in active if not judge_utility(rule, counters[entry], scope_rate=rate).prune}
    late = rewards[-len(rewards) // 3 :]
    return StreamResult(
        harmful_left=len(active.intersection(harmful)), harmful=len(harmful),
        turned_left=len(active.intersection(turning)), turned=len(turning),
        useful_left=len(active.intersection(lasting)), useful=len(lasting), success=sum(late) / max(len(late), 1),
    )  # fmt: skip


def share_surviving(rule: Refinement, *, chance: float, recalls: int = 20, entries: int = 500, seed: int) -> float:
    """Of entries exactly as good as their namespace, the share that ``rule`` has not pruned after so many recalls, 0..1.

    The rule looks after every recall, which is the hardest for it.
    """
    rng = random.Random(seed)  # noqa: S311  # a simulation
    left = 0
    for _ in range(entries):
        utility = NO_UTILITY
        for _ in range(recalls):
            reward = float(rng.random() < chance)
            utility = credit(utility, reward=reward, used=True, attributed=True, at=_AT, scope_rate=chance)
            if judge_utility(rule, utility, scope_rate=chance).prune:
                break
        else:
            left += 1
    return left / entries


def _rate(rewards: list[float]) -> float:
    latest = rewards[-_WINDOW:]
    return success_rate(int(sum(latest)), len(latest))
