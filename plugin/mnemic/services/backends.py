"""What every use case stands on, and the few rules that several of them share."""

from __future__ import annotations

import copy
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mnemic.domain.memory import MemoryId, MemoryRecord, Namespace, RowKey
from mnemic.domain.passages import Span
from mnemic.domain.text import date_words
from mnemic.domain.working_memory.sculptor import Summarise
from mnemic.errors import ModelFailed, UnknownMemory
from mnemic.guard.guard import Guard
from mnemic.logs import get_logger
from mnemic.protocols import (
    ChatModel,
    Clock,
    Deliveries,
    Embedder,
    Ledger,
    LedgerSnapshot,
    Reranker,
    TokenCounter,
    VectorIndex,
)
from mnemic.retrieval.bags import Bags
from mnemic.retrieval.datebook import Datebook
from mnemic.retrieval.filter_cache import FilterCache
from mnemic.retrieval.maxsim import WordVectors
from mnemic.retrieval.passages import PassageVectors
from mnemic.retrieval.postings import Postings
from mnemic.retrieval.spelling import Spellings
from mnemic.retrieval.turns import TurnIndex
from mnemic.services.asking import Speakers
from mnemic.services.deliveries import AskedOnce, ProcessDeliveries
from mnemic.services.live_sessions import LiveSessions
from mnemic.services.namespace_counts import NamespaceCounts
from mnemic.services.warming import Warmth

log = get_logger(__name__)


@dataclass(slots=True)
class Housekeeping:
    """How far a process has looked: up to ``embedded_to`` every memory has a vector, up to ``cut_to`` so has every passage.
    Keys of later ones are higher.
    """

    embedded_to: RowKey | None = None
    cut_to: RowKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """The ports of one open memory.

    ``caller`` tells those apart who share it over a network, else it is empty; ``shows_texts``: whoever calls may read what
    others have stored.
    """

    ledger: Ledger
    index: VectorIndex
    embedder: Embedder
    token_counter: TokenCounter
    clock: Clock
    new_id: Callable[[], MemoryId]
    guard: Guard
    bags: Bags = field(default_factory=Bags)
    datebook: Datebook = field(default_factory=Datebook)
    filters: FilterCache = field(default_factory=FilterCache)
    turns: TurnIndex = field(init=False)
    passages: PassageVectors = field(init=False)
    postings: Postings = field(init=False)
    spellings: Spellings = field(default_factory=Spellings)
    word_vectors: WordVectors | None = None
    warmth: Warmth = field(default_factory=Warmth)
    speakers: Speakers = field(default_factory=Speakers)
    housekeeping: Housekeeping = field(default_factory=Housekeeping)
    namespace_counts: NamespaceCounts = field(default_factory=NamespaceCounts)
    deliveries: Deliveries = field(default_factory=ProcessDeliveries)
    shown: Deliveries = field(default_factory=ProcessDeliveries)
    process_id: str = field(default_factory=lambda: secrets.token_hex(8))
    sessions: LiveSessions = field(default_factory=LiveSessions)
    summarise: Summarise | None = None
    model: ChatModel | None = None
    reranker: Reranker | None = None
    facts: Literal["auto", "off"] = "auto"
    caller: str = ""
    shows_texts: bool = True
    # Python runs one thread at a time. Recalls that share it only take it from each other, every few milliseconds and in the
    # middle of their work: one after the other, a process answers a sixth more of them, each sooner (`make bench-serving`).
    one_recall: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        def changed(keys: Iterable[int], up_to: int) -> None:
            keys = list(keys)
            self.bags.forget(keys, up_to=up_to)
            self.datebook.forget(keys)

        object.__setattr__(self, "turns", TurnIndex(changed=changed))
        object.__setattr__(self, "postings", Postings(self.bags))
        object.__setattr__(self, "passages", PassageVectors(self.embedder.id, self.embedder.dimensions))

    def behind(self, ledger: Ledger, *, caller: str, shows_texts: bool = True) -> Backends:
        """The same, all that is held in memory included, but for the ledger: a wall around this one's."""
        walled = copy.copy(self)
        object.__setattr__(walled, "ledger", ledger)
        object.__setattr__(walled, "caller", caller)
        object.__setattr__(walled, "shows_texts", shows_texts)
        return walled

    def for_batch(self) -> Backends:
        """The same, for one call that stores many memories."""
        batch = copy.copy(self)
        object.__setattr__(batch, "deliveries", AskedOnce(self.deliveries))
        return batch


def embedding_text(record: MemoryRecord, passage: Span | None = None) -> str:
    """The text whose vector stands for a memory: what somebody said carries its date, a guide its situation.

    With ``passage``, the text whose vector stands for that part of it.
    """
    parts = []
    if record.speaker is not None and record.occurred_at is not None:
        parts.append(f"[{date_words(record.occurred_at)}]")
    if record.when_to_use is not None and passage is None:
        parts.append(record.when_to_use)
    return " ".join([*parts, record.text if passage is None else record.text[passage.start : passage.end]])


def embed_records(embedder: Embedder, records: Sequence[MemoryRecord]) -> list[bytes | None]:
    """The vectors to store. When the model fails the memory is kept all the same and embedded later."""
    if not records:
        return []
    try:
        return [row.tobytes() for row in embedder.embed([embedding_text(record) for record in records])]
    except ModelFailed as error:
        log.warning("embedder.failed", error=str(error), texts=len(records))
        return [None] * len(records)


def require(
    snapshot: LedgerSnapshot, ids: Iterable[MemoryId], *, namespace: Namespace | None = None
) -> dict[MemoryId, tuple[RowKey, MemoryRecord]]:
    """The memories with these ids, all of them, or `UnknownMemory`.

    With ``namespace``, a memory of another namespace is as unknown as one that never existed.
    """
    wanted = list(ids)
    if not wanted:
        return {}
    found = snapshot.find(wanted)
    if namespace is not None:
        found = {id: entry for id, entry in found.items() if entry[1].namespace == namespace}
    missing = [id for id in wanted if id not in found]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        if namespace is not None:
            # The same words whether it is elsewhere or nowhere; whoever forgot to name its namespace sees where was looked.
            raise UnknownMemory(
                f"There is no memory {shown} in {'/'.join(namespace)}.",
                hint="Name the namespace in which recall or list gave the id; an erased memory is gone for good.",
            )
        raise UnknownMemory(
            f"There is no memory {shown}.",
            hint="Use an id that recall or list gave; an erased memory is gone for good.",
        )
    return found
