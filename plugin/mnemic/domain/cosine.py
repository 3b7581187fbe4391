"""Cosines that are the same wherever in a matrix a row happens to lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def exact_cosines(matrix: NDArray[np.float32] | NDArray[np.float64], query: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cosine of each row of ``matrix`` with ``query``, all of unit length.

    In double precision: in single, one in 50,000 is rounded to another sixth decimal in another place of the matrix.
    """
    found: NDArray[np.float64] = matrix.astype(np.float64, copy=False) @ query.astype(np.float64)
    return found
