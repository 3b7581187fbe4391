"""Numbers by memory key."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mnemic.retrieval.key_table import KeyTable

_KEYS = st.one_of(st.integers(0, 300), st.integers(0, 200_000))
_STEPS = st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.lists(_KEYS, max_size=40)), max_size=12)


@given(_STEPS, st.lists(_KEYS, max_size=60))
def test_it_finds_what_a_dictionary_would(steps: list[tuple[str, list[int]]], asked: list[int]) -> None:
    table, model = KeyTable(), dict[int, int]()
    number = 0
    for what, keys in steps:
        if what == "put":
            table.put(np.array(keys, np.int64), np.arange(number, number + len(keys)))
            model |= dict(zip(keys, range(number, number + len(keys)), strict=True))
            number += len(keys)
        else:
            for key in keys:
                table.remove(key)
                model.pop(key, None)
    everything = [*asked, *model]
    assert table.find(np.array(everything, np.int64)).tolist() == [model.get(key, -1) for key in everything]
    assert [table.get(key) for key in everything] == [model.get(key) for key in everything]


def test_a_key_far_above_all_others_is_unknown_and_costs_nothing_to_ask_for() -> None:
    table = KeyTable()
    table.put(np.array([5]), np.array([1]))
    assert table.find(np.array([5, 10**15])).tolist() == [1, -1]
    assert table.get(10**15) is None
