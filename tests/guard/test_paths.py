"""Reasoning paths: what is an action, what is none, and what two plans share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.errors import InvalidInput
from mnemic.guard.effects import find_effects
from mnemic.guard.paths import Path, distance, extract_path
from mnemic.testing.plans import plan_queries


def path_of(text: str) -> Path:
    path = extract_path(text)
    assert path is not None
    return path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ana lives in Porto (since 2019) and works on file(s) of her own.",
        "I was wondering if you could recommend a museum. By the way, I went to one today!",
        "- bananas\n- apples\n- 3 eggs",
        "Please select a colour from the list and update me. Set goals.",
        '{"name": "Ana", "age": 41}',
        "The meeting is at 4:30; see https://example.org/agenda",
    ],
)
def test_facts_and_prose_have_no_path(text: str) -> None:
    assert extract_path(text) is None


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("db = LoadDB('orders')\nx = FilterDB(db, 'id=7')", ("LoadDB", "then", "FilterDB")),
        ("requests.delete('https://example.org/a')", ("START", "then", "delete")),
        ("Thought: hm\nAction 1: Search[Paris]\nAction 2: Finish[yes]", ("Search", "then", "Finish")),
        ('{"name": "send_mail", "arguments": {"to": "a@example.org"}}', ("send_mail", "takes", "email")),
        ("$ rm -rf /srv/data", ("rm", "with", "path")),
        ("git push origin main", ("START", "then", "git push")),
        ("SELECT count(*) FROM orders WHERE id = 7", ("sql count", "then", "sql from")),
        ("Then DELETE /users/7 is called", ("START", "then", "DELETE")),
        ("1. Open the fridge\n2. Take the milk", ("open", "then", "take")),
        ("mode = 'fast'\nrun_all()", ("let", "then", "run_all")),
    ],
)
def test_every_form_of_action_is_read_as_steps(text: str, edge: tuple[str, str, str]) -> None:
    assert edge in path_of(text).typed_edges


def test_the_same_plan_with_other_values_is_the_same_typed_path() -> None:
    one = path_of("a = LoadDB('orders')\nb = SQL(\"select sum(x) from orders where id = 7\")")
    other = path_of("q = LoadDB('loans')\nz = SQL(\"select sum(y) from loans where key = 9\")")
    assert distance(one, other) == 0
    assert one.edges != other.edges


def test_the_text_of_the_actions_leaves_out_what_is_said_around_them() -> None:
    path = path_of("Question: how many?\nTo answer I will do it.\nx = LoadDB('orders')\nThat is all, thank you.")
    assert path.action_text == "LoadDB('orders')"


def test_the_effects_of_a_path_are_those_of_its_steps_and_not_of_its_arguments() -> None:
    assert path_of("x = FilterDB(db, 'sent_at=3')\ny = GetValue(x, 'delete_flag')").effects == frozenset()
    assert path_of("x = DeleteDB('orders')").effects == {"delete"}
    assert path_of("os.system('rm -rf /srv')").effects >= {"delete", "execute"}


@given(st.text() | st.sampled_from([record.text for q in plan_queries(5, poisoned=1) for record in q.records]))
def test_any_text_is_read_and_its_path_survives_json(text: str) -> None:
    find_effects(text)
    path = extract_path(text)
    if path is not None:
        stored = json.loads(json.dumps(path.to_dict()))
        assert Path.from_dict(stored) == path
        assert path.to_dict() == stored


CODE = st.sampled_from([*"()[]{}'\"\\=:;,.-\n \t$&|/1a_", "select ", " from ", "Action: ", "rm ", '"name": "', "f("])


@given(st.lists(CODE, max_size=200).map("".join))
@settings(max_examples=150)
def test_any_code_is_read_without_an_error(text: str) -> None:
    find_effects(text)
    extract_path(text)


@pytest.mark.parametrize(
    "broken",
    [
        {}, {"w": ["a"], "e": [0, 0], "t": [], "f": [], "a": ""}, {"w": ["a"], "e": [0, 0, 9], "t": [], "f": [], "a": ""},
        {"w": [1], "e": [], "t": [], "f": [], "a": ""}, {"w": ["a"], "e": [-1, 0, 0], "t": [], "f": [], "a": ""},
        {"w": ["a"], "e": None, "t": [], "f": [], "a": ""},
    ],
)  # fmt: skip
def test_what_is_no_stored_path_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Path.from_dict(broken)


HOSTILE = [
    "a(", "a.", "'\\", "\"\\'", "select x from ", "select ", "_a", "rm -", "((((", '"name":"x","args":{', "give a a ",
    "turn the ",
    "1. open ", "action:a[", "update a set ", "a=", "\n", "x y ", "GET /",
]  # fmt: skip


def _best(action: Callable[[str], object], text: str) -> float:
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        action(text)
        best = min(best, time.thread_time() - started)
    return best


@pytest.mark.parametrize("piece", HOSTILE)
def test_four_times_the_hostile_text_takes_far_less_than_sixteen_times_the_time(piece: str) -> None:
    whole = piece * (16_000 // len(piece))
    quarter = whole[: len(whole) // 4]
    for action in (extract_path, find_effects):
        assert _best(action, whole) < 9 * _best(action, quarter) + 0.01, action


def test_a_text_longer_than_what_is_read_costs_no_more() -> None:
    text = "a = LoadDB('orders')\n" * 20_000
    assert _best(extract_path, text) < 3 * _best(extract_path, text[:16_000]) + 0.002
