"""Transcripts that cannot be read, and those that hardly can."""

from __future__ import annotations

import pytest

from mnemic.domain.working_memory.transcripts import (
    read_transcript,
    write_anthropic,
    write_openai,
)
from mnemic.errors import InvalidInput
from mnemic.testing import check_openai
from tests.unit.transcripts import OPENAI, call_of, json_lines, read_any


def test_a_call_at_the_very_end_may_still_run() -> None:
    found = read_any([*OPENAI, {"role": "assistant", "content": None, "tool_calls": [call_of("c9")]}])
    assert found.messages[-1].calls[0].id == "c9"


def test_an_id_of_a_call_that_is_used_again_gets_a_number_and_its_result_follows() -> None:
    turn = [{"role": "assistant", "tool_calls": [call_of("c")]}, {"role": "tool", "tool_call_id": "c", "content": "x"}]
    found = read_any(turn * 3)
    assert [message.calls[0].id for message in found.messages[::2]] == ["c", "c_2", "c_3"]
    assert [message.answers for message in found.messages[1::2]] == ["c", "c_2", "c_3"]
    assert found.mended == {"call id used again": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("42", "42, not a conversation"),
        ('{"a": 1}', "no message of a known format"),
        ('[{"role": "user", "content": "a"}', "line 1, column"),
        ('{"role":"user","content":"a"}\n{"role": ', "line 2, column"),
        ('[{"role": "user", "content": NaN}]', "NaN"),
        ('[{"role": "user", "content": 1e999}]', "out of range"),
        (f'[{{"role": "user", "content": {"9" * 5000}}}]', "not JSON"),
        ("[" * 100_000, "too deep"),
        ('[{"role": "user", "content": 7}]', "message 1: content is 7"),
        ('[{"role": "user", "content": [7]}]', "message 1, content[0]"),
        ('[{"role": "user", "content": [{"type": "text"}]}]', "text is None"),
        ('[{"role": "king", "content": "a"}]', "the role is 'king'"),
        ('[{"role": "user", "content": "a"}, "b"]', "message 2: this is 'b'"),
        ('[{"role": "user", "content": "a", "id": [1]}]', "id is list"),
        ('[{"role": "user", "content": "a", "id": "x"}, {"role": "user", "content": "b", "id": "x"}]', "message id 'x'"),
        ('[{"role": "tool", "content": "a", "tool_call_id": "x"}]', "was not made"),
        ('[{"role": "tool", "content": "a"}]', "tool_call_id is None"),
        ('[{"role": "assistant", "tool_calls": 3}]', "tool_calls is 3"),
        ('[{"role": "assistant", "tool_calls": [3]}]', "tool_calls[0]"),
        ('[{"role": "user", "content": "a", "tool_calls": [{}]}]', "user calls tools"),
        ('[{"role": "assistant", "function_call": 3}]', "function_call is 3"),
        ('{"traj": [], "steps": [], "messages": 3}\n{"traj": []}', "one of 2 lines"),
        ('{"steps": [3]}', "step 1"),
        ('{"steps": [{"thought": 3}]}', "thought is 3"),
        ('[{"lc": 1, "type": "not_implemented", "id": ["x"]}]', "could not serialise"),
        ('[{"type": "ai", "data": {"tool_calls": [{"name": "f", "id": null}]}}]', "the id of a tool call"),
        ('{"type": "user", "uuid": "u", "parentUuid": null}', "message is None"),
        ('[{"role": "assistant", "content": [{"type": "tool_result"}]}]', "inside of an assistant"),
        ('[{"role": "function", "content": "x"}, {"role": "assistant", "content": [{"type": "tool_use"}]}]', "role is"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place_and_a_way_out(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_transcript(text)
    assert said in str(caught.value)
    assert caught.value.hint
    assert len(str(caught.value)) < 400


def test_results_that_are_missing_or_given_twice_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"message 4: the call 'c1' of message 3 has no result"):
        read_any([*OPENAI[:3], OPENAI[5]])
    with pytest.raises(InvalidInput, match="answered already"):
        read_any([*OPENAI[:5], OPENAI[4]])
    with pytest.raises(InvalidInput, match="two calls have the id 'c1'"):
        read_any([{"role": "assistant", "tool_calls": [call_of(), call_of()]}])


def test_half_a_character_is_replaced_and_counted_and_a_nul_is_kept() -> None:
    found = read_transcript(r'[{"role": "user", "content": "cut \ud83d off, 😀 whole, \u0000"}]')
    assert found.messages[0].text == "cut \ufffd off, 😀 whole, \x00"
    assert found.mended == {"half a surrogate pair": 1}
    assert check_openai(write_openai(found.messages)) == []


@pytest.mark.parametrize("depth", [300, 900, 990, 2_000])
def test_a_message_that_is_nested_deeply_is_read_or_refused(depth: int) -> None:
    block = '{"type": "x\\ud800", "v": ' + "[" * depth + "]" * depth + "}"
    call = '{"type": "tool_use", "id": "a", "name": "b", "input": ' + '{"a":' * depth + "1" + "}" * depth + "}"
    for content in (block, call):
        try:
            found = read_transcript('[{"role": "assistant", "content": [' + content + "]}]")
        except InvalidInput as error:
            assert "nested too deeply" in str(error)
        else:
            assert write_anthropic(found.messages)[1]


def test_a_line_of_ten_megabytes_is_read() -> None:
    found = read_transcript(
        json_lines({"role": "user", "content": "x" * 10_000_000}, {"role": "assistant", "content": "y"})
    )
    assert len(found.messages[0].text) == 10_000_000
