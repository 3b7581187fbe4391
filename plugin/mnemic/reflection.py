"""Trying a task again with what the last failure taught (ReMe's failure-aware reflection, arXiv 2512.10696)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnemic.domain.memory import MemoryId, Namespace
from mnemic.domain.recall import Hit
from mnemic.domain.validation import check_count
from mnemic.errors import InvalidInput

if TYPE_CHECKING:
    from mnemic.domain.experience.trajectory import Trajectory
    from mnemic.memory import Memory
    from mnemic.services.distilling import Distilled

MAX_REFLECTIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """What an attempt is given: experiences in the first, in the others the lessons of the failure before and nothing else.

    Empty ``experiences`` and ``lessons`` mean that nothing is known. Texts of memories are data, and quoted where they are
    shown.
    """

    attempt: int
    experiences: tuple[Hit, ...] = ()
    lessons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How an attempt went: its trajectory in any form that can be read, its reward 0..1, and the memories it used."""

    trajectory: Mapping[str, Any] | Sequence[Any] | str
    reward: float
    used: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflected:
    """How it ended. ``learnt`` is None when no attempt succeeded: then the experiences are what they were."""

    succeeded: bool
    attempts: int
    reflections: int
    learnt: Distilled | None
    lessons: tuple[str, ...] = ()


async def attempt_with_reflection(
    memory: Memory, task: str, run: Callable[[Guidance], Awaitable[Attempt]], *, k: int = 5,
    max_reflections: int = MAX_REFLECTIONS, keep_winning_lessons: bool = False,
    reflect: Callable[[Sequence[Trajectory]], Sequence[str]] | None = None, namespace: Namespace | str | None = None,
) -> Reflected:  # fmt: skip
    """Run ``run`` until it succeeds, at most 1 + ``max_reflections`` times (0..10).

    The first attempt gets the ``k`` best experiences. Each further one gets what ``reflect`` says of all failures so far (by
    default the model of the memory, or the rules), and nothing is recalled for it. Experiences are stored only from the
    attempt that succeeded, with ``keep_winning_lessons`` the lessons that led to it too; the first attempt's outcome credits
    what it was given. Raises what ``run`` raises; nothing is stored then.
    """
    from mnemic.domain.experience.reading import read_trajectory
    from mnemic.services.distilling import lessons_of

    check_count(max_reflections, name="max_reflections", low=0, high=10)
    where: dict[str, Any] = {} if namespace is None else {"namespace": namespace}
    found = (await memory.recall(task, k=k, kinds=["procedural"], **where)).hits
    guidance = Guidance(attempt=1, experiences=found)
    failed: list[Trajectory] = []
    for number in range(1, max_reflections + 2):
        done = await run(guidance)
        trajectory = _read(read_trajectory, done, f"{task[:80]} attempt {number}", task)
        if number == 1:
            shown = [MemoryId(hit.memory.id) for hit in found]
            await memory.learning.outcome(task, done.reward, used=done.used, shown=shown, **where)
        if trajectory.outcome():
            learnt = await memory.learning.learn_from(
                [trajectory], lessons=guidance.lessons if keep_winning_lessons else (), **where
            )
            return Reflected(
                succeeded=True, attempts=number, reflections=number - 1, learnt=learnt, lessons=guidance.lessons
            )
        failed.append(trajectory)
        if number <= max_reflections:
            said = reflect(failed) if reflect is not None else await memory.run(lessons_of, failed)
            guidance = Guidance(attempt=number + 1, lessons=tuple(said))
    return Reflected(
        succeeded=False,
        attempts=max_reflections + 1,
        reflections=max_reflections,
        learnt=None,
        lessons=guidance.lessons,
    )


def _read(read: Callable[..., Trajectory], done: Attempt, id: str, task: str) -> Trajectory:
    if isinstance(done.reward, bool) or not isinstance(done.reward, int | float) or not 0 <= done.reward <= 1:
        raise InvalidInput(f"The reward of an attempt is {done.reward!r:.40}.", hint="Give a number from 0 to 1.")
    raw = done.trajectory
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(
                "The trajectory of an attempt is no JSON.", hint="Give its messages or steps."
            ) from error
    if isinstance(raw, Mapping) and "task" not in raw:
        raw = {**raw, "task": task}
    return read(raw, id=id, task_id=task[:200], reward=float(done.reward))
