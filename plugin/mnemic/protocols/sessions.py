"""Where sessions of working memory are kept: rows that are only ever appended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mnemic.domain.memory import Namespace
from mnemic.domain.working_memory.journal import Edit
from mnemic.domain.working_memory.messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message with the tokens of its parts, as ``counter`` counted them."""

    message: Message
    tokens: tuple[int, ...]
    counter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """A session and how much is in it."""

    name: str
    namespace: Namespace
    messages: int
    edits: int
    created_at: datetime


class SessionReader(Protocol):
    """Reads sessions within a snapshot."""

    def session_key(self, namespace: Namespace, name: str) -> int | None:
        """The ledger's key of a session, None when there is none."""
        ...

    def sessions(self, namespace: Namespace) -> list[SessionInfo]:
        """All sessions of a namespace, by name."""
        ...

    def session_messages(self, session_key: int, *, after: int) -> list[StoredMessage]:
        """The messages from position ``after`` on, in order."""
        ...

    def session_edits(self, session_key: int, *, after: int) -> list[Edit]:
        """The edits with a number above ``after``, in order."""
        ...


class SessionWriter(SessionReader, Protocol):
    """Appends to sessions within a transaction."""

    def create_session(self, namespace: Namespace, name: str, *, at: datetime) -> int:
        """A new session's key."""
        ...

    def append_messages(self, session_key: int, position: int, messages: Sequence[StoredMessage]) -> None:
        """Add messages from ``position`` on, which must be the next."""
        ...

    def append_edit(self, session_key: int, edit: Edit) -> None: ...

    def erase_session(self, session_key: int) -> None:
        """Destroy a session with all its messages and edits for good."""
        ...
