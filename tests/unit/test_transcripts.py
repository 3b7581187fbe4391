"""Transcripts of every format come in whole, and what goes out is what a provider takes."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnemic.domain.working_memory.messages import NOTHING_SHOWN, Message, ToolCall
from mnemic.domain.working_memory.transcripts import (
    Transcript,
    TranscriptFormat,
    read_transcript,
    write_anthropic,
    write_langchain,
    write_openai,
)
from mnemic.errors import InvalidInput
from mnemic.testing import check_anthropic, check_openai

SHARED_DATA = Path(__file__).parents[2].parent / "shared" / "data"


def _read(value: Any, **options: Any) -> Transcript:
    return read_transcript(json.dumps(value), **options)


def _lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def _shape(transcript: Transcript) -> list[tuple[str, str]]:
    return [(message.role.value, message.text) for message in transcript.messages]


def _call(id: str = "c1", name: str = "look", arguments: str = '{"at": "door"}') -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


OPENAI: list[dict[str, Any]] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "name": "ana", "content": [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "at the door?"},
    ]},
    {"role": "assistant", "content": None, "tool_calls": [_call(), _call("c2", "listen", "{}")]},
    {"role": "tool", "tool_call_id": "c2", "content": "steps"},
    {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "a cat"}]},
    {"role": "assistant", "content": "A cat.", "refusal": None, "reasoning_content": "cats walk"},
]  # fmt: skip

ANTHROPIC: dict[str, Any] = {
    "model": "some-model",
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "What is at the door?"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Let me look.", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "AAAA"},
            {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "door"}},
            {"type": "tool_use", "id": "t2", "name": "listen", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [
                {"type": "text", "text": "a cat"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            ]},
            {"type": "tool_result", "tool_use_id": "t2", "content": "deaf", "is_error": True},
        ]},
        {"role": "user", "content": "Well?"},
        {"role": "assistant", "content": "A cat."},
    ],
}  # fmt: skip

LANGCHAIN: list[dict[str, Any]] = [
    {"type": "system", "data": {"content": "Be brief.", "type": "system", "name": None, "id": None}},
    {"type": "human", "data": {"content": "What is at the door?", "type": "human", "id": "h1", "example": False}},
    {"type": "ai", "data": {
        "content": [{"type": "text", "text": "Looking."}, {"type": "tool_use", "id": "t1", "name": "look", "input": {}}],
        "additional_kwargs": {"tool_calls": [_call("t1")]}, "response_metadata": {"model": "m"}, "type": "ai", "id": "a1",
        "tool_calls": [{"name": "look", "args": {"at": "door"}, "id": "t1", "type": "tool_call"}],
        "invalid_tool_calls": [{"name": "listen", "args": "{bad", "id": "t2", "error": "e", "type": "invalid_tool_call"}],
        "usage_metadata": None,
    }},
    {"type": "tool", "data": {"content": "a cat", "type": "tool", "name": "look", "tool_call_id": "t1",
                              "artifact": {"k": 1}, "status": "success"}},
    {"type": "tool", "data": {"content": "no JSON", "type": "tool", "tool_call_id": "t2", "status": "error"}},
    {"type": "AIMessageChunk", "data": {"content": "A cat.", "type": "AIMessageChunk", "tool_call_chunks": []}},
]  # fmt: skip


def _line(kind: str, uuid: str, parent: str | None, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content, **({"id": more.pop("answer")} if "answer" in more else {})}
    return {"type": kind, "uuid": uuid, "parentUuid": parent, "isSidechain": False, "sessionId": "s", "message": message,
            **more}  # fmt: skip


def _use(id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "Bash", "input": {"command": "ls"}}


def _result(id: str, text: str = "done") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": text}


SESSION = [
    {"type": "summary", "summary": "An old talk", "leafUuid": "x"},
    {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}},
    _line("user", "u1", None, "List the files."),
    _line("assistant", "a1", "u1", [{"type": "thinking", "thinking": "Hm.", "signature": "s"}], answer="msg_1"),
    _line("assistant", "a2", "a1", [{"type": "text", "text": "Listing."}], answer="msg_1"),
    _line("assistant", "a3", "a2", [_use("t1")], answer="msg_1"),
    _line("user", "r1", "a3", [_result("t1", "one")], toolUseResult={"stdout": "one"}),
    _line("assistant", "a4", "a3", [_use("t2")], answer="msg_1"),
    {"type": "attachment", "attachment": {"type": "queued_command", "prompt": "Hurry."}, "sessionId": "s"},
    _line("user", "r2", "a4", [_result("t2", "two")]),
    _line("user", "side", None, "Go and look.", isSidechain=True),
    {"type": "system", "subtype": "turn_duration", "uuid": "y", "parentUuid": "r2", "content": "3 s"},
    _line("assistant", "old", "y", [{"type": "text", "text": "Abandoned."}], answer="msg_2"),
    _line("assistant", "a5", "y", [{"type": "text", "text": "Two files."}], answer="msg_3"),
    {"type": "system", "subtype": "compact_boundary", "uuid": "b", "parentUuid": None, "logicalParentUuid": "a5",
     "content": "Conversation compacted"},
    _line("user", "u2", "b", "A summary.", isCompactSummary=True),
    _line("user", "u3", "u2", [{"type": "text", "text": "Go on."}], isMeta=True),
]  # fmt: skip


def test_messages_of_openai_come_in_with_calls_and_results() -> None:
    found = _read(OPENAI)
    assert found.format is TranscriptFormat.OPENAI
    assert _shape(found) == [
        ("system", "Be brief."),
        ("user", "What is\n\nat the door?"),
        ("assistant", ""),
        ("tool", "steps"),
        ("tool", "a cat"),
        ("assistant", "A cat."),
    ]
    assert found.messages[1].name == "ana"
    assert found.messages[2].calls[0] == ToolCall(id="c1", name="look", arguments='{"at": "door"}')
    assert [message.answers for message in found.messages[3:5]] == ["c2", "c1"]
    assert [message.id for message in found.messages] == [f"msg{number}" for number in range(1, 7)]


def test_messages_of_openai_go_out_as_they_came_in() -> None:
    written = write_openai(_read(OPENAI).messages)
    assert written[:4] == OPENAI[:4]
    assert written[4]["content"] == "a cat"
    assert written[5]["reasoning_content"] == "cats walk"
    assert check_openai(written) == []


@pytest.mark.parametrize(
    "text", [json.dumps({"messages": OPENAI}), _lines(*OPENAI), "\ufeff" + json.dumps(OPENAI, indent=2)]
)
def test_openai_messages_are_recognised_in_an_object_in_lines_and_after_a_byte_order_mark(text: str) -> None:
    assert read_transcript(text) == _read(OPENAI)


def test_a_line_separator_of_unicode_does_not_end_a_line() -> None:
    text = '{"role":"user","content":"a\u2028b"}\r\n{"role":"assistant","content":"c"}\n'
    assert _shape(read_transcript(text)) == [("user", "a\u2028b"), ("assistant", "c")]


def test_the_old_function_calls_are_calls_too() -> None:
    found = _read([
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
        {"role": "function", "name": "look", "content": "a cat"},
    ])  # fmt: skip
    assert found.messages[1].answers == found.messages[0].calls[0].id
    assert check_openai(write_openai(found.messages)) == []


def test_fields_of_calls_and_calls_of_custom_tools_go_out_as_they_came_in() -> None:
    calls = [
        {**_call(), "extra_content": {"signature": "s"}},
        {"id": "c2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
    ]
    messages = [{"role": "assistant", "content": None, "tool_calls": calls}]
    assert write_openai(_read(messages).messages) == messages


def test_messages_of_anthropic_become_one_message_for_each_result() -> None:
    found = _read(ANTHROPIC)
    assert found.format is TranscriptFormat.ANTHROPIC
    assert _shape(found) == [
        ("system", "Be brief."),
        ("user", "What is at the door?"),
        ("assistant", "Looking."),
        ("tool", "a cat"),
        ("tool", "deaf"),
        ("user", "Well?"),
        ("assistant", "A cat."),
    ]
    assert [message.is_error for message in found.messages[3:5]] == [False, True]
    assert found.messages[2].calls[0].arguments == '{"at": "door"}'


def test_messages_of_anthropic_go_out_as_they_came_in() -> None:
    system, written = write_anthropic(_read(ANTHROPIC).messages)
    assert (system, written) == (ANTHROPIC["system"], ANTHROPIC["messages"])
    assert check_anthropic(written) == []


def test_thinking_is_signed_and_stays_when_the_text_after_it_is_edited() -> None:
    thinking, text = {"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "Yes."}
    (message,) = _read([{"role": "assistant", "content": [thinking, text, {**text, "text": "No."}]}]).messages
    edited = Message(id=message.id, role=message.role, text="Maybe.", opaque=message.opaque)
    _, written = write_anthropic([edited])
    assert written[-1]["content"] == [thinking, {"type": "text", "text": "Maybe."}]
    _, written = write_anthropic([Message(id=message.id, role=message.role, text="", opaque=message.opaque)])
    assert written[-1]["content"] == [thinking, {"type": "text", "text": NOTHING_SHOWN}]
    assert check_anthropic(written) == []


def test_a_view_of_another_provider_leaves_out_what_only_the_first_can_read() -> None:
    written = write_openai(_read(ANTHROPIC).messages)
    assert check_openai(written) == []
    assert "signature" not in json.dumps(written)
    system, back = write_anthropic(_read(OPENAI).messages)
    assert system == "Be brief."
    assert check_anthropic(back) == []


def test_the_ids_of_several_results_in_one_message_derive_from_its_id() -> None:
    found = read_transcript(_lines(
        _line("assistant", "a", None, [_use("t1"), _use("t2")]),
        _line("user", "r", "a", [_result("t1"), _result("t2"), {"type": "text", "text": "Well?"}]),
    ))  # fmt: skip
    assert [message.id for message in found.messages] == ["a", "r.1", "r.2", "r.3"]


def test_messages_of_langchain_are_read_in_all_three_forms() -> None:
    found = _read(LANGCHAIN)
    assert found.format is TranscriptFormat.LANGCHAIN
    plain = [entry["data"] for entry in LANGCHAIN]
    names = {"system": "SystemMessage", "human": "HumanMessage", "ai": "AIMessage", "tool": "ToolMessage"}
    path = ["langchain", "schema", "messages"]
    dumped = [
        {
            "lc": 1,
            "type": "constructor",
            "id": [*path, names.get(entry["type"], entry["type"])],
            "kwargs": entry["data"],
        }
        for entry in LANGCHAIN
    ]
    assert found == _read(plain) == _read(dumped) == _read({"messages": dumped})
    assert [message.id for message in found.messages] == ["msg1", "h1", "a1", "msg4", "msg5", "msg6"]
    assert [call.arguments for call in found.messages[2].calls] == ['{"at": "door"}', "{bad"]
    assert found.messages[4].is_error


def test_messages_of_langchain_go_out_without_a_second_copy_of_their_calls() -> None:
    found = _read(LANGCHAIN)
    written = write_langchain(found.messages)
    assert _read(written).messages == found.messages
    answer = written[2]["data"]
    assert answer["additional_kwargs"] == {}
    assert answer["response_metadata"] == {"model": "m"}
    assert answer["content"][1]["input"] == {"at": "door"}
    assert answer["invalid_tool_calls"][0]["error"] == "e"
    assert written[3]["data"]["artifact"] == {"k": 1}


def test_an_instruction_to_remove_a_message_is_skipped_and_counted() -> None:
    found = _read([{"type": "remove", "data": {"content": "", "id": "h1"}}, LANGCHAIN[1]])
    assert (len(found.messages), found.skipped) == (1, {"remove": 1})


def test_a_session_of_claude_code_is_the_branch_that_ends_last() -> None:
    found = read_transcript(_lines(*SESSION))
    assert found.format is TranscriptFormat.CLAUDE_CODE
    assert _shape(found) == [
        ("user", "List the files."),
        ("assistant", "Listing."),
        ("tool", "one"),
        ("tool", "two"),
        ("user", "Hurry."),
        ("assistant", "Two files."),
        ("user", "A summary."),
        ("user", "Go on."),
    ]
    assert [message.id for message in found.messages][:4] == ["u1", "msg_1", "r1", "r2"]
    assert [call.id for call in found.messages[1].calls] == ["t1", "t2"]
    assert found.messages[6].opaque["host"] == {"isCompactSummary": True}
    assert found.skipped == {
        "sidechain": 1, "summary": 1, "file-history-snapshot": 1, "system:turn_duration": 1, "abandoned branch": 1,
        "system:compact_boundary": 1,
    }  # fmt: skip
    _, written = write_anthropic(found.messages)
    assert written[1]["content"][0]["type"] == "thinking"
    assert check_anthropic(written) == []


def test_a_file_of_nothing_but_a_subagent_is_its_conversation() -> None:
    found = read_transcript(_lines(_line("user", "u", None, "Go and look.", isSidechain=True)))
    assert _shape(found) == [("user", "Go and look.")]


def test_an_error_of_the_api_is_not_an_answer() -> None:
    found = read_transcript(_lines(SESSION[2], _line("assistant", "e", "u1", "API Error", isApiErrorMessage=True)))
    assert (_shape(found), found.skipped) == ([("user", "List the files.")], {"API error": 1})


def test_a_list_of_steps_becomes_thoughts_calls_and_results() -> None:
    found = _read({"task": "Cool a potato.", "steps": [
        {"thought": "Look.", "action": "open fridge", "observation": "It is open.", "score": 0.5},
        {"thought": "", "action": "take potato", "observation": ""},
    ]})  # fmt: skip
    assert found.format is TranscriptFormat.STEPS
    assert _shape(found)[:3] == [("user", "Cool a potato."), ("assistant", "Look."), ("tool", "It is open.")]
    assert found.messages[1].calls[0].name == "act"
    assert json.loads(found.messages[1].calls[0].arguments) == {"command": "open fridge"}
    assert check_openai(write_openai(found.messages)) == []


def test_a_call_at_the_very_end_may_still_run() -> None:
    found = _read([*OPENAI, {"role": "assistant", "content": None, "tool_calls": [_call("c9")]}])
    assert found.messages[-1].calls[0].id == "c9"


def test_an_id_of_a_call_that_is_used_again_gets_a_number_and_its_result_follows() -> None:
    turn = [{"role": "assistant", "tool_calls": [_call("c")]}, {"role": "tool", "tool_call_id": "c", "content": "x"}]
    found = _read(turn * 3)
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
        _read([*OPENAI[:3], OPENAI[5]])
    with pytest.raises(InvalidInput, match="answered already"):
        _read([*OPENAI[:5], OPENAI[4]])
    with pytest.raises(InvalidInput, match="two calls have the id 'c1'"):
        _read([{"role": "assistant", "tool_calls": [_call(), _call()]}])


def test_a_format_that_was_named_is_the_one_that_is_read() -> None:
    plain = [{"role": "user", "content": "Hello."}]
    assert _read(plain, format="anthropic").format is TranscriptFormat.ANTHROPIC
    for format in TranscriptFormat:
        if format not in (TranscriptFormat.OPENAI, TranscriptFormat.ANTHROPIC, TranscriptFormat.CLAUDE_CODE):
            with pytest.raises(InvalidInput):
                _read(plain, format=format)
    with pytest.raises(InvalidInput, match="Use one of: openai"):
        _read(plain, format="gopher")
    with pytest.raises(InvalidInput, match="not text"):
        read_transcript(b"[]")  # type: ignore[arg-type]


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
        _lines({"role": "user", "content": "x" * 10_000_000}, {"role": "assistant", "content": "y"})
    )
    assert len(found.messages[0].text) == 10_000_000


def _recorded(name: str) -> list[str]:
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"the recorded data {name} is not on this machine ({SHARED_DATA} is absent)")
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.mark.parametrize(
    ("name", "format", "field"),
    [
        ("taubench_airline_dev.jsonl.gz", TranscriptFormat.TAU_BENCH, "traj"),
        ("trajectories_dev.jsonl.gz", TranscriptFormat.STEPS, "steps"),
    ],
)
def test_every_recorded_episode_is_read_whole_and_written_for_every_provider(
    name: str, format: TranscriptFormat, field: str
) -> None:
    for line in _recorded(name):
        found = read_transcript(line)
        source = json.loads(line)[field]
        assert found.format is format
        if format is TranscriptFormat.STEPS:
            assert len(found.messages) == 2 * len(source) + 1
        else:
            assert [message.text for message in found.messages] == [message["content"] or "" for message in source]
        written = write_openai(found.messages)
        assert check_openai(written) == []
        assert _read(written, format="openai").messages == _without_host(found.messages)
        assert check_anthropic(write_anthropic(found.messages)[1]) == []
        # LangChain holds the arguments as an object: how the model spaced them is lost.
        assert _without_host(_read(write_langchain(found.messages)).messages, spaced=False) == _without_host(
            found.messages, spaced=False
        )


def _without_host(messages: tuple[Message, ...], *, spaced: bool = True) -> tuple[Message, ...]:
    def plain(call: ToolCall) -> ToolCall:
        return call if spaced else replace(call, arguments=json.dumps(json.loads(call.arguments)))

    return tuple(replace(message, opaque={}, calls=tuple(map(plain, message.calls))) for message in messages)
