"""What a store says of arguments of the wrong type: an agent's tools pass on what a model wrote."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from mnemic.errors import InvalidInput
from mnemic_langgraph import MnemicStore
from tests.langgraph.graphs import open_here


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("search", {"query": 5}), ("search", {"query": ["tea"]}), ("search", {"filter": ["kind"]}),
        ("search", {"limit": "10"}), ("search", {"limit": 2.0}), ("search", {"limit": None}), ("search", {"offset": "0"}),
        ("list_namespaces", {"limit": "10"}), ("list_namespaces", {"max_depth": "2"}), ("list_namespaces", {"offset": None}),
        ("put", {"ttl": "5"}), ("put", {"ttl": math.nan}), ("put", {"index": 5}), ("put", {"index": "text"}),
        ("put", {"index": [5]}),
    ],
)  # fmt: skip
async def test_a_wrong_argument_is_named_and_changes_nothing(
    tmp_path: Path, method: str, given: dict[str, Any]
) -> None:
    async with open_here(tmp_path) as memory:
        store = MnemicStore(memory)
        store.put(("notes",), "one", {"text": "Ben likes tea."})
        before: dict[str, list[Any]] = {"search": [("notes",)], "put": [("notes",), "one", {"text": "Other."}]}
        (name,) = given
        with pytest.raises(InvalidInput, match=name):
            getattr(store, method)(*before.get(method, []), **given)
        found = store.get(("notes",), "one")
        assert found is not None and found.value == {"text": "Ben likes tea."}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"index": {"fields": "text"}}, "fields of index is str"),
        ({"index": ["text"]}, "index is"),
        ({"ttl": {"defalt_ttl": 5}}, "defalt_ttl"),
        ({"ttl": 60}, "ttl is 60"),
        ({"ttl": {"sweep_interval_minutes": "often"}}, "often"),
        ({"root": 5}, "namespace is int"),
    ],
)
async def test_a_configuration_that_would_be_passed_by_is_refused(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    async with open_here(tmp_path) as memory:
        with pytest.raises(InvalidInput, match=said):
            MnemicStore(memory, **given)


async def test_a_limit_beyond_all_that_can_be_counted_is_all_there_is(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        store = MnemicStore(memory)
        store.put(("notes",), "one", {"text": "Ben likes tea."})
        for query in (None, "tea"):
            for limit, offset, found in ((2**70, 0, 1), (10, 2**70, 0), (2**63 - 1, 2**63 - 1, 0)):
                assert len(store.search(("notes",), query=query, limit=limit, offset=offset)) == found
        assert store.list_namespaces(limit=2**70) == [("notes",)]
