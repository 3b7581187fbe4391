"""Chroma for the bulk, an exact scan for what Chroma has not seen yet, and an exact scan for everything without Chroma."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.memory import RowKey
from mnemic.logs import get_logger
from mnemic.protocols import WHOLE_INDEX, HealthCheck, IndexState, LedgerSnapshot, Vectors
from mnemic.storage.chroma_follower import ChromaFollower
from mnemic.storage.chroma_store import ChromaStore
from mnemic.storage.exact_index import ExactIndex, best, rounded

# A longer tail than this is scanned as slowly as everything: leave Chroma aside until it has caught up.
_MAX_TAIL = 20_000
# Chroma is asked for so many more hits as may have to be left out; past this, an exact scan is as fast.
_MAX_HIDDEN = 1_000
# The more Chroma is asked for, the further it looks, half a millisecond for a hundred more. Of the 100 that an exact scan of
# 12,000 turns finds it finds 98.7 when asked for as many, 99.3 for twice and 99.6 for four times as many; among 5,000 texts
# of random words 91, 96 and 98.
_ASKED_TIMES = 3
# Of so many namespaces it is known what answered last.
_MOST_SERVED = 4_096
# A tail takes up to 40 MB; one that was let go is read from the ledger again.
_MOST_TAILS = 16
# Chroma's distances and ours may differ in the last digit.
_TIES = 20

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
        self._tails: dict[int, tuple[IndexState, ExactIndex]] = {}
        self._lock = threading.Lock()
        self._served_by: dict[int, str] = {}
        self._suspected_at = 0.0

    def search(
        self,
        snapshot: LedgerSnapshot,
        query: Vectors,
        namespace_key: int,
        *,
        limit: int,
        among: NDArray[np.int64] | None,
    ) -> list[tuple[RowKey, float]]:
        live = self._live_chroma(snapshot, namespace_key) if among is None else None
        if live is not None:
            try:
                found = self._search_chroma(*live, snapshot, query, namespace_key, limit)
            except Exception as error:  # whatever Chroma raises: the exact layer has everything
                log.warning("chroma.query_failed", error=f"{type(error).__name__}: {error}")
                self._suspect(error)
            else:
                if found is not None:
                    self._note_served(namespace_key, "chroma")
                    return found
        self._note_served(namespace_key, "exact")
        return self._exact.search(snapshot, query, namespace_key, limit=limit, among=among)

    def vectors(
        self, snapshot: LedgerSnapshot, namespace_key: int, keys: Sequence[RowKey]
    ) -> tuple[list[RowKey], Vectors]:
        if self._served_by.get(namespace_key) != "chroma":
            return self._exact.vectors(snapshot, namespace_key, keys)
        return self._stored(snapshot, keys)

    def describe(self) -> dict[str, Any]:
        with self._lock:
            served = sorted(set(self._served_by.values())) or ["exact"]
        described: dict[str, Any] = {"served_by": "+".join(served), "exact": self._exact.describe()}
        if self._follower is not None:
            described["chroma"] = {
                "index": self._follower.index_name,
                "owner": self._follower.is_owner,
                "generation": self._follower.generation,
            }
        return described

    def diagnose(self, snapshot: LedgerSnapshot) -> list[HealthCheck]:
        findings = self._exact.diagnose(snapshot)
        if self._follower is None:
            return findings
        whole = snapshot.index_state(self._follower.index_name, WHOLE_INDEX)
        if whole is None:
            return [*findings, HealthCheck(check="index", ok=True, detail="Chroma: not in use at this size")]
        store = self._follower.store
        if store is None or whole.generation != self._follower.generation:
            return [*findings, HealthCheck(check="index", ok=True, detail="Chroma: not open in this process")]
        try:
            return [*findings, self._compare(store, snapshot)]
        except Exception as error:
            detail = f"Chroma: out of reach ({type(error).__name__}: {error}); exact scans answer"
            return [*findings, HealthCheck(check="index", ok=False, detail=detail, repairable=True)]

    def close(self) -> None:
        self._exact.close()

    def _compare(self, store: ChromaStore, snapshot: LedgerSnapshot) -> HealthCheck:
        """Whether Chroma holds as many vectors as the ledger, in every namespace that it has caught up with."""
        assert self._follower is not None
        drifted = []
        compared = 0
        for namespace in snapshot.large_namespaces(0):
            state = snapshot.index_state(self._follower.index_name, namespace)
            if state is None or state.seq < snapshot.namespace_seq(namespace):
                continue
            compared += 1
            found, expected = store.count(namespace), self._exact.recallable(snapshot, namespace)
            # What was superseded from a later moment on stays in Chroma when that moment has come; recall leaves it out.
            if not expected <= found <= expected + snapshot.announced(namespace):
                drifted.append(f"namespace {namespace}: {found} of {expected} vectors")
        detail = "; ".join(drifted) or f"agrees with the ledger in {compared} namespaces"
        return HealthCheck(check="index", ok=not drifted, detail=f"Chroma: {detail}", repairable=bool(drifted))

    def _live_chroma(self, snapshot: LedgerSnapshot, namespace_key: int) -> tuple[ChromaStore, IndexState] | None:
        """Chroma, if this process has the current generation open and it has nearly caught up with the namespace."""
        if self._follower is None:
            return None
        store = self._follower.store
        if store is None or self._suspected_at > self._follower.succeeded_at:
            return None
        state = snapshot.index_state(self._follower.index_name, namespace_key)
        if state is None or state.generation != self._follower.generation:
            return None
        behind = snapshot.namespace_seq(namespace_key) - state.seq
        if behind > 0:
            self._follower.nudge()
        return (store, state) if behind <= _MAX_TAIL else None

    def _suspect(self, error: Exception) -> None:
        """Leave Chroma alone until the follower has reached it again: one that stalls must not stall every recall."""
        self._suspected_at = time.monotonic()
        if self._follower is not None:
            self._follower.report(error)

    def _search_chroma(
        self, store: ChromaStore, state: IndexState, snapshot: LedgerSnapshot, query: Vectors, namespace_key: int,
        limit: int,
    ) -> list[tuple[RowKey, float]] | None:  # fmt: skip
        """The nearest in Chroma and in the tail; None when so much has changed that Chroma's answer may be incomplete."""
        tail = self._tail_after(state, namespace_key)
        fresh = dict(tail.search(snapshot, query, namespace_key, limit=limit, among=None))
        hidden = tail.hidden(namespace_key)
        if hidden > _MAX_HIDDEN:
            return None
        bulk = store.nearest(namespace_key, query, limit=_ASKED_TIMES * limit + hidden)[: limit + hidden + _TIES]
        known = tail.states(bulk, namespace_key)
        keys = [key for key in bulk if key not in fresh and known.get(key, True)]
        merged = fresh | rounded(*self._stored(snapshot, keys), query)
        ordered = np.fromiter(merged, np.int64, len(merged))
        return best(ordered, np.fromiter(merged.values(), np.float64, len(merged)), limit)

    def _stored(self, snapshot: LedgerSnapshot, keys: Sequence[RowKey]) -> tuple[list[RowKey], Vectors]:
        stored = snapshot.vectors(self._embedder_id, keys)
        matrix = np.frombuffer(b"".join(stored.values()), np.float32).reshape(len(stored), self._dimensions)
        return list(stored), matrix

    def _note_served(self, namespace_key: int, by: str) -> None:
        with self._lock:
            self._served_by.pop(namespace_key, None)
            self._served_by[namespace_key] = by
            if len(self._served_by) > _MOST_SERVED:
                del self._served_by[next(iter(self._served_by))]

    def _tail_after(self, state: IndexState, namespace_key: int) -> ExactIndex:
        """The index over what came after ``state``. It is replaced when Chroma has moved far enough."""
        with self._lock:
            followed, tail = self._tails.pop(namespace_key, (state, None))
            kept = followed.generation == state.generation and followed.seq <= state.seq <= followed.seq + _MAX_TAIL
            if tail is None or not kept:
                followed, tail = state, ExactIndex(
                    self._embedder_id, self._dimensions, starts={namespace_key: state.seq}
                )  # fmt: skip
            # Those that were not asked for the longest time come first.
            self._tails[namespace_key] = (followed, tail)
            if len(self._tails) > _MOST_TAILS:
                del self._tails[next(iter(self._tails))]
            return tail
