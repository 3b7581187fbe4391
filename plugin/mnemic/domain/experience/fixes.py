"""Failures of tools and what worked next: failure experiences."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mnemic.domain.experience.experience import Experience, Facet, confidence_of
from mnemic.domain.experience.procedures import led_nowhere
from mnemic.domain.experience.trajectory import Step, Trajectory, scalars_of
from mnemic.domain.experience.wording import (
    MOST_CONTENT_CHARS,
    MOST_SITUATION_CHARS,
    cite,
    clip,
    generalise,
    listed,
    shown_tool,
    task_line,
)

LEAST_UNFIXED = 2
"""An error that nobody got past is told when this many trajectories ran into it."""
LEAST_FIXED_SHARE = 0.1
"""What worked next for fewer of the trajectories that ran into an error is chance and not told."""
_MOST_BETWEEN = 3
_MOST_CITED = 24
_KIND = re.compile(r"([A-Za-z]{2,30}(?:_[A-Za-z]{2,30}){0,3})_\w*\d")

Fix = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Tools called in between, then the names of arguments that were changed, added and left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed step at ``index`` and the step that did what it could not, None when there was none."""

    trajectory: Trajectory
    index: int
    fixed_at: int | None

    @property
    def step(self) -> Step:
        return self.trajectory.steps[self.index]


def failures_of(trajectory: Trajectory) -> Iterator[Failure]:
    """The failed steps of a trajectory, each with the first later call of the same tool that worked.

    A later call that shares no argument's value with the failed one was made for another purpose and is no fix,
    unless the tool takes one argument alone.
    """
    steps = trajectory.steps
    for index, step in enumerate(steps):
        if step.error is None:
            continue
        later = (at for at in range(index + 1, len(steps)) if steps[at].error is None and steps[at].tool == step.tool)
        yield Failure(
            trajectory=trajectory,
            index=index,
            fixed_at=next((at for at in later if _same_purpose(step, steps[at])), None),
        )


def distil_failures(trajectories: Sequence[Trajectory], least_unfixed: int = LEAST_UNFIXED) -> tuple[Experience, ...]:
    """One experience for each tool and class of error that was got past, or that ``least_unfixed`` trajectories
    ran into.

    The fix that is told is the one that most trajectories found. Ordered by tool and error.
    """
    by_kind: dict[tuple[str, str], list[Failure]] = defaultdict(list)
    works: dict[str, list[Step]] = defaultdict(list)
    for trajectory in trajectories:
        for failure in failures_of(trajectory):
            by_kind[failure.step.tool, failure.step.error or ""].append(failure)
        for step in trajectory.steps:
            if step.error is None:
                works[step.tool].append(step)
    found = (_experience(failures, works[tool], least_unfixed) for (tool, _), failures in sorted(by_kind.items()))
    return tuple(experience for experience in found if experience is not None)


def fix_of(failure: Failure) -> Fix | None:
    """How the later call differed from the one that failed, and what worked in between (at most the last three
    tools).
    """
    if failure.fixed_at is None:
        return None
    steps = failure.trajectory.steps
    before, after = failure.step.arguments, steps[failure.fixed_at].arguments
    between = [
        step.tool
        for step in steps[failure.index + 1 : failure.fixed_at]
        if step.error is None and step.tool != failure.step.tool and not led_nowhere(step)
    ]
    return (
        tuple(dict.fromkeys(between[-_MOST_BETWEEN:])),
        tuple(name for name in before if name in after and before[name] != after[name]),
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
    )


