"""The rules of items: paths, values, filters, the namespaces of their memories, and ledgers from before there were any."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnemic
from mnemic.domain.forms import further_words
from mnemic.domain.item_values import (
    as_text,
    cut_text,
    decode_value,
    encode_value,
    field_steps,
    indexed_texts,
    storable,
    strings_in,
    with_strings,
)
from mnemic.domain.items import (
    FindItems,
    GetItem,
    Item,
    ListPaths,
    PathPattern,
    PutItem,
    memory_namespace,
)
from mnemic.domain.validation import check_namespace
from mnemic.errors import InvalidInput
from mnemic.storage.sql import migrations

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)
VALUE: dict[str, Any] = {
    "title": "Tea",
    "meta": {"author": {"name": "Ana"}, "n": 3, "ok": True, "none": None},
    "parts": [{"name": "pot", "sub": [{"x": 1}, {"x": 2}]}, {"name": "lid"}, "loose"],
}


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_any_json_value_is_kept_exactly(value: dict[str, Any]) -> None:
    assert decode_value(encode_value(value)) == value
    assert list(decode_value(encode_value(value))) == list(value)
    assert encode_value(value).isascii()
    assert with_strings(value, lambda _, text: text) == value


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("title", {"title": "Tea"}),
        ("meta.author.name", {"meta.author.name": "Ana"}),
        ("meta.author", {"meta.author": "Ana"}),
        ("meta", {"meta": "author.name: Ana\nn: 3\nok: true"}),
        ("meta.n", {"meta.n": "3"}),
        ("parts[*].name", {"parts[*].name.0": "pot", "parts[*].name.1": "lid"}),
        ("parts[0].name", {"parts[0].name": "pot"}),
        ("parts[-1]", {"parts[-1]": "loose"}),
        ("parts[*].sub[*].x", {"parts[*].sub[*].x.0": "1", "parts[*].sub[*].x.1": "2"}),
        ("meta.*.name", {"meta.*.name": "Ana"}),
        ("{title,meta.n}", {"{title,meta.n}.0": "Tea", "{title,meta.n}.1": "3"}),
        ("parts[9].name", {}),
        ("parts[x]", {}),
        ("meta.none", {}),
        ("missing.path", {}),
        ("title.below", {}),
    ],
)
def test_a_field_path_names_texts(path: str, texts: dict[str, str]) -> None:
    assert indexed_texts(VALUE, (path,), fields=()) == texts


def test_what_is_indexed_follows_the_put_then_the_store() -> None:
    assert indexed_texts(VALUE, False, fields=("title",)) == {}
    assert indexed_texts(VALUE, None, fields=("title",)) == {"title": "Tea"}
    assert indexed_texts(VALUE, ("meta.n",), fields=("title",)) == {"meta.n": "3"}
    assert indexed_texts({"a": "  ", "b": "\t\n"}, ("a", "b"), fields=()) == {}
    for path in ("a[0", "{a,b"):
        with pytest.raises(InvalidInput, match="not closed"):
            field_steps(path)


def test_a_value_reads_as_lines_and_a_single_string_as_itself() -> None:
    assert as_text({"content": "Ana likes tea."}) == "Ana likes tea."
    assert as_text({"n": 3}) == "n: 3"
    assert as_text({"a": "x", "b": {"c": [1, "y"]}, "d": None}) == "a: x\nb.c: 1\nb.c: y"
    assert list(strings_in({"a": "x", "two words": ["y", {"b": "z"}]})) == [
        ("a", "x"), ("", "two words"), ("two words", "y"), ("b", "z"),
    ]  # fmt: skip


@given(st.text(alphabet=st.sampled_from("ab \n"), max_size=60), st.integers(2, 20))
def test_the_parts_of_a_text_join_to_it(text: str, longest: int) -> None:
    parts = cut_text(text, longest=longest)
    assert "".join(parts) == text
    assert all(len(part) <= longest for part in parts)


LABELS = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)
PATHS = st.lists(st.one_of(LABELS, st.sampled_from(["a", "b", "%", "a/b", "a%2Fb", "a%.b"])), max_size=12).map(tuple)


@given(PATHS, PATHS)
def test_memories_of_two_paths_share_no_namespace_and_every_one_can_be_stored(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    root = ("root", "of")
    found = memory_namespace(root, one)
    assert check_namespace(found) == found
    assert found[:2] == root
    assert (found == memory_namespace(root, other)) is (one == other)
    assert memory_namespace(root, ("plain", "labels")) == ("root", "of", "plain", "labels")


def test_long_labels_differ_in_their_hash() -> None:
    one, other = (memory_namespace(("r",), ("x" * 500 + end,)) for end in "yz")
    assert one != other and check_namespace(one) == one
    assert check_namespace(memory_namespace(("r",), (" " * 700,)))
    assert storable("\ud800\x00x") == "? x"


def test_paths_are_selected_cut_and_paged() -> None:
    paths = [("a", "b", "c"), ("a", "b"), ("z",), ("a", "x", "c")]
    ends = PathPattern(labels=("*", "c"), end="suffix")
    assert ListPaths(patterns=(ends,)).select(paths) == [("a", "b", "c"), ("a", "x", "c")]
    assert ListPaths(max_depth=2).select(paths) == [("a", "b"), ("a", "x"), ("z",)]
    assert ListPaths(limit=1, offset=1).select(paths) == [("a", "b", "c")]


async def test_the_engine_keeps_items_without_any_framework(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        put = PutItem(path=("users", "1"), key="drink", value={"text": "Ana likes green tea."})
        assert await memory.items.run([put, GetItem(path=("users", "1"), key="drink")]) == [None, None]
        get, found = await memory.items.run(
            [GetItem(path=("users", "1"), key="drink"), FindItems(prefix=(), query="tea")]
        )
        assert isinstance(get, Item) and isinstance(found, list)
        assert get.value == put.value
        for bad in (GetItem(path="users", key="x"), GetItem(path=("",), key="x"), GetItem(path=(), key=1), "get"):  # type: ignore[arg-type]
            with pytest.raises(InvalidInput):
                await memory.items.run([bad])  # type: ignore[list-item]


async def test_a_ledger_from_before_items_opens_with_all_it_has_and_takes_items(tmp_path: Path) -> None:
    older = migrations.MIGRATIONS[:6]
    assert len(older) == 6
    connection = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    connection.create_function("further_words", 2, further_words)
    for script in older:
        connection.executescript(script)
    connection.execute("PRAGMA user_version = 6")
    connection.execute("INSERT INTO namespaces VALUES (1, 'default')")
    connection.execute(
        "INSERT INTO memories (key, seq, id, namespace, kind, text, sameness, dated, tags, evidence, channel, origin, "
        "valid_from, recorded_at) VALUES (1, 1, 'm000000000000001', 1, 'semantic', 'Ana likes tea.', 1, '', '[]', '[]', "
        """'user', '{"channel":"user"}', 1, 1)"""
    )
    connection.execute("UPDATE ledger SET seq = 1, memories = 1")
    connection.close()
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.items.run([PutItem(path=("a",), key="k", value={"text": "Bob likes coffee."})])
        assert [hit.memory.text for hit in (await memory.recall("tea")).hits] == ["Ana likes tea."]
        (found,) = await memory.items.run([FindItems(prefix=("a",), query="coffee")])
        assert isinstance(found, list) and len(found) == 1
        await memory.reindex()
        assert (await memory.doctor()).healthy
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as again:
        assert again.execute("PRAGMA user_version").fetchone() == (migrations.VERSION,)
    again.close()
