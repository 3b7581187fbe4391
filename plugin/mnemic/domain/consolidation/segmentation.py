"""Where one episode of a stream of turns ends and the next begins.

HiMem's rule: the topic drifts *or* the words surprise, besides a gap in time. Each signal is compared with its own past
(EM-LLM: gamma = 1.0 standard deviations above the mean of a window); the cut is then moved to where the turns before and
after are least alike (EM-LLM's refinement). *Drift*: 1 - cosine of the next turns to the running centroid of the
episode. *Surprise*: mean code length of the words in bits, under the unigram counts of the stream so far (Laplace).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from mnemic.domain.memory import MemoryId, MemoryRecord
from mnemic.domain.text import STOP_WORDS, words_of

if TYPE_CHECKING:
    from mnemic.domain.consolidation.corpus import Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationSettings:
    """Where to cut.

    ``gamma``: how many standard deviations above its mean a signal must be; ``greeted_gamma`` where people greet each other
    at least once in 2·max_size turns, because there the greetings tell. ``window`` ≥ 8 turns make mean and deviation.
    ``ahead`` ≥ 1 turns are compared with the running centroid, so that one odd turn is no topic. ``min_size`` ≥ 1 and
    ``max_size`` ≥ 2·min_size turns. ``max_gap``: a longer silence ends an episode. ``by_session``: so does another session.
    ``greetings``: a turn that opens with one begins an episode (English; cue phrases, Passonneau & Litman 1997).
    """

    gamma: float = 1.0
    greeted_gamma: float = 2.5
    window: int = 40
    ahead: int = 6
    min_size: int = 6
    max_size: int = 40
    max_gap: timedelta = timedelta(hours=4)
    by_session: bool = True
    drift: bool = True
    surprise: bool = True
    greetings: bool = True


DEFAULT = SegmentationSettings()

_READ_CHARS = 8_000
_GREETINGS = frozenset("hey hi hello hiya howdy greetings".split())
_SEEN = frozenset(
    [
        ("good", "morning"),
        ("good", "evening"),
        ("good", "afternoon"),
        ("long", "time"),
        ("great", "hearing"),
        ("what's", "up"),
    ]
)
_FEWEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Consecutive turns, first to last, and why it begins there: start, session, gap, greeting, drift, surprise, size."""

    turns: tuple[MemoryId, ...]
    reason: str


def segment(
    turns: Sequence[MemoryRecord], vectors: Matrix | None = None, settings: SegmentationSettings = DEFAULT
) -> tuple[Episode, ...]:
    """The episodes of a stream, in the order that is given. ``vectors``: shape (len(turns), d), unit rows; None: no drift.

    Linear. Every turn is in exactly one episode. Only a session's or a gap's end makes one smaller than ``min_size``.
    Raises ValueError when there is not one row for every turn.
    """
    if vectors is not None and len(vectors) != len(turns):
        raise ValueError(f"{len(vectors)} vectors for {len(turns)} turns")
    starts = boundaries(turns, vectors, settings)
    order = sorted(starts)
    return tuple(
        Episode(turns=tuple(turn.id for turn in turns[at:end]), reason=starts[at])
        for at, end in zip(order, [*order[1:], len(turns)], strict=False)
    )


def boundaries(
    turns: Sequence[MemoryRecord], vectors: Matrix | None = None, settings: SegmentationSettings = DEFAULT
) -> dict[int, str]:
    """The first turn of every episode, with the reason. Empty for an empty stream."""
    starts: dict[int, str] = {}
    if not turns:
        return starts
    hard = [_break(before, turn, settings) for before, turn in pairwise(turns)]
    starts[0] = "start"
    begin = 0
    for end in [*(at for at, reason in enumerate(hard, 1) if reason), len(turns)]:
        starts.update(_soft(turns, vectors, begin, end, settings))
        if end < len(turns):
            starts[end] = hard[end - 1]
        begin = end
    return starts


def _break(before: MemoryRecord, turn: MemoryRecord, settings: SegmentationSettings) -> str:
    if settings.by_session and before.session != turn.session:
        return "session"
    if before.occurred_at and turn.occurred_at and abs(turn.occurred_at - before.occurred_at) > settings.max_gap:
        return "gap"
    return ""


