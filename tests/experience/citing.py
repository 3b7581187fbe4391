"""What an experience cites, to check that its values stand there."""

from __future__ import annotations

from collections.abc import Mapping

from mnemic.domain.experience.experience import Experience
from mnemic.domain.experience.trajectory import Step, Trajectory, scalars_of


def cited_texts(experience: Experience, trajectories: Mapping[str, Trajectory]) -> tuple[str, ...]:
    """What the cited trajectories and steps say; of a step also the task. Unknown ids are left out."""
    texts: list[str] = []
    for citation in dict.fromkeys(experience.evidence):
        whole = trajectories.get(citation)
        id, _, number = citation.rpartition("#")
        if whole is not None:
            texts += evidence_texts(whole)
        elif (found := trajectories.get(id)) is not None and number.isdigit() and 0 < int(number) <= len(found.steps):
            texts += (found.task, *step_texts(found.steps[int(number) - 1]))
    return tuple(texts)


def evidence_texts(trajectory: Trajectory) -> tuple[str, ...]:
    """Everything that the user said, that was done, and that was observed, for comparing a claim with it.

    What the agent thought or told the user is not among it: a claim could otherwise lean on what was made up before.
    """
    texts = [trajectory.task, *(text for step in trajectory.steps for text in step_texts(step)), trajectory.closing]
    return tuple(text for text in texts if text)


def step_texts(step: Step) -> tuple[str, ...]:
    """What one step shows: tool, names and values of arguments, action, observation, what the user said before it."""
    names = " ".join((step.tool, *step.arguments))
    texts = (names, *scalars_of(step.arguments), step.action, step.told, step.observation)
    return tuple(text for text in texts if text)
