"""What a trial that succeeded did and one that failed did not: comparative experiences (ReMe), soft and hard."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from mnemic.domain.experience.procedures import Procedure
from mnemic.domain.experience.trajectory import Trajectory
from mnemic.domain.experience.wording import listed, shown_action, shown_tool
from mnemic.domain.folding.segmentation import is_read_by_name

Similarity = Callable[[str, str], float]
"""How alike two texts are: a cosine, -1..1."""

HARD_SIMILARITY = 0.5
MOST_SEGMENTS = 5
MOST_PAIRS = 3
_MOST_STEPS = 400
_SEGMENT_CHARS = 600
_MOST_NAMED = 6
# Commands that bring an agent to a thing; what it then does with it ends a piece.
_MOVES = frozenset("go to|walk to|move to|open|close|enter|examine|turn to|go|wait".split("|"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a trajectory's work: the steps ``kept`` between two things that the user said or two acts."""

    procedure: Procedure
    kept: tuple[int, ...]
    text: str

    @property
    def names(self) -> tuple[str, ...]:
        return step_names(self.procedure.trajectory, self.kept)


def step_names(trajectory: Trajectory, kept: Sequence[int]) -> tuple[str, ...]:
    """What two trajectories are compared by: the tool of each step, of a command the words without numbers."""
    steps = (trajectory.steps[at] for at in kept)
    return tuple(f"[{shown_action(step).lower()}]" if step.in_words else shown_tool(step.tool) for step in steps)


def common_steps(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    """The pairs of indices of a longest common subsequence, ascending; the earliest of several. At most 400 steps
    are read.
    """
    left, right = left[:_MOST_STEPS], right[:_MOST_STEPS]
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        row, below = table[i], table[i + 1]
        for j in range(len(right) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if left[i] == right[j] else max(below[j], row[j + 1])
    pairs = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif table[i + 1][j] >= table[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def first_divergence(left: Sequence[Hashable], right: Sequence[Hashable]) -> tuple[int, int] | None:
    """The first indices at which two sequences part: where their common subsequence first skips a step; None if
    they are equal.

    An index may be one past the end, when one sequence goes on where the other has ended.
    """
    i = j = 0
    for i_common, j_common in [*common_steps(left, right), (len(left), len(right))]:
        if (i, j) != (i_common, j_common):
            return i, j
        i, j = i + 1, j + 1
    return None


def tell_apart(
    good: Procedure, bad: Procedure, good_kept: Sequence[int], bad_kept: Sequence[int], *, pieces: bool = False
) -> tuple[str, ...]:
    """In sentences: where the two part first, and which steps only one of them took. Empty when no difference can
    be named.

    ``pieces`` says that the steps are pieces of the runs, which went on afterwards.
    """
    left, right = step_names(good.trajectory, good_kept), step_names(bad.trajectory, bad_kept)
    parted = first_divergence(left, right)
    if parted is None:
        return _by_arguments(good, bad, good_kept, bad_kept, pieces=pieces)
    i, j = parted
    after = f"After {left[i - 1]}, the" if i else "At the start the"
    does = f"went on with {left[i]}" if i < len(left) else "went on to something else" if pieces else "was done"
    did = f"went on with {right[j]}" if j < len(right) else "went on to something else" if pieces else "stopped"
    sentences = [f"{after} run that succeeded {does}; the run that failed {did}."]
    tried_well, tried_badly = _tried(good, good_kept, pieces=pieces), _tried(bad, bad_kept, pieces=pieces)
    only_good = [name for name in dict.fromkeys(left) if name not in tried_badly]
    only_bad = [name for name in dict.fromkeys(right) if name not in tried_well]
    only = "There only" if pieces else "Only"
    if only_good:
        sentences.append(f"{only} the run that succeeded used {listed(only_good[:_MOST_NAMED])}.")
    if only_bad:
        sentences.append(f"{only} the run that failed used {listed(only_bad[:_MOST_NAMED])}.")
    return tuple(sentences)


def segments_of(procedure: Procedure) -> list[Segment]:
    """The pieces of a procedure: one ends where the user speaks, and after an act that is no reading."""
    steps = procedure.trajectory.steps
    pieces: list[list[int]] = [[]]
    for at in procedure.kept:
        if pieces[-1] and steps[at].told:
            pieces.append([])
        pieces[-1].append(at)
        if not is_read_by_name(steps[at].tool) and steps[at].tool not in _MOVES:
            pieces.append([])
    return [
        Segment(
            procedure=procedure,
            kept=tuple(piece),
            text=" ".join(
                filter(None, (f"{steps[at].told} {steps[at].tool} {' '.join(steps[at].arguments)}" for at in piece))
            )[:_SEGMENT_CHARS],
        )
        for piece in pieces
        if piece
    ]


def hard_pairs(
    good: Sequence[Procedure], bad: Sequence[Procedure], similarity: Similarity
) -> list[tuple[Segment, Segment]]:
    """The most similar pieces of trials that succeeded and failed, and that went differently, at most three.

    Of each side the last five pieces are read (ReMe: five sequences a side, cosine over 0.5, three pairs).
    """
    left = [segment for procedure in good for segment in segments_of(procedure)][-MOST_SEGMENTS:]
    right = [segment for procedure in bad for segment in segments_of(procedure)][-MOST_SEGMENTS:]
    scored = [(similarity(a.text, b.text), a, b) for a in left for b in right if _differs(a, b)]
    scored = [entry for entry in scored if entry[0] > HARD_SIMILARITY]
    scored.sort(key=lambda entry: -entry[0])
    return [(a, b) for _, a, b in scored[:MOST_PAIRS]]


def _tried(procedure: Procedure, kept: Sequence[int], *, pieces: bool) -> frozenset[str]:
    """Every step of a run or of a piece of it, also those that failed and are not part of the procedure."""
    trajectory = procedure.trajectory
    places = range(kept[0], kept[-1] + 1) if pieces and kept else range(len(trajectory.steps))
    return frozenset(step_names(trajectory, places))


def _by_arguments(
    good: Procedure, bad: Procedure, good_kept: Sequence[int], bad_kept: Sequence[int], *, pieces: bool
) -> tuple[str, ...]:
    """Two that called the same tools: the first call whose arguments differ."""
    for at, other in zip(good_kept, bad_kept, strict=True):
        step, compared = good.trajectory.steps[at], bad.trajectory.steps[other]
        names = [
            name
            for name in dict.fromkeys((*step.arguments, *compared.arguments))
            if step.arguments.get(name) != compared.arguments.get(name)
        ]
        if names and not step.in_words:
            return (
                "Both runs called the same tools" + (" there." if pieces else "."),
                f"They differ first in the arguments of {shown_tool(step.tool)}: {listed(names)}.",
            )
    return ()


def _differs(good: Segment, bad: Segment) -> bool:
    """Whether a difference can be named, and the good one did something more than less."""
    parted = first_divergence(good.names, bad.names)
    if parted is None:
        return bool(_by_arguments(good.procedure, bad.procedure, good.kept, bad.kept, pieces=True))
    return parted[0] < len(good.kept)
