"""Nearest neighbours of all memories at once, in time that does not grow with the square of their number.

Up to `EXACT_ROWS` memories are compared with each other. More are cut into buckets around evenly spaced memories (an
inverted file, as in Jégou et al. 2011), several times with other centres, in the 64 directions in which a sample differs
most; what is near there is compared in full. So of many memories some true neighbours are missed: a link is a
suggestion, and with five neighbours about a fifth of them is. The result depends on the rows alone, never on chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnemic.domain.consolidation.corpus import Matrix

EXACT_ROWS = 4_096
_DIRECTIONS = 64
_BUCKET = 100
_LARGEST = 800
_TABLES = 3
_BLOCK = 2_048
_SPARE = 3  # so many more are compared in full, since the few directions may order them otherwise


def nearest(vectors: Matrix, k: int) -> tuple[NDArray[np.int64], Matrix]:
    """Row numbers and cosines of the ``k`` nearest other rows of each row, both of shape (n, k), best first.

    ``vectors``: unit rows, float32. Where fewer are found the number is -1 and the cosine -1. Rows of zeros have none.
    """
    import numpy as np

    count = len(vectors)
    ids = np.full((count, k), -1, np.int64)
    near = np.full((count, k), -1.0, np.float32)
    if count < 2:
        return ids, near
    coarse = _reduced(vectors)
    for rows, others in _groups(coarse):
        found = coarse[rows] @ coarse[others].T
        found[rows[:, None] == others[None, :]] = -2.0
        take = min(k + _SPARE, len(others) - 1) if len(others) > 1 else 0
        if take == 0:
            continue
        best = np.argpartition(found, len(others) - take, axis=1)[:, -take:]
        candidates = others[best]
        exact = np.einsum("ij,ikj->ik", vectors[rows], vectors[candidates])
        _merge(ids, near, rows, candidates, exact.astype(np.float32))
    ids[near <= 0] = -1
    return ids, near


def _reduced(vectors: Matrix) -> Matrix:
    import numpy as np

    count, dimensions = vectors.shape
    if count <= EXACT_ROWS or dimensions <= _DIRECTIONS:
        return vectors
    sample = vectors[:: max(1, count // EXACT_ROWS)].astype(np.float64)
    _, directions = np.linalg.eigh(sample.T @ sample)
    coarse: Matrix = (vectors @ directions[:, -_DIRECTIONS:].astype(np.float32)).astype(np.float32)
    return coarse


def _groups(coarse: Matrix) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows, and the rows that each of them is to be compared with."""
    import numpy as np

    count = len(coarse)
    if count <= EXACT_ROWS:
        everyone = np.arange(count)
        for at in range(0, count, _BLOCK):
            yield everyone[at : at + _BLOCK], everyone
        return
    centres = count // _BUCKET
    for table in range(_TABLES):
        step = count / centres
        chosen = ((np.arange(centres) + (table + 0.5) / _TABLES) * step).astype(np.int64) % count
        owner = np.concatenate(
            [np.argmax(coarse[at : at + _BLOCK] @ coarse[chosen].T, axis=1) for at in range(0, count, _BLOCK)]
        )
        order = np.argsort(owner, kind="stable")
        ends = np.cumsum(np.bincount(owner, minlength=centres))
        for bucket in np.split(order, ends[:-1]):
            for at in range(0, len(bucket), _LARGEST):
                part = bucket[at : at + _LARGEST]
                if len(part) > 1:
                    yield part, part


def _merge(
    ids: NDArray[np.int64], near: Matrix, rows: NDArray[np.int64], candidates: NDArray[np.int64], exact: Matrix
) -> None:
    """Keep the best k of what each row has and what was found, each neighbour once; ties go to the earlier row."""
    import numpy as np

    k = ids.shape[1]
    all_ids = np.concatenate([ids[rows], candidates], axis=1)
    all_near = np.concatenate([near[rows], exact], axis=1)
    known = (candidates[:, :, None] == ids[rows][:, None, :]).any(axis=2)
    all_near[:, k:][known] = -1.0
    keys = np.round(all_near * 1e5).astype(np.int64) * (len(ids) + 1) - all_ids
    order = np.argsort(-keys, axis=1, kind="stable")[:, :k]
    ids[rows] = np.take_along_axis(all_ids, order, axis=1)
    near[rows] = np.take_along_axis(all_near, order, axis=1)
