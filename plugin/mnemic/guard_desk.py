"""The guard of an open memory, for people and programs that review what it did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mnemic.domain.lesson import Lesson
from mnemic.domain.marks import AuditEntry
from mnemic.domain.memory import MemoryId, Namespace
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import check_given_namespace, check_namespace

if TYPE_CHECKING:
    from mnemic.domain.recall import CheckResult
    from mnemic.guard.authority import EffectVerdict
    from mnemic.guard.policy import Policy
    from mnemic.memory import Memory
    from mnemic.services.reviewing.review import GuardReport


class GuardDesk:
    """What the guard withholds, why, and what a person decides about it: ``memory.guard``.

    Ids are those of memories unless said otherwise. Without ``namespace`` the memory's own is meant where one is searched,
    and none is required where ids are given. Errors as everywhere: `InvalidInput`, `UnknownMemory`, `StoreUnavailable`.
    """

    def __init__(self, memory: Memory, origin: Origin) -> None:
        self._memory = memory
        self._origin = origin

    async def policy(self) -> Policy:
        """The policy in force."""
        from mnemic.services.reviewing.review import policy_in_force

        return await self._memory.run(policy_in_force)

    async def pending(
        self,
        *,
        namespace: Namespace | str | None = None,
        subtree: bool = False,
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[GuardReport, ...]:
        """What is in quarantine and waits for a decision, newest first; ``before`` an id pages on. At most 1,000."""
        from mnemic.services.reviewing.review import pending

        return await self._memory.run(
            pending, namespace=self._where(namespace), subtree=subtree, limit=limit, before=before
        )

    async def waiting(self, *, limit: int = 50) -> tuple[GuardReport, ...]:
        """What is `pending` at and below all of `Memory.roots`, newest first; at most 1,000."""
        found = [
            one for root in self._memory.roots for one in await self.pending(namespace=root, subtree=True, limit=limit)
        ]
        return tuple(sorted(found, key=lambda one: one.memory.recorded_at, reverse=True)[:limit])

    async def explain(self, id: str, *, namespace: Namespace | str | None = None) -> GuardReport:
        """What was found about a memory, what the policy makes of it today, and what was done about it."""
        from mnemic.services.reviewing.review import explain

        return await self._memory.run(explain, id, namespace=check_given_namespace(namespace))

    async def release(
        self, ids: Iterable[str], *, vouch: bool = False, reason: str | None = None,
        namespace: Namespace | str | None = None,
    ) -> tuple[MemoryId, ...]:  # fmt: skip
        """Let memories out of quarantine as they were written; with ``vouch`` they count as the user's own words besides.

        What had been archived before it was rejected is archived again.
        """
        from mnemic.services.reviewing.review import release

        return await self._memory.run(
            release, ids, origin=self._origin, vouch=vouch, reason=reason, namespace=check_given_namespace(namespace)
        )

    async def reject(
        self, ids: Iterable[str], *, reason: str | None = None, namespace: Namespace | str | None = None
    ) -> tuple[MemoryId, ...]:
        """Keep memories out of recall until `release`."""
        from mnemic.services.reviewing.review import reject

        return await self._memory.run(
            reject, ids, origin=self._origin, reason=reason, namespace=check_given_namespace(namespace)
        )

    async def lessons(self, *, namespace: Namespace | str | None = None) -> tuple[Lesson, ...]:
        """What was learnt from rejected memories, oldest first, released and expired lessons included."""
        from mnemic.services.reviewing.review import lessons

        return await self._memory.run(lessons, namespace=self._where(namespace))

    async def set_lesson(
        self, id: str, *, heeded: bool, reason: str | None = None, namespace: Namespace | str | None = None
    ) -> Lesson:
        """Appeal against a lesson (``heeded=False``), or take it up again. ``id`` is that of a lesson."""
        from mnemic.services.reviewing.review import set_lesson

        return await self._memory.run(
            set_lesson, id, heeded=heeded, origin=self._origin, reason=reason, namespace=self._where(namespace)
        )

    async def audit(
        self, *, namespace: Namespace | str | None = None, memory: str | None = None, limit: int = 100, before: int = 0
    ) -> tuple[AuditEntry, ...]:
        """The guard's log of one namespace, latest first; ``before`` a number pages on. At most 1,000."""
        from mnemic.services.reviewing.review import audit

        return await self._memory.run(
            audit, namespace=self._where(namespace), memory=memory, limit=limit, before=before
        )

    async def check(
        self, ids: Iterable[str], *, task: str | None = None, namespace: Namespace | str | None = None,
        session: str | None = None, origin: Origin | None = None,
    ) -> CheckResult:  # fmt: skip
        """What the guard says today of memories that somebody has at hand, such as those in the state of a graph.

        ``ids`` best first, at most 300. With the ``task`` that they were recalled for they are judged as a set, as recall
        does; without it each by itself, and nothing is written. See `mnemic.services.reviewing.checking.check_memories`.
        """
        from mnemic.services.reviewing.checking import check_memories

        return await self._memory.run(
            check_memories,
            ids,
            task=task,
            namespace=check_given_namespace(namespace),
            origin=origin or self._origin,
            session=session,
        )

    async def authorise(
        self, action: str, *, because: Iterable[str] = (), by_user: bool = False,
        namespace: Namespace | str | None = None, origin: Origin | None = None,
    ) -> EffectVerdict:  # fmt: skip
        """Whether an agent may do ``action`` on the strength of the memories ``because``: allowed, review, or denied.

        Ask before a call with an effect. An untrusted, contested or withheld memory supports nothing; ``by_user``: a person
        asked for it. What a recall with this ``origin`` or in this process delivered within the hour counts as seen, named
        or not: whom or what only a stranger's memory among it names waits for a person.
        """
        from mnemic.services.reviewing.authorisation import authorise_action

        return await self._memory.run(
            authorise_action,
            action,
            because=because,
            by_user=by_user,
            namespace=check_given_namespace(namespace),
            origin=origin or self._origin,
        )

    def _where(self, namespace: Namespace | str | None) -> Namespace:
        return self._memory.settings.namespace if namespace is None else check_namespace(namespace)