def _experience(failures: Sequence[Failure], works: Sequence[Step], least_unfixed: int) -> Experience | None:
    first = failures[0]
    tool, error = shown_tool(first.step.tool), first.step.error or ""
    hit = {failure.trajectory.id for failure in failures}
    fixes: dict[Fix, list[Failure]] = defaultdict(list)
    for failure in failures:
        if (fix := fix_of(failure)) is not None:
            fixes[fix].append(failure)
    when = _common_kinds([failure.step for failure in failures], works)
    fix, shown = ((), (), (), ()), list[Failure]()
    if fixes:
        fix, shown = max(
            fixes.items(), key=lambda item: (len({f.trajectory.id for f in item[1]}), -len(item[0][0]), item[0])
        )
    if len({f.trajectory.id for f in shown}) >= LEAST_FIXED_SHARE * len(hit):
        found = [
            cite(f.trajectory, at) for f in shown for at in range(f.index, (f.fixed_at or f.index) + 1) if _cites(f, at)
        ]
        content = f"{tool} failed with {_quote(error)}{when}. {_advice(tool, fix)}"
        support, against = len({f.trajectory.id for f in shown}), len(hit - {f.trajectory.id for f in shown})
        tools = (first.step.tool, *fix[0])
        cited = [*found, *(cite(f.trajectory, f.index) for f in failures)]
        told = shown[0]
    elif len(hit) >= least_unfixed:
        names = listed(
            tuple(dict.fromkeys(name for failure in failures[:_MOST_CITED] for name in failure.step.arguments))[:8]
        )
        called = f" It was called with {names}." if names else ""
        why = "" if fixes else ": no way past it was seen"
        content = f"{tool} fails with {_quote(error)}{when}.{called} Do not repeat the same call{why}."
        support, against, tools, told = len(hit), 0, (first.step.tool,), first
        cited = [cite(f.trajectory, f.index) for f in failures]
    else:
        return None
    task = task_line(told.trajectory.task)
    return Experience(
        facet=Facet.FAILURE,
        when_to_use=clip(f"When {tool} answers {_quote(error)}.", MOST_SITUATION_CHARS),
        content=clip(content, MOST_CONTENT_CHARS),
        confidence=confidence_of(support),
        tools=tuple(dict.fromkeys(tools)),
        task_query=task,
        generalized_query=generalise(task, told.trajectory.steps),
        evidence=tuple(dict.fromkeys(cited))[:_MOST_CITED],
        support=support,
        against=against,
    )


def _cites(failure: Failure, at: int) -> bool:
    return at in (failure.index, failure.fixed_at) or failure.trajectory.steps[at].error is None


def _advice(tool: str, fix: Fix) -> str:
    between, changed, added, removed = fix
    first = f"First call {listed([shown_tool(name) for name in between])}, then call" if between else "Call"
    parts = []
    if changed:
        parts.append(f"with another value of {listed(changed)}")
    if added:
        parts.append(f"with {listed(added)} as well")
    if removed:
        parts.append(f"without {listed(removed)}")
    how = listed(parts, "and") if parts else "unchanged"
    return f"{first} {tool} again {how}: that worked next."


def _quote(error: str) -> str:
    return f'"{error.replace(chr(34), chr(39))}"' if error else "an error"


def _same_purpose(failed: Step, later: Step) -> bool:
    if len(failed.arguments) <= 1:
        return True
    shared = set(scalars_of(failed.arguments)) & set(scalars_of(later.arguments))
    return bool(shared)


def _common_kinds(failed: Sequence[Step], works: Sequence[Step]) -> str:
    """A clause on what the values of an argument had in common whenever the call failed, and never when it worked.

    Values that end in a number are of the kind that stands before it: ``gift_card_8887175`` is a ``gift_card``.
    """
    if len(failed) < LEAST_UNFIXED:
        return ""
    for name in failed[0].arguments:
        kinds = Counter(kind for step in failed for kind in _kinds(step.arguments, name))
        allowed = {kind for step in works for kind in _kinds(step.arguments, name)}
        for kind in sorted(kinds):
            if kinds[kind] == len(failed) and kind not in allowed:
                return f' when {name} was a "{kind}"'
    return ""


def _kinds(arguments: Mapping[str, object], name: str) -> set[str]:
    return {match[1] for text in scalars_of(arguments.get(name)) if (match := _KIND.fullmatch(text))}
