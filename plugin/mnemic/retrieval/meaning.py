"""How near memories come to a question in meaning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.cosine import exact_cosines
from mnemic.protocols import Vectors

_DECIMALS = 6
# With fewer candidates than this their mean is more about themselves than about all that is here.
_MANY = 20

Rows = Vectors | NDArray[np.float64]
"""Vectors of unit length, a row each; who compares them twice widens them once."""


def cosines(matrix: Rows, query: Vectors) -> NDArray[np.float64]:
    """The cosine of each row with ``query``, all of unit length; rounded, so that no order depends on the last bit."""
    return exact_cosines(matrix, query).round(_DECIMALS)


def apart(matrix: Rows, query: Vectors) -> NDArray[np.float64]:
    """The cosines, -1..1, after taking away what the rows have in common.

    Texts of one store resemble one another before they resemble a question. Without their mean, what is left tells them
    apart (Mu and Viswanath 2018, who take it over a vocabulary). On LongMemEval with the assistant's turns R@10 71.3 to
    75.8 (15 cases), on LoCoMo R@5 70.8 to 71.2.
    """
    rows = matrix.astype(np.float64, copy=False)
    common = rows.sum(axis=0) / (len(rows) + _MANY)
    asked = query - common
    # Multiplied out, so that no second matrix is made.
    with_common, with_asked = (rows @ np.stack([common, asked], axis=1)).T
    squares = np.einsum("ij,ij->i", rows, rows) - 2 * with_common + common @ common
    lengths = np.sqrt(np.maximum(squares, 0.0)) * np.sqrt(asked @ asked)
    found: NDArray[np.float64] = np.divide(
        with_asked - common @ asked, lengths, out=np.zeros(len(rows)), where=lengths > 0
    )
    return found.round(_DECIMALS)
