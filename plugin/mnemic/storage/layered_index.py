"""Chroma for the bulk, an exact scan for what Chroma has not seen yet, and an exact scan for everything without Chroma."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.memory import RowKey
from mnemic.logs import get_logger
from mnemic.protocols import Finding, IndexState, LedgerSnapshot, Vectors
from mnemic.storage.chroma_follower import ChromaFollower
from mnemic.storage.chroma_store import ChromaStore
from mnemic.storage.exact_index import ExactIndex, best, rounded

# A longer tail than this is scanned as slowly as everything: leave Chroma aside until it has caught up.
_MAX_TAIL = 20_000

log = get_logger(__name__)


class LayeredIndex:
    """Implements `mnemic.protocols.VectorIndex`.

    Chroma answers when this process has it open and it has nearly caught up with the snapshot. Its answers are only
    candidates: similarities are computed from the ledger's vectors, so both layers give the same numbers.
    """

    def __init__(self, embedder_id: str, dimensions: int, follower: ChromaFollower | None) -> None:
        self._embedder_id = embedder_id
        self._dimensions = dimensions
        self._follower = follower
        self._exact = ExactIndex(embedder_id, dimensions)
        self._tail: tuple[IndexState, ExactIndex] | None = None
        self._lock = threading.Lock()
        self._last_served_by = "exact"

    def search(
        self,
        snapshot: LedgerSnapshot,
        query: Vectors,
        namespace_key: int,
        *,
        limit: int,
        among: NDArray[np.int64] | None,
    ) -> list[tuple[RowKey, float]]:
        if among is None and (live := self._live_chroma(snapshot)) is not None:
            try:
                found = self._search_chroma(*live, snapshot, query, namespace_key, limit)
            except Exception as error:  # whatever Chroma raises: the exact layer has everything
                log.warning("chroma.query_failed", error=f"{type(error).__name__}: {error}")
            else:
                self._last_served_by = "chroma"
                return found
        self._last_served_by = "exact"
        return self._exact.search(snapshot, query, namespace_key, limit=limit, among=among)

    def similarities(
        self, snapshot: LedgerSnapshot, query: Vectors, namespace_key: int, keys: Sequence[RowKey]
    ) -> dict[RowKey, float]:
        if self._last_served_by == "exact":
            return self._exact.similarities(snapshot, query, namespace_key, keys)
        return self._stored_similarities(snapshot, query, keys)

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = {"served_by": self._last_served_by, "exact": self._exact.describe()}
        if self._follower is not None:
            described["chroma"] = {
                "index": self._follower.index_name,
                "owner": self._follower.is_owner,
                "generation": self._follower.generation,
            }
        return described

    def diagnose(self, snapshot: LedgerSnapshot) -> list[Finding]:
        findings = self._exact.diagnose(snapshot)
        if self._follower is None:
            return findings
        store = self._follower.store
        state = snapshot.index_state(self._follower.index_name)
        if state is None:
            return [*findings, Finding(check="index", ok=True, detail="Chroma: not in use at this size")]
        if store is None or state.generation != self._follower.generation:
            return [*findings, Finding(check="index", ok=True, detail="Chroma: another process owns it")]
        if state.seq < snapshot.last_seq():
            behind = snapshot.last_seq() - state.seq
            return [*findings, Finding(check="index", ok=True, detail=f"Chroma: {behind} changes behind, catching up")]
        expected = self._exact.counts()
        drifted = {key: (store.count(key), count) for key, count in expected.items() if store.count(key) != count}
        detail = "; ".join(f"namespace {key}: {found} of {count} vectors" for key, (found, count) in drifted.items())
        ok = not drifted
        return [
            *findings,
            Finding(check="index", ok=ok, detail=f"Chroma: {detail or 'agrees with the ledger'}", repairable=not ok),
        ]

    def close(self) -> None:
        self._exact.close()

    def _search_chroma(
        self, store: ChromaStore, state: IndexState, snapshot: LedgerSnapshot, query: Vectors, namespace_key: int,
        limit: int,
    ) -> list[tuple[RowKey, float]]:  # fmt: skip
        tail = self._tail_after(state)
        fresh = dict(tail.search(snapshot, query, namespace_key, limit=limit, among=None))
        bulk = store.nearest(namespace_key, query, limit=limit)
        known = tail.states(bulk, namespace_key)
        keys = [key for key in bulk if key not in fresh and known.get(key, True)]
        merged = fresh | self._stored_similarities(snapshot, query, keys)
        ordered = np.fromiter(merged, np.int64, len(merged))
        return best(ordered, np.fromiter(merged.values(), np.float32, len(merged)), limit)

    def _live_chroma(self, snapshot: LedgerSnapshot) -> tuple[ChromaStore, IndexState] | None:
        """Chroma, if this process has the current generation open and it has nearly caught up."""
        if self._follower is None:
            return None
        store = self._follower.store
        if store is None:
            return None
        state = snapshot.index_state(self._follower.index_name)
        if state is None or state.generation != self._follower.generation:
            return None
        behind = snapshot.last_seq() - state.seq
        if behind:
            self._follower.nudge()
        return (store, state) if behind <= _MAX_TAIL else None

    def _stored_similarities(
        self, snapshot: LedgerSnapshot, query: Vectors, keys: Sequence[RowKey]
    ) -> dict[RowKey, float]:
        stored = snapshot.vectors(self._embedder_id, keys)
        matrix = np.frombuffer(b"".join(stored.values()), np.float32).reshape(len(stored), self._dimensions)
        return rounded(stored, matrix, query)

    def _tail_after(self, state: IndexState) -> ExactIndex:
        """The index over what came after ``state``. It is replaced when Chroma has moved far enough."""
        with self._lock:
            if self._tail is not None:
                followed, tail = self._tail
                if followed.generation == state.generation and followed.seq <= state.seq <= followed.seq + _MAX_TAIL:
                    return tail
            tail = ExactIndex(self._embedder_id, self._dimensions, start=state.seq)
            self._tail = (state, tail)
            return tail
