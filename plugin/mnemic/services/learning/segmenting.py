"""Where one episode ends and the next begins, in conversations that nobody cut."""

from __future__ import annotations

import numpy as np

from mnemic.domain.consolidation.segmentation import Episode, segment
from mnemic.domain.memory import Kind, MemoryRecord, Namespace, RowKey
from mnemic.domain.recall import MemoryFilter
from mnemic.domain.validation import check_count, check_label
from mnemic.services.backends import Backends

MAX_TURNS = 20_000
_PAGE = 1_000


def segments(
    backends: Backends, *, namespace: Namespace, session: str | None = None, limit: int = 2_000
) -> tuple[Episode, ...]:
    """The latest ``limit`` episodic memories (of one session, if given), cut into episodes, in the order of time.

    Cut where the topic drifts, where the words surprise, where somebody greets and where time has passed (HiMem, EM-LLM).
    Nothing is stored. Raises `InvalidInput`, `StoreUnavailable`.
    """
    check_count(limit, name="limit", low=1, high=MAX_TURNS)
    filter = MemoryFilter(namespace=namespace, kinds=(Kind.EPISODIC,), session=check_label(session, name="session"))
    found: list[tuple[RowKey, MemoryRecord]] = []
    with backends.ledger.snapshot() as snapshot:
        before: RowKey | None = None
        while len(found) < limit:
            page = snapshot.select(filter, limit=min(_PAGE, limit - len(found)), before=before)
            found += page
            if not page:
                break
            before = page[-1][0]
        found.sort(key=lambda entry: (entry[1].occurred_at or entry[1].recorded_at, entry[0]))
        blobs = snapshot.vectors(backends.embedder.id, [key for key, _ in found])
    if not found:
        return ()
    matrix = np.zeros((len(found), backends.embedder.dimensions), dtype=np.float32)
    for row, (key, _) in enumerate(found):
        if key in blobs:
            matrix[row] = np.frombuffer(blobs[key], dtype=np.float32)
    turns = [record for _, record in found]
    return segment(turns, matrix)
