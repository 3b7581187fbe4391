"""Transcripts of every format come in whole, and what goes out is what a provider takes."""

from __future__ import annotations

import json
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
from tests.unit.transcripts import OPENAI, call_of, json_lines, read_any


def _shape(transcript: Transcript) -> list[tuple[str, str]]:
    return [(message.role.value, message.text) for message in transcript.messages]


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
        "additional_kwargs": {"tool_calls": [call_of("t1")]}, "response_metadata": {"model": "m"}, "type": "ai", "id": "a1",
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
    found = read_any(OPENAI)
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
    written = write_openai(read_any(OPENAI).messages)
    assert written[:4] == OPENAI[:4]
    assert written[4]["content"] == "a cat"
    assert written[5]["reasoning_content"] == "cats walk"
    assert check_openai(written) == []


@pytest.mark.parametrize(
    "text", [json.dumps({"messages": OPENAI}), json_lines(*OPENAI), "\ufeff" + json.dumps(OPENAI, indent=2)]
)
def test_openai_messages_are_recognised_in_an_object_in_lines_and_after_a_byte_order_mark(text: str) -> None:
    assert read_transcript(text) == read_any(OPENAI)


def test_a_line_separator_of_unicode_does_not_end_a_line() -> None:
    text = '{"role":"user","content":"a\u2028b"}\r\n{"role":"assistant","content":"c"}\n'
    assert _shape(read_transcript(text)) == [("user", "a\u2028b"), ("assistant", "c")]


def test_the_old_function_calls_are_calls_too() -> None:
    found = read_any([
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
        {"role": "function", "name": "look", "content": "a cat"},
    ])  # fmt: skip
    assert found.messages[1].answers == found.messages[0].calls[0].id
    assert check_openai(write_openai(found.messages)) == []


def test_fields_of_calls_and_calls_of_custom_tools_go_out_as_they_came_in() -> None:
    calls = [
        {**call_of(), "extra_content": {"signature": "s"}},
        {"id": "c2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
    ]
    messages = [{"role": "assistant", "content": None, "tool_calls": calls}]
    assert write_openai(read_any(messages).messages) == messages


def test_messages_of_anthropic_become_one_message_for_each_result() -> None:
    found = read_any(ANTHROPIC)
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
    system, written = write_anthropic(read_any(ANTHROPIC).messages)
    assert (system, written) == (ANTHROPIC["system"], ANTHROPIC["messages"])
    assert check_anthropic(written) == []


def test_thinking_is_signed_and_stays_when_the_text_after_it_is_edited() -> None:
    thinking, text = {"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "Yes."}
    (message,) = read_any([{"role": "assistant", "content": [thinking, text, {**text, "text": "No."}]}]).messages
    edited = Message(id=message.id, role=message.role, text="Maybe.", opaque=message.opaque)
    _, written = write_anthropic([edited])
    assert written[-1]["content"] == [thinking, {"type": "text", "text": "Maybe."}]
    _, written = write_anthropic([Message(id=message.id, role=message.role, text="", opaque=message.opaque)])
    assert written[-1]["content"] == [thinking, {"type": "text", "text": NOTHING_SHOWN}]
    assert check_anthropic(written) == []


def test_a_view_of_another_provider_leaves_out_what_only_the_first_can_read() -> None:
    written = write_openai(read_any(ANTHROPIC).messages)
    assert check_openai(written) == []
    assert "signature" not in json.dumps(written)
    system, back = write_anthropic(read_any(OPENAI).messages)
    assert system == "Be brief."
    assert check_anthropic(back) == []


def test_the_ids_of_several_results_in_one_message_derive_from_its_id() -> None:
    found = read_transcript(json_lines(
        _line("assistant", "a", None, [_use("t1"), _use("t2")]),
        _line("user", "r", "a", [_result("t1"), _result("t2"), {"type": "text", "text": "Well?"}]),
    ))  # fmt: skip
    assert [message.id for message in found.messages] == ["a", "r.1", "r.2", "r.3"]


def test_messages_of_langchain_are_read_in_all_three_forms() -> None:
    found = read_any(LANGCHAIN)
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
    assert found == read_any(plain) == read_any(dumped) == read_any({"messages": dumped})
    assert [message.id for message in found.messages] == ["msg1", "h1", "a1", "msg4", "msg5", "msg6"]
    assert [call.arguments for call in found.messages[2].calls] == ['{"at": "door"}', "{bad"]
    assert found.messages[4].is_error


def test_messages_of_langchain_go_out_without_a_second_copy_of_their_calls() -> None:
    found = read_any(LANGCHAIN)
    written = write_langchain(found.messages)
    assert read_any(written).messages == found.messages
    answer = written[2]["data"]
    assert answer["additional_kwargs"] == {}
    assert answer["response_metadata"] == {"model": "m"}
    assert answer["content"][1]["input"] == {"at": "door"}
    assert answer["invalid_tool_calls"][0]["error"] == "e"
    assert written[3]["data"]["artifact"] == {"k": 1}


def test_an_instruction_to_remove_a_message_is_skipped_and_counted() -> None:
    found = read_any([{"type": "remove", "data": {"content": "", "id": "h1"}}, LANGCHAIN[1]])
    assert (len(found.messages), found.skipped) == (1, {"remove": 1})


def test_a_session_of_claude_code_is_the_branch_that_ends_last() -> None:
    found = read_transcript(json_lines(*SESSION))
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
    found = read_transcript(json_lines(_line("user", "u", None, "Go and look.", isSidechain=True)))
    assert _shape(found) == [("user", "Go and look.")]


def test_an_error_of_the_api_is_not_an_answer() -> None:
    found = read_transcript(json_lines(SESSION[2], _line("assistant", "e", "u1", "API Error", isApiErrorMessage=True)))
    assert (_shape(found), found.skipped) == ([("user", "List the files.")], {"API error": 1})


def test_a_list_of_steps_becomes_thoughts_calls_and_results() -> None:
    found = read_any({"task": "Cool a potato.", "steps": [
        {"thought": "Look.", "action": "open fridge", "observation": "It is open.", "score": 0.5},
        {"thought": "", "action": "take potato", "observation": ""},
    ]})  # fmt: skip
    assert found.format is TranscriptFormat.STEPS
    assert _shape(found)[:3] == [("user", "Cool a potato."), ("assistant", "Look."), ("tool", "It is open.")]
    assert found.messages[1].calls[0].name == "act"
    assert json.loads(found.messages[1].calls[0].arguments) == {"command": "open fridge"}
    assert check_openai(write_openai(found.messages)) == []


def test_a_format_that_was_named_is_the_one_that_is_read() -> None:
    plain = [{"role": "user", "content": "Hello."}]
    assert read_any(plain, format="anthropic").format is TranscriptFormat.ANTHROPIC
    for format in TranscriptFormat:
        if format not in (TranscriptFormat.OPENAI, TranscriptFormat.ANTHROPIC, TranscriptFormat.CLAUDE_CODE):
            with pytest.raises(InvalidInput):
                read_any(plain, format=format)
    with pytest.raises(InvalidInput, match="Use one of: openai"):
        read_any(plain, format="gopher")
    with pytest.raises(InvalidInput, match="not text"):
        read_transcript(b"[]")  # type: ignore[arg-type]
