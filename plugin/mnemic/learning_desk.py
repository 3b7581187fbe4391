"""Learning from outcomes on an open memory, for agents and for people who look after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mnemic.domain.learning.facets import NewExperience
from mnemic.domain.learning.plan import Plan
from mnemic.domain.learning.refinement import Refinement
from mnemic.domain.learning.utility import Utility
from mnemic.domain.memory import MemoryId, Namespace, Remembered
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import Hit
from mnemic.domain.validation import check_given_namespace, check_ids, check_namespace

if TYPE_CHECKING:
    from mnemic.domain.consolidation.segmentation import Episode
    from mnemic.memory import Memory
    from mnemic.reflection import Attempt, Guidance, Reflected
    from mnemic.services.learning.committing import CommitReport
    from mnemic.services.learning.distilling import Distilled
    from mnemic.services.learning.experience import ExperienceView
    from mnemic.services.learning.guidance import Reuse
    from mnemic.services.learning.outcomes import OutcomeReceipt
    from mnemic.services.learning.packets import Packet
    from mnemic.services.learning.pools import PoolReport
    from mnemic.services.recalling.valuing import Rank


class LearningDesk:
    """What tasks have shown, and what is concluded from it: ``memory.learning``.

    Without ``namespace`` the memory's own is meant. Errors as everywhere: `InvalidInput`, `UnknownMemory`,
    `StoreUnavailable`.
    """

    def __init__(self, memory: Memory, origin: Origin) -> None:
        self._memory = memory
        self._origin = origin

    async def outcome(
        self, task: str, reward: float, *, used: Iterable[str] | None = None, shown: Iterable[str] = (),
        episodes: Iterable[str] = (), key: str | None = None, session: str | None = None,
        namespace: Namespace | str | None = None, origin: Origin | None = None,
    ) -> OutcomeReceipt:  # fmt: skip
        """Record how a task ended, ``reward`` 0..1, and credit the memories that were ``used``.

        ``used`` None: nobody knows, and what was delivered gets weak credit. ``episodes``: memories that tell what happened.
        With a ``key`` a retry counts once. See `mnemic.services.learning.outcomes.record_outcome`.
        """
        from mnemic.services.learning.outcomes import record_outcome
        from mnemic.services.upkeep.planning import refinement_named

        return await self._memory.run(
            record_outcome, task, reward, namespace=self._where(namespace), used=used, shown=shown, episodes=episodes,
            key=key, session=session, origin=origin or self._origin,
            refinement=refinement_named(self._memory.settings.refinement),
        )  # fmt: skip

    async def prepare(
        self, focus: str | None = None, *, budget_tokens: int = 4_000, render: Callable[[Hit], str] | None = None,
        namespace: Namespace | str | None = None, origin: Origin | None = None,
    ) -> Packet:  # fmt: skip
        """What there is to learn from about ``focus``, a task or a topic: raw episodes, what contradicts, what is known."""
        from mnemic.services.learning.packets import prepare
        from mnemic.services.recalling.recall import show_text

        return await self._memory.run(
            prepare, namespace=self._where(namespace), focus=focus, budget_tokens=budget_tokens,
            render=render or show_text, origin=origin or self._origin,
        )  # fmt: skip

    async def commit(
        self, experiences: Sequence[NewExperience | dict[str, Any]], *, namespace: Namespace | str | None = None,
        origin: Origin | None = None,
    ) -> CommitReport:  # fmt: skip
        """Store what was learnt, as far as its evidence bears it. What is refused is named with all reasons.

        Every experience cites the ids of its evidence; dicts have the fields when_to_use, content, evidence and, if wanted,
        keywords, confidence, tools, category, task, generalized_query.
        """
        from mnemic.services.learning.committing import commit

        return await self._memory.run(
            commit, experiences, namespace=self._where(namespace), origin=origin or self._origin
        )

    async def learn_from(
        self, trajectories: Sequence[Any], *, model: bool = True, only_successes: bool = False, lessons: Sequence[str] = (),
        used: Sequence[str] | None = (), shown: Sequence[str] = (),
        namespace: Namespace | str | None = None, origin: Origin | None = None,
    ) -> Distilled:  # fmt: skip
        """Keep trajectories as raw episodes and store what they teach: by the memory's model, else by rules.

        A trajectory is a list of chat messages, ``{"task": …, "steps": [{"action": …, "observation": …}], "reward":
        …}`` or a `Trajectory`. ``used`` and ``shown`` are the memories that the outcomes credit, as in `outcome`; by
        default none. See `mnemic.services.learning.distilling.learn_from`.
        """
        from mnemic.services.learning.distilling import learn_from
        from mnemic.services.upkeep.planning import refinement_named

        rule = refinement_named(self._memory.settings.refinement)
        return await self._memory.run(
            learn_from, trajectories, namespace=self._where(namespace), origin=origin or self._origin,
            refinement=rule, use_model=model, only_successes=only_successes, lessons=lessons, used=used, shown=shown,
        )  # fmt: skip

    async def attempt(
        self, task: str, run: Callable[[Guidance], Awaitable[Attempt]], *, namespace: Namespace | str | None = None,
        **options: Any,
    ) -> Reflected:  # fmt: skip
        """Try a task until it succeeds, each time with the lessons of the failure before.

        See `mnemic.reflection.attempt_with_reflection`, whose ``options`` are k, max_reflections, keep_winning_lessons and
        reflect.
        """
        from mnemic.reflection import attempt_with_reflection

        return await attempt_with_reflection(self._memory, task, run, namespace=namespace, **options)

    async def guidance(
        self, task: str, *, k: int = 5, rank: Rank = "relevance", rerank: bool = False,
        rewrite: bool = False, namespace: Namespace | str | None = None, origin: Origin | None = None,
    ) -> Reuse:  # fmt: skip
        """The experiences that help with a task, if wanted ordered and reworded by the memory's model."""
        from mnemic.services.learning.guidance import guide

        return await self._memory.run(
            guide, task, namespace=self._where(namespace), k=k, rank=rank, rerank=rerank, rewrite=rewrite,
            origin=origin or self._origin,
        )  # fmt: skip

    async def store(
        self, experiences: Sequence[NewExperience], *, namespace: Namespace | str | None = None,
        origin: Origin | None = None,
    ) -> tuple[Remembered, ...]:  # fmt: skip
        """Store experiences as they are, without looking at their evidence: for those that come from elsewhere."""
        from mnemic.services.learning.experience import store_experiences

        return await self._memory.run(
            store_experiences, experiences, namespace=self._where(namespace), origin=origin or self._origin
        )

    async def import_pool(
        self, lines: Iterable[str], *, namespace: Namespace | str | None = None, origin: Origin | None = None
    ) -> PoolReport:
        """Take in a pool in ReMe's format, all of it or nothing. Only what has the same words is merged."""
        from mnemic.services.learning.pools import import_pool

        return await self._memory.run(
            import_pool, lines, namespace=self._where(namespace), origin=origin or self._origin
        )

    async def experiences(
        self, *, namespace: Namespace | str | None = None, limit: int = 50, after: str | None = None
    ) -> tuple[ExperienceView, ...]:
        """The experiences of a namespace with what tasks have shown of them, in the order of writing. At most 1,000.

        ``after`` is the id of the last one of the page before.
        """
        from mnemic.services.learning.experience import list_experiences

        return await self._memory.run(list_experiences, namespace=self._where(namespace), limit=limit, after=after)

    async def utilities(self, ids: Iterable[str]) -> dict[MemoryId, Utility]:
        """The counters of memories, for those that exist."""
        from mnemic.services.learning.outcomes import utilities_of

        return await self._memory.run(utilities_of, check_ids(ids, name="ids", limit=10_000))

    async def plan(
        self, upkeep: Sequence[str] = (), *, rule: str | Refinement | None = None, resume: str | None = None,
        namespace: Namespace | str | None = None, progress: Callable[[int], None] | None = None, considerate: bool = True,
    ) -> Plan:  # fmt: skip
        """Draw up a maintenance plan: ``upkeep`` of prune, expire, merge, link, consolidate; by default prune.

        Nothing is changed before `apply`. ``rule`` is a pruning rule or its name, by default that of the settings.
        ``considerate`` leaves half of the time to other calls of this process.
        """
        from mnemic.services.upkeep.planning import DEFAULT_UPKEEP, draw_up

        return await self._memory.run(
            draw_up, namespace=self._where(namespace), upkeep=upkeep or DEFAULT_UPKEEP, resume=resume,
            rule=rule or self._memory.settings.refinement, progress=progress, considerate=considerate,
        )  # fmt: skip

    async def apply(self, plan: str, *, namespace: Namespace | str | None = None) -> Plan:
        """Do what a plan says, in one transaction. ``plan`` is its id."""
        from mnemic.services.upkeep.applying import apply_plan

        return await self._memory.run(apply_plan, plan, namespace=check_given_namespace(namespace), origin=self._origin)

    async def undo(self, plan: str, *, namespace: Namespace | str | None = None) -> Plan:
        """Take back what applying a plan did: an export is then what it was before."""
        from mnemic.services.upkeep.applying import undo_plan

        return await self._memory.run(undo_plan, plan, namespace=check_given_namespace(namespace))

    async def segments(
        self, *, session: str | None = None, limit: int = 2_000, namespace: Namespace | str | None = None
    ) -> tuple[Episode, ...]:
        """The latest episodic memories cut into episodes by topic, surprise, greetings and time, each with the reason."""
        from mnemic.services.learning.segmenting import segments

        return await self._memory.run(segments, namespace=self._where(namespace), session=session, limit=limit)

    async def plans(self, *, namespace: Namespace | str | None = None, limit: int = 20) -> tuple[Plan, ...]:
        """The plans of a namespace, latest first."""
        from mnemic.services.upkeep.planning import list_plans

        return await self._memory.run(list_plans, namespace=self._where(namespace), limit=limit)

    def _where(self, namespace: Namespace | str | None) -> Namespace:
        return self._memory.settings.namespace if namespace is None else check_namespace(namespace)
