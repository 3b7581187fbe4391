"""The same operations against `InMemoryStore` give the same answers."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, Op, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

import mnemic
from mnemic.testing import WordEmbedder
from mnemic_langgraph import MnemicStore

NAMESPACES = [("a",), ("a", "b"), ("a", "b", "c"), ("b", "a"), ("b/c", "*"), ("ab",)]
KEYS = ["k", "other", "", "x/y"]
WORDS = st.sampled_from(["kettle", "green tea", "the train leaves", "", "7", "東京"])
LEAVES = st.one_of(WORDS, st.integers(-3, 3), st.booleans(), st.none(), st.sampled_from([0.5, 2.0]))
VALUES = st.dictionaries(
    st.sampled_from(["text", "n", "meta", "tags"]),
    st.one_of(
        LEAVES, st.lists(LEAVES, max_size=2), st.dictionaries(st.sampled_from(["n", "text"]), LEAVES, max_size=2)
    ),
    max_size=3,
)
# What is no number makes the other store raise where a number is asked for.
EXACT = st.one_of(LEAVES, st.builds(lambda op, one: {op: one}, st.sampled_from(["$eq", "$ne"]), LEAVES))
FILTERS = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["text", "n", "missing"]),
        st.one_of(
            EXACT, st.lists(EXACT, max_size=2), st.dictionaries(st.sampled_from(["n", "text"]), EXACT, max_size=1)
        ),
        max_size=2,
    ),
)
PREFIXES = st.sampled_from([(), ("a",), ("a", "b"), ("b",), ("b/c",), ("zz",)])
LIMITS, OFFSETS = st.integers(0, 6), st.integers(0, 4)
PATTERNS = st.builds(
    MatchCondition,
    st.sampled_from(["prefix", "suffix"]),
    st.sampled_from([("a",), ("*", "b"), ("b",), ("*",), ("a", "b", "c"), ("a", "*", "c", "d")]),
)
OPERATIONS: st.SearchStrategy[Op] = st.one_of(
    st.builds(
        PutOp, st.sampled_from(NAMESPACES), st.sampled_from(KEYS), st.one_of(VALUES, VALUES, st.none()),
        st.sampled_from([None, False, ["text"], ["tags[*]", "meta.text"]]), st.none(),
    ),
    st.builds(GetOp, st.sampled_from(NAMESPACES), st.sampled_from(KEYS)),
    st.builds(SearchOp, PREFIXES, FILTERS, LIMITS, OFFSETS, st.none(), st.booleans()),
    st.builds(
        ListNamespacesOp, st.one_of(st.none(), st.lists(PATTERNS, max_size=2).map(tuple)),
        st.one_of(st.none(), st.integers(0, 3)), LIMITS, OFFSETS,
    ),
)  # fmt: skip
BATCHES = st.lists(st.lists(OPERATIONS, min_size=1, max_size=5), max_size=12)
# A namespace of the other store stays in its place, and listed, once it was touched: here each holds an item throughout.
KEPT: list[Op] = [PutOp(namespace, "kept", {"text": "kept", "n": 1}) for namespace in NAMESPACES]


class _Words(Embeddings):
    """The engine's own test embedder for the other store."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return WordEmbedder().embed(texts).tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def plain(answers: Sequence[Any]) -> list[Any]:
    """Answers without their times, which no two stores share."""

    def one(answer: Any) -> Any:
        if isinstance(answer, list):
            return [one(part) for part in answer]
        if answer is None or isinstance(answer, tuple):
            return answer
        return (answer.namespace, answer.key, answer.value, type(answer).__name__)

    return [one(answer) for answer in answers]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BATCHES, st.booleans())
def test_any_operations_give_the_same_answers_as_in_memory(batches: list[list[Op]], awaited: bool) -> None:
    async def compare(folder: Path) -> None:
        theirs = InMemoryStore()
        async with mnemic.open_memory(folder, chroma="off", durable=False, embedder=WordEmbedder()) as memory:
            ours = MnemicStore(memory)
            for batch in [KEPT, *batches]:
                expected = theirs.batch(batch)
                found = await ours.abatch(batch) if awaited else ours.batch(batch)
                assert plain(found) == plain(expected)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(folder)))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(KEYS), VALUES, st.sampled_from([None, False])), max_size=12
    ),
    PREFIXES,
    FILTERS,
    st.sampled_from(["kettle", "green tea", "zzz"]),
)  # fmt: skip
def test_a_query_finds_the_same_items_and_scores_no_other_ones(
    puts: list[tuple[tuple[str, ...], str, dict[str, Any], Any]], prefix: tuple[str, ...], filter: Any, query: str
) -> None:
    async def compare(folder: Path) -> None:
        theirs = InMemoryStore(index={"dims": 64, "embed": _Words()})
        async with mnemic.open_memory(folder, chroma="off", durable=False, embedder=WordEmbedder()) as memory:
            ours = MnemicStore(memory)
            for namespace, key, value, index in puts:
                if value == {} or index is False:
                    # An item of the other store keeps the vector of an older value; ours does not.
                    theirs.delete(namespace, key)
                    ours.delete(namespace, key)
                theirs.put(namespace, key, value, index)
                ours.put(namespace, key, value, index)
            expected = theirs.search(prefix, query=query, filter=filter, limit=100)
            found = ours.search(prefix, query=query, filter=filter, limit=100)
            assert sorted(map(repr, plain([found])[0])) == sorted(map(repr, plain([expected])[0]))
            unscored = {(item.namespace, item.key) for item in expected if item.score is None}
            assert unscored <= {(item.namespace, item.key) for item in found if item.score is None}

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(folder)))


async def test_two_identical_texts_in_one_batch_work_where_the_other_store_raises(tmp_path: Path) -> None:
    ops: list[Op] = [PutOp(("a",), key, {"text": "the same"}) for key in ("x", "y")]
    with pytest.raises(ValueError, match="does not match number of indices"):
        InMemoryStore(index={"dims": 64, "embed": _Words()}).batch(ops)
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        store = MnemicStore(memory)
        store.batch(ops)
        assert [item.key for item in store.search(("a",), query="the same")] == ["x", "y"]


async def test_numbers_compare_as_in_memory_where_there_is_one(tmp_path: Path) -> None:
    values: list[Any] = [-1, 0, 1, 1.5, True, "2", "-0.5"]
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        ours, theirs = MnemicStore(memory), InMemoryStore()
        for at, value in enumerate(values):
            for store in (ours, theirs):
                store.put(("n",), str(at), {"n": value})
        for operator in ("$gt", "$gte", "$lt", "$lte", "$eq", "$ne"):
            for bound in (0, 1, 1.0, True, "1", "1.5"):
                wanted = {"n": {operator: bound}}
                found = [item.key for item in ours.search(("n",), filter=wanted)]
                assert found == [item.key for item in theirs.search(("n",), filter=wanted)]
