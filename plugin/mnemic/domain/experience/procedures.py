"""The way through a task that a trajectory shows: without what failed, led nowhere or went in circles.

Where each argument's value came from is read off the trajectory: the first place that showed it, be it what the user
said or the result of an earlier call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mnemic.domain.experience.evidence import Evidence, occurs, read_evidence
from mnemic.domain.experience.trajectory import Step, Trajectory, scalars_of
from mnemic.domain.experience.wording import MOST_CONTENT_CHARS, listed, shown_action
from mnemic.domain.folding.segmentation import is_read_by_name
from mnemic.domain.text import normalise

THE_USER = "the user"
_NO_EFFECT = re.compile(r"\balready\b", re.IGNORECASE)
_SHORT_CHARS = 200
_LONGEST_LOOP = 8
_MOST_LINES = 24
_MOST_SCALARS = 12
# Where values came from is looked up for these steps; more do not fit into an experience anyway.
_MOST_TOLD = 120
_UNTELLING = frozenset("true false none null yes no".split())
_MORE = "Further steps are in the evidence."


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """The steps of ``trajectory`` that mattered, by their indices, ascending."""

    trajectory: Trajectory
    kept: tuple[int, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self.trajectory.steps[at] for at in self.kept)

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools in order; one that was called several times in a row stands once."""
        names = [step.tool for step in self.steps]
        return tuple(name for at, name in enumerate(names) if not at or names[at - 1] != name)


def procedure_of(trajectory: Trajectory) -> Procedure:
    """What is left of a trajectory without failed calls, calls without effect, loops, and repeated reading."""
    steps = trajectory.steps
    worked = [at for at, step in enumerate(steps) if step.error is None and not led_nowhere(step)]
    kept: list[int] = []
    seen: set[tuple[str, str, str]] = set()
    for at in _without_loops(steps, worked):
        mark = _mark(steps[at])
        if mark not in seen or not is_read_by_name(steps[at].tool):
            kept.append(at)
        seen.add(mark)
    return Procedure(trajectory=trajectory, kept=tuple(_without_loops(steps, kept)))


def procedure_lines(procedure: Procedure) -> tuple[str, ...]:
    """The procedure as short sentences; neighbours and loops that read the same stand once, with ``(more than
    once)``.
    """
    sources = _Sources(procedure.trajectory)
    lines: list[str] = []
    for at in procedure.kept[:_MOST_TOLD]:
        step = procedure.trajectory.steps[at]
        lines.append(f"{shown_action(step)}." if step.in_words else _call_line(step, sources.of(at)))
    return _collapse(lines)


def numbered(lines: Sequence[str], most_chars: int = MOST_CONTENT_CHARS) -> str:
    """Sentences as a numbered list that fits; what is left out is said."""
    text = ""
    for number, line in enumerate(lines, 1):
        entry = f"{number}. {line}\n"
        if number > _MOST_LINES or len(text) + len(entry) + len(_MORE) > most_chars:
            return text + _MORE
        text += entry
    return text.rstrip()


def given_names(procedure: Procedure) -> tuple[str, ...]:
    """The names of arguments whose values the user gave, in order."""
    sources = _Sources(procedure.trajectory)
    names = [
        name
        for at in procedure.kept[:_MOST_TOLD]
        if not procedure.trajectory.steps[at].in_words
        for name, sourced in sources.of(at).items()
        if THE_USER in sourced
    ]
    return tuple(dict.fromkeys(names))


def _mark(step: Step) -> tuple[str, str, str]:
    return step.tool, normalise(repr(sorted(step.arguments.items(), key=lambda item: item[0]))), step.observation


def led_nowhere(step: Step) -> bool:
    """Whether a call only noted something, or what it asked for was so already."""
    if not step.observation.strip() and is_read_by_name(step.tool):
        return True
    return len(step.observation) <= _SHORT_CHARS and _NO_EFFECT.search(step.observation) is not None


def _without_loops(steps: Sequence[Step], kept: Sequence[int]) -> list[int]:
    """Leave out a run of calls that repeats the run right before it with the same results."""
    done: list[int] = []
    marks: list[tuple[str, str, str]] = []
    for at in kept:
        done.append(at)
        marks.append(_mark(steps[at]))
        for size in range(1, min(_LONGEST_LOOP, len(done) // 2) + 1):
            if marks[-size:] == marks[-2 * size : -size]:
                del done[-size:], marks[-size:]
                break
    return done


def _collapse(lines: Sequence[str]) -> tuple[str, ...]:
    done: list[str] = []
    repeated: set[int] = set()
    for line in lines:
        done.append(line)
        for size in range(1, min(_LONGEST_LOOP, len(done) // 2) + 1):
            if done[-size:] == done[-2 * size : -size]:
                del done[-size:]
                repeated = {at for at in repeated if at < len(done)} | set(range(len(done) - size, len(done)))
                break
    return tuple(f"{line[:-1]} (more than once)." if at in repeated else line for at, line in enumerate(done))


def _call_line(step: Step, sources: dict[str, tuple[str, ...]]) -> str:
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in step.arguments:
        groups.setdefault(sources.get(name, ()), []).append(name)
    parts = [f"{listed(names)} from {listed(source)}" if source else listed(names) for source, names in groups.items()]
    return f"Call {step.tool} ({'; '.join(parts)})." if parts else f"Call {step.tool}."


class _Sources:
    """Where the values of arguments were seen first."""

    def __init__(self, trajectory: Trajectory) -> None:
        self._steps = trajectory.steps
        self._read: dict[tuple[int, bool], Evidence] = {}
        self._found: dict[str, tuple[str | None, int]] = {}

    def of(self, index: int) -> dict[str, tuple[str, ...]]:
        """For each argument of a step the sources of its values, at most three; an argument of unseen values is
        left out.
        """
        found: dict[str, tuple[str, ...]] = {}
        for name, value in self._steps[index].arguments.items():
            scalars = [text for text in dict.fromkeys(scalars_of(value)) if _tells(text)][:_MOST_SCALARS]
            sources = dict.fromkeys(source for text in scalars if (source := self._first(text, index)) is not None)
            if sources:
                found[name] = tuple(sources)[:3]
        return found

    def _first(self, value: str, index: int) -> str | None:
        """The source of a value at a step; what was looked through for it before is not looked through again."""
        source, looked = self._found.get(value, (None, 0))
        for at in range(looked, index + 1):
            if source is not None:
                break
            if at > 0 and self._shows(value, at - 1):
                source = f"the result of {self._steps[at - 1].tool}"
            elif self._steps[at].told and occurs(value, self._evidence(at, told=True)):
                source = THE_USER
        self._found[value] = (source, index + 1)
        return source

    def _shows(self, value: str, index: int) -> bool:
        step = self._steps[index]
        return step.error is None and bool(step.observation) and occurs(value, self._evidence(index, told=False))

    def _evidence(self, index: int, *, told: bool) -> Evidence:
        key = (index, told)
        if key not in self._read:
            step = self._steps[index]
            self._read[key] = read_evidence([step.told if told else step.observation])
        return self._read[key]


def _tells(text: str) -> bool:
    """Whether a value is particular enough that finding it again means something."""
    return len(text) > 1 and text.lower() not in _UNTELLING
