"""Whatever comes in, a correct result or a typed error that says what to do comes out."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnemic.domain.memory import NewMemory
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.domain.validation import check_namespace
from mnemic.errors import InvalidInput, MnemicError
from mnemic.retrieval.packing import Bookmark, decode_cursor, encode_cursor
from mnemic.services.backends import Backends
from mnemic.services.browse import get
from mnemic.services.recalling.recall import RecallQuery, recall
from mnemic.services.storing.remember import remember
from mnemic.services.transferring.transfer import export_lines, import_lines
from mnemic.testing import SetClock
from tests.property.test_ledger_model import open_backends

anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.dates(), st.datetimes(),
    st.lists(st.text(max_size=5), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
hostile = st.sampled_from(
    [
        '" OR * NEAR(', "a AND", "NOT", '"', "'; DROP TABLE memories; --", "body : x", "{a b}", "^x", "x*", "(((", "-x +y",
        "\ud800", "a\x00b", "\x07bell", "../../etc/passwd", "\u202egnp.exe", "%_%", "😀" * 50, "ﷺ" * 20, "a\u0301" * 30,
        "x" * 100_001, " \t\n ", "",
    ]
)  # fmt: skip
_ALLOWED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=_ALLOWED)


@pytest.fixture(scope="module")
def backends() -> Iterator[Backends]:
    with tempfile.TemporaryDirectory() as folder:
        opened = open_backends(Path(folder), SetClock())
        remember(opened, [NewMemory(text="a cat and a dog", speaker="Ana")], namespace=("fuzz",), origin=Origin())
        yield opened
        opened.ledger.close()


@FUZZ
@given(text=st.one_of(st.text(), hostile))
@example(text="x" * 100_000)
def test_a_text_is_stored_exactly_or_refused(backends: Backends, text: str) -> None:
    try:
        (receipt,) = remember(backends, [NewMemory(text=text)], namespace=("fuzz",), origin=Origin())
    except InvalidInput as error:
        assert error.hint
        return
    stored = get(backends, receipt.id).text
    assert stored == text or receipt.confirmations


@FUZZ
@given(query=st.one_of(st.text(), hostile))
def test_a_query_is_answered_or_refused(backends: Backends, query: str) -> None:
    try:
        recall(backends, RecallQuery(text=query, filter=MemoryFilter(namespace=("fuzz",))))
    except InvalidInput as error:
        assert error.hint


@FUZZ
@given(
    name=st.sampled_from(
        ["text", "kind", "namespace", "tags", "session", "speaker", "role", "occurred_at", "valid_from", "source",
         "when_to_use", "evidence", "supersedes"]
    ),
    value=st.one_of(anything, hostile),
)  # fmt: skip
def test_a_field_of_the_wrong_type_is_a_typed_error(backends: Backends, name: str, value: Any) -> None:
    fields: dict[str, Any] = {"text": "a text", name: value}
    try:
        remember(backends, [NewMemory(**fields)], namespace=("fuzz",), origin=Origin())
    except MnemicError as error:
        assert isinstance(error, InvalidInput)
        assert error.hint


@pytest.mark.parametrize(
    "namespace",
    ["", "/", "a//b", "../a", "a/..", ".", "a/./b", "/a", "a/", (), ("",), ("a", ""), ("a/b",), (" a",), ("a\nb",), 5,
     ("a",) * 9, ("x" * 201,), (None,), b"a"],
)  # fmt: skip
def test_namespaces_that_look_like_paths_to_elsewhere_are_refused(namespace: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_namespace(namespace)
    assert caught.value.hint


@given(st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=8))
def test_a_namespace_that_is_accepted_is_kept_label_by_label(labels: list[str]) -> None:
    try:
        accepted = check_namespace(labels)
    except InvalidInput:
        return
    assert accepted == tuple(labels)
    assert check_namespace("/".join(labels)) == accepted


@FUZZ
@given(
    names=st.lists(
        st.tuples(st.sampled_from(["a", "b", "a_", "a%", "A", "aa", "é"])), min_size=2, max_size=2, unique=True
    )
)
def test_nothing_crosses_from_one_namespace_to_another(names: list[tuple[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        opened = open_backends(Path(folder), SetClock())
        for name in names:
            remember(opened, [NewMemory(text=f"the same words in {name[0]}")], namespace=name, origin=Origin())
        for name in names:
            for subtree in (False, True):
                query = RecallQuery(
                    text="the same words", filter=MemoryFilter(namespace=name, subtree=subtree), min_score=0, k=50
                )
                assert {hit.memory.namespace for hit in recall(opened, query).hits} == {name}
        opened.ledger.close()


_NUMBERS = st.lists(st.integers(0, 2**32), max_size=5).map(tuple)
_LAST = st.sampled_from(["", "m" + "a1" * 7 + "b"])


@given(
    st.integers(0, 2**63), st.builds(Bookmark, st.integers(0, 10_000), _NUMBERS, _NUMBERS, _LAST, st.integers(0, 100))
)
def test_a_cursor_comes_back(question: int, mark: Bookmark) -> None:
    assert decode_cursor(encode_cursor(question, mark), question) == mark


def _as_cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


_NO_BOOKMARKS = st.lists(st.one_of(st.just(7), st.none(), st.text(), st.integers(-9, 9), st.lists(st.text(min_size=1))))


@given(
    st.one_of(
        st.text(),
        st.just(encode_cursor(1, Bookmark(2))),
        st.sampled_from(
            [
                [7],
                [7, -1],
                [7, 10**30],
                [7, 0, [10**30], []],
                [7, 1, 2],
                [7, 1, 2, 3],
                [7, 1, [-1], []],
                [7, 1, [], ["s"]],
                [7, 1, [], [], []],
                [7, 1, "m1"],
                [7, 1, "\0"],
                [7, 1, "", []],
                7,
            ]
        ),
        _NO_BOOKMARKS.filter(lambda found: found[:1] != [7]),
    ).map(lambda value: value if isinstance(value, str) else _as_cursor(value))
)
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        decode_cursor(cursor, 7)


@pytest.mark.slow
@FUZZ
@given(data=st.data())
def test_a_damaged_export_is_refused_with_its_lines_and_imports_nothing(
    backends: Backends, data: st.DataObject
) -> None:
    lines = list(export_lines(backends))
    at = data.draw(st.integers(1, len(lines) - 1))
    damage = data.draw(
        st.sampled_from(["{", "[]", "null", '{"type":"memory"}', '{"type":"spy","x":1}', '{"type":"event"}'])
    )
    lines[at] = damage
    with tempfile.TemporaryDirectory() as folder:
        other = open_backends(Path(folder), SetClock())
        with pytest.raises(InvalidInput, match=f"line {at + 1}"):
            import_lines(other, lines)
        assert list(export_lines(other))[1:] == []
        other.ledger.close()


@pytest.mark.parametrize("count", [65, 10_000])
def test_too_many_tags_are_refused(backends: Backends, count: int) -> None:
    with pytest.raises(InvalidInput, match="tags"):
        remember(
            backends, [NewMemory(text="x", tags=[f"t{n}" for n in range(count)])], namespace=("f",), origin=Origin()
        )


def test_an_event_in_the_future_is_kept_as_such(backends: Backends) -> None:
    new = NewMemory(text="the comet returns", occurred_at="2061-07-28")
    (receipt,) = remember(backends, [new], namespace=("f",), origin=Origin())
    stored = get(backends, receipt.id).occurred_at
    assert stored is not None
    assert stored.year == 2061


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01", "", 5, "0001-01-01T00:00:00+23:00"])
def test_a_moment_that_is_none_is_refused(backends: Backends, moment: Any) -> None:
    with pytest.raises(InvalidInput):
        remember(backends, [NewMemory(text="x", occurred_at=moment)], namespace=("f",), origin=Origin())