def _soft(
    turns: Sequence[MemoryRecord], vectors: Matrix | None, begin: int, end: int, settings: SegmentationSettings
) -> dict[int, str]:
    """Cuts within an unbroken stretch, by greeting, drift, surprise and size."""
    found: dict[int, str] = {}
    if end - begin < 2 * settings.min_size:
        return found
    words = [words_of(turn.text[:_READ_CHARS]) for turn in turns[begin:end]]
    surprise = _smoothed(_code_lengths(words), settings.ahead)
    depth = _depths(vectors, begin, end, settings.ahead)
    centroid = _Centroid(vectors, end, settings.ahead)
    drifts: deque[float] = deque(maxlen=settings.window)
    surprises: deque[float] = deque(maxlen=settings.window)
    greeted = 2 * settings.max_size * sum(map(_greets, words)) >= len(words) and settings.greetings
    gamma = settings.greeted_gamma if greeted else settings.gamma
    start = begin
    centroid.add(begin)
    for at in range(begin + 1, end):
        drift = centroid.drift(at)
        reason = ""
        if settings.greetings and _greets(words[at - begin]):
            reason = "greeting"
        elif settings.drift and vectors is not None and _stands_out(drift, drifts, gamma):
            reason = "drift"
        elif settings.surprise and _stands_out(surprise[at - begin], surprises, gamma):
            reason = "surprise"
        elif at - start >= settings.max_size:
            reason = "size"
        drifts.append(drift)
        surprises.append(surprise[at - begin])
        if reason and at - start >= settings.min_size and end - at >= settings.min_size:
            cut = (
                at
                if reason == "greeting"
                else _deepest(depth, at - begin, start - begin, end - begin, settings) + begin
            )
            found[cut] = reason
            start = cut
            centroid.restart(cut, at)
        centroid.add(at)
    return found


def _stands_out(value: float, past: Sequence[float], gamma: float) -> bool:
    """Whether a value is gamma standard deviations above the mean of what was before it."""
    if len(past) < _FEWEST:
        return False
    mean = sum(past) / len(past)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in past) / len(past))
    return value > mean + gamma * deviation and deviation > 0


def _greets(words: Sequence[str]) -> bool:
    return bool(words) and (words[0] in _GREETINGS or tuple(words[:2]) in _SEEN)


def _code_lengths(words: Sequence[Sequence[str]]) -> list[float]:
    """Mean bits of each turn's words under the counts of all turns before it, Laplace-smoothed; function words left out."""
    counts: Counter[str] = Counter()
    total = 0
    lengths = []
    for turn in words:
        content = [word for word in turn if word not in STOP_WORDS]
        size = len(counts) + 1
        bits = [math.log2((total + size) / (counts[word] + 1)) for word in content]
        lengths.append(sum(bits) / len(bits) if bits else 0.0)
        counts.update(content)
        total += len(content)
    return lengths


def _smoothed(values: Sequence[float], ahead: int) -> list[float]:
    """The mean of each value and those that follow it, ``ahead`` in all."""
    return [sum(values[at : at + ahead]) / len(values[at : at + ahead]) for at in range(len(values))]


class _Centroid:
    """The sum of an episode's vectors so far, and how far the next turns are from it, 0..2."""

    def __init__(self, vectors: Matrix | None, end: int, ahead: int) -> None:
        self._vectors, self._end, self._ahead = vectors, end, ahead
        self._sum: Matrix | None = None

    def add(self, at: int) -> None:
        if self._vectors is not None:
            self._sum = self._vectors[at] if self._sum is None else self._sum + self._vectors[at]

    def restart(self, cut: int, at: int) -> None:
        """Begin anew with the turns from ``cut`` up to ``at``, exclusive."""
        self._sum = None
        for turn in range(cut, at):
            self.add(turn)

    def drift(self, at: int) -> float:
        if self._vectors is None or self._sum is None:
            return 0.0
        following = self._vectors[at : min(at + self._ahead, self._end)].sum(axis=0)
        length = math.sqrt(float(self._sum @ self._sum) * float(following @ following))
        return 1 - float(self._sum @ following) / length if length > 0 else 0.0


def _depths(vectors: Matrix | None, begin: int, end: int, ahead: int) -> list[float]:
    """How unlike the ``ahead`` turns before and from each turn are, 0..2; zeros without vectors."""
    if vectors is None:
        return [0.0] * (end - begin)
    import numpy as np

    rows = vectors[begin:end].astype(np.float64)
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    at = np.arange(len(rows))
    before = sums[at] - sums[np.maximum(at - ahead, 0)]
    after = sums[np.minimum(at + ahead, len(rows))] - sums[at]
    lengths = np.sqrt(np.einsum("ij,ij->i", before, before) * np.einsum("ij,ij->i", after, after))
    cosine = np.divide(np.einsum("ij,ij->i", before, after), lengths, out=np.ones(len(rows)), where=lengths > 0)
    return [float(one) for one in 1 - cosine]


def _deepest(depth: Sequence[float], at: int, start: int, end: int, settings: SegmentationSettings) -> int:
    """The place near ``at`` where the turns before and after are least alike, within the least sizes; ties go first."""
    low = max(start + settings.min_size, at - settings.ahead)
    high = min(end - settings.min_size, at + settings.ahead)
    return max(range(low, high + 1), key=lambda place: (depth[place], -abs(place - at), -place))
