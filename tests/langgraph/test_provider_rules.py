"""The validators of prompts find what providers refuse in LangChain's messages, and nothing in a prompt that is well."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from mnemic.testing import check_anthropic
from tests.langgraph.provider_rules import (
    check_prompt,
    orphans,
    refused_by_anthropic,
    refused_by_openai,
    with_head,
)

for _name, _whose in (("langchain_openai", "OpenAI"), ("langchain_anthropic", "Anthropic")):
    pytest.importorskip(_name, reason=f"{_name}, which writes {_whose}'s requests, is not installed")

ASK = HumanMessage("Which flights are there?")
SAID = AIMessage("None today.")


def _calls(*ids: str, text: str = "", **arguments: Any) -> AIMessage:
    return AIMessage(text, tool_calls=[{"name": "look", "args": arguments, "id": id} for id in ids])


def _result(id: str, text: str = "TP-1") -> ToolMessage:
    return ToolMessage(text, tool_call_id=id)


@pytest.mark.parametrize(
    "messages",
    [
        [ASK],
        [ASK, SAID, ASK],
        [ASK, _calls("a"), _result("a"), SAID],
        [ASK, _calls("a", "b", text="Both."), _result("b"), _result("a"), HumanMessage("And now?")],
        [ASK, _calls("a"), _result("a", ""), _calls("b", folded="TP-1"), _result("b", "·")],
    ],
)
def test_prompts_that_are_well_pass(messages: list[BaseMessage]) -> None:
    assert check_prompt(messages) == check_prompt(with_head("Be kind.", messages)) == []
    assert orphans(messages) == []


@pytest.mark.parametrize(
    ("messages", "said", "alone"),
    [
        ([ASK, _calls("a"), HumanMessage("So?")], "no result", ["a"]),
        ([ASK, _calls("a")], "at the end", ["a"]),
        ([ASK, _calls("a", "b"), _result("a"), SAID], "no result", ["b"]),
        ([ASK, _calls("a"), HumanMessage("So?"), _result("a")], "no result", ["a", "a"]),
        ([ASK, _result("a")], "follows no open call", ["a"]),
        ([ASK, _calls("a"), _result("a"), _result("a")], "follows no open call", ["a"]),
        ([ASK, _calls("a"), _result("b")], "follows no open call", ["b", "a"]),
        ([ASK, SAID, _result("a")], "follows no open call", ["a"]),
        ([ASK, _calls("a"), _result("a"), _calls("a"), _result("a")], "used again", []),
    ],
)
def test_calls_without_results_and_results_without_calls_are_refused_by_both(
    messages: list[BaseMessage], said: str, alone: list[str]
) -> None:
    assert said in "; ".join(refused_by_openai(messages))
    assert refused_by_anthropic(messages)
    assert orphans(messages) == alone


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([HumanMessage("")], "a text block is empty"),
        ([HumanMessage(" \n")], "a text block is empty"),
        ([ASK, SAID, HumanMessage([])], "is empty"),
        ([SAID, ASK], "the first message is not the user's"),
        ([_calls("a"), _result("a"), ASK], "the first message is not the user's"),
        ([ASK, SAID, SystemMessage("Be brief.")], "moved to the top-level"),
        ([SystemMessage("Be kind."), ASK, SystemMessage("Be brief.")], "multiple non-consecutive system messages"),
        ([SystemMessage([{"type": "text", "text": ""}]), ASK], "system: a text block is empty"),
        ([ASK, _calls("a"), HumanMessage([{"type": "text", "text": "so"}]), _result("a")], "after other content"),
    ],
)
def test_what_only_anthropic_refuses_is_found(messages: list[BaseMessage], said: str) -> None:
    assert said in "; ".join(refused_by_anthropic(messages))


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([ASK, AIMessage("", tool_calls=[{"name": "a b", "args": {}, "id": "a"}]), _result("a")], "the name 'a b'"),
        ([ASK, AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "a" * 41}]), _result("a" * 41)], "longer"),
        ([ASK, _calls(""), _result("")], "has the id ''"),
        (
            [
                ASK,
                AIMessage("", invalid_tool_calls=[{"name": "look", "args": "{", "id": "a", "error": None}]),
                _result("a"),
            ],
            "no JSON object",
        ),
    ],
)
def test_what_openai_refuses_in_a_call_is_found(messages: list[BaseMessage], said: str) -> None:
    assert said in "; ".join(refused_by_openai(messages))


def test_an_empty_block_of_the_systems_field_is_found_and_a_text_is_well() -> None:
    asked = [{"role": "user", "content": "x"}]
    assert check_anthropic(asked, system="Be kind.") == check_anthropic(asked, system=None) == []
    assert check_anthropic(asked, system=[{"type": "text", "text": " "}]) == ["system: a text block is empty"]


def test_every_refusal_of_a_prompt_names_its_provider() -> None:
    found = check_prompt([ASK, _calls("a")])
    assert {one.partition(":")[0] for one in found} == {"OpenAI", "Anthropic"}
