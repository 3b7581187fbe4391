"""What drawing up a plan works on, and what it gives, a part at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.consolidation.batches import without_collecting
from mnemic.domain.consolidation.corpus import Corpus, read_corpus
from mnemic.domain.learning.plan import PlanStep
from mnemic.domain.learning.refinement import Refinement
from mnemic.domain.memory import MemoryId, MemoryRecord, Namespace, Relation, RowKey
from mnemic.services.backends import Backends

_PAGE = 2_000
_NO_ROWS = np.zeros((0, 1), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPart:
    """What was examined, the steps that follow from it, and where to go on. ``place`` 0: this was the last."""

    examined: int
    steps: tuple[PlanStep, ...] = ()
    kept: tuple[str, ...] = ()
    place: int = 0


class _Bound(NamedTuple):
    """What links say of the memories of a namespace."""

    cited: frozenset[MemoryId]
    contested: frozenset[MemoryId]


@dataclass(kw_only=True)
class Work:
    """The namespace that a plan is for. What is read of it is read once, when the first kind of upkeep asks for it."""

    backends: Backends
    namespace: Namespace
    rule: Refinement
    considerate: bool = True

    @cached_property
    def rows(self) -> dict[MemoryId, tuple[RowKey, MemoryRecord]]:
        """The active memories but those of items, which their keys keep in order. Each page is read from a snapshot of its
        own, so that the log can be written back meanwhile.
        """
        found: dict[MemoryId, tuple[RowKey, MemoryRecord]] = {}
        seq = 0
        # Nothing of what is read here is garbage, and looking for some takes half a second for 100,000 memories.
        with without_collecting():
            while True:
                with self.backends.ledger.snapshot() as snapshot:
                    page = snapshot.active(self.namespace, after_seq=seq, limit=_PAGE)
                    items = snapshot.items_of([key for _, key, _ in page])
                found |= {record.id: (key, record) for _, key, record in page if key not in items}
                if len(page) < _PAGE:
                    return found
                seq = page[-1][0]

    @cached_property
    def corpus(self) -> Corpus:
        """The active memories with their vectors, read and taken apart."""
        keys = [key for key, _ in self.rows.values()]
        embedder = self.backends.embedder
        matrix = np.zeros((len(keys), embedder.dimensions), dtype=np.float32)
        for start in range(0, len(keys), _PAGE):
            part = keys[start : start + _PAGE]
            with self.backends.ledger.snapshot() as snapshot:
                blobs = snapshot.vectors(embedder.id, part)
            for row, key in enumerate(part, start):
                if key in blobs:
                    matrix[row] = _vector(blobs[key])
        return read_corpus([record for _, record in self.rows.values()], matrix)

    @cached_property
    def experience_vectors(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The keys of the active experiences and their vectors, a row each."""
        keys: list[int] = []
        rows: list[bytes] = []
        after = RowKey(0)
        while True:
            with self.backends.ledger.snapshot() as snapshot:
                page = snapshot.experiences(self.namespace, after=after, limit=_PAGE)
                blobs = snapshot.vectors(self.backends.embedder.id, [key for key, _ in page])
            keys += blobs
            rows += blobs.values()
            if len(page) < _PAGE:
                matrix = np.frombuffer(b"".join(rows), dtype=np.float32).reshape(len(keys), -1) if keys else _NO_ROWS
                return np.array(keys, dtype=np.int64), matrix
            after = page[-1][0]

    @cached_property
    def protected(self) -> frozenset[MemoryId]:
        """What merging and fading leave alone: what a person vouched for, what is contested, what anything is drawn from."""
        with self.backends.ledger.snapshot() as snapshot:
            vouched = snapshot.vouched(self.namespace)
        return frozenset(vouched | self._bound.cited | self._bound.contested)

    @property
    def contested(self) -> frozenset[MemoryId]:
        """What is linked as contradicting another memory, on either side."""
        return self._bound.contested

    @cached_property
    def _bound(self) -> _Bound:
        cited: set[MemoryId] = set()
        contested: set[MemoryId] = set()
        ids = list(self.rows)
        for start in range(0, len(ids), _PAGE):
            with self.backends.ledger.snapshot() as snapshot:
                links = snapshot.links(ids[start : start + _PAGE])
            for link in links:
                if link.relation is Relation.EVIDENCE:
                    cited.add(link.target)
                elif link.relation is Relation.CONTRADICTS:
                    contested |= {link.source, link.target}
        return _Bound(frozenset(cited), frozenset(contested))


def _vector(blob: bytes) -> NDArray[np.float32]:
    return np.frombuffer(blob, dtype=np.float32)
