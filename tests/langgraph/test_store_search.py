"""Searching a `MnemicStore` by words: which fields are found, in which order, and what is a memory of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from langgraph.store.base import PutOp

from mnemic import Channel, NewMemory, Origin, Status
from mnemic.errors import InvalidInput
from mnemic_langgraph import MnemicStore
from tests.langgraph.stores import keys, open_store, set_clock

DOCS = ("docs",)
HERE = "default/docs"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MnemicStore]:
    async with open_store(tmp_path) as opened:
        yield opened


def test_the_best_answer_comes_first_with_falling_scores(store: MnemicStore) -> None:
    store.put(DOCS, "other", {"text": "the train leaves at noon"})
    store.put(DOCS, "part", {"text": "a kettle of steel"})
    store.put(DOCS, "best", {"text": "the green kettle"})
    found = store.search(DOCS, query="green kettle")
    assert keys(found)[:2] == ["best", "part"]
    scores = [item.score for item in found if item.score is not None]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert keys(store.search(DOCS, query="green kettle", limit=1, offset=1)) == ["part"]


def test_an_update_is_found_by_its_new_words_and_not_by_the_old(store: MnemicStore) -> None:
    store.put(DOCS, "a", {"text": "the green kettle"})
    store.put(DOCS, "b", {"text": "the train leaves"})
    store.put(DOCS, "a", {"text": "a bicycle with gears"})
    assert keys(store.search(DOCS, query="bicycle gears"))[0] == "a"
    scores = {item.key: item.score for item in store.search(DOCS, query="green kettle")}
    assert not scores["a"] or scores["a"] < 0.1


def test_items_that_are_not_indexed_come_last_without_a_score(store: MnemicStore) -> None:
    store.put(DOCS, "hidden", {"text": "the green kettle"}, index=False)
    store.put(DOCS, "far", {"text": "a train"})
    store.put(DOCS, "near", {"text": "the green kettle"})
    found = store.search(DOCS, query="green kettle")
    assert (found[0].key, found[-1].key, found[-1].score) == ("near", "hidden", None)
    assert keys(store.search(DOCS)) == ["hidden", "far", "near"]


async def test_the_stores_fields_and_those_of_a_put_say_what_is_found(tmp_path: Path) -> None:
    async with open_store(tmp_path, index={"fields": ["title", "parts[*].name"]}) as store:
        value = {"title": "kettle", "body": "bicycle", "parts": [{"name": "handle"}, {"name": "spout"}]}
        store.put(DOCS, "default", value)
        store.put(DOCS, "body", value, index=["body", "missing.path"])
        scored = {}
        for query in ("kettle", "spout", "bicycle"):
            found = store.search(DOCS, query=query)
            assert len(found) == 2
            scored[query] = {item.key for item in found if item.score is not None and item.score > 0.3}
        assert scored == {"kettle": {"default"}, "spout": {"default"}, "bicycle": {"body"}}
        memories = await store.memory.list(namespace=HERE)
        assert sorted(memory.text for memory in memories) == ["bicycle", "handle", "kettle", "spout"]


async def test_an_item_with_several_texts_is_found_once_by_the_best(store: MnemicStore) -> None:
    store.put(DOCS, "a", {"notes": ["green kettle", "kettle", "green kettle green kettle"]}, index=["notes[*]"])
    store.put(DOCS, "b", {"notes": ["kettle"]}, index=["notes[*]"])
    found = store.search(DOCS, query="green kettle")
    assert keys(found) == ["a", "b"]
    assert len(await store.memory.list(namespace=HERE)) == 4


async def test_a_put_is_a_memory_with_an_origin(tmp_path: Path) -> None:
    async with open_store(tmp_path, origin=Origin(channel=Channel.USER, actor="ana")) as store:
        store.put(("users", "1"), "drink", {"content": "Likes green tea."})
        (memory,) = (await store.memory.recall("green tea", namespace="default/users/1")).hits
        assert memory.memory.text == "Likes green tea."
        assert memory.memory.origin == Origin(channel=Channel.USER, actor="ana")
        assert memory.memory.kind == "semantic"


async def test_an_update_supersedes_and_a_delete_archives_the_memory(store: MnemicStore) -> None:
    store.put(DOCS, "a", {"text": "the green kettle"})
    store.put(DOCS, "a", {"text": "the black kettle"})
    store.put(DOCS, "a", {"text": "the black kettle"})
    (now,) = await store.memory.list(namespace=HERE)
    history = await store.memory.history(now.id)
    assert [(one.text, one.status) for one in history.versions] == [
        ("the green kettle", Status.SUPERSEDED), ("the black kettle", Status.ACTIVE),
    ]  # fmt: skip
    store.delete(DOCS, "a")
    assert await store.memory.list(namespace=HERE) == ()
    assert (await store.memory.get(now.id)).status is Status.ARCHIVED


async def test_another_writer_of_the_same_words_is_another_origin(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        users = MnemicStore(store.memory, origin=Origin(channel=Channel.USER))
        store.put(DOCS, "a", {"text": "the green kettle"})
        users.put(DOCS, "a", {"text": "the green kettle"})
        (memory,) = await store.memory.list(namespace=HERE)
        assert memory.origin.channel is Channel.USER


async def test_items_that_say_facts_displace_no_other_item(store: MnemicStore) -> None:
    store.put(DOCS, "then", {"text": "Ana lives in Porto."})
    store.put(DOCS, "now", {"text": "Ana lives in Lisbon."})
    await store.memory.remember("Ana lives in Madrid.", namespace=HERE)
    found = store.search(DOCS, query="Where does Ana live?")
    assert {item.key: item.score is not None for item in found} == {"then": True, "now": True}


async def test_stores_with_different_roots_see_nothing_of_each_other(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        inner = MnemicStore(store.memory, root="default/inner")
        store.put(("inner", "x"), "k", {"text": "kettle of the outer"})
        inner.put(("x",), "k", {"text": "kettle of the inner"})
        for query in (None, "kettle"):
            assert [item.value["text"] for item in store.search((), query=query)] == ["kettle of the outer"]
            assert [item.value["text"] for item in inner.search((), query=query)] == ["kettle of the inner"]
        assert store.list_namespaces() == [("inner", "x")]
        assert inner.list_namespaces() == [("x",)]
        assert inner.get(("inner", "x"), "k") is None
        with pytest.raises(InvalidInput, match="root"):
            MnemicStore(store.memory, root=tuple("abcdefgh")).search(())


async def test_other_memories_of_a_namespace_are_no_items(store: MnemicStore) -> None:
    for number in range(120):
        await store.memory.remember(f"the green kettle number {number} whistles", namespace=HERE)
    store.put(DOCS, "a", {"text": "a kettle"})
    assert keys(store.search(DOCS, query="green kettle whistles")) == keys(store.search(DOCS)) == ["a"]


def test_odd_questions_find_what_they_can(store: MnemicStore) -> None:
    store.put(DOCS, "a", {"text": "kettle"})
    for query in ("", "  \n", "kettle " * 5_000, "\ud800 kettle", "!?"):
        assert keys(store.search(DOCS, query=query)) == ["a"]


def test_a_text_longer_than_a_memory_is_found_in_all_its_parts(store: MnemicStore) -> None:
    text = "plain words. " * 9_000 + "the green kettle."
    store.put(DOCS, "long", {"text": text})
    item = store.get(DOCS, "long")
    assert item is not None and item.value == {"text": text}
    (found,) = store.search(DOCS, query="green kettle")
    assert found.score is not None and found.score > 0.3


def test_an_index_that_names_an_embedder_is_refused(store: MnemicStore) -> None:
    with pytest.raises(InvalidInput, match="embedder"):
        MnemicStore(store.memory, index={"fields": ["text"], "embed": "openai:x"})  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="not closed"):
        store.put(DOCS, "a", {"text": "x"}, index=["notes[*"])


async def test_maintenance_merges_no_items(store: MnemicStore) -> None:
    text = "The quarterly report for the harbour project is kept in the blue cabinet on the second floor."
    for number in range(2):
        store.put(DOCS, str(number), {"text": text})
        await store.memory.remember(text + " Really." * number, namespace="default/other")
    plans = {}
    for namespace in (HERE, "default/other"):
        plans[namespace] = await store.memory.learning.plan(["merge"], namespace=namespace)
        await store.memory.learning.apply(plans[namespace].id, namespace=namespace)
    assert plans[HERE].steps == () != plans["default/other"].steps
    assert all(item.score is not None for item in store.search(DOCS, query="harbour report"))
    assert keys(store.search(DOCS)) == ["0", "1"]


async def test_what_was_remembered_again_outlives_its_item(store: MnemicStore) -> None:
    store.put(DOCS, "a", {"text": "The green kettle whistles."})
    store.put(DOCS, "b", {"text": "The old train leaves."})
    for text in ("The green kettle whistles.", "The old train leaves."):
        assert (await store.memory.remember(text, namespace=HERE)).outcome == "confirmed"
    store.delete(DOCS, "a")
    store.put(DOCS, "b", {"text": "The new train leaves."})
    texts = {memory.text for memory in await store.memory.list(namespace=HERE)}
    assert texts == {"The green kettle whistles.", "The old train leaves.", "The new train leaves."}
    assert [item.value for item in store.search((), query="train")] == [{"text": "The new train leaves."}]


async def test_what_a_filter_keeps_is_ranked_however_much_else_answers_better(store: MnemicStore) -> None:
    store.put(DOCS, "none", {"text": "the printer needs toner", "kind": "b"})
    store.put(DOCS, "some", {"text": "a long talk about the travel budget of marketing before lunch", "kind": "b"})
    await store.abatch([PutOp(DOCS, f"a{n}", {"text": f"travel budget, item {n}", "kind": "a"}) for n in range(150)])
    found = store.search(DOCS, query="travel budget", filter={"kind": "b"}, limit=1)
    assert [(item.key, item.score is not None) for item in found] == [("some", True)]
    assert keys(store.search(DOCS, query="travel budget", filter={"kind": "b"})) == ["some", "none"]


async def test_memories_beside_the_store_take_no_place_among_its_items(store: MnemicStore) -> None:
    store.put(DOCS, "none", {"text": "the printer needs toner"})
    store.put(DOCS, "some", {"text": "a long talk about the travel budget of marketing before lunch"})
    beside = [NewMemory(text=f"travel budget, item {n}", namespace=("default", "docs")) for n in range(150)]
    await store.memory.remember_many(beside)
    assert keys(store.search(DOCS, query="travel budget", limit=1)) == ["some"]


async def test_what_has_expired_takes_no_place_among_what_is_alive(tmp_path: Path) -> None:
    async with open_store(tmp_path, ttl={"omit_expired": True}) as store:
        clock = set_clock(store.memory)
        store.put(DOCS, "none", {"text": "the printer needs toner"})
        store.put(DOCS, "some", {"text": "a long talk about the travel budget of marketing before lunch"})
        await store.abatch([PutOp(DOCS, f"a{n}", {"text": f"travel budget, item {n}"}, ttl=1) for n in range(150)])
        clock.advance(hours=1)
        assert keys(store.search(DOCS, query="travel budget", limit=1)) == ["some"]
