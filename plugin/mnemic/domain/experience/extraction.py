"""Trajectories in, experiences out, without a model.

ReMe (2512.10696) has a model write what a success, a failure and the comparison of both teach. Here the facets are
read off the calls: the shortest way that worked, errors and what worked next, where a trial that succeeded and one
that failed part. Every value in the texts stands in the cited trajectories.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mnemic.domain.experience.causes import distil_preconditions, idle_tools
from mnemic.domain.experience.contrasts import Similarity, common_steps, hard_pairs, step_names, tell_apart
from mnemic.domain.experience.experience import Experience, Facet, confidence_of
from mnemic.domain.experience.fixes import distil_failures
from mnemic.domain.experience.procedures import Procedure, given_names, numbered, procedure_lines, procedure_of
from mnemic.domain.experience.trajectory import SUCCESS_THRESHOLD, Trajectory
from mnemic.domain.experience.wording import (
    MOST_CONTENT_CHARS,
    cite,
    clip,
    generalise,
    keywords_by_group,
    shown_tool,
    situation,
    task_line,
)

_MOST_CITED = 24
_MOST_IDLE = 20

Preferred = Literal["shortest", "typical"]
"""Which of several successes becomes the procedure: the shortest (methods §4.7), or the one that has most in common with
the others. On tau-bench the typical one names more of what the next success uses (recall 86 % against 74 %); on ALFWorld
its order is worse (precision 75 % against 93 %): see tests/benchmarks/distilling.py.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroup:
    """The trials of one task, those that succeeded and those that failed; trials without a reward are in neither."""

    task_id: str
    successes: tuple[Procedure, ...]
    failures: tuple[Procedure, ...]

    @property
    def trajectories(self) -> tuple[Trajectory, ...]:
        return tuple(procedure.trajectory for procedure in (*self.successes, *self.failures))


def distil(
    trajectories: Sequence[Trajectory],
    *,
    similarity: Similarity | None = None,
    success_threshold: float = SUCCESS_THRESHOLD,
    preferred: Preferred = "shortest",
) -> tuple[Experience, ...]:
    """All experiences of some trajectories: procedures, contrasts, then preconditions and failures over all of
    them.

    Deterministic and independent of the order of the trials. Pairs of similar pieces are compared only where
    ``similarity`` is given.
    """
    groups = group_by_task(trajectories, success_threshold)
    keywords = keywords_by_group({group.task_id: _texts_of(group) for group in groups})
    found: list[Experience] = []
    for group in groups:
        of_group = (*distil_success(group, preferred), *distil_contrasts(group, similarity))
        found += (replace(experience, keywords=keywords[group.task_id]) for experience in of_group)
    ordered = sorted(trajectories, key=lambda trajectory: trajectory.id)
    good = [trajectory for trajectory in ordered if trajectory.outcome(success_threshold)]
    rest = [trajectory for trajectory in ordered if not trajectory.outcome(success_threshold)]
    of_all = (*distil_preconditions(good, rest), *distil_failures(ordered))
    found += (replace(experience, keywords=experience.tools[:_MOST_CITED]) for experience in of_all)
    unique = {(experience.facet, experience.text): experience for experience in reversed(found)}
    return tuple(reversed(unique.values()))


def group_by_task(
    trajectories: Sequence[Trajectory], success_threshold: float = SUCCESS_THRESHOLD
) -> tuple[TaskGroup, ...]:
    """The trials by task, ordered by the task's id; within a group the shortest comes first."""
    by_task: dict[str, dict[bool, list[Procedure]]] = defaultdict(lambda: {True: [], False: []})
    for trajectory in trajectories:
        outcome = trajectory.outcome(success_threshold)
        if outcome is not None and trajectory.steps:
            by_task[trajectory.task_id][outcome].append(procedure_of(trajectory))
    return tuple(
        TaskGroup(task_id=task_id, successes=_shortest_first(trials[True]), failures=_shortest_first(trials[False]))
        for task_id, trials in sorted(by_task.items())
    )


