"""Editing JSON with comments: one member changes, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemic.errors import InvalidInput
from mnemic_mcp.hosts import jsonc

ENTRY = {"command": "/opt/mnemic", "args": ["serve"]}
COMMENTED = """\
// What I like
{
    "theme": "dark", /* at night */
    "mcpServers": {
        // the files of the house
        "files": { "command": "npx", "args": ["-y", "files"], },
    },
    "last": true, // keep
}
"""

keys = st.text(max_size=5)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))
objects = st.dictionaries(keys, values, max_size=4)
layouts = st.sampled_from([None, 2, 4, "\t"])


def test_comments_and_trailing_commas_stay_where_they_are() -> None:
    with_it = jsonc.set_member(COMMENTED, ("mcpServers", "mnemic"), ENTRY)
    assert jsonc.read(with_it)["mcpServers"] == {"files": {"command": "npx", "args": ["-y", "files"]}, "mnemic": ENTRY}
    for line in COMMENTED.splitlines():
        assert line in with_it.splitlines()
    assert '\n        "mnemic": {\n            "command": "/opt/mnemic",' in with_it
    assert jsonc.remove_member(with_it, ("mcpServers", "mnemic")) == COMMENTED


@pytest.mark.parametrize("comma", ["", ","])
@pytest.mark.parametrize("comment", ["// mine", "/* mine */"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_comment_behind_the_last_member_stays_behind_it(comma: str, comment: str, end: str) -> None:
    text = f'{{{end}  "files": 1{comma} {comment}{end}}}{end}'
    with_it = jsonc.set_member(text, ("mnemic",), 2)
    assert with_it == f'{{{end}  "files": 1, {comment}{end}  "mnemic": 2{comma}{end}}}{end}'
    assert jsonc.remove_member(with_it, ("mnemic",)) == text


def test_lines_end_as_they_ended_before() -> None:
    windows = COMMENTED.replace("\n", "\r\n")
    for text in (windows, "{\r\n}\r\n", '{\r\n  "mcpServers": {}\r\n}', '{\r\n  "mcpServers": {"mnemic": 1}\r\n}\r\n'):
        with_it = jsonc.set_member(text, ("mcpServers", "mnemic"), ENTRY)
        assert with_it.count("\n") == with_it.count("\r\n") > text.count("\n")
        assert jsonc.read(with_it)["mcpServers"]["mnemic"] == ENTRY
    assert (
        jsonc.remove_member(jsonc.set_member(windows, ("mcpServers", "mnemic"), ENTRY), ("mcpServers", "mnemic"))
        == windows
    )


def test_an_entry_is_replaced_in_its_place() -> None:
    old = jsonc.set_member(COMMENTED, ("mcpServers", "files"), ENTRY)
    assert "// the files of the house" in old
    assert jsonc.read(old)["mcpServers"] == {"files": ENTRY}


@pytest.mark.parametrize("empty", ["", " \n", "// nothing yet\n", "\ufeff"])
def test_an_empty_file_becomes_an_object(empty: str) -> None:
    text = jsonc.set_member(empty, ("mcpServers", "mnemic"), ENTRY)
    assert jsonc.read(text) == {"mcpServers": {"mnemic": ENTRY}}
    assert jsonc.remove_member(empty, ("mcpServers", "mnemic")) == empty


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1', "Line 1, column 8"),
        ('{\n  "a" 1}', "Line 2, column 7"),
        ('{"a": }', "column 7"),
        ("{} x", "column 4"),
        ('{"a": 1 "b": 2}', "column 9"),
        ("[" * 5_000, "nested too deeply"),
        ('{"mcpServers": 3}', "mcpServers is no object"),
        ("[]", "the document is no object"),
    ],
)
def test_a_broken_file_is_told_by_line_and_column(text: str, where: str) -> None:
    with pytest.raises(InvalidInput, match=where):
        jsonc.set_member(text, ("mcpServers", "mnemic"), ENTRY)


@given(document=objects, path=st.lists(keys, min_size=1, max_size=3), value=values, layout=layouts)
def test_setting_a_member_changes_that_member_alone(document: Any, path: list[str], value: Any, layout: Any) -> None:
    text = json.dumps(document, indent=layout, ensure_ascii=False)
    expected: Any = json.loads(json.dumps(document))
    place = expected
    for key in path[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            with pytest.raises(InvalidInput):
                jsonc.set_member(text, path, value)
            return
    place[path[-1]] = value
    assert jsonc.read(jsonc.set_member(text, path, value)) == expected


@given(document=objects, key=keys, value=values, layout=layouts)
def test_what_was_put_in_comes_out_again_and_the_rest_is_the_same(
    document: Any, key: str, value: Any, layout: Any
) -> None:
    document.pop(key, None)
    text = json.dumps(document, indent=layout, ensure_ascii=False)
    there = jsonc.set_member(text, (key,), value)
    assert jsonc.read(jsonc.remove_member(there, (key,))) == document
    if document:
        assert jsonc.remove_member(there, (key,)) == text


@given(text=st.text(alphabet='{}[]",:/*\n a1\\', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        jsonc.read(text)
    except InvalidInput as error:
        assert error.hint
