"""Memories joined by the rare words that they share, as HippoRAG joins passages by the entities that they name."""

from __future__ import annotations

import numpy as np

from mnemic.retrieval.bags import Gathered
from mnemic.retrieval.pagerank import Weights

# A word that more candidates share is no name of one thing. On LoCoMo dev 3, 5, 8 and 12 differ by no more than 0.4 R@10.
MOST_SHARING = 5


def joined_by_words(words: Gathered, count: int) -> Weights:
    """How strongly each two of ``count`` memories are joined by content words, compared by stem, that few of them hold.

    A walk goes from a memory to one of its rare words and from there to one of the memories that hold it. That there are
    no walks over the words themselves is left to the matrix: its weights are the chances of both steps together.
    """
    places, owner = words.own_among(np.flatnonzero(words.content[words.tokens]))
    held = np.unique(np.stack([owner, words.stems[words.tokens[places]]], axis=1), axis=0)
    _, word, sharing = np.unique(held[:, 1], return_inverse=True, return_counts=True)
    rare = (sharing > 1) & (sharing <= MOST_SHARING)
    kept = rare[word]
    holds = np.zeros((count, int(rare.sum())))
    holds[held[kept, 0], (np.cumsum(rare) - 1)[word[kept]]] = 1.0
    weights: Weights = (holds / sharing[rare]) @ holds.T
    np.fill_diagonal(weights, 0.0)
    return weights
