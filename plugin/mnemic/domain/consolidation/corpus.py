"""Memories made ready for all scans: sorted, taken apart once, with how many of them hold each word."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from mnemic.domain.consolidation.batches import without_collecting
from mnemic.domain.consolidation.terms import Sentence, read_sentences, stem
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord, Role, Status
from mnemic.domain.text import words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Memories in the order of time and id, whatever order they came in. Build it with `read_corpus`.

    ``sentences[i]`` belong to ``records[i]``; so does row i of ``vectors``, float32 of length 1 (zeros: none), or None.
    ``frequency``: in how many memories a stem occurs. ``names``: stems that are names here. ``speakers``: stems of the
    first words of who speaks, to the speaker. ``position``: the row of an id.
    """

    records: tuple[MemoryRecord, ...]
    sentences: tuple[tuple[Sentence, ...], ...]
    vectors: Matrix | None
    frequency: dict[str, int]
    names: frozenset[str]
    speakers: dict[str, str]
    position: dict[MemoryId, int]

    def __len__(self) -> int:
        return len(self.records)

    def idf(self, term: str) -> float:
        """How much a stem tells, ln((n + 1) / (df + ½)) > 0."""
        return math.log((len(self.records) + 1) / (self.frequency.get(term, 0) + 0.5))


def moment(record: MemoryRecord) -> datetime:
    """When it happened, else when it was recorded."""
    return record.occurred_at or record.recorded_at


def read_corpus(records: Sequence[MemoryRecord], vectors: Matrix | None = None) -> Corpus:
    """Make the active ones of these memories ready. ``vectors``: shape (len(records), d), rows in the order of ``records``.

    About 40 µs for a turn of 32 words. Raises ValueError when there is not one row for every memory, and when they are
    of two namespaces: nothing may be concluded across the border of a namespace.
    """
    if vectors is not None and len(vectors) != len(records):
        raise ValueError(f"{len(vectors)} vectors for {len(records)} memories")
    if len({record.namespace for record in records}) > 1:
        raise ValueError("memories of more than one namespace")
    active = [at for at, record in enumerate(records) if record.status is Status.ACTIVE]
    order = sorted(active, key=lambda at: (moment(records[at]), records[at].id))
    ordered = tuple(records[at] for at in order)
    with without_collecting():
        sentences = tuple([read_sentences(record.text) for record in ordered])
    frequency = Counter(chain.from_iterable({term for part in found for term in part.stems} for found in sentences))
    speakers: dict[str, str] = {}
    for record in ordered:
        if record.speaker and (words := words_of(record.speaker)):
            speakers.setdefault(stem(words[0]), record.speaker)
    return Corpus(
        records=ordered,
        sentences=sentences,
        vectors=None if vectors is None else vectors[order],
        frequency=dict(frequency),
        names=_names(sentences, frozenset(speakers)),
        speakers=speakers,
        position={record.id: at for at, record in enumerate(ordered)},
    )


def _names(sentences: Sequence[tuple[Sentence, ...]], speakers: frozenset[str]) -> frozenset[str]:
    """Words that mostly have a capital inside a sentence, or that open two sentences and never lack it."""
    flat = list(chain.from_iterable(sentences))
    inside = Counter(chain.from_iterable(sentence.names for sentence in flat))
    anywhere = Counter(chain.from_iterable(sentence.stems for sentence in flat))
    opening = Counter(sentence.opening for sentence in flat if sentence.opening)
    names = {name for name, count in inside.items() if 2 * (count + opening[name]) > anywhere[name]}
    names.update(word for word, count in opening.items() if count >= 2 and count == anywhere[word])
    return frozenset(names | speakers)


def names_of(corpus: Corpus, sentence: Sentence) -> tuple[str, ...]:
    """The names in a sentence, in order, the opening word if it is a name elsewhere."""
    inside = tuple(name for name in sentence.names if name in corpus.names)
    return (sentence.opening, *inside) if sentence.opening in corpus.names else inside


def subject_of(corpus: Corpus, record: MemoryRecord, sentence: Sentence) -> str | None:
    """Whom a statement is about: who says "I", else the name that opens it. None when it does not say."""
    if sentence.first_person:
        return record.speaker or ("user" if record.role is Role.USER else None)
    if sentence.opening in corpus.names and sentence.opening:
        return corpus.speakers.get(sentence.opening, sentence.opening.title())
    return None


def is_statement(sentence: Sentence) -> bool:
    """Whether a sentence says something that could hold for longer: no question, no exclamation of two words."""
    return not sentence.asks and len(sentence.stems) >= 2


def episode_of(record: MemoryRecord) -> str:
    """What tells independent episodes apart: the session, else the connection or task, else the day it happened.

    Memories of which nothing is known are one episode: nobody can say that they are independent.
    """
    if record.session is not None:
        return f"session {record.session}"
    if record.origin.connection or record.origin.task:
        return f"connection {record.origin.connection} {record.origin.task}"
    return f"day {record.occurred_at.date()}" if record.occurred_at else "unknown"


def is_source(record: MemoryRecord) -> bool:
    """Whether conclusions may be drawn from it: raw episodes alone, because conclusions from conclusions drift."""
    return record.kind is Kind.EPISODIC
