"""Whether words that stand together in a question stand together in a memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnemic.retrieval.bags import Gathered
from mnemic.retrieval.bm25 import by_stem

# "support group" and "group of support" are meant, "a group met to support him" is not.
_REACH = 2


def together(words: Gathered, telling: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each memory the share, 0..1, of what the question's words tell whose neighbour in the question is at their side.

    ``telling`` are the weights of the words asked, in the question's order. A pair counts once, in either order and with at
    most one word between, and as much as its less telling word: the unordered part of sequential dependence (Metzler and
    Croft, 2005), cut to pairs.
    """
    count = len(words.lengths)
    order = list(dict.fromkeys(words.hits.of_word))
    if len(order) < 2 or not telling.any():
        return np.zeros(count)
    weight = by_stem(words, telling)[order]
    place_in_question = np.argsort(order)
    hits, owner, places = words.hits.places, words.hits.owner, place_in_question[words.hits.term]
    met = np.zeros((count, len(order) - 1), np.bool_)
    for step in range(1, _REACH + 1):
        beside = (hits[step:] - hits[:-step] <= _REACH) & (owner[:-step] == owner[step:])
        beside &= np.abs(places[:-step] - places[step:]) == 1
        met[owner[:-step][beside], np.minimum(places[:-step], places[step:])[beside]] = True
    share: NDArray[np.float64] = met @ (np.minimum(weight[:-1], weight[1:]) / weight.sum())
    return share
