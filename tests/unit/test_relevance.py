"""What of a ranking is shown where the question does not say how little is enough."""

from __future__ import annotations

import numpy as np
import pytest

from mnemic.domain.memory import RowKey
from mnemic.domain.recall import PARTS
from mnemic.retrieval.fusion import Candidate
from mnemic.services.recalling.relevance import BESIDE_SCORE, UNKNOWN_EMBEDDER, is_relevant, worth_showing
from mnemic.storage.static_embedder import StaticEmbedder

STATIC = StaticEmbedder.id
LESSER = BESIDE_SCORE + 0.01


def candidate(key: int, score: float, similarity: float | None = 0.0) -> Candidate:
    return Candidate(key=RowKey(key), lexical=None, similarity=similarity, score=score, parts=np.zeros(len(PARTS)))


def keys(found: list[Candidate]) -> list[int]:
    return [entry.key for entry in found]


def test_lesser_hits_are_shown_beside_what_is_relevant_and_not_alone() -> None:
    lesser = [candidate(2, LESSER), candidate(3, BESIDE_SCORE - 0.01)]
    assert keys(worth_showing([candidate(1, 0.5), *lesser], STATIC, set())) == [1, 2]
    assert worth_showing(lesser, STATIC, set()) == []


def test_what_holds_all_telling_words_is_shown_whatever_else_is() -> None:
    lesser = [candidate(1, LESSER), candidate(2, 0.01)]
    assert keys(worth_showing(lesser, STATIC, {RowKey(2)})) == [2]
    assert keys(worth_showing([candidate(3, 0.5), *lesser], STATIC, {RowKey(2)})) == [3, 1, 2]


def test_one_that_is_near_in_meaning_makes_a_ranking_relevant_wherever_it_stands() -> None:
    ranking = [candidate(1, 0.12, 0.1), candidate(2, 0.1, 0.3)]
    assert keys(worth_showing(ranking, STATIC, set())) == [1, 2]


def test_being_new_makes_nothing_relevant() -> None:
    newest = np.zeros(len(PARTS))
    newest[PARTS.index("recency")] = 0.1
    found = candidate(1, 0.2)._replace(parts=newest)
    assert is_relevant(candidate(1, 0.2), STATIC, among=50)
    assert not is_relevant(found, STATIC, among=50)


@pytest.mark.parametrize("embedder", [STATIC, "all-MiniLM-L6-v2-onnx"])
def test_words_alone_are_enough_where_they_say_enough(embedder: str) -> None:
    assert is_relevant(candidate(1, 0.2, -0.1), embedder, among=50)
    assert not is_relevant(candidate(1, 0.16, 0.1), embedder, among=50)


def test_what_is_near_enough_among_few_is_not_among_many() -> None:
    near = candidate(1, 0.1, 0.22)
    assert is_relevant(near, STATIC, among=4)
    assert not is_relevant(near, STATIC, among=400)


def test_cosines_of_an_embedder_that_nobody_measured_say_nothing() -> None:
    assert not is_relevant(candidate(1, UNKNOWN_EMBEDDER - 0.01, 0.9), "somebody's", among=50)
    assert is_relevant(candidate(1, UNKNOWN_EMBEDDER, 0.0), "somebody's", among=50)


def test_without_vectors_the_score_alone_counts() -> None:
    assert is_relevant(candidate(1, UNKNOWN_EMBEDDER, None), STATIC, among=50)
    assert not is_relevant(candidate(1, UNKNOWN_EMBEDDER - 0.01, None), STATIC, among=50)
