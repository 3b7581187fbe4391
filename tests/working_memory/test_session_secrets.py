"""A policy may have secrets taken out of the messages of sessions; without it they are kept to the byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Memory
from mnemic.domain.memory import Role
from mnemic.domain.working_memory.messages import Message, MessageId, ToolCall

KEY = "AKIA" + "ABCDEFGHJKLMNPQ2"
SAID = f"Deploy with the key {KEY}, the password is hunter2-and-more."


def open_here(folder: Path, policy: str, **given: Any) -> Memory:
    file = folder / "policy.yaml"
    file.write_text(f"name: test\n{policy}\n", encoding="utf-8")
    return mnemic.open_memory(folder / "home", policy=str(file), chroma="off", durable=False, **given)


def call_of(arguments: str, **opaque: Any) -> list[Message]:
    call = ToolCall(id="c1", name="connect", arguments=arguments)
    asked = Message(id=MessageId("a"), role=Role.ASSISTANT, text="", calls=(call,), opaque=opaque)
    return [
        asked,
        Message(id=MessageId("b"), role=Role.TOOL, text=json.dumps({"password": "hunter2-and-more"}), answers="c1"),
    ]


WITHOUT = "write: {messages: without_secrets}"


async def test_neither_a_view_nor_an_original_nor_a_file_holds_a_secret_of_a_session(tmp_path: Path) -> None:
    async with open_here(tmp_path, WITHOUT) as memory:
        session = memory.session("talk")
        await session.append(SAID, role="user", folding="lean")
        await session.append(call_of(json.dumps({"key": KEY, "at": [1, 2.5, None]}), raw={"said": SAID}))
        await session.append_transcript(json.dumps([{"role": "user", "content": SAID}]))
        shown = await session.originals()
        assert "Deploy with the key [redacted: " in shown[0].text
        arguments = json.loads(shown[1].calls[0].arguments)
        assert arguments["at"] == [1, 2.5, None] and "[redacted: " in arguments["key"]
        assert "[redacted: " in json.loads(shown[2].text)["password"]
        assert KEY not in str(shown) and KEY not in str(await session.view())
    held = b"".join(file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file())
    assert KEY.encode() not in held and b"hunter2" not in held
    async with open_here(tmp_path, WITHOUT) as memory:
        assert await memory.session("talk").originals() == shown


@pytest.mark.parametrize(
    "policy", ["", "mode: watch\n" + WITHOUT, "write: {enabled: false, messages: without_secrets}"]
)
async def test_unless_a_policy_that_acts_says_so_messages_are_kept_to_the_byte(tmp_path: Path, policy: str) -> None:
    given = call_of(f'{{"key":  "{KEY}"}}', raw={"said": SAID})
    async with open_here(tmp_path, policy) as memory:
        session = memory.session("talk")
        await session.append(SAID, role="user")
        await session.append(given)
        shown = await session.view()
        assert shown[0].text == SAID
        assert (shown[1].calls, shown[1].opaque, shown[2].text) == (given[0].calls, given[0].opaque, given[1].text)


async def test_the_agent_gets_its_action_as_it_said_it_while_the_session_keeps_it_without_the_secret(
    tmp_path: Path,
) -> None:
    async with open_here(tmp_path, WITHOUT) as memory:
        session = memory.session("talk")
        action = await session.take_answer(f"Subgoal: log in\nAction: login with {KEY}")
        assert action == f"login with {KEY}"
        (kept,) = await session.view()
        assert KEY not in kept.text and "login with [redacted: " in kept.text


async def test_what_an_agent_writes_beside_its_messages_holds_no_secret_either(tmp_path: Path) -> None:
    def summarise(text: str, _focus: str) -> str:
        return f"{KEY} works, says {text[:5]}"

    async with open_here(tmp_path, WITHOUT, summarise=summarise) as memory:
        session = memory.session("talk")
        await session.append("Hello.", role="user")
        await session.sculpt("set_task", id="deploy", title=f"Deploy with {KEY}")
        await session.sculpt("set_task", id=f"rotate {KEY}", title="Rotate it", after=["deploy"])
        await session.sculpt("set_task", id="done", title="Rest", after=[f"rotate {KEY}"])
        await session.take_answer(f"Subgoal: log in with {KEY}\nAction: login")
        told = await session.open_subgoal(f"use {KEY}", summary=f"{KEY} was good")
        assert KEY not in told.said
        await session.append("It worked" + ", and it worked again" * 40 + ", really.", role="assistant")
        await session.append(call_of(json.dumps({"at": "x " * 50})))
        await session.search_context(KEY)
        cut = await session.fragment_context("It worked", "really.", role="assistant")
        await session.summarize_fragment(cut.ids[0], focus=f"Is {KEY} good?")
        await session.prune_context(f"{KEY} is the key", ["c1"], inline=True)
        await session.sculpt("pin", message_id="msg1", reason=f"It holds {KEY}")
        await session.close_subgoal(summary=f"password: hunter2-and-more, {KEY}")
        seen = await session.read(lambda one: repr([one._cells, one.edits]))
        assert "[redacted" in seen and KEY not in seen and "hunter2" not in seen
    held = b"".join(file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file())
    assert KEY.encode() not in held and b"hunter2" not in held and b"[redacted" in held


@pytest.mark.parametrize("depth", [50, 400, 950])
async def test_a_message_that_is_nested_deeply_is_kept_without_its_secret(tmp_path: Path, depth: int) -> None:
    async with open_here(tmp_path, WITHOUT) as memory:
        await memory.session("talk").append("[" * depth + json.dumps(SAID) + "]" * depth, role="user")
        (kept,) = await memory.session("talk").view()
        assert KEY not in kept.text and "hunter2" not in kept.text


@pytest.mark.parametrize(("first", "then"), [(WITHOUT, WITHOUT), ("", WITHOUT), (WITHOUT, "")])
async def test_a_conversation_with_a_secret_in_it_is_not_taken_in_twice(tmp_path: Path, first: str, then: str) -> None:
    said = [{"role": role, "content": text} for role, text in (("user", SAID), ("assistant", "Done."), ("user", SAID))]
    for policy, count, fresh in ((first, 2, 2), (then, 2, 0), (then, 3, 1), (first, 3, 0)):
        async with open_here(tmp_path, policy) as memory:
            assert len(await memory.session("talk").append_transcript(said[:count], whole=True)) == fresh
