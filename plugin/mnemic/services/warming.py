"""Reading ahead what ranking will need, so that the first questions are answered as fast as the later ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from mnemic.domain.memory import RowKey
from mnemic.domain.recall import RECALLED_KINDS, MemoryFilter

if TYPE_CHECKING:
    from mnemic.domain.memory import Namespace
    from mnemic.services.backends import Backends

_T = TypeVar("_T")

# About 5 ms of work at a time, between which questions that wait have their turn.
_MEMORIES_AT_ONCE = 200
_WORDS_AT_ONCE = 100
_TEXTS_AT_ONCE = 500
# So long a batch waits for the question that is being answered: Python runs one thread at a time. Not longer, for where one
# question follows the other they are answered the faster the sooner all is read.
_PATIENCE_SECONDS = 0.02
# A process of few namespaces reads each ahead after the first question. One that serves many would do nothing else: there a
# namespace must be asked about so often first, which shows that more will follow.
_FEW_NAMESPACES = 8
_ASKED_BEFORE = 3
# Of so many namespaces it is known how often they were asked about, and of as many that they were read ahead.
_MOST_KNOWN = 4_096


class Warmth:
    """Which namespaces are asked about, and whether somebody waits for an answer. Shared by the threads of a process.

    ``wake`` is set when there is something to read ahead; whoever keeps house waits for it.
    """

    def __init__(self) -> None:
        self.wake = threading.Event()
        self._lock = threading.Condition()
        self._answering = 0
        # In the order in which they came.
        self._known: dict[Namespace, None] = {}
        self._asked: dict[Namespace, int] = {}
        self._waiting: list[Namespace] = []
        self._reading = False

    @property
    def reading_ahead(self) -> bool:
        """Whether a namespace is being read or waits for it: answers from it will come sooner in a while."""
        with self._lock:
            return self._reading or bool(self._waiting)

    @contextmanager
    def answering(self, filter: MemoryFilter) -> Iterator[None]:
        """While somebody waits for an answer from a namespace. Once there is one, the namespace is worth reading ahead."""
        with self._lock:
            self._answering += 1
        try:
            yield
        finally:
            with self._lock:
                self._answering -= 1
                if not filter.subtree and self._is_worth_it(filter.namespace):
                    _put(self._known, filter.namespace, None)
                    self._waiting.append(filter.namespace)
                    self.wake.set()
                self._lock.notify_all()

    def _is_worth_it(self, namespace: Namespace) -> bool:
        if namespace in self._known:
            return False
        if len(self._known) < _FEW_NAMESPACES:
            return True
        asked = self._asked.pop(namespace, 0) + 1
        if asked < _ASKED_BEFORE:
            _put(self._asked, namespace, asked)
            return False
        return True

    def make_way(self) -> None:
        """Return when nobody waits for an answer, or has waited for long."""
        with self._lock:
            self._lock.wait_for(lambda: not self._answering, _PATIENCE_SECONDS)

    def next(self) -> Namespace | None:
        """A namespace that nobody has read ahead. To be asked for again when it is read."""
        with self._lock:
            self._reading = bool(self._waiting)
            return self._waiting.pop(0) if self._waiting else None


def _put(known: dict[Namespace, _T], namespace: Namespace, value: _T) -> None:
    known[namespace] = value
    if len(known) > _MOST_KNOWN:
        del known[next(iter(known))]


def warm(backends: Backends, *, stopped: Callable[[], bool] = lambda: False) -> int:
    """Take in the words of the memories of the namespaces that are asked about, newest first; of how many.

    At most what `Bags` keeps without forgetting others. Nothing depends on it but time.
    """
    done = 0

    def may_go_on() -> bool:
        backends.warmth.make_way()
        return not stopped()

    while (namespace := backends.warmth.next()) is not None:
        with backends.ledger.snapshot() as snapshot:
            filter = MemoryFilter(namespace=namespace, kinds=RECALLED_KINDS, now=backends.clock.now())
            keys = [RowKey(key) for key in snapshot.matching_keys(filter)[::-1].tolist()]
        for start in range(0, len(keys), _MEMORIES_AT_ONCE):
            if not backends.bags.has_room or not may_go_on():
                break
            with backends.ledger.snapshot() as snapshot:
                backends.bags.take(snapshot, keys[start : start + _MEMORIES_AT_ONCE])
            done += len(keys[start : start + _MEMORIES_AT_ONCE])
        while backends.word_vectors is not None and may_go_on():
            if not backends.word_vectors.follow(backends.bags.lexicon, at_most=_WORDS_AT_ONCE):
                break
        while may_go_on():
            with backends.ledger.snapshot() as snapshot:
                key = snapshot.namespace_key(namespace)
                if key is None or not backends.spellings.follow(snapshot, key, at_most=_TEXTS_AT_ONCE):
                    break
        if stopped():
            break
    return done
