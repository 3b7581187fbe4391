"""Trying a task again with what the last failure taught (ReMe's failure-aware reflection, arXiv 2512.10696)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnemic.domain.memory import MemoryId, Namespace
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import check_count
from mnemic.errors import InvalidInput

if TYPE_CHECKING:
    from mnemic.domain.experience.trajectory import Trajectory
    from mnemic.domain.recall import Hit
    from mnemic.memory import Memory
    from mnemic.services.learning.distilling import Distilled

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
    trial = Trial(memory, task, max_reflections=max_reflections, namespace=namespace)
    guidance = await trial.begin(k=k)
    failed: list[Trajectory] = []
    for number in range(1, max_reflections + 2):
        done = await run(guidance)
        trajectory = trial.read(done, attempt=number)
        if number == 1:
            await trial.credit(done, [hit.memory.id for hit in guidance.experiences])
        if trajectory.outcome():
            learnt = await trial.keep(trajectory, lessons=guidance.lessons if keep_winning_lessons else ())
            return Reflected(
                succeeded=True, attempts=number, reflections=number - 1, learnt=learnt, lessons=guidance.lessons
            )
        failed.append(trajectory)
        if trial.may_reflect(number):
            said = reflect(failed) if reflect is not None else await trial.lessons(failed)
            guidance = Guidance(attempt=number + 1, lessons=tuple(said))
    return Reflected(
        succeeded=False,
        attempts=max_reflections + 1,
        reflections=max_reflections,
        learnt=None,
        lessons=guidance.lessons,
    )


class Trial:
    """The steps of trying a task again, for whoever cannot wait in one call between them, such as a graph.

    It holds nothing that happens: begin → (read → credit once → keep, or lessons → read …). Attempts count from 1.
    """

    def __init__(
        self, memory: Memory, task: str, *, max_reflections: int = MAX_REFLECTIONS,
        namespace: Namespace | str | None = None, origin: Origin | None = None,
    ) -> None:  # fmt: skip
        check_count(max_reflections, name="max_reflections", low=0, high=10)
        self._memory = memory
        self._task = task
        self._most = max_reflections
        self._where: dict[str, Any] = {} if namespace is None else {"namespace": namespace}
        if origin is not None:
            self._where["origin"] = origin

    async def begin(self, *, k: int = 5) -> Guidance:
        """What the first attempt is given. Nothing is recalled for any other."""
        found = await self._memory.recall(self._task, k=k, kinds=["procedural"], **self._where)
        return Guidance(attempt=1, experiences=found.hits)

    def read(self, done: Attempt, *, attempt: int) -> Trajectory:
        """The trajectory of an attempt. Raises `InvalidInput`."""
        return read_attempt(done, task=self._task, attempt=attempt)

    async def credit(self, done: Attempt, shown: Sequence[str], *, key: str | None = None) -> None:
        """Record the outcome of the first attempt for what it was given; with a ``key`` once, however often it is called."""
        await self._memory.learning.outcome(
            self._task, done.reward, used=done.used, shown=[MemoryId(id) for id in shown], key=key, **self._where
        )

    def may_reflect(self, attempt: int) -> bool:
        """Whether another attempt follows when this one has failed."""
        return attempt <= self._most

    async def lessons(self, failed: Sequence[Trajectory]) -> tuple[str, ...]:
        """What the failures so far teach the next attempt. Nothing is stored."""
        from mnemic.services.learning.distilling import lessons_of

        return await self._memory.run(lessons_of, failed)

    async def keep(self, trajectory: Trajectory, *, lessons: Sequence[str] = ()) -> Distilled:
        """Store what the attempt that succeeded teaches, and ``lessons`` on its evidence. A retry stores nothing twice."""
        return await self._memory.learning.learn_from([trajectory], lessons=lessons, **self._where)


def read_attempt(done: Attempt, *, task: str, attempt: int) -> Trajectory:
    """The trajectory of the attempt number ``attempt`` at ``task``. Raises `InvalidInput`."""
    from mnemic.domain.experience.reading import read_trajectory

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
    return read_trajectory(raw, id=f"{task[:80]} attempt {attempt}", task_id=task[:200], reward=float(done.reward))
