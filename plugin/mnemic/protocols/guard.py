"""Where the guard keeps what it found, learnt and did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from mnemic.domain.lesson import Lesson, LessonId
from mnemic.domain.marks import AuditEntry, Marks
from mnemic.domain.memory import MemoryId, MemoryRecord, Namespace, RowKey


class GuardReader(Protocol):
    """Reads the guard's part of a snapshot."""

    def marks(self, keys: Sequence[RowKey]) -> dict[RowKey, Marks]:
        """The marks of those memories among ``keys`` that have any; a screened memory without any was found harmless."""
        ...

    def unscreened(self, *, limit: int) -> list[tuple[RowKey, MemoryRecord]]:
        """Memories whose text no rule has looked at yet, oldest first."""
        ...

    def has_untrusted(self) -> bool:
        """Whether any memory came from an untrusted origin, or was drawn from others."""
        ...

    def tainted(self, keys: Sequence[RowKey]) -> set[RowKey]:
        """Those of ``keys`` that came from an untrusted origin, or were drawn from others, and that nobody vouched for."""
        ...

    def undecided(
        self, namespace: Namespace, *, subtree: bool = False, limit: int, before: RowKey | None = None
    ) -> list[RowKey]:
        """What is in quarantine and was not rejected, latest first: at most ``limit``, those below ``before`` if given."""
        ...

    def written_by(self, source: int, *, since: datetime) -> int:
        """How many marked memories one source has written since a moment."""
        ...

    def lessons(self, namespace: Namespace) -> list[Lesson]:
        """All lessons of exactly this namespace, oldest first, released and expired ones included."""
        ...

    def exposures(self, context: str, *, since: datetime) -> list[tuple[RowKey, datetime]]:
        """The doubtful memories that were delivered into a context since a moment, latest first."""
        ...

    def rejections(self, key: RowKey) -> int:
        """For how many different questions a memory was rejected."""
        ...

    def audit(
        self, *, namespace: Namespace | None = None, memory: MemoryId | None = None, limit: int = 100, before: int = 0
    ) -> list[AuditEntry]:
        """Entries of the log, latest first: of one namespace or of all, about one memory or all, numbered below ``before``
        when it is not 0.
        """
        ...


class GuardWriter(GuardReader, Protocol):
    """Writes the guard's part within a transaction."""

    def put_marks(self, key: RowKey, marks: Marks, *, at: datetime) -> None:
        """Keep what was found about a memory, in the place of what was there."""
        ...

    def put_lesson(self, lesson: Lesson) -> bool:
        """Keep a lesson; whether it is new. One with the same fingerprint in its namespace stays, and lives longer."""
        ...

    def replace_lesson(self, lesson: Lesson) -> None:
        """Keep a changed lesson under its id."""
        ...

    def hit_lessons(self, ids: Sequence[LessonId], *, at: datetime) -> None:
        """Count that lessons were heeded."""
        ...

    def expose(self, context: str, keys: Sequence[RowKey], *, at: datetime) -> None:
        """Note that doubtful memories were delivered into a context."""
        ...

    def forget_exposures(self, *, before: datetime) -> None:
        """Drop the notes of deliveries before a moment."""
        ...

    def reject(self, key: RowKey, question: int, *, at: datetime) -> None:
        """Note that a memory was rejected for a question, once for each question."""
        ...

    def append_audit(self, entry: AuditEntry) -> AuditEntry:
        """Add to the log; number and hash are given out here."""
        ...
