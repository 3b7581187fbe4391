"""Subgoals as working-memory chunks (HiAgent), and the text in which a model speaks of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.fragments import Display, FragmentId
from mnemic.domain.working_memory.messages import Message

MAX_RETRIEVES_PER_STEP = 2
MAX_SUBGOAL_CHARS = 500
SummarySource = Literal["caller", "model", "last_observation", "extract"]

PROTOCOL = """\
Work in subgoals: milestones on the way to the goal.
- While a subgoal is unfinished, answer with one line: "Action: <what to do>".
- When there is no subgoal yet, or what you have seen shows that the last one is done, answer with two lines: \
"Subgoal: <the next milestone>" and "Action: <its first step>". Never two subgoals without an action between them.
- When an action fails, find out which actions are possible.
- Of finished subgoals you see only the outcome. "Action: retrieve(1, 3)" shows all of subgoals 1 and 3 again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgoal:
    """One subgoal. ``number`` counts from 1 and is never used again.

    It spans the messages from ``opened_at`` up to ``closed_at`` (exclusive, None while it is open). ``satisfied`` is what
    the one who closed it said. ``folds`` is what is shown of its messages once it is closed and not expanded.
    """

    number: int
    text: str
    opened_at: int
    closed_at: int | None = None
    summary: str | None = None
    summary_source: SummarySource | None = None
    satisfied: bool | None = None
    folds: tuple[tuple[FragmentId, Display], ...] = ()

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def closed_lines(self) -> str:
        """The two lines that stand for a closed subgoal."""
        missed = "not met: " if self.satisfied is False else ""
        return f"{self.number} Subgoal: {self.text}\nObservation: {missed}{self.summary}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedStep:
    """What a model's answer says, by the text protocol. ``retrieve`` holds numbers of subgoals and is never an action."""

    subgoal: str | None = None
    action: str | None = None
    retrieve: tuple[int, ...] = ()
    problem: str | None = None


# A label counts only at the beginning of a line: an action may well mention the word.
_LABELLED = re.compile(r"^[ \t>*_#]*(subgoal|action)[ \t*_]*:[ \t*_]*(.*?)[ \t*_]*$", re.IGNORECASE | re.MULTILINE)
# Whatever stands in the brackets and behind them: no environment is to be sent a retrieve.
_RETRIEVE = re.compile(r"[`'\"]*retrieve\s*\(([^)]*)", re.IGNORECASE)
_NUMBERS = re.compile(r"(\d{1,9})(?:\s*(?:-|\u2013|to)\s*(\d{1,9}))?(?![\w.])")
_BESIDE_NUMBERS = re.compile(r"(?:\W|\b(?:subgoals?|ids?|numbers?|and)(?=\W|\d|$))*+", re.IGNORECASE)
_MOST_RETRIEVED = 1_000
# What HiAgent's environments answer with all actions that are possible.
_PROBE = re.compile(r"check[ _]valid[ _]actions?\b", re.IGNORECASE)
_LABEL = re.compile(r"[ \t>*_#]*(?:subgoal|action)[ \t*_]*:", re.IGNORECASE)


def parse_step(answer: str) -> StatedStep:
    """Read ``Subgoal:`` and ``Action:`` lines from a model's answer; case, Markdown and space around them do not matter.

    Of several actions the first counts. Two subgoals in one answer, a subgoal without an action and an answer without
    either are a ``problem`` to be told to the model.
    """
    subgoals: list[str] = []
    actions: list[str] = []
    for line in answer.splitlines():
        if len(line) > 100_000 or not _LABEL.match(line):
            continue
        match = _LABELLED.match(line)
        if match is not None:
            (subgoals if match.group(1).lower() == "subgoal" else actions).append(match.group(2).strip())
    subgoals = [re.sub(r"^\d+[.):]?\s+(?=\S)", "", text) for text in subgoals if text]
    actions = [text for text in actions if text]
    action = actions[0] if actions else None
    if len(subgoals) > 1:
        return StatedStep(problem="There were two subgoals in one answer. Give one subgoal and its first action.")
    subgoal = subgoals[0] if subgoals else None
    retrieved = None if action is None else _RETRIEVE.match(action)
    if retrieved is not None:
        numbers = _numbers(retrieved.group(1))
        if not numbers:
            return StatedStep(
                subgoal=subgoal, problem='retrieve needs the numbers of subgoals, as in "retrieve(1, 3)".'
            )
        return StatedStep(subgoal=subgoal, retrieve=numbers)
    if action is None:
        problem = (
            "A subgoal needs an action."
            if subgoal
            else 'Answer with "Action: ..." or "Subgoal: ..." and "Action: ...".'
        )
        return StatedStep(subgoal=subgoal, problem=problem)
    return StatedStep(subgoal=subgoal, action=action)


def _numbers(listed: str) -> tuple[int, ...]:
    """The numbers of subgoals in a list such as ``1, 3`` or ``subgoals 2-4``; none where anything else stands in it."""
    if not _BESIDE_NUMBERS.fullmatch(_NUMBERS.sub(" ", listed)):
        return ()
    found: dict[int, None] = {}
    for match in _NUMBERS.finditer(listed):
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < _MOST_RETRIEVED:
            return ()
        found |= dict.fromkeys(range(first, last + 1))
    return tuple(found)


def without_probes(chunk: Sequence[Message]) -> Sequence[Message]:
    """A subgoal's messages without those that only asked which actions there are: their answer is no outcome of it.

    All of them where there is nothing else.
    """
    kept: list[Message] = []
    probed: set[str] = set()
    asked = False
    for message in chunk:
        if message.role is Role.ASSISTANT:
            asked = _PROBE.match(parse_step(message.text).action or "") is not None
            named = {call.id for call in message.calls if _PROBE.match(call.name)}
            probed |= named
            if asked or (named and len(named) == len(message.calls)):
                continue
        elif message.role is Role.TOOL and (asked if message.answers is None else message.answers in probed):
            continue
        kept.append(message)
    return kept if any(message.role in (Role.ASSISTANT, Role.TOOL) for message in kept) else chunk


def one_line(text: str, limit: int = MAX_SUBGOAL_CHARS) -> str:
    """The first line with something in it, cut to ``limit`` characters; empty when there is none."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def open_subgoal_of(subgoals: Sequence[Subgoal]) -> Subgoal | None:
    """The active one: only the last can be."""
    return subgoals[-1] if subgoals and subgoals[-1].is_open else None
