"""What the node that remembers makes of a message that was edited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, RemoveMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from mnemic import Memory
from mnemic_langgraph import RememberState, create_remember_node
from tests.langgraph.graphs import open_here, thread


class State(MessagesState, RememberState, total=False):
    """What the node reads and writes."""


def remembering(memory: Memory, state: Any = State) -> Any:
    """A compiled graph of the node alone."""
    graph = StateGraph(state)
    graph.add_node("remember", create_remember_node(memory=memory))
    graph.add_edge(START, "remember")
    graph.add_edge("remember", END)
    return graph.compile(checkpointer=InMemorySaver())


async def test_an_edited_message_takes_the_place_of_what_it_said_before(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        graph = remembering(memory)
        told = [HumanMessage("I live in Porto.", id="1"), ToolMessage("A page of text.", tool_call_id="c", id="2")]
        first = await graph.ainvoke({"messages": told}, thread())
        cut = [HumanMessage("I live in Lisbon.", id="1"), ToolMessage("[cut]", tool_call_id="c", id="2")]
        second = await graph.ainvoke({"messages": cut}, thread())
        assert {record.text for record in await memory.list()} == {"I live in Lisbon.", "A page of text."}
        history = await memory.history(second["remembered"]["1"])
        assert [(one.id, one.text, one.status) for one in history.versions] == [
            (first["remembered"]["1"], "I live in Porto.", "superseded"),
            (second["remembered"]["1"], "I live in Lisbon.", "active"),
        ]
        back = await graph.ainvoke({"messages": [HumanMessage("I live in Porto.", id="1")]}, thread())
        assert {record.text for record in await memory.list()} == {"I live in Porto.", "A page of text."}
        assert len((await memory.history(back["remembered"]["1"])).versions) == 3
        assert (await graph.ainvoke({"messages": []}, thread()))["remembered"] == back["remembered"]


async def test_an_edit_leaves_alone_what_another_message_still_says(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        graph = remembering(memory)
        await graph.ainvoke(
            {"messages": [HumanMessage("Yes, please.", id="1"), HumanMessage("Yes, please.", id="2")]}, thread()
        )
        await graph.ainvoke({"messages": [HumanMessage("No, thanks.", id="1")]}, thread())
        assert {record.text for record in await memory.list()} == {"Yes, please.", "No, thanks."}
        await graph.ainvoke({"messages": [HumanMessage("No, never.", id="2")]}, thread())
        assert {record.text for record in await memory.list()} == {"No, never.", "No, thanks."}


async def test_what_a_message_said_that_is_emptied_is_archived_and_what_it_says_later_is_remembered(
    tmp_path: Path,
) -> None:
    async with open_here(tmp_path) as memory:
        graph = remembering(memory)
        told = [HumanMessage("I live in Porto.", id="1"), ToolMessage("A page of text.", tool_call_id="c", id="2")]
        first = await graph.ainvoke({"messages": told}, thread())
        empty = [HumanMessage("", id="1"), ToolMessage("", tool_call_id="c", id="2")]
        for _ in range(2):
            await graph.ainvoke({"messages": empty}, thread())
            assert [record.text for record in await memory.list()] == ["A page of text."]
        assert (await memory.get(first["remembered"]["1"])).status == "archived", "it can be restored"
        await graph.ainvoke({"messages": [HumanMessage("I live in Lisbon.", id="1")]}, thread())
        assert {record.text for record in await memory.list()} == {"I live in Lisbon.", "A page of text."}


async def test_emptying_a_message_leaves_what_another_still_says_or_was_forgotten(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        graph = remembering(memory)
        both = [HumanMessage("Yes, please.", id="1"), HumanMessage("Yes, please.", id="2")]
        first = await graph.ainvoke({"messages": [*both, HumanMessage("Now.", id="3")]}, thread())
        await memory.forget([first["remembered"]["3"]], erase=True)
        await graph.ainvoke({"messages": [HumanMessage("", id="1"), HumanMessage("", id="3")]}, thread())
        assert [record.text for record in await memory.list()] == ["Yes, please."]
        await graph.ainvoke({"messages": [HumanMessage("", id="2")]}, thread())
        assert await memory.list() == ()


async def test_a_message_that_is_removed_stays_remembered(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        graph = remembering(memory)
        await graph.ainvoke({"messages": [HumanMessage("I live in Porto.", id="1")]}, thread())
        await graph.ainvoke({"messages": [RemoveMessage(id="1")]}, thread())
        assert [record.text for record in await memory.list()] == ["I live in Porto."]


@pytest.mark.parametrize("gone", ["archived", "erased", "edited in another branch"])
async def test_an_edit_is_remembered_whatever_became_of_what_was_said_before(tmp_path: Path, gone: str) -> None:
    async with open_here(tmp_path) as memory:
        node = create_remember_node(memory=memory)
        state = {"messages": [HumanMessage("I live in Porto.", id="1")]}
        noted = await node.ainvoke(state)
        if gone == "edited in another branch":
            await node.ainvoke({"messages": [HumanMessage("I live in Faro.", id="1")], **noted})
        else:
            await memory.forget([noted["remembered"]["1"]], erase=gone == "erased")
        edited = {"messages": [HumanMessage("I live in Lisbon.", id="1")], **noted}
        for _ in range(2):  # the second time as after a crash that lost what the node returned
            again = await node.ainvoke(edited)
            assert [(str(one.id), one.text) for one in await memory.list()] == [
                (again["remembered"]["1"], "I live in Lisbon.")
            ]


async def test_an_edit_that_the_guard_refuses_leaves_what_was_said_before(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("name: test\nwrite: {max_chars: 40, rules: {too-long: {user: block}}}\n")
    async with open_here(tmp_path, policy=str(policy)) as memory:
        graph = remembering(memory)
        first = await graph.ainvoke({"messages": [HumanMessage("Short.", id="1")]}, thread())
        refused = await graph.ainvoke({"messages": [HumanMessage("Very long indeed. " * 20, id="1")]}, thread())
        assert refused["remembered"] == first["remembered"]
        await graph.ainvoke({"messages": [HumanMessage("Shorter.", id="1")]}, thread())
        assert [record.text for record in await memory.list()] == ["Shorter."]


async def test_a_state_of_before_edits_were_noticed_goes_on(tmp_path: Path) -> None:
    class Older(MessagesState):
        remembered: dict[str, str | None]

    async with open_here(tmp_path) as memory:
        graph = remembering(memory, Older)
        for text in ("I live in Porto.", "I live in Lisbon."):
            await graph.ainvoke({"messages": [HumanMessage(text, id="1")]}, thread())
        assert [record.text for record in await memory.list()] == ["I live in Porto."]
