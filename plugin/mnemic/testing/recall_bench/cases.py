"""What a recall benchmark stores and asks: cases of turns and questions, whatever file they come from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mnemic.domain.memory import NewMemory
from mnemic.errors import InvalidInput

TOGETHER = "together"
"""The namespace of everything, when all cases share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. ``gold`` names the turns of its case that hold the answer, at least one.

    ``asked_at``: the moment that words such as "last week" are relative to, None when it does not matter.
    """

    text: str
    gold: frozenset[str]
    category: str
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One store: what is remembered in the namespace ``name``, and what is asked of it. Turns name no other namespace.

    ``turns``: pairs of an id, unique within the case, and what is remembered under it, in the order in which it happened.
    """

    name: str
    turns: tuple[tuple[str, NewMemory], ...]
    questions: tuple[Question, ...]


def all_together(cases: Sequence[Case]) -> Case:
    """One case with everything. Ids and sessions get the name of the case that they come from, so that none coincide."""
    turns = [
        (
            f"{case.name}/{id}",
            replace(new, namespace=TOGETHER, session=None if new.session is None else f"{case.name}/{new.session}"),
        )
        for case in cases
        for id, new in case.turns
    ]
    questions = [
        replace(question, gold=frozenset(f"{case.name}/{id}" for id in question.gold))
        for case in cases
        for question in case.questions
    ]
    return Case(name=TOGETHER, turns=tuple(turns), questions=tuple(questions))


def take_questions(cases: Sequence[Case], limit: int | None, *, seed: int) -> list[Case]:
    """The cases with at most ``limit`` questions in all, drawn evenly at random and kept in their order.

    The turns stay, also of cases that are left without a question. The same seed draws the same questions.
    """
    places = [(at, number) for at, case in enumerate(cases) for number in range(len(case.questions))]
    if limit is not None and limit < len(places):
        places = random.Random(seed).sample(places, limit)  # noqa: S311  # a sample, not a secret
    taken = set(places)
    return [
        replace(case, questions=tuple(q for number, q in enumerate(case.questions) if (at, number) in taken))
        for at, case in enumerate(cases)
    ]


def not_in_format(path: Path, format: str, error: Exception) -> InvalidInput:
    """The error for a file that is not what it was said to be."""
    why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return InvalidInput(
        f"{path} is not in the format {format}: {why}.", hint="Check --format, and that the file is the published one."
    )
