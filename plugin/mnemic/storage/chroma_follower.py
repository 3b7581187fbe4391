"""Feeds Chroma from the ledger in the background, in whichever process holds the owner lock."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from mnemic.errors import MnemicError
from mnemic.logs import get_logger
from mnemic.protocols import FeedRow, IndexState, Ledger
from mnemic.storage.chroma_store import (
    ChromaAddress,
    ChromaStore,
    generation_folders,
    is_lost,
    new_generation,
    open_generation,
    remove_other_generations,
)

_FEED_CHUNK = 2_000
_MAX_PAUSE_SECONDS = 60.0

log = get_logger(__name__)


class ChromaFollower:
    """A thread that competes for the owner lock, follows the ledger's feed and rebuilds what breaks.

    It starts to feed Chroma when the ledger holds ``from_memories`` memories: below that an exact scan is faster, and
    Chroma costs 120 MB and more than a second to open. ``store`` is the open generation while this process is the owner.
    """

    def __init__(
        self, ledger: Ledger, address: ChromaAddress, *, embedder_id: str, lock_path: Path, from_memories: int,
        poll_seconds: float,
    ) -> None:  # fmt: skip
        self.index_name = f"{address.name()}:{embedder_id}"
        self._ledger = ledger
        self._address = address
        self._embedder_id = embedder_id
        self._from_memories = from_memories
        self._poll_seconds = poll_seconds
        self._lock = FileLock(lock_path, thread_local=False)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._caught_up = threading.Condition()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._store: ChromaStore | None = None
        self._generation: str | None = None

    @property
    def store(self) -> ChromaStore | None:
        return self._store

    @property
    def generation(self) -> str | None:
        return self._generation

    @property
    def is_owner(self) -> bool:
        return self._lock.is_locked

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True, name="mnemic-chroma")
        self._thread.start()

    def nudge(self) -> None:
        """There is something new to follow."""
        self._wake.set()

    def stop(self, *, timeout_seconds: float = 10.0) -> None:
        """End the thread, close Chroma and release the lock. Idempotent."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def wait_until(self, seq: int, *, timeout_seconds: float) -> bool:
        """Wait until some process has fed Chroma up to ``seq``."""
        self.nudge()
        with self._caught_up:
            return self._caught_up.wait_for(lambda: self._applied() >= seq or self._stop.is_set(), timeout_seconds)

    def _applied(self) -> int:
        with self._ledger.snapshot() as snapshot:
            state = snapshot.index_state(self.index_name)
        return -1 if state is None else state.seq

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._step()
                    self._failures = 0
                except Exception as error:  # whatever Chroma raises: recall goes on without it
                    self._failures += 1
                    log.warning("chroma.failed", error=f"{type(error).__name__}: {error}", failures=self._failures)
                    self._abandon(lost=is_lost(error, self._address.mode))
                with self._caught_up:
                    self._caught_up.notify_all()
                self._wake.wait(min(self._poll_seconds * 2**self._failures, _MAX_PAUSE_SECONDS))
                self._wake.clear()
        finally:
            self._release()

    def _step(self) -> None:
        with self._ledger.snapshot() as snapshot:
            state = snapshot.index_state(self.index_name)
            last_seq = snapshot.last_seq()
            wanted = state is not None or snapshot.count() >= self._from_memories
            ledger_id = snapshot.ledger_id()
        if self._store is not None:
            self._store.check()
            if state is None or state.generation != self._generation:
                self._abandon(lost=False)
        if not wanted:
            if generation_folders(self._address) and self._own():
                remove_other_generations(self._address, ledger_id, None, keep=None)
            return
        owns = self._own()
        if self._store is None and (owns or self._address.mode != "embedded"):
            state = self._open(state, ledger_id, owns=owns)
        while owns and state is not None and state.seq < last_seq and not self._stop.is_set():
            state = self._follow(state, last_seq)

    def _own(self) -> bool:
        if not self._lock.is_locked:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                return False
            log.info("chroma.owned", index=self.index_name)
        return True

    def _open(self, state: IndexState | None, ledger_id: str, *, owns: bool) -> IndexState | None:
        store = None
        if state is not None:
            try:
                store = open_generation(self._address, ledger_id=ledger_id, generation=state.generation, create=False)
            except Exception as error:
                if not is_lost(error, self._address.mode):
                    raise
                log.warning("chroma.unreadable", error=f"{type(error).__name__}: {error}")
        if store is None and owns:
            state = IndexState(generation=new_generation(), seq=0)
            log.info("chroma.rebuilding", generation=state.generation)
            store = open_generation(self._address, ledger_id=ledger_id, generation=state.generation, create=True)
            self._save(state)
        if owns and state is not None:
            remove_other_generations(self._address, ledger_id, store, keep=state.generation)
        self._store = store
        self._generation = state.generation if store is not None and state is not None else None
        return state

    def _follow(self, state: IndexState, last_seq: int) -> IndexState:
        with self._ledger.snapshot() as snapshot:
            rows = snapshot.feed(self._embedder_id, after=state.seq, limit=_FEED_CHUNK)
        by_namespace: dict[int, list[FeedRow]] = {}
        for row in rows:
            by_namespace.setdefault(row.namespace_key, []).append(row)
        assert self._store is not None
        for namespace_key, changed in by_namespace.items():
            put = [row for row in changed if row.recallable and row.vector is not None]
            gone = [row.key for row in changed if not row.recallable]
            if put:
                vectors = np.frombuffer(b"".join(row.vector or b"" for row in put), np.float32)
                self._store.put(namespace_key, [row.key for row in put], vectors.reshape(len(put), -1))
            if gone:
                self._store.remove(namespace_key, gone)
        followed = IndexState(generation=state.generation, seq=rows[-1].seq if rows else last_seq)
        self._save(followed)
        return followed

    def _save(self, state: IndexState) -> None:
        with self._ledger.transaction() as transaction:
            transaction.set_index_state(self.index_name, state)

    def _abandon(self, *, lost: bool) -> None:
        """Close the present generation; a lost one is never opened again."""
        store, self._store, self._generation = self._store, None, None
        if store is not None:
            try:
                store.close()
            except Exception as error:
                log.info("chroma.close_failed", error=str(error))
        if lost and self._lock.is_locked:
            try:
                with self._ledger.transaction() as transaction:
                    transaction.set_index_state(self.index_name, None)
            except MnemicError as error:
                log.warning("chroma.state_not_reset", error=str(error))

    def _release(self) -> None:
        self._abandon(lost=False)
        if self._lock.is_locked:
            self._lock.release()
