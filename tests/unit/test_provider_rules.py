"""The checks of what providers refuse find what they are for, and nothing in a request that is well."""

from __future__ import annotations

from typing import Any

import pytest

from mnemic.testing import check_anthropic, check_openai

USER = {"role": "user", "content": "x"}
TEXT = {"type": "text", "text": "x"}
THINKING = {"type": "thinking", "thinking": "x", "signature": "s"}


def _answer(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def _given(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def _use(id: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "look", "input": {}, **more}


def _result(id: str, text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": text, **more}


def _call(arguments: str = "{}", **more: Any) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": arguments}, **more}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


RESULT = {"role": "tool", "tool_call_id": "c1", "content": "x"}


def test_well_formed_requests_pass() -> None:
    assert check_openai([USER, _call(), RESULT, USER]) == []
    assert (
        check_anthropic([USER, USER, _answer(THINKING, _use("a"), _use("b")), _given(_result("b"), _result("a"))]) == []
    )
    assert check_openai([]) == check_anthropic([]) == []


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([_call()], "at the end"),
        ([_call(), USER, RESULT], "no result before it"),
        ([RESULT], "follows no open call"),
        ([_call(), RESULT, RESULT], "follows no open call"),
        ([_call(), RESULT, _call(), RESULT], "used again"),
        ([_call(id="")], "has the id ''"),
        ([_call(id="c" * 41)], "longer than 40"),
        ([_call(arguments="[]"), RESULT], "no JSON object"),
        ([_call(arguments="{"), RESULT], "no JSON object"),
        ([_call(function={"name": "a b", "arguments": "{}"}), RESULT], "the name 'a b'"),
        ([{**USER, "content": None}], "content is missing"),
        ([{**USER, "content": []}], "empty list"),
        ([{**USER, "content": [{}]}], "has no type"),
        ([{**USER, "content": 7}], "content is int"),
        ([{**USER, "content": "\ud800"}], "cannot be sent"),
        ([{"role": "king", "content": "x"}], "'king'"),
        ([{"role": "assistant", "content": None}], "content is missing"),
        ([{"role": "assistant", "content": "x", "tool_calls": []}], "tool_calls is empty"),
    ],
)
def test_what_openai_refuses_is_found(messages: list[dict[str, Any]], said: str) -> None:
    assert said in "; ".join(check_openai(messages))


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([_answer(TEXT)], "not the user's"),
        ([USER, _answer(_use("a"))], "at the end"),
        ([USER, _answer(_use("a")), USER, _given(_result("a"))], "have no result in it"),
        ([USER, _answer(_use("a"), _use("b")), _given(_result("a")), _given(_result("b"))], "have no result in it"),
        ([USER, _given(_result("a"))], "follows no open call"),
        ([USER, _answer(_use("a")), _given(TEXT, _result("a"))], "after other content"),
        ([USER, *[_answer(_use("a")), _given(_result("a"))] * 2], "used again"),
        ([USER, _answer(_use("a.1")), _given(_result("a.1"))], "'a.1'"),
        ([USER, _answer(_use("a", input="{}")), _given(_result("a"))], "is no object"),
        ([USER, _answer(_use("a")), _given(_result("a", "", is_error=True))], "says nothing"),
        ([USER, _answer(TEXT, THINKING, TEXT)], "does not begin with its thinking"),
        ([USER, _answer(THINKING)], "ends with thinking"),
        ([_given(THINKING)], "only assistants write"),
        ([_given()], "content is empty"),
        ([{**USER, "content": " "}], "text block is empty"),
        ([{"role": "system", "content": "x"}], "'system'"),
    ],
)
def test_what_anthropic_refuses_is_found(messages: list[dict[str, Any]], said: str) -> None:
    assert said in "; ".join(check_anthropic(messages))
