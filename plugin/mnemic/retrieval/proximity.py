"""Whether words that stand together in a question stand together in a memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnemic.retrieval.bags import Gathered

# "support group" and "group of support" are meant, "a group met to support him" is not.
_REACH = 2


def together(words: Gathered, telling: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each memory the share, 0..1, of what the question's words tell whose neighbour in the question is at their side.

    ``telling`` are the weights of the words asked, in the question's order. A pair counts once, in either order and with at
    most one word between, and as much as its less telling word: the unordered part of sequential dependence (Metzler and
    Croft, 2005), cut to pairs.
    """
    count = len(words.lengths)
    order = list(dict.fromkeys(words.stems[words.asked].tolist()))
    if len(order) < 2 or not telling.any():
        return np.zeros(count)
    place_of_stem = np.full(len(words.stems) + 1, -1, np.int64)
    place_of_stem[order] = np.arange(len(order))
    asked = place_of_stem[words.stems[words.asked]]
    weight = np.zeros(len(order))
    np.maximum.at(weight, asked, telling)
    places = place_of_stem.take(words.stems.take(words.tokens))
    hits = np.flatnonzero(places >= 0)
    met = np.zeros((count, len(order) - 1), np.bool_)
    for step in range(1, _REACH + 1):
        first, second = hits[:-step], hits[step:]
        beside = (second - first <= _REACH) & (words.owner[first] == words.owner[second])
        first, second = first[beside], second[beside]
        beside = np.abs(places[first] - places[second]) == 1
        met[words.owner[first[beside]], np.minimum(places[first[beside]], places[second[beside]])] = True
    share: NDArray[np.float64] = met @ (np.minimum(weight[:-1], weight[1:]) / weight.sum())
    return share
