"""Whatever is given as a transcript is read or refused, and what is written reads back the same."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.messages import Message, MessageId, ToolCall
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

FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["user", "assistant", "tool", "ai", "human", "text", "tool_use", "tool_result", "constructor", "c"]),
)  # fmt: skip
keys = st.sampled_from(
    [
        "role", "content", "type", "id", "tool_calls", "tool_call_id", "function", "function_call", "name", "arguments",
        "text", "lc", "kwargs", "data", "args", "invalid_tool_calls", "additional_kwargs", "input", "tool_use_id", "uuid",
        "parentUuid", "message", "sessionId", "messages", "system", "steps", "traj", "thought", "action", "observation",
        "attachment", "prompt", "isSidechain", "isMeta", "is_error", "status",
    ]
)  # fmt: skip
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=25
)
openai_like = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", "function"]), "content": values},
        optional={"tool_calls": values, "tool_call_id": leaves, "function_call": values, "name": leaves, "id": leaves},
    ),
    max_size=4,
)
langchain_like = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["ai", "human", "tool", "chat", "AIMessageChunk", "remove", "function"])},
        optional={"data": values, "content": values, "tool_calls": values, "additional_kwargs": values, "lc": leaves,
                  "kwargs": values, "id": values, "tool_call_id": leaves},
    ),
    max_size=4,
)  # fmt: skip
session_like = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["user", "assistant", "system", "attachment"])},
        optional={
            "message": st.fixed_dictionaries({"content": values}, optional={"id": leaves}), "uuid": leaves,
            "parentUuid": leaves, "isSidechain": leaves, "attachment": values,
        },
    ),
    max_size=5,
)  # fmt: skip


def _read(value: Any, **options: Any) -> Transcript:
    return read_transcript(json.dumps(value), **options)


@FUZZ
@given(
    value=st.one_of(
        values, openai_like, langchain_like, session_like, st.fixed_dictionaries({"messages": openai_like})
    ),
    format=st.none() | st.sampled_from(TranscriptFormat),
)
def test_any_json_is_read_or_refused(value: Any, format: TranscriptFormat | None) -> None:
    try:
        found = _read(value, format=format)
    except InvalidInput as error:
        assert error.hint
        return
    assert len({message.id for message in found.messages}) == len(found.messages)
    for written in (write_openai(found.messages), write_anthropic(found.messages), write_langchain(found.messages)):
        json.dumps(written, ensure_ascii=False).encode()


@FUZZ
@given(text=st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_transcript(text)
    except InvalidInput as error:
        assert error.hint


@st.composite
def conversations(draw: st.DrawFn, *, text: st.SearchStrategy[str] = words) -> tuple[Message, ...]:
    """Turns with or without calls, each answered, as any of the formats can carry them."""
    messages: list[tuple[Role, dict[str, Any]]] = []
    if draw(st.booleans()):
        messages.append((Role.SYSTEM, {"text": draw(text)}))
    for turn in range(draw(st.integers(0, 4))):
        messages.append((Role.USER, {"text": draw(text)}))
        calls = tuple(
            ToolCall(id=f"{draw(ids)}-{turn}-{at}", name=draw(ids), arguments=json.dumps(found, ensure_ascii=False))
            for at, found in enumerate(
                draw(st.lists(st.dictionaries(words, words | st.integers(), max_size=2), max_size=3))
            )
        )
        messages.append((Role.ASSISTANT, {"text": draw(words if calls else text), "calls": calls}))
        answered = draw(st.permutations(calls))
        messages += [(Role.TOOL, {"text": draw(words), "answers": call.id}) for call in answered]
    return tuple(
        Message(id=MessageId(f"msg{number}"), role=role, **fields) for number, (role, fields) in enumerate(messages, 1)
    )


@FUZZ
@given(messages=conversations())
def test_what_is_written_for_openai_reads_back_the_same(messages: tuple[Message, ...]) -> None:
    written = write_openai(messages)
    assert check_openai(written) == []
    assert _read(written, format="openai").messages == messages


@FUZZ
@given(messages=conversations())
def test_what_is_written_for_langchain_reads_back_the_same(messages: tuple[Message, ...]) -> None:
    assert _read(write_langchain(messages), format="langchain").messages == messages


@FUZZ
@given(messages=conversations(text=words.filter(str.strip)))
def test_what_is_written_for_anthropic_reads_back_the_same(messages: tuple[Message, ...]) -> None:
    system, written = write_anthropic(messages)
    assert check_anthropic(written) == []
    found = _read({"system": system, "messages": written}, format="anthropic").messages
    # Empty text beside calls is left out, and so is text of white space: both are refused.
    expected = [message.text if message.text.strip() or message.role is Role.TOOL else "" for message in messages]
    assert [message.text for message in found] == expected
    assert [(m.id, m.role, m.calls, m.answers) for m in found] == [(m.id, m.role, m.calls, m.answers) for m in messages]
