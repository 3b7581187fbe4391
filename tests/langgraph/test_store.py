"""What LangGraph promises of a store, kept by `MnemicStore`: keys, namespaces, filters, pages, batches, life times."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchOp,
)

from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic_langgraph import MnemicStore
from tests.langgraph.stores import keys, open_store, set_clock

DOCS = ("docs",)
ODD_VALUE = {
    "": None, "empty": {}, "list": [[], {}, [None, True, False, 0, -1, 1.5, 10**30, "é 東京 😀 \ud800 \x00"]],
    "nested": {"z": 1, "a": {"z": 2, "a": 3}},
}  # fmt: skip


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MnemicStore]:
    async with open_store(tmp_path) as opened:
        yield opened


def test_a_value_comes_back_equal_under_its_key_and_namespace(store: MnemicStore) -> None:
    store.put(("users", "1"), "prefs", {"theme": "dark"})
    item = store.get(("users", "1"), "prefs")
    assert item is not None
    assert (item.value, item.key, item.namespace) == ({"theme": "dark"}, "prefs", ("users", "1"))
    assert (
        store.get(("users", "2"), "prefs") is store.get(("users",), "prefs") is store.get(("users", "1"), "x") is None
    )


def test_any_json_value_comes_back_equal_and_in_its_order(store: MnemicStore) -> None:
    store.put(DOCS, "odd", ODD_VALUE)
    item = store.get(DOCS, "odd")
    assert item is not None and item.value == ODD_VALUE
    assert list(item.value) == list(ODD_VALUE)
    assert [found.value for found in store.search(DOCS)] == [ODD_VALUE]


def test_what_is_no_json_is_refused_and_nothing_is_stored(store: MnemicStore) -> None:
    for value in ({"when": object()}, {"names": {1: "one"}}, {"set": {1}}):
        with pytest.raises(InvalidInput, match="JSON"):
            store.put(DOCS, "bad", value)
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"in": deep}
    with pytest.raises(InvalidInput, match="JSON"):
        store.put(DOCS, "bad", deep)
    while deep:  # else letting go of it would overflow the stack
        deep = deep["in"]
    assert store.get(DOCS, "bad") is None


def test_a_changed_result_changes_nothing_that_is_stored(store: MnemicStore) -> None:
    store.put(DOCS, "a", {"tags": ["x"]})
    item = store.get(DOCS, "a")
    assert item is not None
    item.value["tags"].append("y")
    again = store.get(DOCS, "a")
    assert again is not None and again.value == {"tags": ["x"]}


def test_putting_again_replaces_the_value_and_keeps_when_it_was_created(store: MnemicStore) -> None:
    clock = set_clock(store.memory)
    store.put(DOCS, "a", {"text": "one"})
    first = store.get(DOCS, "a")
    clock.advance(minutes=1)
    store.put(DOCS, "a", {"other": "two"})
    second = store.get(DOCS, "a")
    assert first is not None and second is not None
    assert second.value == {"other": "two"}
    assert second.created_at == first.created_at == first.updated_at < second.updated_at
    assert second.updated_at.tzinfo is not None


def test_a_deleted_item_is_gone_and_may_come_again(store: MnemicStore) -> None:
    store.put(DOCS, "a", {"text": "one"})
    store.delete(DOCS, "a")
    store.delete(DOCS, "never")
    assert store.get(DOCS, "a") is None
    assert store.search(DOCS) == store.search(DOCS, query="one") == store.list_namespaces() == []
    store.put(DOCS, "a", {"text": "one"})
    assert keys(store.search(DOCS, query="one")) == ["a"]


@pytest.mark.parametrize("namespace", [(), ("",), ("a.b",), ("a", ""), ("langgraph", "x"), ("a\x00",), (1,)], ids=repr)
def test_namespaces_that_langgraph_forbids_are_refused(store: MnemicStore, namespace: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "a", {"text": "x"})


async def test_operations_that_pass_by_the_methods_are_checked_too(store: MnemicStore) -> None:
    for op in (GetOp(("a.b",), "k"), SearchOp(("a.b",)), PutOp(("a.b",), "k", {"x": 1})):
        with pytest.raises(InvalidNamespaceError):
            store.batch([op])
        with pytest.raises(InvalidNamespaceError):
            await store.abatch([op])
    with pytest.raises(ValueError, match="Unknown operation"):
        store.batch(["get"])  # type: ignore[list-item]


FOREIGN = [
    "a/b", "a%2Fb", " padded ", "x" * 500, "x" * 499 + "y", "東京", "\t", "..", "%", "new\nline", "\ud800", "\u200b",
]  # fmt: skip


@pytest.mark.parametrize("label", [label for label in FOREIGN if "." not in label], ids=ascii)
def test_any_label_and_key_is_kept_as_it_is(store: MnemicStore, label: str) -> None:
    store.put((label, "in"), label, {"text": "kettle"})
    store.put(("beside", "in"), label, {"text": "kettle"})
    item = store.get((label, "in"), label)
    assert item is not None and (item.namespace, item.key) == ((label, "in"), label)
    assert [found.namespace for found in store.search((label,), query="kettle")] == [(label, "in")]
    assert store.list_namespaces(prefix=(label,)) == [(label, "in")]


def test_namespaces_may_be_deeper_than_the_ledgers_own(store: MnemicStore) -> None:
    deep = tuple("abcdefghijkl")
    store.put(deep, "k", {"text": "kettle"})
    store.put((*deep[:-1], "other"), "k", {"text": "kettle"})
    assert [found.namespace for found in store.search(deep, query="kettle")] == [deep]
    assert len(store.search(deep[:9], query="kettle")) == len(store.search(deep[:3], query="kettle")) == 2
    assert store.search((*deep[:8], "z"), query="kettle") == []


def test_a_search_stays_at_its_prefix_and_below(store: MnemicStore) -> None:
    for namespace in (("a",), ("a", "b"), ("a", "b", "c"), ("ab",), ("b", "a")):
        store.put(namespace, "k", {"text": "kettle"})
    for query in (None, "kettle"):
        found = {item.namespace for item in store.search(("a", "b"), query=query)}
        assert found == {("a", "b"), ("a", "b", "c")}
        assert len(store.search((), query=query)) == 5


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"type": "report"}, "ab"),
        ({"type": "report", "n": 2}, "b"),
        ({"n": {"$eq": 2}}, "b"),
        ({"n": {"$ne": 2}}, "acde"),
        ({"n": {"$gt": 1}}, "bc"),
        ({"n": {"$gte": 1}}, "abc"),
        ({"n": {"$lt": 3}}, "ab"),
        ({"n": {"$lte": 3, "$gt": 1}}, "bc"),
        ({"n": None}, "e"),
        ({"n": "many"}, "d"),
        ({"meta": {"lang": "en"}}, "c"),
        ({"meta": {"size": {"$gte": 10}}}, "c"),
        ({"tags": ["x", {"y": 1}]}, "d"),
        ({"tags": ["x"]}, ""),
        ({"meta": {"lang": "en", "size": 10}}, "c"),
        ({"meta": {"lang": "de"}}, ""),
        ({"missing": None}, "abcde"),
        ({"meta": {"$eq": {"lang": "en", "size": 10, "more": 1}}}, "c"),
    ],
    ids=str,
)
def test_filters_compare_as_langgraphs_do(store: MnemicStore, filter: dict[str, Any], expected: str) -> None:
    store.put(DOCS, "a", {"type": "report", "n": 1})
    store.put(DOCS, "b", {"type": "report", "n": 2})
    store.put(DOCS, "c", {"type": "note", "n": 3, "meta": {"lang": "en", "size": 10, "more": 1}})
    store.put(DOCS, "d", {"type": "note", "n": "many", "tags": ["x", {"y": 1}]})
    store.put(DOCS, "e", {"type": "note"})
    assert "".join(keys(store.search(DOCS, filter=filter))) == expected
    assert set(keys(store.search(DOCS, filter=filter, query="report"))) == set(expected)


def test_a_filter_with_an_unknown_operator_or_bound_says_so(store: MnemicStore) -> None:
    store.put(DOCS, "a", {"n": 1})
    with pytest.raises(InvalidInput, match="operator"):
        store.search(DOCS, filter={"n": {"$near": 1}})
    with pytest.raises(InvalidInput, match="compares with"):
        store.search(DOCS, filter={"n": {"$gt": "high"}})


def test_pages_are_exact_stable_and_complete(store: MnemicStore) -> None:
    words = ("kettle", "teapot", "green kettle", "mug")
    for number in range(70):
        store.put(
            DOCS, str(number), {"text": f"{words[number % 4]} {number}"}, index=False if number % 7 == 0 else None
        )
    for query in (None, "green kettle"):
        whole = keys(store.search(DOCS, query=query, limit=1_000))
        assert sorted(whole, key=int) == [str(number) for number in range(70)]
        pages = [store.search(DOCS, query=query, limit=9, offset=offset) for offset in range(0, 80, 9)]
        assert [key for page in pages for key in keys(page)] == whole
    assert store.search(DOCS, limit=0) == store.search(DOCS, offset=70) == []
    with pytest.raises(InvalidInput, match="negative"):
        store.search(DOCS, offset=-1)


def test_without_a_query_items_come_in_the_order_of_their_first_writing(store: MnemicStore) -> None:
    for namespace, key in ((("b",), "2"), (("a",), "9"), (("b",), "1"), (("a",), "0")):
        store.put(namespace, key, {"n": 1})
    store.put(("b",), "2", {"n": 2})
    found = [(item.namespace[0], item.key, item.score) for item in store.search(())]
    assert found == [("b", "2", None), ("b", "1", None), ("a", "9", None), ("a", "0", None)]


def test_namespaces_are_listed_by_prefix_suffix_wildcards_and_depth(store: MnemicStore) -> None:
    for path in ("a/b/c", "a/b/d/e", "a/b/d/i", "a/b/f", "a/c/f", "b/a/f", "users/1/v1", "users/2/v1"):
        store.put(tuple(path.split("/")), "k", {"n": 1})

    def listed(**asked: Any) -> list[str]:
        return ["/".join(path) for path in store.list_namespaces(**asked)]

    assert listed() == sorted(listed(), key=lambda path: path.split("/")) and len(listed()) == 8
    assert listed(prefix=("a", "b"), max_depth=3) == ["a/b/c", "a/b/d", "a/b/f"]
    assert listed(suffix=("f",)) == ["a/b/f", "a/c/f", "b/a/f"]
    assert listed(prefix=("a",), suffix=("f",)) == ["a/b/f", "a/c/f"]
    assert listed(prefix=("*", "a")) == ["b/a/f"]
    assert listed(prefix=("users", "*", "v1")) == listed(suffix=("*", "v1")) == ["users/1/v1", "users/2/v1"]
    assert listed(prefix=tuple("abcdefghij")) == []
    assert listed(limit=2, offset=1) == listed()[1:3]
    assert listed(max_depth=1, limit=2) == ["a", "b"]
    (found,) = store.batch([ListNamespacesOp((MatchCondition("prefix", ("users", "1")),), None, 10, 0)])
    assert found == [("users", "1", "v1")]


def test_reading_a_namespace_does_not_make_it(store: MnemicStore) -> None:
    assert store.get(("ghost",), "k") is None
    store.delete(("ghost",), "k")
    assert store.list_namespaces() == []


async def test_a_batch_reads_what_was_there_before_and_the_last_put_counts(store: MnemicStore) -> None:
    store.put(DOCS, "a", {"text": "old"})
    for run in (store.batch, store.abatch):
        ops: list[Op] = [
            PutOp(DOCS, "a", {"text": "new"}), GetOp(DOCS, "a"), SearchOp(DOCS), PutOp(DOCS, "b", {"text": "first"}),
            PutOp(DOCS, "b", {"text": "second"}), GetOp(DOCS, "b"), ListNamespacesOp(), PutOp(("more",), "c", {"x": 1}),
        ]  # fmt: skip
        answers: Any = run(ops)
        answers = answers if isinstance(answers, list) else await answers
        assert answers[0] is answers[3] is answers[4] is answers[5] is answers[7] is None
        assert answers[1].value == {"text": "old"}
        assert [item.value for item in answers[2]] == [{"text": "old"}]
        assert answers[6] == [DOCS]
        assert {item.key: item.value["text"] for item in store.search(DOCS)} == {"a": "new", "b": "second"}
        store.batch([PutOp(DOCS, "a", {"text": "old"}), PutOp(DOCS, "b", None), PutOp(("more",), "c", None)])


def test_a_batch_with_the_same_text_twice_stores_both(store: MnemicStore) -> None:
    store.batch([PutOp(DOCS, "a", {"text": "the same"}), PutOp(DOCS, "b", {"text": "the same"})])
    assert sorted(keys(store.search(DOCS, query="the same"))) == ["a", "b"]
    store.delete(DOCS, "a")
    assert keys(store.search(DOCS, query="the same")) == ["b"]


def test_a_batch_with_a_bad_put_stores_nothing(store: MnemicStore) -> None:
    with pytest.raises(InvalidInput):
        store.batch([PutOp(DOCS, "a", {"text": "good"}), PutOp(DOCS, "b", {"bad": object()})])
    assert store.search(DOCS) == []


async def test_async_and_sync_methods_see_the_same_items_also_inside_a_running_loop(store: MnemicStore) -> None:
    await store.aput(DOCS, "a", {"text": "kettle"})
    store.put(DOCS, "b", {"text": "teapot"})
    item = await store.aget(DOCS, "b")
    assert item is not None and item.value == {"text": "teapot"}
    assert keys(await store.asearch(DOCS, query="kettle"))[0] == keys(store.search(DOCS, query="kettle"))[0] == "a"
    assert await store.alist_namespaces() == [DOCS]
    await store.adelete(DOCS, "a")
    assert store.get(DOCS, "a") is None


async def test_many_threads_and_tasks_at_once_lose_nothing(store: MnemicStore) -> None:
    def write(worker: int) -> None:
        for number in range(8):
            store.put(("threads", str(worker)), str(number), {"text": f"note {worker} {number}"})
            assert store.get(("threads", str(worker)), str(number)) is not None
            store.put(("shared",), "counter", {"last": worker})

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.gather(
        *(store.aput(("tasks", str(task)), str(number), {"n": number}) for task in range(4) for number in range(8))
    )
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    assert len(store.search(("threads",), limit=100)) == len(store.search(("tasks",), limit=100)) == 32
    assert len(store.search(("shared",), query="counter last")) == 1
    assert (await store.memory.doctor()).healthy


async def test_items_survive_closing_and_opening(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        store.put(DOCS, "a", {"text": "kettle"})
    with pytest.raises(StoreUnavailable):
        store.get(DOCS, "a")
    async with open_store(tmp_path) as store:
        assert keys(store.search(DOCS, query="kettle")) == ["a"]


# Life times


async def test_an_item_ends_after_its_minutes_and_reading_keeps_it_alive(tmp_path: Path) -> None:
    async with open_store(tmp_path, ttl={"default_ttl": 10, "omit_expired": True}) as store:
        clock = set_clock(store.memory)
        store.put(DOCS, "read", {"text": "kettle"})
        store.put(DOCS, "found", {"text": "teapot"})
        store.put(DOCS, "left", {"text": "mug"})
        store.put(DOCS, "stays", {"text": "cup"}, ttl=None)
        clock.advance(minutes=8)
        assert store.get(DOCS, "read") is not None
        assert keys(store.search(DOCS, filter={"text": "teapot"})) == ["found"]
        assert store.get(DOCS, "left", refresh_ttl=False) is not None
        clock.advance(minutes=8)
        assert store.get(DOCS, "left") is None
        assert keys(store.search(DOCS)) == ["read", "found", "stays"]
        assert "left" not in keys(store.search(DOCS, query="mug"))
        assert store.sweep_ttl() == 1
        clock.advance(days=1)
        assert store.list_namespaces() == [DOCS]
        assert await store.asweep_ttl() == 2
        assert keys(store.search(DOCS)) == ["stays"]


async def test_at_the_moment_of_its_end_an_item_is_gone_whichever_way_it_is_asked_for(tmp_path: Path) -> None:
    async with open_store(tmp_path, ttl={"omit_expired": True, "refresh_on_read": False}) as store:
        clock = set_clock(store.memory)
        store.put(DOCS, "a", {"text": "kettle"}, ttl=1)
        clock.advance(seconds=59)
        assert store.get(DOCS, "a") is not None
        clock.advance(seconds=1)
        assert store.get(DOCS, "a") is None
        assert store.search(DOCS) == store.search(DOCS, query="kettle") == store.list_namespaces() == []
        assert store.sweep_ttl() == 1


async def test_without_omitting_what_has_expired_is_there_until_it_is_swept(tmp_path: Path) -> None:
    async with open_store(tmp_path, ttl={"refresh_on_read": False}) as store:
        clock = set_clock(store.memory)
        store.put(DOCS, "a", {"text": "kettle"}, ttl=1)
        clock.advance(minutes=2)
        assert store.get(DOCS, "a") is not None
        assert store.sweep_ttl() == 1
        assert store.get(DOCS, "a") is None
        result = await store.memory.recall("kettle", namespace="default/docs")
        assert result.hits == ()


async def test_a_batch_sweeps_when_the_last_time_is_long_ago(tmp_path: Path) -> None:
    async with open_store(tmp_path, ttl={"sweep_interval_minutes": 5, "refresh_on_read": False}) as store:
        clock = set_clock(store.memory)
        store.put(DOCS, "a", {"text": "kettle"}, ttl=1)
        clock.advance(minutes=4)
        assert store.get(DOCS, "a") is not None
        clock.advance(minutes=2)
        assert await store.aget(DOCS, "a") is None


async def test_putting_again_starts_a_new_life_and_may_end_it(tmp_path: Path) -> None:
    async with open_store(tmp_path, ttl={"omit_expired": True}) as store:
        clock = set_clock(store.memory)
        store.put(DOCS, "a", {"n": 1}, ttl=5)
        clock.advance(minutes=4)
        store.put(DOCS, "a", {"n": 2}, ttl=5)
        clock.advance(minutes=4)
        assert store.get(DOCS, "a", refresh_ttl=False) is not None
        store.put(DOCS, "a", {"n": 3})
        clock.advance(days=9)
        assert store.get(DOCS, "a") is not None
        for ttl in (-1.0, 1e300):
            with pytest.raises(InvalidInput):
                store.put(DOCS, "a", {"n": 4}, ttl=ttl)
