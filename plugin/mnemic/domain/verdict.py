"""What the guard thinks of a text or of a recalled memory, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

Span = tuple[int, int]
"""A range of characters of the original text: start, and end exclusive."""


class Decision(StrEnum):
    """What happens to a text, from mild to strict: `strictness` gives the order."""

    ALLOW = "allow"
    REDACT = "redact"
    QUARANTINE = "quarantine"
    BLOCK = "block"

    @property
    def strictness(self) -> int:
        """0 for allow … 3 for block."""
        return _ORDER.index(self)


_ORDER = tuple(Decision)


def strictest(decisions: Iterable[Decision]) -> Decision:
    """The strictest of ``decisions``; allow when there are none. So a further rule can never weaken a verdict."""
    return max(decisions, key=lambda decision: decision.strictness, default=Decision.ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that one rule saw. It says nothing yet about what follows: that is the policy's part.

    ``reason`` is for people and models and never repeats the payload. ``spans`` are where it was seen, ascending and
    without overlap; empty when it concerns the text as a whole. ``detail`` names what kind of thing was seen, where a
    rule knows several (``aws access key``).
    """

    rule: str
    reason: str
    spans: tuple[Span, ...] = ()
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A finding and what the policy makes of it."""

    finding: Finding
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision about one text: the strictest of what its findings call for. ``policy`` names what judged it.

    ``enforced`` is false when the policy only watches: the decision is reported and nothing is done.
    """

    decision: Decision
    judged: tuple[Judged, ...] = ()
    policy: str = ""
    enforced: bool = True

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, the strictest first."""
        ordered = sorted(self.judged, key=lambda judged: -judged.decision.strictness)
        return tuple(f"{judged.finding.rule}: {judged.finding.reason}" for judged in ordered)
