"""One score from what the channels say."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence, Set
from typing import NamedTuple

from mnemic.domain.memory import RowKey

# Measured on LoCoMo dev (tests/benchmarks/locomo.py). Cosines of short texts lie in a narrower band than shares of words,
# hence the smaller weight; R@5 moves by less than a point between 0.4 and 0.75, and by less than one between 0.1 and 0.2.
DENSE_WEIGHT = 0.6
SPEAKER_WEIGHT = 0.15
_ROOM_SHARE = 0.5


class Candidate(NamedTuple):
    """A memory that at least one channel proposed, with its score in 0..1."""

    key: RowKey
    lexical: float | None
    similarity: float | None
    score: float


def rank(
    lexical: dict[RowKey, float], similarity: dict[RowKey, float], spoken: set[RowKey] | None = None
) -> list[Candidate]:
    """All candidates, best first; ties by key, so that the order never depends on chance.

    ``lexical`` holds shares 0..1 of the question's information, ``similarity`` cosines. ``spoken`` are the memories of the
    person whom the question names, None when it names nobody. The score is the weighted mean of words and meaning, and
    something on top for the right person. No candidate's score depends on another's, so scores compare across questions
    and a threshold means the same everywhere.
    """
    weight = 1.0 + DENSE_WEIGHT
    spoken = spoken or set()
    candidates = []
    for key in lexical.keys() | similarity.keys():
        words, meaning = lexical.get(key), similarity.get(key)
        said = SPEAKER_WEIGHT if key in spoken else 0.0
        score = min(((words or 0.0) + DENSE_WEIGHT * max(meaning or 0.0, 0.0) + said) / weight, 1.0)
        candidates.append(Candidate(key, words, meaning, score))
    return sorted(candidates, key=lambda candidate: (-candidate.score, candidate.key))


def give_room(ranked: Sequence[Candidate], strangers: Set[RowKey]) -> list[Candidate]:
    """The same candidates with room for those that are no strangers, however many strangers there are.

    Among the first n of the result at most half, rounded up, are strangers, as long as others are left that score at least
    `_ROOM_SHARE` of the stranger whose place they take. So nobody can crowd out what is trusted by writing a lot about it.
    """
    waiting = deque(entry for entry in ranked if entry.key in strangers)
    others = deque(entry for entry in ranked if entry.key not in strangers)
    placed: list[Candidate] = []
    count = 0
    while waiting and others:
        full = count >= (len(placed) + 2) // 2
        better = others[0].score >= waiting[0].score
        if better or (full and others[0].score >= _ROOM_SHARE * waiting[0].score):
            placed.append(others.popleft())
        else:
            placed.append(waiting.popleft())
            count += 1
    return [*placed, *waiting, *others]
