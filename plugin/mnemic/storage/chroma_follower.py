"""Feeds Chroma from the ledger in the background, in whichever process holds the lease."""

from __future__ import annotations

import threading
import time

import numpy as np

from mnemic.logs import get_logger
from mnemic.protocols import FORGOTTEN, WHOLE_INDEX, IndexState, Ledger
from mnemic.storage.chroma_store import (
    EMBEDDED_PREFIX,
    ChromaAddress,
    ChromaStore,
    GenerationLost,
    forget_everything,
    is_lost,
    new_generation,
    open_generation,
    remove_other_generations,
)
from mnemic.storage.leases import Lease

_FEED_CHUNK = 2_000
_MAX_PAUSE_SECONDS = 60.0

log = get_logger(__name__)


class ChromaFollower:
    """A thread that competes for the lease, follows the ledger's feed and rebuilds what breaks.

    It feeds Chroma with the namespaces that hold at least ``from_memories`` memories: below that an exact scan is faster,
    while Chroma takes 120 MB and more than a second to open, and memory and file handles for each collection. ``store``
    is the open generation: in the owner's process, and with a server in every process.
    """

    def __init__(
        self, ledger: Ledger, address: ChromaAddress, *, embedder_id: str, lease: Lease, from_memories: int,
        poll_seconds: float,
    ) -> None:  # fmt: skip
        self.index_name = f"{address.name()}:{embedder_id}"
        self._ledger = ledger
        self._address = address
        self._embedder_id = embedder_id
        self._from_memories = from_memories
        self._poll_seconds = poll_seconds
        self._lease = lease
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._caught_up = threading.Condition()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._store: ChromaStore | None = None
        self._generation: str | None = None
        self._looked_at = -1
        self._namespaces: list[int] = []
        self._lost = False
        self.succeeded_at = 0.0

    @property
    def store(self) -> ChromaStore | None:
        return self._store

    @property
    def generation(self) -> str | None:
        return self._generation

    @property
    def is_owner(self) -> bool:
        return self._lease.held

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True, name="mnemic-chroma")
        self._thread.start()

    def nudge(self) -> None:
        """There is something new to follow."""
        self._wake.set()

    def report(self, error: Exception) -> None:
        """A query has failed. If that means that the generation is lost, it is built anew."""
        if is_lost(error, self._address.mode):
            self._lost = True
        self.nudge()

    def stop(self, *, timeout_seconds: float = 2.0) -> None:
        """End the thread, close Chroma and release the lease. A thread that waits for a stalled server is left behind."""
        self._stop.set()
        self._wake.set()
        # Whoever waits asks the ledger in between, which may be out of reach.
        if self._caught_up.acquire(timeout=timeout_seconds):
            self._caught_up.notify_all()
            self._caught_up.release()
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def wait_until(self, seq: int, *, timeout_seconds: float) -> bool:
        """Wait until some process has fed Chroma with every large namespace up to ``seq``."""
        self.nudge()
        with self._caught_up:
            fed = self._caught_up.wait_for(lambda: self._stop.is_set() or self._has_fed(seq), timeout_seconds)
            return fed and not self._stop.is_set()

    def _has_fed(self, seq: int) -> bool:
        with self._ledger.snapshot() as snapshot:
            for namespace in snapshot.large_namespaces(self._from_memories):
                state = snapshot.index_state(self.index_name, namespace)
                if state is None or state.seq < min(seq, snapshot.namespace_seq(namespace)):
                    return False
            whole = snapshot.index_state(self.index_name, WHOLE_INDEX)
        return whole is None or whole.generation != FORGOTTEN

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.follow()
                with self._caught_up:
                    self._caught_up.notify_all()
                self._wake.wait(min(self._poll_seconds * 2 ** min(self._failures, 6), _MAX_PAUSE_SECONDS))
                self._wake.clear()
        finally:
            self._release()

    def follow(self) -> None:
        """Take one step after the ledger, as the thread does again and again."""
        try:
            self._step()
            self._failures = 0
            self.succeeded_at = time.monotonic()
        except Exception as error:  # whatever Chroma raises: recall goes on without it
            self._failures += 1
            log.warning("chroma.failed", error=f"{type(error).__name__}: {error}", failures=self._failures)
            self._abandon(lost=is_lost(error, self._address.mode))

    def _step(self) -> None:
        with self._ledger.snapshot() as snapshot:
            whole = snapshot.index_state(self.index_name, WHOLE_INDEX)
            last_seq = snapshot.last_seq()
            if last_seq != self._looked_at:
                self._namespaces = snapshot.large_namespaces(self._from_memories)
                self._looked_at = last_seq
            ledger_id = snapshot.ledger_id()
        if self._lost:
            self._lost = False
            raise GenerationLost("a query failed")
        if self._store is not None:
            self._store.check()
            if whole is None or whole.generation != self._generation:
                self._abandon(lost=False)
        if whole is not None and whole.generation == FORGOTTEN:
            if not self._own():
                return
            forget_everything(self._address, ledger_id)
            with self._ledger.transaction() as transaction:
                for name in transaction.index_names():
                    # All embedders share an embedded folder.
                    if name == self.index_name or (
                        self._address.mode == "embedded" and name.startswith(EMBEDDED_PREFIX)
                    ):
                        transaction.drop_index_states(name)
            whole = None
        if not self._namespaces:
            return
        owns = self._own()
        if self._store is None and (owns or self._address.mode != "embedded"):
            self._open(whole, ledger_id, owns=owns)
        if owns and self._store is not None:
            for namespace in self._namespaces:
                self._follow(self._store, namespace)

    def _own(self) -> bool:
        held = self._lease.held
        if not self._lease.acquire():
            return False
        if not held:
            log.info("chroma.owned", index=self.index_name)
        return True

    def _open(self, whole: IndexState | None, ledger_id: str, *, owns: bool) -> None:
        store = None
        generation = None if whole is None else whole.generation
        if generation is not None:
            try:
                store = open_generation(self._address, ledger_id=ledger_id, generation=generation, create=False)
            except Exception as error:
                if not is_lost(error, self._address.mode):
                    raise
                log.warning("chroma.unreadable", error=f"{type(error).__name__}: {error}")
        if store is None and owns:
            generation = new_generation()
            log.info("chroma.rebuilding", generation=generation)
            store = open_generation(self._address, ledger_id=ledger_id, generation=generation, create=True)
            with self._ledger.transaction() as transaction:
                transaction.drop_index_states(self.index_name)
                transaction.set_index_state(self.index_name, WHOLE_INDEX, IndexState(generation=generation, seq=0))
        if owns and store is not None and generation is not None:
            remove_other_generations(self._address, ledger_id, store, keep=generation)
        self._generation = generation if store is not None else None
        self._store = store

    def _follow(self, store: ChromaStore, namespace: int) -> None:
        """Bring one namespace up to the present.

        A process that was frozen, or cut off, may wake as a second feeder in the middle of this and write what is out of
        date by then. Whoever finds that somebody else has fed meanwhile goes back to the earlier of both places: what
        follows it is fed once more, by whoever has the lease then.
        """
        assert self._generation is not None
        while not self._stop.is_set():
            with self._ledger.snapshot() as snapshot:
                state = snapshot.index_state(self.index_name, namespace)
                after = 0 if state is None else state.seq
                if snapshot.namespace_seq(namespace) <= after:
                    return
                rows = snapshot.feed(self._embedder_id, namespace, after=after, limit=_FEED_CHUNK)
            if not self._lease.acquire():
                return
            put = [row for row in rows if row.recallable and row.vector is not None]
            gone = [row.key for row in rows if not row.recallable]
            if put:
                vectors = np.frombuffer(b"".join(row.vector or b"" for row in put), np.float32)
                store.put(namespace, [row.key for row in put], vectors.reshape(len(put), -1))
            if gone:
                store.remove(namespace, gone)
            with self._ledger.transaction() as transaction:
                now = transaction.index_state(self.index_name, namespace)
                now_after = 0 if now is None else now.seq
                seq = rows[-1].seq if now_after == after else min(now_after, after)
                followed = IndexState(generation=self._generation, seq=seq)
                # Whoever erased something meanwhile has had the index start anew; this generation must not come back.
                current = transaction.set_index_state(self.index_name, namespace, followed, instead_of=self._generation)
            if not current:
                store.forget(namespace)
                return

    def _abandon(self, *, lost: bool) -> None:
        """Close the present generation; a lost one is never opened again."""
        generation = self._generation
        store, self._store, self._generation = self._store, None, None
        if store is not None:
            try:
                store.close()
            except Exception as error:
                log.info("chroma.close_failed", error=str(error))
        if lost and self._lease.held:
            with log.instead_of_failing("chroma.state_not_reset"), self._ledger.transaction() as transaction:
                # Not dropped but forgotten: what is in it may have been erased and must go. Somebody else may have put
                # another in its place.
                whole = transaction.index_state(self.index_name, WHOLE_INDEX)
                if whole is not None and generation in (None, whole.generation):
                    transaction.drop_index_states(self.index_name)
                    transaction.set_index_state(self.index_name, WHOLE_INDEX, IndexState(generation=FORGOTTEN, seq=0))

    def _release(self) -> None:
        self._abandon(lost=False)
        self._lease.release()
