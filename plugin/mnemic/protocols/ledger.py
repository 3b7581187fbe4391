"""The ledger: the truth that any number of processes share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.marks import Screened
from mnemic.domain.memory import Action, Erasure, Event, Kind, Link, MemoryId, MemoryRecord, Namespace, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols.cold import ColdReader, ColdWriter
from mnemic.protocols.facts import FactReader, FactWriter
from mnemic.protocols.guard import GuardReader, GuardWriter
from mnemic.protocols.items import ItemReader, ItemWriter
from mnemic.protocols.learning import LearningReader, LearningWriter
from mnemic.protocols.passages import PassageReader, PassageWriter
from mnemic.protocols.retrieval import RetrievalReader
from mnemic.protocols.sessions import SessionReader, SessionWriter


class FeedRow(NamedTuple):
    """One entry of the ledger's feed. ``vector`` is None when this embedder has not seen the text yet, or it is cold.

    ``recallable``: active, not superseded, and of a kind that recall returns by default. ``erased``: nothing is left.
    """

    key: RowKey
    seq: int
    recallable: bool
    erased: bool
    vector: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A memory that may say nearly the same as another."""

    key: RowKey
    id: MemoryId
    kind: Kind
    text: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """How far an index outside the ledger has followed a namespace. ``generation`` names its present incarnation."""

    generation: str
    seq: int


WHOLE_INDEX = 0
"""Stands for no namespace: the state of an index as such."""

FORGOTTEN = ""
"""The generation of an index that must forget everything it has: something in it was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Something that `doctor` found. ``repairable`` says whether ``--repair`` can mend it."""

    check: str
    ok: bool
    detail: str
    repairable: bool = False


