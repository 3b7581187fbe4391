"""The middleware over long-term memory, and the ready agent."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from mnemic import Memory, Origin
from mnemic.domain.learning.facets import Facets, NewExperience
from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic_langgraph import (
    ExperienceMiddleware,
    GuardMiddleware,
    MemoryAgentState,
    create_memory_agent,
    get_memory_tools,
)
from mnemic_langgraph.blocking import run_blocking
from mnemic_langgraph.testing import ScriptedChatModel, as_sent, call
from tests.langgraph.graphs import TOOL, USER, open_here, step_by_step, thread

make_agent: Any = create_agent
make_memory_agent: Any = create_memory_agent


@tool
def look_up(what: str) -> str:
    """Look something up."""
    return f"{what}: found."


SENT: list[str] = []


def send_email(to: str) -> str:
    """Send an email."""
    SENT.append(to)
    return "sent"


async def test_the_ready_agent_draws_as_its_steps_are_named(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        agent = make_memory_agent(ScriptedChatModel(script=[]), [look_up], memory=memory)
        names = ["__start__", "recall", "guard", "experience", "agent", "remember", "reflect", "__end__"]
        assert list(agent.get_graph().nodes) == names
        drawn = agent.get_graph().draw_mermaid()
        for one, following in itertools.pairwise(names):
            assert f"{one} --> {following};" in drawn
        plain = make_memory_agent(ScriptedChatModel(script=[]), memory=memory, experience=False).get_graph().nodes
        assert list(plain) == ["__start__", "recall", "guard", "agent", "remember", "__end__"]


@pytest.mark.parametrize("broken", ["\x00", "\ud83d"])
@pytest.mark.parametrize("reward", [None, 1.0])
async def test_a_character_that_no_text_holds_does_not_end_a_thread(
    tmp_path: Path, broken: str, reward: float | None
) -> None:
    async with open_here(tmp_path) as memory:
        reads = AIMessage("", tool_calls=[call("look_up", what=f"the key{broken}stone")])
        agent = make_memory_agent(
            ScriptedChatModel(script=[reads, "Read.", "Gladly."]), [look_up], memory=memory, reward=lambda _: reward,
            checkpointer=InMemorySaver(),
        )  # fmt: skip
        first = await agent.ainvoke({"messages": [("user", f"Look up{broken} the keystone.")]}, thread("one"))
        await agent.ainvoke({"messages": [("user", "Thank you.")]}, thread("one"))
        assert first["messages"][-2].text == f"the key{broken}stone: found."
        kept = {one.text for one in await memory.list(session="one")}
        assert {"Look up\ufffd the keystone.", "the key\ufffdstone: found.", "Gladly."} <= kept


async def test_a_second_session_knows_what_was_said_in_the_first_and_the_messages_stay_as_they_were(
    tmp_path: Path,
) -> None:
    async with open_here(tmp_path) as memory:
        first = make_memory_agent(
            ScriptedChatModel(script=["Noted."]), memory=memory, checkpointer=InMemorySaver(), system_prompt="Be brief."
        )
        await first.ainvoke({"messages": [("user", "My locker at the station is number 12.")]}, thread("one"))
        model = ScriptedChatModel(script=["Number 12.", "You are welcome."])
        second = make_memory_agent(model, memory=memory, checkpointer=InMemorySaver(), system_prompt="Be brief.")
        question = "Which number has my locker at the station?"
        result = await second.ainvoke({"messages": [HumanMessage(question, id="q")]}, thread("two"))
        system, asked = model.prompts[0]
        assert system.text.startswith("Be brief.")
        assert "> My locker at the station is number 12." in asked.text and asked.text.endswith(question)
        assert [message.text for message in result["messages"]] == [question, "Number 12."]
        await second.ainvoke({"messages": [("user", "Thanks a lot!")]}, thread("two"))
        # What a prompt begins with stays the same, so that a provider's cache holds.
        assert model.sent[1].startswith(model.sent[0].removesuffix("\n]"))


async def test_resumed_at_every_step_every_prompt_is_the_same(tmp_path: Path) -> None:
    sent: list[list[str]] = []
    for name in ("whole", "parts"):
        folder = tmp_path / name
        folder.mkdir()
        models: list[ScriptedChatModel] = []

        def answer(messages: list[Any]) -> Any:
            if messages[-1].type == "tool":
                return "The ferry leaves at nine."
            return AIMessage("", tool_calls=[call("look_up", what="ferry")])

        async with open_here(folder) as memory:
            await memory.remember("The ferry to Corfu leaves from pier 3.", origin=USER)
            await memory.learning.store(
                [NewExperience(when_to_use="When asked about the ferry", content="Look the ferry up.",
                               facets=Facets(task="When does the ferry leave?"))]
            )  # fmt: skip
            ids = {str(one.id): f"id{at}" for at, one in enumerate(reversed(await memory.list()))}

            def make(checkpointer: Any, memory: Memory = memory, models: Any = models) -> Any:
                models.append(ScriptedChatModel(script=answer))
                return make_memory_agent(
                    models[-1], [look_up], memory=memory, checkpointer=checkpointer, reward=lambda _: 1.0
                )

            given = {"messages": [HumanMessage("When does the ferry to Corfu leave?", id="q")]}
            if name == "whole":
                result = await make(InMemorySaver()).ainvoke(given, thread())
            else:
                result = await step_by_step(folder, make, given, thread())
            assert result["episodes"] and len(await memory.list(session="t")) == 3, "user, tool and answer, each once"
            texts = [text for model in models for text in model.sent]
            for id, plain in ids.items():
                texts = [text.replace(id, plain) for text in texts]
            sent.append(texts)
    assert sent[0] == sent[1] and len(sent[0]) == 2
    assert "pier 3" in sent[0][0] and "Look the ferry up." in sent[0][0]


async def test_what_is_rejected_after_it_was_recalled_is_not_shown_again(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        id = (await memory.remember("The alarm code of the villa is 2468.", origin=USER)).id
        model = ScriptedChatModel(
            script=[AIMessage("", tool_calls=[call("recall", query="alarm code of the villa")]), "2468.", "No idea."]
        )
        agent = make_memory_agent(
            model, memory=memory, memory_tools=True, checkpointer=InMemorySaver(), experience=False
        )
        result = await agent.ainvoke({"messages": [("user", "What is the alarm code of the villa?")]}, thread())
        assert model.sent[1].count("> The alarm code of the villa is 2468.") == 2, "with the question, and by the tool"
        await memory.guard.reject([id])
        await agent.ainvoke({"messages": [("user", "Say it again?")]}, thread())
        assert "> The alarm code" not in model.sent[2] and model.sent[2].count(f"{id} · withheld by the guard") == 2
        kept = (await agent.aget_state(thread())).values["messages"]
        assert any("2468" in one.text for one in kept if isinstance(one, ToolMessage)), "the state keeps the original"
        assert [one.id for one in kept[: len(result["messages"])]] == [one.id for one in result["messages"]]


async def test_when_the_guard_cannot_be_asked_no_memory_is_shown_and_no_effect_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SENT.clear()
    async with open_here(tmp_path) as memory:
        receipt = await memory.remember("The code is 2468, send email to ana@example.com about it.", origin=USER)
        note = {"id": receipt.id, "text": "The code is 2468", "kind": "semantic", "score": 0.5, "origin": "user",
                "trusted": True, "beware": [], "when": "2026-01-01"}  # fmt: skip
        model = ScriptedChatModel(script=[AIMessage("", tool_calls=[call("send_email", to="ana")]), "I could not."])
        agent = make_agent(model, [send_email], middleware=[GuardMiddleware(memory=memory, effects=["send_email"])])

        async def fail(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable("The disk is gone.")

        monkeypatch.setattr(Memory, "run", fail)
        given: Any = {"messages": [HumanMessage("The code?", id="q")], "memory_notes": {"q": [note]}}
        result = await agent.ainvoke(given)
        assert "2468" not in model.sent[0] and "could not be asked" in model.sent[0]
        refused = next(one for one in result["messages"] if isinstance(one, ToolMessage))
        assert refused.status == "error" and "The disk is gone" in refused.text and SENT == []


async def test_without_memories_lessons_and_effects_the_guard_changes_nothing(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        sent = []
        for middleware in ([], [GuardMiddleware(memory=memory), ExperienceMiddleware(memory=memory)]):
            model = ScriptedChatModel(script=[AIMessage("", tool_calls=[call("look_up", what="a")]), "b"])
            agent = make_agent(model, [look_up], middleware=middleware, system_prompt="Be brief.")
            await agent.ainvoke({"messages": [("user", "Look.")]})
            sent.append(model.sent)
        assert sent[0] == sent[1]


BY_A, BY_B = Origin(task="a"), Origin(task="b")


@pytest.mark.parametrize(
    ("origins", "happens"), [((TOOL, TOOL), False), ((BY_A,), False), ((BY_A, BY_B), True), ((), False)]
)
async def test_an_effect_needs_a_quorum_of_trusted_memories_that_name_it(
    tmp_path: Path, origins: tuple[Origin, ...], happens: bool
) -> None:
    SENT.clear()
    async with open_here(tmp_path) as memory:
        told = ("After each deploy, send an email to ops.", "A deploy is over: mail the ops list, send an email.")
        for text, origin in zip(told, origins, strict=False):
            await memory.remember(text, origin=origin, kind="procedural", source="crm")
        model = ScriptedChatModel(script=[AIMessage("", tool_calls=[call("send_email", to="ops")]), "Done."])
        agent = make_memory_agent(model, [send_email], memory=memory, effects=["send_email"], experience=False)
        events = [
            event
            async for _, event in agent.astream(
                {"messages": [("user", "The deploy is over. What now, send an email to ops?")]}, stream_mode="custom",
                subgraphs=True,
            )
        ]  # fmt: skip
        assert (SENT == ["ops"]) is happens, events
        assert any(event["event"] == "refused" for event in events) is not happens


async def test_what_the_guard_says_of_a_refused_call_waits_for_no_review_and_is_learnt_from(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        model = ScriptedChatModel(script=[AIMessage("", tool_calls=[call("send_email", to="ops")]), "I may not."])
        agent = make_memory_agent(model, [send_email], memory=memory, effects=["send_email"], reward=lambda _: 0.0)
        state = await agent.ainvoke({"messages": [("user", "Mail ops.")]}, thread())
        assert await memory.guard.pending() == ()
        (episode,) = [await memory.get(id) for id in state["episodes"]]
        assert "the memory's guard does not let send_email run" in episode.text
        kept = [one.text for one in await memory.list(session="t")]
        assert sorted(kept) == ["I may not.", "Mail ops."]


@pytest.mark.parametrize("agrees", [True, False])
async def test_a_person_can_be_asked_in_the_middle(tmp_path: Path, agrees: bool) -> None:
    SENT.clear()
    async with open_here(tmp_path) as memory:
        model = ScriptedChatModel(script=[AIMessage("", tool_calls=[call("send_email", to="ops")]), "Done."])
        marked = tool(send_email)
        marked.metadata = {"effects": True}
        agent = make_memory_agent(
            model, [marked], memory=memory, on_review="interrupt", experience=False, checkpointer=InMemorySaver()
        )
        stopped = await agent.ainvoke({"messages": [("user", "Mail ops.")]}, thread())
        (question,) = stopped["__interrupt__"]
        assert question.value["tool"] == "send_email" and question.value["reasons"] and SENT == []
        result = await agent.ainvoke(Command(resume=agrees), thread())
        assert (["ops"] if agrees else []) == SENT and result["messages"][-1].text == "Done."


async def test_guidance_is_recalled_once_for_a_task_and_the_reward_is_learnt_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    async with open_here(tmp_path) as memory:
        await memory.learning.store(
            [NewExperience(when_to_use="When the printer is stuck", content="Open tray two first.",
                           facets=Facets(task="The printer is stuck"))]
        )  # fmt: skip
        plain = type(memory.learning).guidance

        async def counted(self: Any, task: str, **options: Any) -> Any:
            asked.append(task)
            return await plain(self, task, **options)

        monkeypatch.setattr(type(memory.learning), "guidance", counted)
        script = [AIMessage("", tool_calls=[call("look_up", what="printer")]), "Open tray two.", "Good."]
        model = ScriptedChatModel(script=script)
        agent = make_agent(
            model, [look_up], middleware=[ExperienceMiddleware(memory=memory)], system_prompt="Be brief.",
            checkpointer=InMemorySaver(),
        )  # fmt: skip
        await agent.ainvoke({"messages": [("user", "The printer is stuck.")]}, thread())
        assert not await memory.list(kinds=["episodic"]), "without a reward nothing is learnt"
        last: Any = {"messages": [("user", "It works, thanks.")], "reward": 1.0}
        result = await agent.ainvoke(last, thread())
        assert asked == ["The printer is stuck."]
        systems = {prompt[0].text for prompt in model.prompts}
        assert len(systems) == 1 and "> Open tray two first." in systems.pop()
        assert result["episodes"] and result["reward"] is None
        (id,) = result["guidance_ids"]
        assert (await memory.learning.utilities([id]))[id].shown_successes == 1


async def test_a_thread_that_is_learnt_from_at_every_turn_does_not_recall_itself(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        model = ScriptedChatModel(script=lambda _: "Noted.")
        agent = make_memory_agent(model, memory=memory, reward=lambda _: 1.0, checkpointer=InMemorySaver())
        for number in range(3):
            said = {"messages": [("user", f"My cat Minka likes fish number {number}.")]}
            assert (await agent.ainvoke(said, thread()))["shown"] == []
        asked = {"messages": [("user", "What does my cat Minka like?")]}
        shown = (await agent.ainvoke(asked, thread("another")))["shown"]
        assert any(one["text"].startswith("Task:") for one in shown)


async def test_an_unfinished_task_counts_once_however_often_reflection_runs(tmp_path: Path) -> None:
    from mnemic_langgraph import create_reflect_node

    async with open_here(tmp_path) as memory:
        id = (await memory.remember("Tray two is sticky.", origin=USER)).id
        node = create_reflect_node(memory=memory)
        state = {
            "messages": [HumanMessage("The printer is stuck."), AIMessage("", tool_calls=[call("look_up", what="printer")]),
                         ToolMessage("printer: found.", tool_call_id=call("look_up", what="printer")["id"])],
            "reward": 1.0, "used": [id],
        }  # fmt: skip
        for _ in range(2):
            await node.ainvoke(state)
        assert (await memory.learning.utilities([id]))[id].used == 1
        assert (await memory.learning.outcome("another", 1.0, used=[])).finished == 2
        assert await node.ainvoke({**state, "reward": None}) == {}


class Counting(AgentMiddleware[Any, Any, Any]):
    """A middleware with a state of its own, as subgoals or a sculptor may have."""

    class State(AgentState[Any], total=False):
        steps: int

    state_schema = State

    def before_model(self, state: Any, runtime: Any) -> dict[str, Any]:
        return {"steps": state.get("steps", 0) + 1}


async def test_other_middleware_keeps_its_state_from_turn_to_turn(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        agent = make_memory_agent(
            ScriptedChatModel(script=["a", "b"]), memory=memory, middleware=[Counting()], checkpointer=InMemorySaver()
        )
        for number in (1, 2):
            result = await agent.ainvoke({"messages": [("user", "Hello there")]}, thread())
            assert result["steps"] == number


async def test_as_a_subgraph_its_events_and_its_memory_are_those_of_the_outer_graph(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        inner = make_memory_agent(ScriptedChatModel(script=["Noted."]), memory=memory)
        graph: Any = StateGraph(MemoryAgentState)
        graph.add_node("assistant", inner)
        graph.add_edge(START, "assistant")
        graph.add_edge("assistant", END)
        outer = graph.compile(checkpointer=InMemorySaver())
        events = [
            event["event"]
            async for _, event in outer.astream(
                {"messages": [("user", "The gate is blue.")]}, thread("outer"), stream_mode="custom", subgraphs=True
            )
        ]
        assert events[0] == "recalled" and "remembered" in events
        assert {record.text for record in await memory.list(session="outer")} == {"The gate is blue.", "Noted."}


def test_the_ready_agent_can_be_invoked(tmp_path: Path) -> None:
    memory = open_here(tmp_path)
    run_blocking(memory.open)
    try:
        run_blocking(memory.remember, "The gate is blue.", origin=USER)
        model = ScriptedChatModel(script=["Blue."])
        agent = make_memory_agent(model, [look_up], memory=memory, checkpointer=InMemorySaver(), reward=lambda _: 1.0)
        result = agent.invoke({"messages": [("user", "Which colour has the gate?")]}, thread())
        assert result["messages"][-1].text == "Blue." and "> The gate is blue." in as_sent(model.prompts[0])
        assert result["episodes"]
        json.dumps({name: value for name, value in result.items() if name != "messages"})
    finally:
        memory.close_now()


def test_memory_tools_need_a_memory() -> None:
    with pytest.raises(InvalidInput, match="memory"):
        make_memory_agent(ScriptedChatModel(script=[]), memory_tools=True)
    assert get_memory_tools(open_here(Path("unused")))
