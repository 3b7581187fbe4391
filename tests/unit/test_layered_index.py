"""What a process holds besides Chroma."""

from __future__ import annotations

from mnemic.protocols import IndexState
from mnemic.storage.layered_index import LayeredIndex


def test_the_tails_of_many_namespaces_are_not_all_held_and_those_in_use_stay() -> None:
    index = LayeredIndex("static", 4, None)
    state = IndexState(generation="g", seq=7)
    often = index._tail_after(state, 1)
    for namespace in range(2, 200):
        index._tail_after(state, namespace)
        assert index._tail_after(state, 1) is often
    assert len(index._tails) < 20


def test_a_tail_is_followed_from_anew_when_its_index_was_made_anew() -> None:
    index = LayeredIndex("static", 4, None)
    old = index._tail_after(IndexState(generation="g", seq=7), 1)
    assert index._tail_after(IndexState(generation="g", seq=9), 1) is old
    assert index._tail_after(IndexState(generation="h", seq=9), 1) is not old
