"""The utility ledger of one memory: how often it was there, how often it was used, and how that ended.

One set of counters serves several published methods: ReMe's f and u (arXiv 2512.10696), MemRL's Q (arXiv 2601.03192) and
RMM's credit for what was cited (arXiv 2503.08026).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

SUCCESS_REWARD = 1.0
"""A task succeeded when its reward reaches this (ReMe's ``success_threshold``)."""

DECAY = 0.9
"""What a count keeps of itself when the next one comes: the last ten or so weigh."""

MEMRL_ALPHA = 0.3

# A memory counts as bad when tasks with it succeed this much more seldom than the namespace's tasks do.
_BAD_SHARE = 0.55
# Where nearly everything succeeds, one failure must not weigh like four.
_HIGHEST_RATE = 0.7
_LOWEST_RATE = 0.02
_MOST_Z = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Utility:
    """Counters over finished tasks; all start at zero and none ever decreases but the decayed ones and ``q_value``.

    ``shown``: tasks into which the memory was delivered, ``shown_successes``: those of them that succeeded. That is
    credit by mere presence, and weak. ``used``, ``used_successes``, ``reward_sum``: the same for tasks whose agent said
    that it used the memory. ``recent``, ``recent_successes``: decayed by `DECAY` with each task that counts for the
    memory, whether it was used or, where nobody said what was used, shown. ``q_value`` in -1..1. ``doubt`` >= 0: see
    `update_doubt`.
    """

    shown: int = 0
    shown_successes: int = 0
    used: int = 0
    used_successes: int = 0
    reward_sum: float = 0.0
    recent: float = 0.0
    recent_successes: float = 0.0
    q_value: float = 0.0
    doubt: float = 0.0
    last_used_at: datetime | None = None

    @property
    def attributed(self) -> bool:
        """Whether anybody ever said that it was used: then what merely happened beside it does not count."""
        return self.used > 0

    @property
    def trials(self) -> int:
        """ReMe's f: the tasks that count for it."""
        return self.used if self.attributed else self.shown

    @property
    def successes(self) -> int:
        """ReMe's u: those of them that succeeded."""
        return self.used_successes if self.attributed else self.shown_successes

    @property
    def mean(self) -> float | None:
        """u/f in 0..1, None before anything was tried."""
        return self.successes / self.trials if self.trials else None


NO_UTILITY = Utility()


def credit(
    utility: Utility, *, reward: float, used: bool, attributed: bool, at: datetime, success_reward: float = SUCCESS_REWARD,
    alpha: float = MEMRL_ALPHA, scope_rate: float = 0.5,
) -> Utility:  # fmt: skip
    """The counters after one finished task with ``reward`` 0..1 into which the memory was delivered.

    ``scope_rate`` is the success rate of the memory's namespace before this task, 0..1.

    ``attributed``: the agent said what it used, and ``used`` whether this was among it. Without that every delivered memory
    gets the weak credit of having been there. What was delivered and not used is counted as shown, and nothing else.
    """
    success = reward >= success_reward
    shown = replace(utility, shown=utility.shown + 1, shown_successes=utility.shown_successes + success)
    if attributed and not used:
        return shown
    if not attributed and utility.attributed:
        # It is known what its use is worth: the presence in a task of which nobody said more adds nothing to that.
        return shown
    # With the first use that somebody vouches for, what was guessed before is put aside.
    before = NO_UTILITY if attributed and not utility.attributed else utility
    return replace(
        shown,
        used=utility.used + attributed,
        used_successes=utility.used_successes + (attributed and success),
        reward_sum=utility.reward_sum + (reward if attributed else 0.0),
        recent=DECAY * before.recent + 1.0,
        recent_successes=DECAY * before.recent_successes + success,
        q_value=update_q(before.q_value, 2.0 * reward - 1.0, alpha=alpha),
        doubt=update_doubt(before.doubt, success=success, scope_rate=scope_rate),
        last_used_at=at,
    )


def update_q(q_value: float, reward: float, *, alpha: float = MEMRL_ALPHA) -> float:
    """MemRL's step towards a reward in -1..1, for the memories that were used alone: Q + alpha (r - Q)."""
    return q_value + alpha * (reward - q_value)


def update_doubt(doubt: float, *, success: bool, scope_rate: float) -> float:
    """One step of Page's test (CUSUM): the evidence that tasks with this memory go worse than the namespace's tasks do.

    It adds the logarithm of how much likelier the outcome is for a bad memory than for an ordinary one and never falls below
    0, so a good past does not hide that a memory has turned bad. What is bad depends on ``scope_rate`` alone: where most
    tasks fail, a failure says little.
    """
    ordinary = min(max(scope_rate, _LOWEST_RATE), _HIGHEST_RATE)
    bad = ordinary * _BAD_SHARE
    step = math.log(bad / ordinary) if success else math.log((1.0 - bad) / (1.0 - ordinary))
    return max(0.0, doubt + step)


def upper_bound(successes: float, trials: float, *, z: float) -> float:
    """Wilson's upper confidence bound of a success rate; 1 before anything was tried."""
    if trials <= 0.0:
        return 1.0
    share = successes / trials
    spread = z * math.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    return min((share + z * z / (2.0 * trials) + spread) / (1.0 + z * z / trials), 1.0)


def value_scores(similarities: Sequence[float], q_values: Sequence[float], *, weight: float = 0.5) -> list[float]:
    """MemRL's second phase: (1 - w) z(similarity) + w z(Q) over one set of candidates, z clipped to ±3; ``weight`` is
    w, 0..1.

    The released code takes mean and deviation of the similarities from a fixed corpus; here they are those of the
    candidates, as for Q, so that the order does not depend on what else is stored.
    """
    return [
        (1.0 - weight) * near + weight * good
        for near, good in zip(_z_scores(similarities), _z_scores(q_values), strict=True)
    ]


def _z_scores(values: Sequence[float]) -> list[float]:
    if not values:
        return []
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
    if deviation < 1e-9:
        return [0.0] * len(values)
    return [max(-_MOST_Z, min(_MOST_Z, (value - mean) / deviation)) for value in values]
