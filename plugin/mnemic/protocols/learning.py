"""Where the ledger keeps what experience says of memories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from mnemic.domain.learning.facets import Facets
from mnemic.domain.learning.outcome import OutcomeId, Tally, TaskOutcome
from mnemic.domain.learning.plan import Plan, PlanId
from mnemic.domain.learning.utility import Utility
from mnemic.domain.memory import MemoryId, MemoryRecord, Namespace, RowKey


class LearningReader(Protocol):
    """Reads the learning part of a snapshot."""

    def utilities(self, keys: Sequence[RowKey]) -> dict[RowKey, Utility]:
        """The counters of those memories among ``keys`` that have any."""
        ...

    def tally(self, namespace: Namespace, *, latest: int) -> Tally:
        """How the ``latest`` tasks of exactly this namespace ended."""
        ...

    def outcomes(
        self, namespace: Namespace, *, task: str | None = None, limit: int = 100, before: int = 0
    ) -> list[tuple[int, TaskOutcome]]:
        """Finished tasks with their numbers, latest first: all, or those of one task, numbered below ``before``."""
        ...

    def outcome_by_key(self, namespace: Namespace, key: str) -> TaskOutcome | None:
        """The outcome that was reported under ``key``."""
        ...

    def iterate_outcomes(self, *, namespace: Namespace | None = None) -> Iterator[TaskOutcome]:
        """Every outcome in the order of recording, of one namespace and those below it or of all."""
        ...

    def known_outcomes(self, ids: Sequence[OutcomeId]) -> set[OutcomeId]:
        """Those of ``ids`` that are recorded here."""
        ...

    def facets(self, keys: Sequence[RowKey]) -> dict[RowKey, Facets]:
        """The facets of those memories among ``keys`` that are experiences."""
        ...

    def facet_vectors(self, embedder_id: str, keys: Sequence[RowKey]) -> dict[RowKey, dict[str, bytes]]:
        """The vectors of `SCENARIO_INDEX`, by facet, of the experiences among ``keys``."""
        ...

    def facets_without_vector(self, embedder_id: str, *, limit: int) -> list[tuple[RowKey, MemoryRecord, Facets]]:
        """Experiences whose facets ``embedder_id`` has not embedded yet, oldest first."""
        ...

    def experiences(
        self, namespace: Namespace, *, after: RowKey, limit: int, tried: bool = False
    ) -> list[tuple[RowKey, MemoryRecord]]:
        """Active procedural memories of exactly this namespace in the order of keys, those after ``after``; with ``tried``,
        those that have counters.
        """
        ...

    def active(self, namespace: Namespace, *, after_seq: int, limit: int) -> list[tuple[int, RowKey, MemoryRecord]]:
        """Active memories of exactly this namespace in the order of their latest change, whose number comes first.

        One that is changed while somebody pages through comes again at the end.
        """
        ...

    def vouched(self, namespace: Namespace) -> set[MemoryId]:
        """The memories of exactly this namespace that a person has vouched for."""
        ...

    def has_experiences(self, namespace: Namespace) -> bool:
        """Whether a namespace holds any memory with facets."""
        ...

    def plan(self, id: PlanId) -> Plan | None: ...

    def plans(self, namespace: Namespace, *, limit: int) -> list[Plan]:
        """The maintenance plans of a namespace, latest first."""
        ...


class LearningWriter(LearningReader, Protocol):
    """Writes the learning part within a transaction."""

    def put_utilities(self, utilities: Mapping[RowKey, Utility]) -> None:
        """Keep counters in the place of what was there."""
        ...

    def append_outcome(self, outcome: TaskOutcome) -> None: ...

    def put_facets(self, key: RowKey, facets: Facets) -> None:
        """Make a memory an experience, or change what is noted of one. Its words are found in searches from now on."""
        ...

    def put_facet_vectors(self, embedder_id: str, key: RowKey, vectors: Mapping[str, bytes]) -> None:
        """Keep the vectors of a memory's facets; those of facets that are not named stay."""
        ...

    def put_plan(self, plan: Plan) -> None:
        """Keep a plan in the place of one with its id."""
        ...

    def forget_plans(self, *, before: datetime) -> None:
        """Let go of plans that were drawn up before a moment and never applied. Those that were tell what was done."""
        ...

    def unarchive(self, plan: PlanId, ids: Iterable[MemoryId]) -> list[MemoryId]:
        """Take back what applying a plan did to memories, without a trace in their histories. Those that it concerned."""
        ...

    def withdraw(self, ids: Sequence[MemoryId], *, at: datetime) -> None:
        """Remove memories that a plan wrote, without receipts: the plan itself tells of them."""
        ...

    def unlink(self, source: MemoryId, target: MemoryId, relation: str) -> None:
        """Remove a link that a plan made."""
        ...
