"""Which experiences of a pool say the same, by the rule of `commit` and by the published one, to compare the two.

ReMe's release compares ``when_to_use + content`` of a new experience with stored vectors of ``when_to_use`` alone, at
0.5: users lost all but 28 experiences of 720 trajectories (its issues #55 and #213). Here both sides are the same
composed text, and whatever is dropped is reported with its reason and with what stands for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import mul
from types import MappingProxyType

from mnemic.domain.experience.similarity import value_difference
from mnemic.domain.experience.values import fold
from mnemic.domain.text import jaccard, words_of
from mnemic.errors import InvalidInput

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts to vectors of one length, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """From which cosine on two experiences are duplicates.

    ``values_apart`` keeps both where their values (numbers, identifiers, quotations, negations) differ, and
    ``shared_words`` (0..1) where less of the words of their contents is the same: the mean of static word vectors
    puts two pieces of advice on one topic at 0.95 although they differ.
    """

    cosine: float
    values_apart: bool = False
    shared_words: float = 0.0


DEFAULT_PRESET = "mnemic"
PRESETS: Mapping[str, Preset] = MappingProxyType(
    {DEFAULT_PRESET: Preset(cosine=0.9, values_apart=True, shared_words=0.8), "reme-paper": Preset(cosine=0.5)}
)


class Reason(StrEnum):
    """Why an experience was dropped."""

    SAME_TEXT = "same-text"
    SAME_CONTENT = "same-content"
    NEAR_DUPLICATE = "near-duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """An experience as far as it is compared."""

    id: str
    when_to_use: str
    content: str

    @property
    def text(self) -> str:
        """What is embedded, on both sides of every comparison."""
        return f"{self.when_to_use} {self.content}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """An experience that was left out, and the one that stands ``into`` its place. ``similarity`` is their cosine,
    1 for equal ones.

    With the reason `Reason.SAME_CONTENT` its situation is another: the caller may add it to that of the other.
    """

    id: str
    into: str
    reason: Reason
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptApart:
    """Two that are as similar as duplicates and were both kept: ``difference`` is a value that only one has, or says
    that they are worded differently."""

    id: str
    beside: str
    similarity: float
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplication:
    """What became of a batch: every id of it is in ``kept`` or in ``dropped``."""

    kept: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    apart: tuple[KeptApart, ...]


def deduplicate(
    batch: Sequence[Compared],
    stored: Sequence[Compared],
    embed: Embed,
    *,
    preset: str = DEFAULT_PRESET,
    cosine: float | None = None,
) -> Deduplication:
    """Decide for each of a batch, in order, whether it is new. The earlier one stays; what is stored always stays.

    ``cosine`` overrides that of the preset, 0 < cosine ≤ 1. Costs one comparison for each pair. Raises `InvalidInput`
    for an unknown preset or a threshold out of range.
    """
    if preset not in PRESETS:
        raise InvalidInput(f"There is no preset {preset!r}.", hint=f"Use one of: {', '.join(PRESETS)}.")
    chosen = PRESETS[preset]
    threshold = chosen.cosine if cosine is None else cosine
    if not 0 < threshold <= 1:
        raise InvalidInput(f"The cosine is {threshold}.", hint="Give a number over 0 and up to 1; 0.9 is the default.")
    items = [*stored, *batch]
    vectors = [_unit(vector) for vector in embed([item.text for item in items])] if items else []
    known: list[int] = list(range(len(stored)))
    by_text = {_key(item.text): at for at, item in reversed(list(enumerate(stored)))}
    by_content = {_key(item.content): at for at, item in reversed(list(enumerate(stored)))}
    dropped: list[Dropped] = []
    apart: list[KeptApart] = []
    for at in range(len(stored), len(items)):
        item = items[at]
        same = by_text.get(_key(item.text))
        reason = Reason.SAME_TEXT
        if same is None:
            same, reason = by_content.get(_key(item.content)), Reason.SAME_CONTENT
        if same is not None:
            dropped.append(Dropped(id=item.id, into=items[same].id, reason=reason, similarity=1.0))
            continue
        merged, beside = _nearest_duplicate(at, items, vectors, known, threshold, chosen)
        if merged is not None:
            dropped.append(merged)
            continue
        apart += beside
        known.append(at)
        by_text.setdefault(_key(item.text), at)
        by_content.setdefault(_key(item.content), at)
    return Deduplication(
        kept=tuple(items[at].id for at in known[len(stored) :]), dropped=tuple(dropped), apart=tuple(apart)
    )


def _nearest_duplicate(
    at: int,
    items: Sequence[Compared],
    vectors: Sequence[Sequence[float]],
    known: Sequence[int],
    threshold: float,
    preset: Preset,
) -> tuple[Dropped | None, list[KeptApart]]:
    """The known item that stands for item ``at``, or else those that would, if their values were not others."""
    scored = [(min(_dot(vectors[at], vectors[other]), 1.0), other) for other in known]
    near = sorted((entry for entry in scored if entry[0] >= threshold), key=lambda entry: (-entry[0], entry[1]))
    beside: list[KeptApart] = []
    for similarity, other in near:
        difference = _difference(items[at], items[other], preset)
        id, into = items[at].id, items[other].id
        if difference is None:
            return Dropped(id=id, into=into, reason=Reason.NEAR_DUPLICATE, similarity=similarity), []
        beside.append(KeptApart(id=id, beside=into, similarity=similarity, difference=difference))
    return None, beside


def _difference(left: Compared, right: Compared, preset: Preset) -> str | None:
    difference = value_difference(left.text, right.text) if preset.values_apart else None
    shared = jaccard(frozenset(words_of(left.content)), frozenset(words_of(right.content)))
    return "the wording" if difference is None and shared < preset.shared_words else difference


def _key(text: str) -> tuple[str, ...]:
    return tuple(words_of(fold(text)))


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else [0.0 for _ in vector]


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return math.fsum(map(mul, left, right))
