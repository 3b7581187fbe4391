"""How well a memory is kept in mind: three published formulas, and how far they may move a rank.

- *Ebbinghaus* as MemoryBank means it: R = e^(-t/S), S starts at one day, every recall adds one and t starts again. Its
  released code computes ``exp(-t / 5*S)``, which is e^(-t·S/5): there a stronger memory fades *faster*. Ours does not.
- *SuperLocalMemory*: S = 2·ln(1+access) + 1.5·importance + confirmations + 0.5·emotion in hours, within 0.1..100, and zones.
- *ACT-R*: base-level activation B = ln Σ tⱼ^-d over all uses (Anderson & Schooler 1991), as a chance of retrieval
  1/(1+e^((τ-B)/s)).

Times are in days unless said otherwise; times before zero (a clock that was set back) count as zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

_DAY = timedelta(days=1)
_LEAST_AGE = 1 / 86_400  # a second: t^-d has no value at zero
_LEAST_STRENGTH, _MOST_STRENGTH = 0.1, 100.0
RANK_FLOOR = 0.8
"""A forgotten memory keeps this share of its score, so nothing but what is about as relevant overtakes it."""


class Zone(StrEnum):
    """SuperLocalMemory's stages of life, by retention: above .8, .5, .2, .05, and what is left."""

    ACTIVE = "active"
    WARM = "warm"
    COLD = "cold"
    ARCHIVE = "archive"
    FORGOTTEN = "forgotten"


class RetentionModel(StrEnum):
    """Which formula says how well a memory is kept in mind."""

    EBBINGHAUS = "ebbinghaus"
    SUPERLOCAL = "superlocal"
    ACT_R = "act-r"


_ZONES = ((0.8, Zone.ACTIVE), (0.5, Zone.WARM), (0.2, Zone.COLD), (0.05, Zone.ARCHIVE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What is known about the use of a memory. ``recalls`` and ``confirmations`` ≥ 0; ``importance``, ``emotion`` in 0..1.

    ``last_used``: when it was last recalled or confirmed, None if never. ``used``: all those moments, if they were kept.
    """

    recalls: int = 0
    confirmations: int = 0
    importance: float = 0.5
    emotion: float = 0.0
    last_used: datetime | None = None
    used: tuple[datetime, ...] = ()


UNUSED = Usage()


def ebbinghaus_retention(days: float, strength: float) -> float:
    """e^(-t/S), 0..1, for ``days`` since the last use. Raises ValueError for a strength that is not above zero."""
    if not strength > 0:
        raise ValueError(f"strength {strength} is not above zero")
    return math.exp(-max(days, 0.0) / strength)


def ebbinghaus_strength(recalls: int) -> float:
    """MemoryBank's S in days: 1, and one more for every recall."""
    return 1.0 + max(recalls, 0)


def superlocal_strength(*, access: int, importance: float, confirmations: int, emotion: float) -> float:
    """SuperLocalMemory's S in hours, 0.1..100."""
    strength = 2 * math.log1p(max(access, 0)) + 1.5 * importance + confirmations + 0.5 * emotion
    return min(max(strength, _LEAST_STRENGTH), _MOST_STRENGTH)


def base_level(ages: Sequence[float], decay: float = 0.5) -> float:
    """ACT-R's base-level activation, ln Σ t^-d. ``ages``: days since each use, its making among them; -∞ for none."""
    total = sum(max(age, _LEAST_AGE) ** -decay for age in ages)
    return math.log(total) if total else -math.inf


def retrieval_chance(activation: float, *, threshold: float = -2.0, noise: float = 0.5) -> float:
    """ACT-R's chance that something of this activation is retrieved, 0..1. ``noise`` > 0.

    At the default threshold what was used once is at one half after e^4, about 55 days.
    """
    steps = (threshold - activation) / noise
    return 0.0 if steps > 700 else 1 / (1 + math.exp(steps))


def zone_of(retention: float) -> Zone:
    """The stage of life of a retention, 0..1. The bounds belong to the zone below them."""
    return next((zone for bound, zone in _ZONES if retention > bound), Zone.FORGOTTEN)


def retention(
    usage: Usage, *, created: datetime, now: datetime, model: RetentionModel = RetentionModel.EBBINGHAUS
) -> float:
    """How well a memory that was made at ``created`` is kept in mind at ``now``, 0..1. All times are aware or all naive."""
    moments: list[datetime] = [created, *usage.used]
    if usage.last_used is not None:
        moments.append(usage.last_used)
    last: datetime = max(moments)
    days = max((now - last) / _DAY, 0.0)
    if model is RetentionModel.EBBINGHAUS:
        return ebbinghaus_retention(days, ebbinghaus_strength(usage.recalls + usage.confirmations))
    if model is RetentionModel.SUPERLOCAL:
        strength = superlocal_strength(
            access=usage.recalls, importance=usage.importance, confirmations=usage.confirmations, emotion=usage.emotion
        )
        return ebbinghaus_retention(days * 24, strength)
    uses = usage.used or ((usage.last_used,) if usage.last_used else ())
    return retrieval_chance(base_level([(now - moment) / _DAY for moment in (created, *uses)]))


def rank_factor(retained: float, floor: float = RANK_FLOOR) -> float:
    """What a relevance score is multiplied with, ``floor``..1: recent use decides between what is about as relevant.

    Being a factor above zero, it leaves the only answer in the first place, however old. Raises ValueError for a floor
    outside 0 < floor ≤ 1.
    """
    if not 0 < floor <= 1:
        raise ValueError(f"a floor of {floor} is not within 0 < floor ≤ 1")
    return floor + (1 - floor) * min(max(retained, 0.0), 1.0)
