"""Long-term memory as tools of any LangChain agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver

from mnemic import Channel, Memory
from mnemic.errors import StoreUnavailable
from mnemic_langgraph import create_remember_node, get_memory_tools
from mnemic_langgraph.blocking import run_blocking
from mnemic_langgraph.testing import ScriptedChatModel, call
from tests.langgraph.graphs import USER, WEB, open_here, thread

make_agent: Any = create_agent


def answers(result: dict[str, Any]) -> list[ToolMessage]:
    return [message for message in result["messages"] if isinstance(message, ToolMessage)]


def calling(*calls: dict[str, Any]) -> ScriptedChatModel:
    """A model that makes these calls one after the other, and is done."""
    return ScriptedChatModel(script=[*(AIMessage("", tool_calls=[one]) for one in calls), "Done."])


async def test_an_agent_remembers_recalls_quoted_text_and_forgets(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        tools = get_memory_tools(memory)
        assert [tool.name for tool in tools] == ["remember", "recall", "forget", "reflect"]
        told = calling(call("remember", text="Ana's locker is number 12.", tags=["locker"]))
        agent = make_agent(told, tools, checkpointer=InMemorySaver())
        await agent.ainvoke({"messages": [("user", "Remember my locker.")]}, thread("a"))
        (record,) = await memory.list()
        assert record.origin.channel is Channel.AGENT and record.tags == ("locker",)
        assert record.origin.client == "langgraph" and record.session == "a"
        agent = make_agent(
            calling(call("recall", query="Which locker has Ana?"), call("forget", ids=[record.id])), tools
        )
        result = await agent.ainvoke({"messages": [("user", "Which locker?")]})
        found, forgotten = answers(result)
        assert f"{record.id} · semantic" in found.text and "> Ana's locker is number 12." in found.text
        assert found.artifact["mnemic"]["recalled"][0]["id"] == record.id
        assert forgotten.text == f"Archived: {record.id}." and (await memory.get(record.id)).status == "archived"


def test_the_tools_work_without_an_event_loop(tmp_path: Path) -> None:
    memory = open_here(tmp_path)
    run_blocking(memory.open)
    try:
        agent = make_agent(
            calling(call("remember", text="The kiln is hot."), call("recall", query="Is the kiln hot?")),
            get_memory_tools(memory),
        )
        remembered, found = answers(agent.invoke({"messages": [("user", "Go on.")]}))
        assert remembered.text.startswith("Remembered as m") and "> The kiln is hot." in found.text
    finally:
        memory.close_now()


async def test_what_is_refused_comes_back_as_words_and_the_agent_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policy.yaml").write_text(
        "name: test\nwrite: {max_chars: 40, rules: {too-long: {user: block, agent: block}}}\n"
    )
    async with open_here(tmp_path, policy=str(tmp_path / "policy.yaml")) as memory:
        wrong = [
            call("remember", text="x " * 100), call("forget", ids=["m000000000000000"]), call("recall", query="a?", k=999),
            call("recall", query="a?", since="not a moment"), call("reflect", task="t", reward=1, used=["m000000000000000"]),
        ]  # fmt: skip
        result = await make_agent(calling(*wrong), get_memory_tools(memory)).ainvoke({"messages": [("user", "Go.")]})
        said = [message.text for message in answers(result)]
        assert len(said) == len(wrong) and result["messages"][-1].text == "Done."
        assert [text.startswith("Not done: ") for text in said] == [True, True, False, True, True]
        assert "m000000000000000" in said[1] and "k" in said[2]

        async def fail(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable("The disk is full.", hint="Free some space.")

        monkeypatch.setattr(Memory, "run", fail)
        result = await make_agent(calling(call("recall", query="a?")), get_memory_tools(memory)).ainvoke(
            {"messages": [("user", "Go.")]}
        )
        assert answers(result)[0].text == "Not done: The disk is full. Free some space."


async def test_what_is_concluded_from_a_strangers_text_stays_a_strangers_and_only_in_its_thread(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await memory.remember(
            "The museum opens at nine. Donations go to account 4711 0815 2342.", origin=WEB, source="https://a.example"
        )
        same = "The museum opens at nine; donations to account 4711 0815 2342."
        model = calling(call("recall", query="When does the museum open?"), call("remember", text=same))
        tools = get_memory_tools(memory)
        agent = make_agent(model, tools, checkpointer=InMemorySaver())
        result = await agent.ainvoke({"messages": [("user", "When does the museum open?")]}, thread("a"))
        assert "beware: unverified" in answers(result)[0].text
        other = make_agent(
            calling(call("remember", text="The bakery opens at six.")), tools, checkpointer=InMemorySaver()
        )
        await other.ainvoke({"messages": [("user", "Note it.")]}, thread("b"))
        mine = {record.text: record.id for record in await memory.list() if record.origin.channel is Channel.AGENT}
        tainted, clean = await memory.show([mine[same], mine["The bakery opens at six."]])
        assert tainted.standing is not None and not tainted.standing.trusted
        assert clean.standing is not None and clean.standing.trusted


async def test_reflecting_credits_what_helped_and_keeps_what_its_evidence_bears(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        said = "I checked the insurance first, then called cancel_reservation, and the refund of 300 dollars came."
        id = (await memory.remember(said, kind="episodic", origin=USER)).id
        good = "Check the insurance first, then call cancel_reservation to get the refund."
        made_up = "Call wipe_reservation 9999 times to get a refund of 70000 dollars."
        model = calling(
            call("reflect", task="Cancel and refund", reward=1, used=[id], learnt=good, when_to_use="To cancel a booking"),
            call("reflect", task="Cancel and refund again", reward=1, used=[id], learnt=made_up),
        )  # fmt: skip
        result = await make_agent(model, get_memory_tools(memory)).ainvoke({"messages": [("user", "Go.")]})
        first, second = (message.text for message in answers(result))
        assert "Learnt, as m" in first and "Not stored: " in second and "Learnt" not in second
        assert (await memory.learning.utilities([id]))[id].used == 2


async def test_who_does_not_say_what_helped_has_not_said_that_nothing_did(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        id = (await memory.remember("The bakery opens at six.", origin=USER)).id
        recalled = call("recall", query="When does the bakery open?")
        said: list[tuple[dict[str, Any], int]] = [({"used": []}, 0), ({}, 1)]
        for used, worth in said:
            model = calling(recalled, call("reflect", task="Buy bread", reward=1, **used))
            agent = make_agent(model, get_memory_tools(memory), checkpointer=InMemorySaver())
            result = await agent.ainvoke({"messages": [("user", "Go.")]}, thread(f"bread {worth}"))
            found = (await memory.learning.utilities([id]))[id]
            assert (found.used, found.q_value > 0) == (0, bool(worth))
            assert ("in used" in answers(result)[1].text) is bool(worth)


async def test_a_namespace_is_chosen_by_the_config(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        tools = get_memory_tools(memory, namespace=lambda _, config: ("users", config["configurable"]["user"]))
        for user in ("ana", "bo"):
            agent = make_agent(
                calling(call("remember", text=f"{user} likes tea."), call("recall", query="Who likes tea?")), tools,
                checkpointer=InMemorySaver(),
            )  # fmt: skip
            result = await agent.ainvoke({"messages": [("user", "Go.")]}, thread(user, user=user))
            assert f"> {user} likes tea." in answers(result)[1].text and answers(result)[1].text.count("> ") == 1


async def test_what_the_tools_answer_is_not_remembered_again(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await memory.remember("Ana's locker is number 12.", origin=USER)
        agent = make_agent(calling(call("recall", query="Which locker has Ana?")), get_memory_tools(memory))
        result = await agent.ainvoke({"messages": [("user", "Which locker?")]})
        await create_remember_node(memory=memory).ainvoke(result)
        assert len([record for record in await memory.list() if "number 12" in record.text]) == 1
