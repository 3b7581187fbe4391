"""What is learnt from the messages of a state, whatever has become of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ChatMessage, FunctionMessage, HumanMessage, ToolMessage

from mnemic_langgraph import create_reflect_node, create_retry_graph
from mnemic_langgraph.testing import call
from mnemic_langgraph.trajectories import NO_RESULT, trajectory_of
from tests.langgraph.graphs import open_here

WALK: list[Any] = [
    AIMessage("", tool_calls=[call("walk", id="walked", to="kitchen")]),
    ToolMessage("You are there.", tool_call_id="walked"),
]
UNREADABLE: Any = {"name": "walk", "args": '{"to": "kit', "id": "cut", "error": None, "type": "invalid_tool_call"}

ODD: dict[str, list[Any]] = {
    "a result whose call was trimmed": [ToolMessage("You are there.", tool_call_id="gone")],
    "a call whose result was removed": [AIMessage("", tool_calls=[call("walk", id="never", to="cellar")])],
    "one of two results": [
        AIMessage("", tool_calls=[call("walk", id="a", to="a"), call("walk", id="b", to="b")]),
        ToolMessage("You are at b.", tool_call_id="b"),
    ],
    "a result that came twice": [*WALK, ToolMessage("You are there.", tool_call_id="walked")],
    "a call that nobody could read": [
        AIMessage("", invalid_tool_calls=[UNREADABLE]),
        ToolMessage("That is no JSON.", tool_call_id="cut", status="error"),
    ],
    "a call without an id": [AIMessage("", tool_calls=[{"name": "walk", "args": {}, "id": None}])],
    "a video": [HumanMessage([{"type": "text", "text": "Look."}, {"type": "video", "url": "https://x.example/v"}])],
    "another speaker": [ChatMessage(content="I object.", role="critic")],
    "a chat message as a tool": [ChatMessage(content="Nothing found.", role="tool")],
    "a function's result alone": [FunctionMessage(content="4711", name="code")],
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_a_task_is_learnt_from_whatever_its_messages_hold(tmp_path: Path, odd: list[Any]) -> None:
    messages = [HumanMessage("Put a clean mug on the desk."), *odd, *WALK, AIMessage("Done.")]
    async with open_here(tmp_path) as memory:
        update = await create_reflect_node(memory=memory).ainvoke({"messages": messages, "reward": 1.0})
        (episode,) = update["episodes"]
        assert "You are there." in (await memory.get(episode)).text
        graph = create_retry_graph(lambda _: {"messages": [*odd, *WALK], "reward": 1.0}, memory=memory)
        result = await graph.ainvoke({"messages": [HumanMessage("Put a clean cup on the shelf.")]})
        assert result["retry"]["succeeded"]


def test_every_call_has_one_result_behind_it_and_no_other_is_left() -> None:
    messages = [HumanMessage("Go."), *(message for odd in ODD.values() for message in odd), AIMessage("Done.")]
    calls: list[str] = []
    for one in trajectory_of(messages, task=""):
        if one["role"] == "tool":
            assert one["tool_call_id"] == calls.pop(0) or one["tool_call_id"] in calls or one["content"] == NO_RESULT
        else:
            calls = [asked["id"] for asked in one.get("tool_calls", ())]
    assert calls == []


async def test_the_task_is_what_the_node_was_told_to_make_of_the_state(tmp_path: Path) -> None:
    messages = [HumanMessage("Good morning!"), *WALK, AIMessage("Done.")]
    async with open_here(tmp_path) as memory:
        node = create_reflect_node(memory=memory, task=lambda _: "Water the plants in the kitchen.")
        (episode,) = (await node.ainvoke({"messages": messages, "reward": 1.0}))["episodes"]
        assert "Water the plants" in (await memory.get(episode)).text


async def test_a_task_without_words_is_learnt_from(tmp_path: Path) -> None:
    picture = HumanMessage([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}])
    async with open_here(tmp_path) as memory:
        node = create_reflect_node(memory=memory)
        update = await node.ainvoke({"messages": [picture, *WALK, AIMessage("Done.")], "reward": 1.0})
        assert len(update["episodes"]) == 1 and update["reward"] is None
