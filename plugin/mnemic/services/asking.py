"""Taking a question apart and embedding it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from mnemic.errors import ModelFailed
from mnemic.retrieval.question import Question, parse_question

if TYPE_CHECKING:
    from datetime import datetime

    from mnemic.domain.recall import MemoryFilter
    from mnemic.protocols import LedgerSnapshot, Vectors
    from mnemic.services.backends import Backends

_MOST_KNOWN = 4_096


class Asked(NamedTuple):
    """A question understood; ``vector`` is None when it has no content or its embedder failed. ``speakers`` are those whose
    names were looked for in it.
    """

    question: Question
    vector: Vectors | None
    speakers: tuple[str, ...]


class Speakers:
    """Who spoke where, as it was when a question was last answered. Shared by the threads and callers of a process."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], tuple[str, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def seen(self, caller: str, filter: MemoryFilter) -> tuple[str, ...] | None:
        """None where nobody has looked."""
        return self._known.get((caller, filter.namespace, filter.subtree))

    def look(self, caller: str, filter: MemoryFilter, snapshot: LedgerSnapshot) -> tuple[str, ...]:
        """As it is now."""
        found = tuple(snapshot.speakers(filter.namespace, subtree=filter.subtree))
        with self._lock:
            where = (caller, filter.namespace, filter.subtree)
            self._known[where] = found
            self._known.move_to_end(where)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return found


def understand(
    backends: Backends, text: str, filter: MemoryFilter, notes: list[str], *, asked_at: datetime | None = None
) -> Asked:
    """Take the question apart and embed it, before the snapshot is taken: a model may take its time.

    By those who were last seen to speak there; `as_it_is` sees to it that this was right. So a question needs no snapshot of
    its own for names that hardly ever change: over a network, that is three of some twenty-five times to and fro.
    """
    speakers = backends.speakers.seen(backends.caller, filter)
    if speakers is None:
        with backends.ledger.snapshot() as snapshot:
            speakers = backends.speakers.look(backends.caller, filter, snapshot)
    question = parse_question(text, speakers, asked_at=asked_at or backends.clock.now())
    return Asked(question, _embed(backends, question.text, notes), speakers)


def as_it_is(
    backends: Backends, snapshot: LedgerSnapshot, text: str, filter: MemoryFilter, asked: Asked, notes: list[str], *,
    asked_at: datetime | None = None,
) -> Asked:  # fmt: skip
    """``asked``, or the question understood anew where others speak in this snapshot than was thought."""
    speakers = backends.speakers.look(backends.caller, filter, snapshot)
    if speakers == asked.speakers:
        return asked
    question = parse_question(text, speakers, asked_at=asked_at or backends.clock.now())
    same = question.text == asked.question.text
    return Asked(question, asked.vector if same else _embed(backends, question.text, notes), speakers)


def _embed(backends: Backends, text: str, notes: list[str]) -> Vectors | None:
    try:
        vector: Vectors = backends.embedder.embed([text])[0]
    except ModelFailed as error:
        notes.append(f"Searched by words only: {error.message}")
        return None
    return vector if vector.any() else None
