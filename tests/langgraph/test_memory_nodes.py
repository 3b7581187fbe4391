"""The nodes over long-term memory, in compiled graphs: recall, remember, context pack."""

from __future__ import annotations

import itertools
import json
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Send

from mnemic import Channel
from mnemic.errors import InvalidInput
from mnemic_langgraph import (
    JoinedRecallState,
    MnemicStore,
    RememberState,
    create_context_pack_node,
    create_memory_agent,
    create_recall_node,
    create_remember_node,
    get_memory_tools,
)
from mnemic_langgraph.testing import ScriptedChatModel
from tests.langgraph.graphs import USER, EveryState, line, open_here, saver, thread


async def test_recall_answers_the_users_last_words_with_quotable_json(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        receipt = await memory.remember("The deploy key of harbour is in vault seven.", origin=USER)
        await memory.remember("Bananas ripen in paper bags.", origin=USER)
        graph = line(("recall", create_recall_node(memory=memory, k=1)))
        result = await graph.ainvoke({"messages": [("user", "Where is the deploy key of harbour?")]})
        (one,) = result["recalled"]
        assert one["id"] == receipt.id and one["text"].startswith("The deploy key")
        assert one["kind"] == "semantic" and one["trusted"] and one["origin"] == "user" and 0 < one["score"] <= 1
        assert json.loads(json.dumps(result["recalled"])) == result["recalled"]
        assert result["query"] == "Where is the deploy key of harbour?"
        assert (await graph.ainvoke({"messages": [AIMessage("Hello")]}))["recalled"] == []


async def test_a_query_function_filters_and_a_namespace_of_the_config_choose(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        for user in ("ana", "bo"):
            await memory.remember(f"The locker code of {user} is 42.", namespace=("users", user), tags=["code"])
            await memory.remember(f"The locker of {user} is red.", namespace=("users", user))
        node = create_recall_node(
            memory=memory, query=lambda state: "locker code of " + state["messages"][0].text, filters={"tags": ["code"]},
            namespace=lambda _, config: ("users", config["configurable"]["user"]),
        )  # fmt: skip
        graph = line(("recall", node), checkpointer=InMemorySaver())
        for user in ("ana", "bo"):
            result = await graph.ainvoke({"messages": [("user", user)]}, thread(user, user=user))
            assert [one["text"] for one in result["recalled"]] == [f"The locker code of {user} is 42."]


async def test_what_a_long_conversation_said_itself_takes_no_room_from_what_others_know(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await memory.remember("The stand in Kourou is booked for 14 March.", session="another")
        graph = line(
            ("recall", create_recall_node(memory=memory, k=1, budget_tokens=300)),
            ("remember", create_remember_node(memory=memory)),
        )
        asked = "When is the rocket stand in Kourou booked?"
        said = [HumanMessage(f"{asked} {word} {word} {word}", id=word) for word in _words(120)]
        state = await graph.ainvoke({"messages": said})
        result = await graph.ainvoke({**state, "messages": [*state["messages"], HumanMessage(asked, id="now")]})
        assert [one["text"] for one in result["recalled"]] == ["The stand in Kourou is booked for 14 March."]


async def test_more_memories_than_recall_gives_are_refused_and_not_quietly_fewer(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        with pytest.raises(InvalidInput, match="k is 101"):
            await create_recall_node(memory=memory, k=101).ainvoke({"messages": [HumanMessage("Where?")]})


@pytest.mark.parametrize("name", ["k", "query", "origin", "own", "colour"])
async def test_an_argument_among_the_filters_is_refused_with_where_it_belongs(tmp_path: Path, name: str) -> None:
    async with open_here(tmp_path) as memory:
        node = create_recall_node(memory=memory, filters=lambda _: {"tags": ["code"], name: 3})
        with pytest.raises(InvalidInput, match=f"hold {name}, .* arguments of create_recall_node"):
            await node.ainvoke({"messages": [HumanMessage("Where?")]})
        no_filters: Any = ["tags", "code"]
        node = create_recall_node(memory=memory, filters=no_filters)
        with pytest.raises(InvalidInput, match="filters of the recall node are list"):
            await node.ainvoke({"messages": [HumanMessage("Where?")]})


def _words(count: int) -> list[str]:
    """Words that nothing else says."""
    letters = itertools.product("bdfgklmnprst", "aeiou", "bdfgklmnprst", "aeiou", "z")
    return ["".join(one) for one in itertools.islice(letters, 0, count * 7, 7)]


async def test_a_function_of_the_state_that_gives_no_text_is_told_of_it(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        state = {"messages": [HumanMessage("Where is Ana?")]}
        number: Any = lambda _: 5  # noqa: E731
        nothing: Any = lambda _: None  # noqa: E731
        nodes = create_recall_node(memory=memory, query=number), create_context_pack_node(memory=memory, goal=number)
        for node in nodes:
            with pytest.raises(InvalidInput, match="made of the state is int"):
                await node.ainvoke(state)
        assert (await create_recall_node(memory=memory, query=nothing).ainvoke(state))["recalled"] == []


async def test_roles_and_channels_that_there_are_not_are_told_with_those_that_there_are(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        with pytest.raises(InvalidInput, match="Use one of: user, assistant"):
            create_remember_node(memory=memory, roles=["human"])
        wrong = create_remember_node(memory=memory, roles="user", channel=lambda _: "browser")
        with pytest.raises(InvalidInput, match="Use one of: user, agent"):
            await wrong.ainvoke({"messages": [HumanMessage("Hello.")]})
        # A single role is a list of one.
        one = create_remember_node(memory=memory, roles="user")
        kept = await one.ainvoke({"messages": [HumanMessage("Hello.", id="a"), AIMessage("Hi.", id="b")]})
        assert kept["remembered"]["a"] is not None and kept["remembered"]["b"] is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("x" * 300, "x" * 300 + "y"), ("x" * 195, "x" * 195 + "y"), ("a\nb", "ab"), (" ", "  "), ("t", "t ")],
)
async def test_every_thread_is_a_session_and_a_connection_of_its_own(tmp_path: Path, one: str, other: str) -> None:
    async with open_here(tmp_path) as memory:
        graph = line(("remember", create_remember_node(memory=memory)), checkpointer=InMemorySaver())
        for name in (one, other, one):
            await graph.ainvoke({"messages": [HumanMessage("Ana is in Lisbon.")]}, thread(name))
        kept = await memory.list()
        assert len(kept) == len({memory.session for memory in kept}) == 2
        assert len({memory.origin.connection for memory in kept}) == 2


async def test_one_text_in_the_state_is_one_message_and_no_list_of_letters(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await create_remember_node(memory=memory).ainvoke({"messages": "Ana is in Lisbon."})
        assert [one.text for one in await memory.list()] == ["Ana is in Lisbon."]


async def test_without_a_memory_the_one_behind_the_store_serves_and_else_it_says_so(tmp_path: Path) -> None:
    graph = line(("recall", create_recall_node()))
    with pytest.raises(InvalidInput, match="no memory"):
        await graph.ainvoke({"messages": [("user", "Anything?")]})


@pytest.mark.parametrize(
    "use",
    [
        lambda given: create_recall_node(memory=given).invoke({"messages": [("user", "Where is it?")]}),
        lambda given: create_memory_agent(ScriptedChatModel(script=[]), memory=given),
        get_memory_tools,
        MnemicStore,
    ],
    ids=["node", "agent", "tools", "store"],
)
def test_a_path_in_the_place_of_a_memory_is_told_with_what_to_give(use: Callable[[Any], Any]) -> None:
    with pytest.raises(InvalidInput, match="memory is str, which cannot recall"):
        use("notes")


async def test_a_node_is_usable_alone_and_without_an_event_loop(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await memory.remember("Tea is served at four.", origin=USER)
        node = create_recall_node(memory=memory)
        found = await node.ainvoke({"messages": [HumanMessage("When is tea served?")]})
        assert [one["text"] for one in found["recalled"]] == ["Tea is served at four."]


def test_a_graph_that_is_invoked_streams_the_same_events(tmp_path: Path) -> None:
    memory = open_here(tmp_path)
    from mnemic_langgraph.blocking import run_blocking

    run_blocking(memory.open)
    try:
        run_blocking(memory.remember, "Tea is served at four.", origin=USER)
        graph = line(
            ("recall", create_recall_node(memory=memory)), ("remember", create_remember_node(memory=memory)),
            checkpointer=InMemorySaver(),
        )  # fmt: skip
        events = list(graph.stream({"messages": [("user", "When is tea?")]}, thread("sync"), stream_mode="custom"))
        assert [event["event"] for event in events] == ["recalled", "remembered"]
        kept = run_blocking(memory.list, session="sync")
        assert [record.text for record in kept] == ["When is tea?"]
    finally:
        memory.close_now()


async def test_messages_are_kept_once_with_session_role_speaker_and_origin(tmp_path: Path) -> None:
    said = [
        SystemMessage("Be kind.", id="0"), HumanMessage("Book a table at Luigi.", name="ana", id="1"),
        AIMessage("", tool_calls=[{"name": "book", "args": {}, "id": "c"}], id="2"),
        ToolMessage("Booked for eight.", name="book", tool_call_id="c", id="3"), AIMessage("It is booked.", id="4"),
    ]  # fmt: skip
    async with open_here(tmp_path) as memory:
        graph = line(("remember", create_remember_node(memory=memory)), checkpointer=InMemorySaver())
        result = await graph.ainvoke({"messages": said}, thread("dinner"))
        kept = {record.text: record for record in await memory.list(session="dinner")}
        assert set(kept) == {"Book a table at Luigi.", "Booked for eight.", "It is booked."}
        assert {text: str(one.origin.channel) for text, one in kept.items()} == {
            "Book a table at Luigi.": "user", "Booked for eight.": "tool", "It is booked.": "agent",
        }  # fmt: skip
        first = kept["Book a table at Luigi."]
        assert first.speaker == "ana" and first.role == "user" and first.kind == "episodic"
        assert result["remembered"] == {
            "0": None, "1": first.id, "2": None, "3": kept["Booked for eight."].id, "4": kept["It is booked."].id,
        }  # fmt: skip
        again = await graph.ainvoke({"messages": [("user", "Thanks!")]}, thread("dinner"))
        assert len(again["remembered"]) == 6
        assert [one.confirmations for one in await memory.list(session="dinner")] == [0] * 4


async def test_a_node_that_runs_again_after_a_crash_stores_nothing_twice(tmp_path: Path) -> None:
    crashed: list[bool] = []

    def crash(_: Any) -> dict[str, Any]:
        if not crashed:
            crashed.append(True)
            raise RuntimeError("the process dies")
        return {}

    async with open_here(tmp_path) as memory:

        def make(checkpointer: Any) -> Any:
            graph: Any = StateGraph(EveryState)
            graph.add_node("remember", create_remember_node(memory=memory))
            graph.add_node("crash", crash)
            # Both in one step: the step fails after the memory was written and before the state is.
            graph.add_edge(START, "remember")
            graph.add_edge(START, "crash")
            return graph.compile(checkpointer=checkpointer)

        given: Any = {"messages": [HumanMessage("The gate code is 99.", id="1"), AIMessage("Noted.", id="2")]}
        async with saver(tmp_path) as opened:
            with pytest.raises(RuntimeError):
                await make(opened).ainvoke(given, thread())
        async with saver(tmp_path) as opened:
            # As another process would: without the writes of the step that failed.
            await opened.conn.execute("delete from writes")
            await opened.conn.commit()
            result = await make(opened).ainvoke(None, thread())
        kept = {str(record.id) for record in await memory.list()}
        assert len(kept) == 2 and set(result["remembered"].values()) == kept


async def test_what_the_guard_refuses_is_named_and_takes_nothing_else_with_it(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("name: test\nwrite: {max_chars: 40, rules: {too-long: {user: block, agent: block}}}\n")
    async with open_here(tmp_path, policy=str(policy)) as memory:
        graph = line(("remember", create_remember_node(memory=memory)))
        given = {"messages": [HumanMessage("Short.", id="1"), HumanMessage("Very long indeed. " * 20, id="2")]}
        events = [event async for event in graph.astream(given, stream_mode="custom")]
        assert events[0]["refused"] == ["2"] and len(events[0]["ids"]) == 1
        assert [record.text for record in await memory.list()] == ["Short."]


async def test_a_channel_can_be_named_for_a_message(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        node = create_remember_node(memory=memory, channel=lambda one: "web" if one.type == "tool" else None)
        await node.ainvoke({"messages": [ToolMessage("A page.", name="browse", tool_call_id="c"), HumanMessage("Hi")]})
        assert {record.origin.channel for record in await memory.list()} == {Channel.WEB, Channel.USER}


class FanState(JoinedRecallState, RememberState, total=False):
    notes: list[str]
    note: str
    done: Annotated[list[str], operator.add]


async def test_eight_branches_remember_and_recall_at_once_without_races(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        for number in range(8):
            await memory.remember(f"Shelf number{number} holds item{number}.", origin=USER)
        remember = create_remember_node(memory=memory)
        recall = create_recall_node(memory=memory, k=1, query=lambda state: f"What holds item{state['number']}?")

        async def branch(state: dict[str, Any]) -> dict[str, Any]:
            return {**await remember.ainvoke(state), **await recall.ainvoke(state), "done": [str(state["number"])]}

        def spread(_: Any) -> list[Send]:
            shared = HumanMessage("We are eight.", id="shared")
            return [
                Send("branch", {"number": at, "messages": [shared, HumanMessage(f"I am branch{at}.", id=f"b{at}")]})
                for at in range(8)
            ]

        graph: Any = StateGraph(FanState)
        graph.add_node("branch", branch)
        graph.add_conditional_edges(START, spread, ["branch"])
        compiled = graph.compile(checkpointer=InMemorySaver())
        result = await compiled.ainvoke({"notes": []}, thread("fan"))
        assert sorted(result["done"]) == [str(at) for at in range(8)]
        assert sorted(one["text"] for one in result["recalled"]) == [
            f"Shelf number{at} holds item{at}." for at in range(8)
        ]
        kept = await memory.list(session="fan")
        assert sorted(record.text for record in kept) == [*(f"I am branch{at}." for at in range(8)), "We are eight."]
        shared = next(record for record in kept if record.text == "We are eight.")
        assert shared.confirmations == 7 and len(result["remembered"]) == 9


async def test_what_stands_in_the_messages_is_not_recalled_beside_them(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await memory.remember("The boat of Ana is green.", origin=USER)
        graph = line(
            ("recall", create_recall_node(memory=memory)), ("remember", create_remember_node(memory=memory)),
            checkpointer=InMemorySaver(),
        )  # fmt: skip
        await graph.ainvoke({"messages": [("user", "The boat of Bo is blue.")]}, thread())
        result = await graph.ainvoke({"messages": [("user", "Which boat is green or blue?")]}, thread())
        assert [one["text"] for one in result["recalled"]] == ["The boat of Ana is green."]
        elsewhere = await graph.ainvoke({"messages": [("user", "Which boat is green or blue?")]}, thread("other"))
        assert len(elsewhere["recalled"]) >= 2


async def test_a_context_pack_fits_its_budget_and_quotes(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        for number in range(20):
            await memory.remember(f"Ferry {number} leaves from pier {number} at dawn.", origin=USER)
        graph = line(("pack", create_context_pack_node(memory=memory, budget_tokens=300)))
        result = await graph.ainvoke({"messages": [("user", "From which pier does ferry 7 leave?")]})
        assert 0 < result["context_tokens"] <= 300 and "> Ferry 7 leaves from pier 7" in result["context"]
        assert result["context_ids"] and all(id in result["context"] for id in result["context_ids"])


async def test_a_context_pack_has_the_session_of_a_thread_as_soon_as_there_is_one(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await memory.remember("Ferry 7 leaves from pier 7 at dawn.", origin=USER)
        node = create_context_pack_node(memory=memory, with_session=True)
        graph = line(("pack", node), checkpointer=InMemorySaver())
        asked = {"messages": [("user", "From which pier does ferry 7 leave?")]}
        first = await graph.ainvoke(asked, thread("trip"))
        assert "> Ferry 7 leaves from pier 7" in first["context"]
        await memory.session("trip").append("Plan my trip to the islands.")
        second = await graph.ainvoke(asked, thread("trip"))
        assert "Plan my trip" in second["context"] and "> Ferry 7 leaves from pier 7" in second["context"]


@pytest.mark.parametrize(
    ("name", "speaker"),
    [("Ana\nMaria", "Ana Maria"), ("Ana\x00", "Ana\ufffd"), ("\u200b", None), ("\n", None), ("Ana\ud83c", "Ana\ufffd")],
)
async def test_a_name_that_is_no_label_does_not_end_a_thread(tmp_path: Path, name: str, speaker: str | None) -> None:
    async with open_here(tmp_path) as memory:
        graph = line(("remember", create_remember_node(memory=memory)))
        result = await graph.ainvoke({"messages": [HumanMessage("The code is 4711.", name=name, id="one")]})
        assert (await memory.get(result["remembered"]["one"])).speaker == speaker
