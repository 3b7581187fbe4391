"""The reasoning path of a memory: what it would have an agent do, as edges between steps. No model.

A-MemGuard (arXiv 2510.02373) has a model write one chain ``entity → relation → entity`` per memory. Here the chain is
read from the text: calls, ``Action: name[…]``, JSON tool calls, shell commands, SQL, HTTP requests and the imperative
steps of a procedure, in the order in which they stand. Typed edges name an argument's type instead of the argument, so
the plans of two different questions compare. A path is extracted when a memory is written and stored with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mnemic.domain.lesson import Edge
from mnemic.errors import InvalidInput
from mnemic.guard.effects import step_effects
from mnemic.guard.steps import PathStep, find_steps

START, END = "START", "END"
_MAX_STEPS = 64
_MAX_ACTION_CHARS = 2_000
_VALUE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Path:
    """What a memory would have an agent do.

    ``edges`` name the arguments, at most `_VALUE_CHARS` characters of each; ``typed_edges`` their types. ``effects``
    are those of the steps (`mnemic.guard.effects.step_effects`); ``action_text`` has the passages that they were read
    from, in order.
    """

    edges: frozenset[Edge]
    typed_edges: frozenset[Edge]
    effects: frozenset[str]
    action_text: str

    def to_dict(self) -> dict[str, object]:
        """A compact, JSON-codable form: every word once, edges as indexes into the words. Equal paths give equal
        dicts.
        """
        words: dict[str, int] = {}

        def coded(edges: frozenset[Edge]) -> list[int]:
            return [words.setdefault(word, len(words)) for edge in sorted(edges) for word in edge]

        edges, typed = coded(self.edges), coded(self.typed_edges)
        return {"w": list(words), "e": edges, "t": typed, "f": sorted(self.effects), "a": self.action_text}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Path:
        """The path that `to_dict` wrote. Raises `InvalidInput` when it did not."""
        try:
            words, action = stored["w"], stored["a"]
            effects = stored["f"]
            if not isinstance(words, list) or not isinstance(effects, list) or not isinstance(action, str):
                raise TypeError
            if not all(isinstance(word, str) for word in [*words, *effects]):
                raise TypeError
            return cls(_decoded(stored["e"], words), _decoded(stored["t"], words), frozenset(effects), action)
        except (KeyError, TypeError, IndexError) as error:
            raise InvalidInput("This is not a stored reasoning path.", hint="Extract it again.") from error


def _decoded(flat: object, words: list[str]) -> frozenset[Edge]:
    if not isinstance(flat, list) or len(flat) % 3 or not all(isinstance(at, int) and at >= 0 for at in flat):
        raise TypeError
    named = [words[at] for at in flat]
    return frozenset(zip(named[::3], named[1::3], named[2::3], strict=True))


def distance(one: Path, other: Path) -> float:
    """How different two paths are: 1 - Jaccard of their typed edges, 0 (the same) .. 1 (nothing in common)."""
    union = len(one.typed_edges | other.typed_edges)
    return 1.0 - len(one.typed_edges & other.typed_edges) / union if union else 1.0


def extract_path(text: str) -> Path | None:
    """The path that ``text`` describes; None when it describes no action, as facts and prose do. Never raises; linear.

    Looks at the first `mnemic.guard.effects.READ_CHARS` characters and at most 64 steps.
    """
    steps = find_steps(text)[:_MAX_STEPS]
    if not steps:
        return None
    edges: set[Edge] = set()
    typed: set[Edge] = set()
    before, typed_before = START, START
    for step in steps:
        edges.add((before, "then", step.name))
        typed.add((typed_before, "then", step.kind))
        for argument in step.arguments:
            edges.add((step.name, argument.role, argument.value[:_VALUE_CHARS]))
            typed.add((step.kind, argument.role, argument.type))
        before, typed_before = step.name, step.kind
    edges.add((before, "then", END))
    typed.add((typed_before, "then", END))
    action = _action_text(text, steps)
    return Path(frozenset(edges), frozenset(typed), step_effects((step.name for step in steps), action), action)


def _action_text(text: str, steps: list[PathStep]) -> str:
    """The passages of the steps, each once, in order, one a line."""
    passages: list[str] = []
    covered = 0
    for step in steps:
        start, end = step.span
        if end > covered:
            passages.append(text[max(start, covered) : end].strip())
            covered = end
    return "\n".join(filter(None, passages))[:_MAX_ACTION_CHARS]
