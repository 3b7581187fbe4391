"""The stored item, the values it is made of, and what can happen to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NewType

from mnemic.domain.provenance import Origin
from mnemic.domain.verdict import Verdict

MemoryId = NewType("MemoryId", str)
"""Public id: ``m`` and 15 characters of Crockford base 32, the first nine of them the time in milliseconds."""

RowKey = NewType("RowKey", int)
"""A ledger's own integer key for a memory. It never leaves the process and is not the same in another ledger."""

Namespace = tuple[str, ...]
"""A path of labels, such as ``("team", "ana")``. What is in one namespace is never seen from another."""

DEFAULT_NAMESPACE: Namespace = ("default",)


class Kind(StrEnum):
    """What a memory is about."""

    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"
    LESSON = "lesson"


class Role(StrEnum):
    """Whose words a turn of an agent's conversation holds."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class Status(StrEnum):
    """Whether recall may use a memory. Only erasing destroys one; every other status can be undone."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"


class Action(StrEnum):
    """What happened to a memory after it was written."""

    CONFIRMED = "confirmed"
    SUPERSEDED = "superseded"
    ARCHIVED = "archived"
    RESTORED = "restored"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    REJECTED = "rejected"
    REINSTATED = "reinstated"


class Relation(StrEnum):
    """How one memory points to another."""

    NEAR_DUPLICATE = "near_duplicate"
    EVIDENCE = "evidence"
    CONTEXT = "context"
    CONTRADICTS = "contradicts"
    RELATED = "related"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMemory:
    """What a caller asks to have remembered; `mnemic.domain.drafting.draft_memory` checks it.

    ``kind`` defaults to *episodic* for something that somebody said (``speaker`` or ``role`` given), else *semantic*.
    ``namespace`` is a tuple of labels or a string with ``/`` between them. ``occurred_at`` is when it happened;
    ``valid_from`` is since when it has been true (default: ``occurred_at``, else now); both may be ISO 8601 strings.
    ``when_to_use`` says in which situation a procedure helps. ``evidence`` names the memories this one was drawn from.
    ``supersedes`` names the memory whose place this one takes. ``context`` names memories that the writer had before it:
    what was doubtful among them decides whether this may be stored as it is.
    ``subject`` and ``attribute``, both or neither, say what the text gives the present value of ("Ana", "home"): it then
    takes the place of what was remembered under the same two, and is found by them. Without them, short semantic statements
    are read.
    """

    text: str = field(kw_only=False)
    kind: Kind | str | None = None
    namespace: Namespace | str | None = None
    tags: Iterable[str] = ()
    session: str | None = None
    speaker: str | None = None
    role: Role | str | None = None
    occurred_at: datetime | date | str | None = None
    valid_from: datetime | date | str | None = None
    source: str | None = None
    when_to_use: str | None = None
    evidence: Iterable[str] = ()
    supersedes: str | None = None
    context: Iterable[str] = ()
    origin: Origin | None = None
    subject: str | None = None
    attribute: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRecord:
    """One stored memory. Text, origin and times never change; only the last group of fields and the tags may.

    All times are UTC. ``valid_from``/``valid_to`` bound when it was true in the world (``valid_to`` exclusive);
    ``recorded_at``/``superseded_at`` bound when the ledger held it for true.
    """

    id: MemoryId
    namespace: Namespace
    kind: Kind
    text: str
    tags: tuple[str, ...]
    session: str | None
    speaker: str | None
    role: Role | None
    source: str | None
    when_to_use: str | None
    evidence: tuple[MemoryId, ...]
    supersedes: MemoryId | None
    origin: Origin
    occurred_at: datetime | None
    valid_from: datetime
    recorded_at: datetime

    status: Status = Status.ACTIVE
    valid_to: datetime | None = None
    superseded_by: MemoryId | None = None
    superseded_at: datetime | None = None
    confirmations: int = 0
    confirmed_at: datetime | None = None

    def is_announced(self, *, after: datetime) -> bool:
        """Whether it is superseded, but was said to stay true until some moment beyond ``after``.

        An end in the future alone does not show that somebody said so: a clock that was ahead when the memory was written,
        or when it was superseded, leaves one as well.
        """
        ends, learnt = self.valid_to, self.superseded_at
        return ends is not None and learnt is not None and ends > max(after, learnt, self.valid_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a memory after it was written, oldest first in a history."""

    memory_id: MemoryId
    action: Action
    at: datetime
    origin: Origin
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A directed link between two memories of one namespace. ``score`` is a similarity in 0..1, 1 for certain."""

    source: MemoryId
    target: MemoryId
    relation: Relation
    score: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The receipt that an erased memory leaves: no content, no origin."""

    memory_id: MemoryId
    namespace: Namespace
    erased_at: datetime


class Outcome(StrEnum):
    """What `remember` did."""

    STORED = "stored"
    CONFIRMED = "confirmed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicate:
    """An earlier memory that says almost the same. ``similarity`` is the Jaccard overlap of words, 0..1."""

    id: MemoryId
    text: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The receipt for one remembered text. It is durable when you hold this.

    ``confirmed`` means that the same was there already, in these or other words: it was counted (``confirmations``), not
    stored twice; other words are kept in its history. ``superseded`` names the memory whose place it took; ``contradicts``
    those that say otherwise and are kept, because nothing tells which is right.
    ``quarantined``: stored, and kept out of recall until a person has looked at it; ``verdict`` says why. ``redacted`` names
    what was taken out of the text before it was stored.
    """

    id: MemoryId
    outcome: Outcome
    confirmations: int = 0
    superseded: MemoryId | None = None
    contradicts: tuple[MemoryId, ...] = ()
    near_duplicates: tuple[NearDuplicate, ...] = ()
    verdict: Verdict | None = None
    redacted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All versions of one memory, oldest first, with everything that happened to any of them, oldest first.

    Of a fact that had several values at once, or older ones that became known late, all of them are versions.
    """

    versions: tuple[MemoryRecord, ...]
    events: tuple[Event, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseReceipt:
    """What an erase destroyed, which memories still cite what is gone, and whether no trace is left in the files yet."""

    erased: tuple[MemoryId, ...]
    derived: tuple[MemoryId, ...]
    erased_at: datetime
    scrubbed: bool
