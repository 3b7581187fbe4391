"""What became of records, counted, and how sure such a count is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Fate(StrEnum):
    """What became of one memory when its question was asked."""

    WITHHELD_AT_WRITE = "withheld_at_write"
    WITHHELD_AT_RECALL = "withheld_at_recall"
    LABELLED = "labelled"
    UNLABELLED = "unlabelled"
    NOT_FOUND = "not_found"


@dataclass(slots=True)
class Tally:
    """The fates of a group of memories. ``masked``: delivered with directives masked; ``contested``: a trusted memory or the
    consensus stands against it. ``chars`` and ``masked_chars`` are those of untrusted text that was delivered.
    """

    fates: dict[Fate, int] = field(default_factory=lambda: dict.fromkeys(Fate, 0))
    masked: int = 0
    contested: int = 0
    chars: int = 0
    masked_chars: int = 0

    @property
    def n(self) -> int:
        return sum(self.fates.values())

    @property
    def withheld(self) -> int:
        return self.fates[Fate.WITHHELD_AT_WRITE] + self.fates[Fate.WITHHELD_AT_RECALL]

    def add(self, fate: Fate, *, masked: bool = False, contested: bool = False) -> None:
        self.fates[fate] += 1
        self.masked += masked
        self.contested += contested

    def take(self, other: Tally) -> None:
        """Count what another tally counted as well."""
        for fate, count in other.fates.items():
            self.fates[fate] += count
        self.masked += other.masked
        self.contested += other.contested
        self.chars += other.chars
        self.masked_chars += other.masked_chars

    def to_dict(self) -> dict[str, Any]:
        """Counts; ``withheld_percent`` with its one-sided 95 % upper bound, and the share of characters masked (percent)."""
        return {
            "n": self.n,
            **{fate.value: count for fate, count in self.fates.items()},
            "masked": self.masked,
            "contested": self.contested,
            "withheld_percent": percent(self.withheld, self.n),
            "withheld_upper_percent": round(100 * upper_bound(self.withheld, self.n), 2),
            "success_percent": percent(self.fates[Fate.UNLABELLED], self.n),
            "masked_chars_percent": percent(self.masked_chars, self.chars),
        }


def percent(part: float, whole: float) -> float:
    """``part`` of ``whole`` in percent, two decimals; 0 of nothing."""
    return round(100 * part / whole, 2) if whole else 0.0


def upper_bound(hits: int, n: int, *, confidence: float = 0.95) -> float:
    """One-sided upper bound of a share of which ``hits`` of ``n`` were seen, 0..1 (Clopper and Pearson 1934, exact).

    The share at which so few hits or fewer would be seen with probability 1 - ``confidence``. 1.0 for n = 0.
    """
    if hits >= n:
        return 1.0
    low, high = hits / n, 1.0
    for _ in range(60):
        share = (low + high) / 2
        if _at_most(hits, n, share) > 1 - confidence:
            low = share
        else:
            high = share
    return high


def _at_most(hits: int, n: int, share: float) -> float:
    """The probability of at most ``hits`` of ``n`` at a share in (0, 1)."""
    yes, no = math.log(share), math.log1p(-share)
    whole = math.lgamma(n + 1)
    return sum(
        math.exp(whole - math.lgamma(at + 1) - math.lgamma(n - at + 1) + at * yes + (n - at) * no)
        for at in range(hits + 1)
    )


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return {"p50": 0.0, "p95": 0.0}
    return {
        "p50": round(1000 * ordered[len(ordered) // 2], 3),
        "p95": round(1000 * ordered[min(len(ordered) * 95 // 100, len(ordered) - 1)], 3),
    }