class LedgerSnapshot(
    SessionReader,
    GuardReader,
    FactReader,
    LearningReader,
    RetrievalReader,
    PassageReader,
    ItemReader,
    ColdReader,
    Protocol,
):
    """A consistent view of the ledger. Everything read through one snapshot belongs together."""

    def last_seq(self) -> int:
        """The number of the latest change. It grows with every write of any process."""
        ...

    def namespace_key(self, namespace: Namespace) -> int | None:
        """The ledger's key of a namespace, None when nothing was ever stored in it."""
        ...

    def namespace_keys(self, prefix: Namespace) -> list[int]:
        """The keys of all namespaces at or below ``prefix`` that hold memories, in the order of `namespaces`."""
        ...

    def namespaces(self, prefix: Namespace = ()) -> list[tuple[Namespace, int]]:
        """All namespaces at or below ``prefix`` that hold memories, with the number of memories, sorted."""
        ...

    def find(self, ids: Iterable[MemoryId]) -> dict[MemoryId, tuple[RowKey, MemoryRecord]]:
        """The memories that exist among ``ids``, in the order of writing."""
        ...

    def records(self, keys: Sequence[RowKey]) -> dict[RowKey, MemoryRecord]:
        """The memories that exist among ``keys``, whatever their status, in the order of writing."""
        ...

    def select(
        self, filter: MemoryFilter, *, limit: int, before: RowKey | None = None
    ) -> list[tuple[RowKey, MemoryRecord]]:
        """Memories that pass ``filter``, newest first, those older than ``before``."""
        ...

    def matching_keys(self, filter: MemoryFilter, *, among: Sequence[RowKey] | None = None) -> NDArray[np.int64]:
        """Keys of all memories that pass ``filter``, or of those of ``among`` that do, ascending."""
        ...

    def feed(self, embedder_id: str, namespace_key: int, *, after: int, limit: int) -> list[FeedRow]:
        """Changes in a namespace with seq > ``after`` in the order of seq, at most ``limit``."""
        ...

    def feed_size(self, namespace_key: int, *, after: int) -> int:
        """How many changes `feed` has after ``after``."""
        ...

    def namespace_seq(self, namespace_key: int) -> int:
        """The number of the latest change in a namespace, 0 when there was none."""
        ...

    def large_namespaces(self, minimum: int) -> list[int]:
        """Keys of the namespaces that hold at least ``minimum`` memories."""
        ...

    def vectors(self, embedder_id: str, keys: Sequence[RowKey]) -> dict[RowKey, bytes]:
        """The stored vectors of the memories among ``keys`` that have one."""
        ...

    def count(self, filter: MemoryFilter | None = None) -> int:
        """How many memories pass ``filter``; all there are, of any status, without one."""
        ...

    def texts_without_vector(
        self, embedder_id: str, *, limit: int, after: RowKey | None = None
    ) -> list[tuple[RowKey, MemoryRecord]]:
        """Memories that ``embedder_id`` has not embedded yet: what came back from the cold and lacks a vector, then those
        newer than ``after``, each oldest first. What is cold needs none.
        """
        ...

    def chain(self, id: MemoryId) -> list[MemoryRecord]:
        """All versions of the memory that ``id`` is a version of, oldest first; empty when it is unknown.

        Whatever superseded it or was superseded by it, and so on, whatever way they were joined.
        """
        ...

    def events(self, ids: Sequence[MemoryId]) -> list[Event]:
        """Everything that happened to these memories after they were written, oldest first."""
        ...

    def links(self, ids: Sequence[MemoryId]) -> list[Link]:
        """Links that start or end at these memories."""
        ...

    def twins(self, record: MemoryRecord) -> list[tuple[RowKey, MemoryRecord]]:
        """Active and quarantined memories that are the same as ``record`` but for id and times of recording."""
        ...

    def neighbours(self, record: MemoryRecord, *, limit: int, any_kind: bool = False) -> list[Neighbour]:
        """Memories of any status of the same namespace and kind with nearly the same words, newest first.

        They are candidates: the caller compares the words.
        """
        ...

    def imported(self, namespace: Namespace, prefix: str) -> list[tuple[str, MemoryId]]:
        """Sources beginning with ``prefix`` from which memories of a namespace were imported, with those memories; also
        where the import found the same there already.
        """
        ...

    def iterate(self, *, namespace: Namespace | None = None) -> Iterator[tuple[RowKey, MemoryRecord]]:
        """Every memory of any status in the order of writing, of one namespace and those below it or of all."""
        ...

    def erasures(self, *, namespace: Namespace | None = None) -> list[Erasure]:
        """The receipts of everything that was erased, of a namespace and below or of all, oldest first."""
        ...

    def erased(self, ids: Iterable[MemoryId]) -> set[MemoryId]:
        """Those of ``ids`` that were erased here."""
        ...

    def erasures_of(self, ids: Iterable[MemoryId]) -> list[Erasure]:
        """The receipts of those of ``ids`` that were erased here."""
        ...

    def is_unscrubbed(self) -> bool:
        """Whether erased content may still be in the files (`Ledger.scrub`)."""
        ...

    def announced(self, namespace_key: int) -> int:
        """How many memories of a namespace were superseded from a later moment on, past or still to come."""
        ...

    def index_state(self, index: str, namespace_key: int) -> IndexState | None: ...

    def index_names(self) -> list[str]:
        """All indexes outside the ledger that have a state."""
        ...

    def ledger_id(self) -> str:
        """A name that no other ledger has."""
        ...


