"""The parts of folding: values, notation, references, lines that hold, what a call did."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.folding import FoldingItem, ItemKind
from mnemic.domain.folding.atoms import atoms_of, telling
from mnemic.domain.folding.compaction import compact, expand, notation
from mnemic.domain.folding.lines import LineOwners, keyed_lines, line_key
from mnemic.domain.folding.references import apply_changes, changes
from mnemic.domain.folding.segmentation import has_failed, is_read_by_name
from mnemic.domain.folding.visible import VisibleWords, word_key


def result(name: str, text: str, *, is_error: bool = False) -> FoldingItem:
    return FoldingItem(kind=ItemKind.OBSERVATION, text=text, name=name, is_error=is_error)


# ------------------------------------------------------------------------------------------------------------ values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a glass cup on the table", {"glass cup", "table"}),
        ("an inclined plane with a wooden surface", {"inclined plane with a wooden surface"}),
        ("take it from cabinet 12, or desk (1)", {"cabinet 12", "desk 1"}),
        ("bread, butter\nold knife", {"bread", "butter", "old knife"}),
        ("flies from Denver to ATL on 2024-05-20", {"Denver", "ATL", "2024-05-20"}),
        ("see src/a_b.py and ana.b@example.com", {"src/a_b.py", "ana.b@example.com"}),
        ("order gift_card_17 costs 450 euros", {"gift_card_17", "450"}),
        ("the plane H", {"plane H"}),
    ],
)
def test_values_of_a_text_are_its_objects_names_codes_and_numbers(text: str, expected: set[str]) -> None:
    assert expected <= set(atoms_of(text))


def test_values_of_json_are_its_leaves_ids_used_as_keys_and_codes_used_as_keys() -> None:
    text = json.dumps(
        {"prices": {"basic_economy": 50}, "cards": {"card_77190": {"ok": True, "x": None}}, "address2": "B 4"}
    )
    assert atoms_of(text) == ("basic_economy", "50", "card_77190", "B 4")


def test_long_text_within_json_is_searched_like_any_text() -> None:
    prose = "this is a long remark about nothing much that goes on and on until it names HAT123 at last"
    assert "HAT123" in atoms_of(json.dumps({"note": prose}))
    assert prose not in atoms_of(json.dumps({"note": prose}))


def test_dates_and_small_numbers_name_nothing() -> None:
    assert list(telling(["R1X9", "2024-05-20", "17", "123456", "economy"])) == ["R1X9", "123456"]


def test_words_in_view_are_found_within_one_text_only() -> None:
    visible = VisibleWords()
    visible.add(0, "The red apple, on a table")
    visible.add(1, "stands here")
    assert visible.shows(word_key("Red Apple")) and visible.shows("on a table") and visible.shows("table")
    assert not visible.shows("table stands") and not visible.shows("apple a table") and not visible.shows("green")
    visible.remove(0)
    assert not visible.shows("apple") and visible.shows("stands here")


# ---------------------------------------------------------------------------------------------------------- notation

_odd = st.text(max_size=8) | st.sampled_from(
    ["--", "all: a", "null", "", "1", "1.0", "-0", "a|b", "a.b", "a b", "]", "[", "x\n", " y", "{", "k=v", "true", '"']
)


def _json(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    record = st.fixed_dictionaries(
        {"a": inner, "b c": inner, "--": _odd, "n": st.fixed_dictionaries({"x": _odd, "y": _odd})}
    )
    return (
        st.lists(inner, max_size=4)
        | st.dictionaries(_odd, inner, max_size=4)
        | st.lists(record, max_size=4)
        | st.lists(st.lists(record, max_size=3), max_size=3)
    )


_scalar = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _odd
_documents = st.recursive(_scalar, _json, max_leaves=20).filter(lambda value: isinstance(value, dict | list))


@settings(max_examples=400, deadline=None)
@given(_documents)
def test_the_short_notation_of_any_document_expands_to_the_same_document(document: Any) -> None:
    text = json.dumps(document)
    everything_is_shorter = len(text) + 1
    short = compact(text, lambda shown: everything_is_shorter if shown == text else 0)
    assert short == text or json.dumps(expand(short), sort_keys=True) == json.dumps(document, sort_keys=True)
    assert json.dumps(expand(notation(document)), sort_keys=True) == json.dumps(document, sort_keys=True)


def test_records_with_the_same_fields_become_a_table() -> None:
    rows = [{"n": f"HAT{at}", "p": {"low": at, "high": None}, "day": "2024-05-20"} for at in (1, 2)]
    assert compact(json.dumps(rows), len) == "[n|p.low\nall: p.high=null, day=2024-05-20\nHAT1|1\nHAT2|2]"


@pytest.mark.parametrize(
    "text", ["", "{", "[1, NaN]", '{"a": 1, "a": 2}', "plain", "[" * 5000 + "]" * 5000, '{"a":' * 40 + "1" + "}" * 40]
)
def test_what_is_not_covered_by_the_notation_is_left_as_it_is(text: str) -> None:
    assert compact(text, lambda shown: 10 if shown == text else 0) == text


def test_a_text_is_left_alone_when_the_notation_is_not_shorter() -> None:
    assert compact('{"a": 1}', lambda _: 5) == '{"a": 1}'


def test_numbers_keep_the_form_in_which_they_were_written() -> None:
    assert compact('{"a": 1.50, "b": 12345678901234567890123}', len) == "a=1.50\nb=12345678901234567890123"


# -------------------------------------------------------------------------------------------------------- references


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from("abcd-+@"), max_size=12), st.lists(st.sampled_from("abcd-+@"), max_size=12))
def test_changes_turn_the_base_into_the_text(old: list[str], new: list[str]) -> None:
    base, text = "\n".join(old), "\n".join(new)
    shown = changes("#1", base, text)
    assert shown is not None and apply_changes(base, shown) == text


# ------------------------------------------------------------------------------------------------------------ chunks


def test_reads_are_told_by_their_verb() -> None:
    reads = ["get_user", "search_flights", "openFile", "db.list_tables", "think", "wait1", "mcp__fs__read_file", "look"]
    acts = ["update_user", "getaway_book", "book", "go", "delete", "thinker", "0", ""]
    assert all(map(is_read_by_name, reads)) and not any(map(is_read_by_name, acts))


def test_long_results_that_speak_of_errors_have_not_failed() -> None:
    assert has_failed(result("a", "Error: not found")) and has_failed(result("a", "x", is_error=True))
    assert not has_failed(result("a", "a list of error codes " * 20)) and not has_failed(result("a", "unknown metal"))


# ------------------------------------------------------------------------------------------------- keys and values


def test_only_lists_of_keys_and_values_are_read_as_such() -> None:
    assert line_key("  - Temp out: 4 C") == "temp out" and line_key("a = 1") == "a" and line_key("http://x.y/z") == ""
    assert keyed_lines("a: 1\nb: 2\nc: 3") == ["a", "b", "c"]
    assert keyed_lines("name: A\nprice: 1\nname: B\nprice: 2") is None
    assert keyed_lines("name: A\nprice: 1\n\nname: B\nsize: 2") is None
    assert keyed_lines("error: x\nerror: y\nerror: z\nerror: x\nnote: a") is None
    assert keyed_lines("some text\nmore text\na: 1") is None
    assert keyed_lines('{"a": 1}') is None


def test_a_line_is_overridden_only_within_the_scope_of_its_call() -> None:
    owners = LineOwners()
    for index, scope, text in (
        (0, "x", "a: 1\nb: 2\nc: 3"),
        (1, "y", "a: 9\nd: 1\ne: 2"),
        (2, "x", "a: 5\nf: 1\ng: 2"),
    ):
        owners.write(index, scope, text, keyed_lines(text) or [])
    assert owners.live(0) == ["b: 2", "c: 3"] and owners.live(1) == ["a: 9", "d: 1", "e: 2"] and owners.touched == {0}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("请在北京南站换乘G7次列车，前往上海虹桥，联系人：王小明。", ("前往上海虹桥", "王小明")),
        ("東京駅でのぞみ7号に乗り換え、新大阪へ。担当：山田太郎。", ("新大阪へ", "山田太郎")),
        ("서울역에서 갈아타고, 담당: 김민수.", ("서울역에서 갈아타고", "김민수")),
        ("انتقل في محطة الرياض، المسؤول: أحمد علي.", ("انتقل في محطة الرياض", "أحمد علي")),
        ("संपर्क: राजेश कुमार, दिल्ली", ("राजेश कुमार", "दिल्ली")),
    ],
)
def test_what_a_script_without_capitals_says_between_two_marks_is_a_value(text: str, named: tuple[str, ...]) -> None:
    assert set(named) <= set(atoms_of(text))
    assert not set(named) & set(atoms_of(text, phrases=False)), "of a call's words only what is written like a value"


def test_an_accent_that_stands_by_itself_ends_no_word() -> None:
    assert atoms_of("Ask Jose\u0301 Marti\u0301n in room 7.") == ("Jose\u0301", "Marti\u0301n", "room 7")
