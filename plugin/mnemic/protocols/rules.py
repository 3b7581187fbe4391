"""What a guard rule that comes from outside has to be. Register it under an entry point, and every memory uses it.

The groups are ``mnemic.guard.write_rules`` and ``mnemic.guard.recall_rules``; an entry point names a rule, or a class or
function without parameters that gives one. A rule runs within a time limit; one that fails or overruns counts as a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mnemic.domain.marks import Marks
from mnemic.domain.memory import MemoryId, MemoryRecord
from mnemic.domain.verdict import Finding

WRITE_RULES = "mnemic.guard.write_rules"
RECALL_RULES = "mnemic.guard.recall_rules"


@runtime_checkable
class WritePhaseRule(Protocol):
    """Looks at a memory that is about to be stored."""

    @property
    def id(self) -> str:
        """Small letters and hyphens; policies set the decision for it under ``write.rules``. Without one: quarantine."""
        ...

    def check(self, record: MemoryRecord) -> Iterable[Finding]:
        """What it sees. ``record`` may hold anything that a stranger wrote; the time spent must not depend on tricks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """A memory that was found for a question, with what is known about it. ``trust`` in 0..1, by the policy."""

    record: MemoryRecord
    marks: Marks
    trust: float
    trusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallFinding:
    """What a rule has against one recalled memory. ``withhold``: it should not be delivered; else it is delivered with a
    warning.
    """

    memory_id: MemoryId
    finding: Finding
    withhold: bool = True


@runtime_checkable
class RecallPhaseRule(Protocol):
    """Looks at the memories that were found for a question, best first."""

    @property
    def id(self) -> str: ...

    def check(self, question: str, recalled: Sequence[Recalled]) -> Iterable[RecallFinding]: ...