def distil_success(group: TaskGroup, preferred: Preferred = "shortest") -> tuple[Experience, ...]:
    """The procedure that succeeded; its support are the successes that took the same tools in the same order.

    ``against`` counts the successes that went another way.
    """
    if not group.successes:
        return ()
    best = group.successes[0] if preferred == "shortest" else _most_typical(group.successes)
    if not best.kept:
        return ()
    trajectory = best.trajectory
    others = (other for other in group.successes if other is not best)
    like = [best, *(other for other in others if len(common_steps(best.tools, other.tools)) == len(best.tools))]
    return (
        Experience(
            facet=Facet.SUCCESS,
            when_to_use=_situation_of(best),
            content=numbered(procedure_lines(best)),
            confidence=confidence_of(len(like)),
            tools=tuple(dict.fromkeys(best.tools)),
            task_query=task_line(trajectory.task),
            generalized_query=generalise(task_line(trajectory.task), trajectory.steps),
            evidence=tuple(cite(procedure.trajectory) for procedure in like[:_MOST_CITED]),
            support=len(like),
            against=len(group.successes) - len(like),
        ),
    )


def distil_contrasts(group: TaskGroup, similarity: Similarity | None = None) -> tuple[Experience, ...]:
    """What tells the best trial from the worst (soft), and similar pieces of good and bad trials from each other
    (hard).

    Of the trials with the lowest reward the one that goes along with the best for longest is compared: it parts from
    it where it matters.
    """
    if not group.successes or not group.failures:
        return ()
    best = group.successes[0]
    least = min(procedure.trajectory.reward or 0.0 for procedure in group.failures)
    worst = max(
        (procedure for procedure in group.failures if (procedure.trajectory.reward or 0.0) == least),
        key=lambda procedure: (len(common_steps(_names(best), _names(procedure))), procedure.trajectory.id),
    )
    found = []
    sentences = tell_apart(best, worst, best.kept, worst.kept)
    compared = group.failures[:_MOST_IDLE]  # all of them are cited
    idle = idle_tools([p.trajectory for p in group.successes], [p.trajectory for p in compared])
    if sentences:
        evidence = [best, worst, *(compared if idle else ())]
        found.append(_contrast(best, (*sentences, *idle), [cite(procedure.trajectory) for procedure in evidence]))
    if similarity is not None:
        for good, bad in hard_pairs(group.successes, group.failures, similarity):
            cited = [cite(piece.procedure.trajectory, at) for piece in (good, bad) for at in piece.kept]
            told = tell_apart(good.procedure, bad.procedure, good.kept, bad.kept, pieces=True)
            if told[0] not in sentences:
                found.append(
                    _contrast(good.procedure, (f"In the part that begins with {good.names[0]}:", *told), cited)
                )
    return tuple(found)


def _most_typical(successes: Sequence[Procedure]) -> Procedure:
    """The success whose order of tools has most in common with all others; the shortest of several."""

    def shared(left: Procedure, right: Procedure) -> float:
        return 2 * len(common_steps(left.tools, right.tools)) / (len(left.tools) + len(right.tools) or 1)

    return max(successes, key=lambda procedure: sum(shared(procedure, other) for other in successes))


def _contrast(best: Procedure, sentences: Sequence[str], evidence: Sequence[str]) -> Experience:
    task = task_line(best.trajectory.task)
    return Experience(
        facet=Facet.COMPARATIVE,
        when_to_use=_situation_of(best),
        content=clip(" ".join(sentences), MOST_CONTENT_CHARS),
        confidence=confidence_of(1),
        tools=tuple(dict.fromkeys(best.tools)),
        task_query=task,
        generalized_query=generalise(task, best.trajectory.steps),
        evidence=tuple(dict.fromkeys((*evidence, cite(best.trajectory))))[:_MOST_CITED],
        support=1,
    )


def _situation_of(procedure: Procedure) -> str:
    trajectory = procedure.trajectory
    task = generalise(task_line(trajectory.task), trajectory.steps)
    in_words = any(step.in_words for step in procedure.steps)
    tools = [shown_tool(name) for name in dict.fromkeys(procedure.tools)]
    return situation(task, tools, () if in_words else given_names(procedure))


def _names(procedure: Procedure) -> tuple[str, ...]:
    return step_names(procedure.trajectory, procedure.kept)


def _shortest_first(procedures: Sequence[Procedure]) -> tuple[Procedure, ...]:
    return tuple(sorted(procedures, key=lambda procedure: (len(procedure.kept), procedure.trajectory.id)))


def _texts_of(group: TaskGroup) -> list[str]:
    tasks = (generalise(task_line(trajectory.task), trajectory.steps) for trajectory in group.trajectories)
    tools = (dict.fromkeys(step.tool for step in trajectory.steps) for trajectory in group.trajectories)
    return [f"{task} {' '.join(names)}" for task, names in zip(tasks, tools, strict=True)]
