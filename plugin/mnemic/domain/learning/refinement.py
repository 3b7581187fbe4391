"""Which experiences to take out of recall because they do not help (ReMe's deletion, arXiv 2512.10696 eq. 1, and our form).

The published rule removes an entry once it was recalled alpha times and u/f is at most beta. It is absolute, so where
most tasks fail it removes every entry; it never forgets a good past; and one point ratio decides. Decayed counts, a
beta relative to the namespace and a confidence bound each mend one of these and together still miss (`mnemic bench
experience`): the decayed count is too short for a bound. Ours is a sequential test against the namespace's own success
rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mnemic.domain.learning.utility import Utility, upper_bound


class Boundary(StrEnum):
    """Whether an entry at exactly β goes: the paper says so, the released code keeps it."""

    PAPER = "paper"
    CODE = "code"


class Mode(StrEnum):
    """What happens to what does not help. Only archiving can be undone."""

    ARCHIVE = "archive"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """A pruning rule. ``alpha``: tasks before an entry is judged; ``beta``: the rate it must exceed, 0..1; ``period``: tasks
    between two sweeps.

    ``weak``: judge by all deliveries, as published, also where it is known what was used. ``relative``: ``beta`` is a
    share of the namespace's own success rate. ``decayed``: judge recent tasks more than old ones. ``z``: judge Wilson's
    upper bound instead of the ratio, at so many standard deviations. ``doubt``: judge the sequential test of
    `update_doubt` instead of all that, with this limit. ``keep_per_topic``: so many entries of a topic stay whatever
    they did.
    """

    name: str
    alpha: int = 5
    beta: float = 0.5
    boundary: Boundary = Boundary.PAPER
    period: int = 10
    mode: Mode = Mode.ARCHIVE
    weak: bool = False
    relative: bool = False
    decayed: bool = False
    z: float | None = None
    doubt: float | None = None
    keep_per_topic: int = 0


REFINEMENTS = {
    rule.name: rule
    for rule in (
        Refinement(name="reme-paper", weak=True),
        Refinement(name="reme-code", weak=True, boundary=Boundary.CODE),
        Refinement(name="decayed", beta=0.85, relative=True, decayed=True, z=0.84),
        Refinement(name="default", doubt=2.5, keep_per_topic=1),
    )
}
"""The named rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a rule says of one entry, and the figures it said it by, for people."""

    prune: bool
    reason: str


def judge_utility(rule: Refinement, utility: Utility, *, scope_rate: float) -> Judgement:
    """Whether ``rule`` prunes an entry; ``scope_rate`` is the success rate of its namespace, 0..1."""
    trials = float(utility.shown if rule.weak else utility.trials)
    successes = float(utility.shown_successes if rule.weak else utility.successes)
    enough = trials >= rule.alpha
    seen = f"{successes:g} of {trials:g} tasks succeeded"
    if rule.doubt is not None:
        reason = (
            f"{seen}, in the namespace {scope_rate:.0%}; evidence that it harms {utility.doubt:.1f} of {rule.doubt:g}"
        )
        return Judgement(prune=enough and utility.doubt >= rule.doubt, reason=reason)
    if rule.decayed:
        trials, successes = utility.recent, utility.recent_successes
    rate = successes / trials if trials else 1.0
    if rule.z is not None:
        rate = upper_bound(successes, trials, z=rule.z)
    threshold = rule.beta * (scope_rate if rule.relative else 1.0)
    below = rate < threshold if rule.boundary is Boundary.CODE else rate <= threshold
    return Judgement(prune=enough and below, reason=f"{seen}; {rate:.2f} judged against {threshold:.2f}")


def sweep_is_due(rule: Refinement, finished_tasks: int) -> bool:
    """Whether the rule looks at the entries now; ``finished_tasks`` counts those of the namespace, this one included."""
    return finished_tasks > 0 and finished_tasks % rule.period == 0


def success_rate(successes: int, tasks: int) -> float:
    """The success rate of a namespace. With few tasks it leans towards one half, by one success and one failure."""
    return (successes + 1) / (tasks + 2)
