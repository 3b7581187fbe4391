"""The sessions of working memory that a process has open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mnemic.domain.memory import Namespace
from mnemic.domain.working_memory.auto_folding import FOLDING, AutoFolding
from mnemic.domain.working_memory.journal import Cell
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

    def fold(self) -> None:
        """Let the session's policy, if it has one, take in what came since and fold what it would."""
        preset = self.memory.value(Cell.OPTION, FOLDING)
        if preset is None or not AutoFolding.can_begin(self.memory):
            self.folding = None
            return
        if self.folding is None or not self.folding.is_for(self.memory):
            self.folding = AutoFolding(self.memory, preset)
        self.folding.follow()


Where = tuple[Namespace, str]
"""A session's namespace and name."""


@dataclass(slots=True)
class _Turn:
    """Who has the turn of a session, and how many have it or wait for it."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    takers: int = 0


@dataclass(slots=True)
class LiveSessions:
    """Sessions by namespace and name, the least recently used one dropped first. Each has its turns."""

    _live: OrderedDict[Where, LiveSession] = field(default_factory=OrderedDict)
    _turns: dict[Where, _Turn] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def turn(self, where: Where) -> Iterator[None]:
        """One thread at a time for each session; different sessions do not wait for each other here."""
        with self._guard:
            turn = self._turns.setdefault(where, _Turn())
            turn.takers += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._guard:
                turn.takers -= 1
                # A session may be asked for by any name: of those that nobody takes none is kept.
                if not turn.takers:
                    del self._turns[where]

    def get(self, where: Where) -> LiveSession | None:
        with self._guard:
            return self._live.get(where)

    def known(self) -> list[tuple[Where, int]]:
        """Every session that is kept, with its key in the ledger."""
        with self._guard:
            return [(where, session.key) for where, session in self._live.items()]

    def keep(self, where: Where, session: LiveSession) -> None:
        with self._guard:
            self._live[where] = session
            self._live.move_to_end(where)
            while len(self._live) > _KEPT_OPEN:
                self._live.popitem(last=False)

    def note_durable(self, where: Where) -> None:
        session = self.get(where)
        if session is not None:
            session.durable = session.size()

    def forget(self, where: Where) -> None:
        with self._guard:
            self._live.pop(where, None)

    def forget_unless_durable(self, where: Where) -> None:
        session = self.get(where)
        # A policy that has seen what was taken back cannot unsee it.
        if session is not None and session.durable != session.size():
            self.forget(where)
