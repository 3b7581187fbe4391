"""A procedural memory that was distilled from trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Facet(StrEnum):
    """Which side of what happened an experience tells (ReMe's categories; ``external`` is what somebody else
    submitted).
    """

    SUCCESS = "success"
    FAILURE = "failure"
    COMPARATIVE = "comparative"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """ReMe's ⟨ω, e, κ, c, τ⟩ (2512.10696) with what it was drawn from.

    ``when_to_use`` is the situation, ``content`` what to do there. ``confidence`` is 0..1; of what was distilled
    without a model it is support / (support + 1). ``task_query`` is the task as it was given, ``generalized_query``
    the same without the things that it was about. ``evidence`` are ids of trajectories (``12/1``) and of their steps
    from 1 (``12/1#7``), never empty unless external. ``support`` counts the trajectories that show it, ``against``
    those that show the contrary.
    """

    facet: Facet
    when_to_use: str
    content: str
    keywords: tuple[str, ...] = ()
    confidence: float = 0.5
    tools: tuple[str, ...] = ()
    task_query: str = ""
    generalized_query: str = ""
    evidence: tuple[str, ...] = ()
    support: int = 1
    against: int = 0

    @property
    def text(self) -> str:
        """What is compared with other experiences and with the evidence: the situation and what to do."""
        return f"{self.when_to_use} {self.content}"


def confidence_of(support: int) -> float:
    """How sure one may be of what ``support`` trajectories show, 0..1."""
    return support / (support + 1)