class LedgerTransaction(
    LedgerSnapshot,
    SessionWriter,
    GuardWriter,
    FactWriter,
    LearningWriter,
    PassageWriter,
    ItemWriter,
    ColdWriter,
    Protocol,
):
    """A snapshot that may write. All of it becomes durable when the transaction's block ends, or none of it."""

    def foresee(
        self, records: Sequence[MemoryRecord], *, places: Iterable[int] = (), limit: int, any_kind: bool
    ) -> None:
        """Told which memories will be asked about and stored next, so that what is asked can be read at once.

        It changes no answer, whatever is written meanwhile. ``places`` are those of the facts that they state; ``limit`` and
        ``any_kind`` those with which `neighbours` will be asked. What was foreseen before is so no longer.
        """
        ...

    def append(
        self, record: MemoryRecord, *, embedder_id: str, vector: bytes | None, screened: Screened = Screened.NOT,
        names_speaker: bool = True, about: str = "",
    ) -> RowKey:  # fmt: skip
        """Store a memory exactly as it is given, with its status and times.

        ``screened`` says which rules have looked at it; what they found comes with `put_marks`. ``names_speaker``: the
        name of its speaker tells in questions who is meant; a stranger's could take any word out of them. ``about``: words
        by which it is found besides its own.

        Without a vector it is found by its words until somebody embeds it (`put_vectors`). A long text has no passages until
        somebody cuts it (`put_passages`).
        """
        ...

    def confirm(self, key: RowKey, *, at: datetime, origin: Origin, detail: dict[str, Any]) -> int:
        """Count that a memory was said again and return how often that was so far."""
        ...

    def set_tags(self, key: RowKey, tags: Sequence[str]) -> None:
        """Replace a memory's tags."""
        ...

    def supersede(
        self, key: RowKey, *, by: MemoryId, at: datetime, valid_to: datetime, origin: Origin,
        detail: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """End the validity of a memory. One that ended already ends as of now at ``valid_to``; its event keeps what was held
        for true before (``instead_of``), so that ``known_at`` goes on giving that.
        """
        ...

    def reinstate(self, key: RowKey, *, at: datetime, origin: Origin, detail: dict[str, Any]) -> None:
        """Make a superseded memory current again. Its event keeps what was held for true before."""
        ...

    def set_status(
        self, key: RowKey, status: Status, *, action: Action, at: datetime, origin: Origin, detail: dict[str, Any]
    ) -> None:
        """Hold a memory as active, archived or quarantined, and note ``action`` in its history. A cold one that is not
        archived any more is found by its words again, and is embedded by whoever looks for what lacks a vector.
        """
        ...

    def link(self, link: Link) -> None: ...

    def erase(self, ids: Sequence[MemoryId], *, at: datetime) -> None:
        """Destroy rows, words, vectors, events and links; leave receipts."""
        ...

    def restore_event(self, event: Event) -> None: ...

    def restore_erasure(self, erasure: Erasure) -> None: ...

    def put_vectors(self, embedder_id: str, vectors: Sequence[tuple[RowKey, bytes]]) -> None:
        """Store vectors for memories that are there already; they re-enter the feed."""
        ...

    def set_index_state(
        self, index: str, namespace_key: int, state: IndexState, *, instead_of: str | None = None
    ) -> bool:
        """Note how far an index is; with ``instead_of``, only while the whole index is in that generation.

        False when it was not: somebody has had the index start anew meanwhile.
        """
        ...

    def drop_index_states(self, index: str) -> None:
        """Forget all about an index that is empty."""
        ...

    def forget_index_states(self) -> None:
        """Have every index outside the ledger forget what it has and start anew."""
        ...


class Ledger(Protocol):
    """The truth. Any number of processes may have it open."""

    def snapshot(self) -> AbstractContextManager[LedgerSnapshot]: ...

    def transaction(self, *, patience_seconds: float | None = None) -> AbstractContextManager[LedgerTransaction]:
        """One writer at a time over all processes. Raises `StoreUnavailable` when its turn does not come in time: within
        ``patience_seconds``, or what the ledger thinks right.
        """
        ...

    def register_embedder(self, embedder_id: str, dimensions: int) -> None:
        """Make room for an embedder's vectors. Idempotent."""
        ...

    def diagnose(self, embedder_id: str) -> list[HealthCheck]:
        """What is wrong with the ledger's files; missing vectors count for ``embedder_id`` alone."""
        ...

    def repair(self) -> list[str]:
        """Mend what can be mended from the ledger itself and say what was done."""
        ...

    def scrub(self) -> bool:
        """Leave no trace of erased content in the files: free pages, full-text segments, write-ahead log.

        False when another process was reading all the while, so that the write-ahead log could not be emptied yet.
        """
        ...

    def size_bytes(self) -> int: ...

    def close(self) -> None: ...
