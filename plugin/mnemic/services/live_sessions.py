"""The sessions of working memory that a process has open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from mnemic.domain.memory import Namespace
from mnemic.domain.working_memory.auto_folding import AutoFolding
from mnemic.domain.working_memory.session import WorkingMemory

_KEPT_OPEN = 32


@dataclass(slots=True)
class LiveSession:
    """A session as this process knows it: right up to what it has read, and brought up to date at each turn.

    ``durable`` is how many of its messages and edits are in the ledger.
    """

    memory: WorkingMemory
    key: int
    folding: AutoFolding | None = None
    durable: tuple[int, int] = (0, 0)

    def size(self) -> tuple[int, int]:
        return len(self.memory.messages), len(self.memory.edits)


@dataclass(slots=True)
class LiveSessions:
    """Sessions by namespace and name, the least recently used one dropped first. Whoever uses one holds ``lock``."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    _live: OrderedDict[tuple[Namespace, str], LiveSession] = field(default_factory=OrderedDict)

    def get(self, where: tuple[Namespace, str]) -> LiveSession | None:
        return self._live.get(where)

    def keep(self, where: tuple[Namespace, str], session: LiveSession) -> None:
        self._live[where] = session
        self._live.move_to_end(where)
        while len(self._live) > _KEPT_OPEN:
            self._live.popitem(last=False)

    def note_durable(self, where: tuple[Namespace, str]) -> None:
        session = self._live.get(where)
        if session is not None:
            session.durable = session.size()

    def forget(self, where: tuple[Namespace, str]) -> None:
        self._live.pop(where, None)

    def forget_unless_durable(self, where: tuple[Namespace, str]) -> None:
        session = self._live.get(where)
        # A policy that has seen what was taken back cannot unsee it.
        if session is not None and session.durable != session.size():
            self.forget(where)
