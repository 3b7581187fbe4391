"""The library as graphs use it: behind a store, awaited and invoked, streamed, in branches at once, and inside of others."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.config import get_store
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from mnemic.domain.learning.facets import Facets, NewExperience
from mnemic_langgraph import (
    ContextState,
    JoinedRecallState,
    MemoryAgentState,
    MnemicStore,
    PruneState,
    RememberState,
    create_context_pack_node,
    create_experience_node,
    create_guard_node,
    create_memory_agent,
    create_prune_node,
    create_recall_node,
    create_reflect_node,
    create_remember_node,
)
from mnemic_langgraph.testing import ScriptedChatModel, call
from tests.langgraph.graphs import USER, open_here, saver, thread

make_memory_agent: Any = create_memory_agent
BRANCHES = 8


@tool
def look_up(what: str) -> str:
    """Look something up."""
    return f"{what}: at nine."


def answer(messages: list[Any]) -> AIMessage:
    """Looks something up once for every question, then answers."""
    if messages[-1].type == "tool":
        return AIMessage("It leaves at nine.")
    turn = sum(message.type == "human" for message in messages)
    return AIMessage("", tool_calls=[call("look_up", f"c{turn}", what="ferry")])


def plain(texts: list[str], ids: dict[str, str]) -> list[str]:
    for id, name in ids.items():
        texts = [text.replace(id, name) for text in texts]
    return texts


class Everything(MemoryAgentState, ContextState, PruneState, total=False):
    pass


async def test_all_nodes_work_with_the_memory_behind_the_graphs_store(tmp_path: Path) -> None:
    nodes = {
        "recall": create_recall_node(), "guard": create_guard_node(), "experience": create_experience_node(),
        "pack": create_context_pack_node(), "remember": create_remember_node(), "reflect": create_reflect_node(),
        "prune": create_prune_node(),
    }  # fmt: skip
    builder: Any = StateGraph(Everything)
    builder.add_sequence(list(nodes.items()))
    builder.add_edge(START, "recall")
    async with open_here(tmp_path) as memory:
        await memory.remember("The ferry to Corfu leaves from pier 3.", origin=USER)
        await memory.remember("Tickets of the museum are sold at pier 3.", origin=USER)
        asked = {"awaited": "Where does the ferry to Corfu leave?", "invoked": "Who sells tickets of the museum?"}
        graph = builder.compile(store=MnemicStore(memory), checkpointer=InMemorySaver())
        for name, question in asked.items():
            given = {
                "messages": [("user", question), ("ai", "From pier 3.")],
                "reward": 1.0,
            }
            config = thread(name)
            result = await graph.ainvoke(given, config) if name == "awaited" else graph.invoke(given, config)
            assert "pier 3" in result["context"] and [one["text"] for one in result["shown"]]
            assert all(result["remembered"].values()) and result["episodes"] and "pruned" in result
            assert len(await memory.list(session=name, kinds=["episodic"])) >= 2


@pytest.mark.parametrize("how", ["ainvoke", "invoke", "astream", "stream"])
async def test_the_ready_agent_over_a_store_and_a_database_is_the_same_however_it_is_called(
    tmp_path: Path, how: str
) -> None:
    async with open_here(tmp_path) as memory:
        await memory.remember("The ferry to Corfu leaves from pier 3.", origin=USER)
        model = ScriptedChatModel(script=answer)

        def make(checkpointer: Any) -> Any:
            return make_memory_agent(
                model, [look_up], store=MnemicStore(memory), checkpointer=checkpointer, memory_tools=True
            )

        ends: list[Any] = []
        events: list[Any] = []
        for turn in (1, 2):
            given = {"messages": [HumanMessage(f"When does ferry {turn} to Corfu leave?", id=f"q{turn}")]}
            if how in ("ainvoke", "astream"):
                async with saver(tmp_path) as opened:
                    agent = make(opened)
                    if how == "ainvoke":
                        ends.append(await agent.ainvoke(given, thread()))
                    else:
                        modes = ["values", "custom", "updates", "messages"]
                        events += [event async for event in agent.astream(given, thread(), stream_mode=modes)]
                        ends.append((await agent.aget_state(thread())).values)
            else:
                with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as opened_now:
                    agent = make(opened_now)
                    if how == "invoke":
                        ends.append(agent.invoke(given, thread()))
                    else:
                        events += agent.stream(given, thread(), stream_mode=["values", "custom", "updates", "messages"])
                        ends.append(agent.get_state(thread()).values)
        assert [message.type for message in ends[-1]["messages"]] == ["human", "ai", "tool", "ai"] * 2
        wordless = {message.id for message in ends[-1]["messages"] if not message.text}
        assert {id for id, memory in ends[-1]["remembered"].items() if memory is None} == wordless
        assert {one.text for one in await memory.list(session="t")} >= {"It leaves at nine.", "ferry: at nine."}
        assert len(model.sent) == 4 and all("> The ferry to Corfu leaves from pier 3." in text for text in model.sent)
        if events:
            told = [event["event"] for mode, event in events if mode == "custom"]
            assert told.count("recalled") >= 2 and told.count("remembered") == 2
            assert [mode for mode, _ in events].count("messages") and [mode for mode, _ in events].count("updates")


async def test_awaited_and_invoked_agents_send_the_same_prompts(tmp_path: Path) -> None:
    sent: list[list[str]] = []
    for how in ("ainvoke", "invoke"):
        folder = tmp_path / how
        folder.mkdir()
        async with open_here(folder) as memory:
            id = (await memory.remember("The ferry to Corfu leaves from pier 3.", origin=USER)).id
            model = ScriptedChatModel(script=answer)
            agent = make_memory_agent(model, [look_up], memory=memory, checkpointer=InMemorySaver())
            for turn in (1, 2):
                given = {"messages": [HumanMessage(f"When does ferry {turn} to Corfu leave?", id=f"q{turn}")]}
                await agent.ainvoke(given, thread()) if how == "ainvoke" else agent.invoke(given, thread())
            sent.append(plain(model.sent, {str(id): "first"}))
    assert sent[0] == sent[1]


class Fan(JoinedRecallState, RememberState, total=False):
    messages: Annotated[list[Any], operator.add]
    number: int
    done: Annotated[list[int], operator.add]


@pytest.mark.parametrize("how", ["ainvoke", "invoke"])
async def test_branches_at_once_store_each_thing_once_and_all_is_seen_afterwards(tmp_path: Path, how: str) -> None:
    remember, recall = create_remember_node(), create_recall_node(k=50, budget_tokens=None)

    def branch_text(number: int) -> str:
        return f"Branch {number} has found that the lamp of room {number} is broken."

    def put(state: Fan) -> Fan:
        number = state["number"]
        store: Any = get_store()
        store.put(("lamps",), f"room {number}", {"text": f"lamp {number}"})
        store.put(("lamps",), "same", {"text": "one lamp for all"})
        assert store.get(("lamps",), f"room {number}").value == {"text": f"lamp {number}"}
        return {"done": [number]}

    async def aput(state: Fan) -> Fan:
        number = state["number"]
        store: Any = get_store()
        await store.aput(("lamps",), f"room {number}", {"text": f"lamp {number}"})
        await store.aput(("lamps",), "same", {"text": "one lamp for all"})
        found = await store.aget(("lamps",), f"room {number}")
        assert found.value == {"text": f"lamp {number}"}
        return {"done": [number]}

    def fan_out(state: Fan) -> list[Send]:
        branches = range(BRANCHES)
        return [
            *(Send("put", {"number": number}) for number in branches),
            *(Send("recall", {"messages": [HumanMessage("Which lamp is broken?")]}) for _ in branches),
            *(Send("remember", {"messages": [HumanMessage(branch_text(number), id=f"m{number}"),
                                             HumanMessage("All branches say this sentence.", id="same")]})
              for number in branches),
        ]  # fmt: skip

    builder: Any = StateGraph(Fan)
    builder.add_node("put", aput if how == "ainvoke" else put)
    builder.add_node("recall", recall)
    builder.add_node("remember", remember)
    builder.add_conditional_edges(START, fan_out, ["put", "recall", "remember"])
    async with open_here(tmp_path) as memory:
        await memory.remember("The lamp of the kitchen is broken.", origin=USER)
        store = MnemicStore(memory)
        graph = builder.compile(store=store, checkpointer=InMemorySaver())
        result = await graph.ainvoke({}, thread()) if how == "ainvoke" else graph.invoke({}, thread())
        assert sorted(result["done"]) == list(range(BRANCHES))
        found = await store.asearch(("lamps",), limit=100)
        assert sorted(item.key for item in found) == sorted([*(f"room {n}" for n in range(BRANCHES)), "same"])
        texts = [one.text for one in await memory.list(session="t", limit=100)]
        expected = [*map(branch_text, range(BRANCHES)), "All branches say this sentence."]
        assert sorted(texts) == sorted(expected), "each thing once"
        assert len(set(result["remembered"].values())) == BRANCHES + 1
        assert "The lamp of the kitchen is broken." in [one["text"] for one in result["recalled"]]
        assert len({one["id"] for one in result["recalled"]}) == len(result["recalled"])
        afterwards = await memory.recall("Which lamp of which room is broken?", k=50)
        assert {hit.memory.text for hit in afterwards.hits} >= set(map(branch_text, range(BRANCHES)))


class Outer(MemoryAgentState, total=False):
    approved: bool


@pytest.mark.parametrize("how", ["ainvoke", "invoke"])
async def test_an_agent_inside_of_a_graph_goes_on_after_an_interrupt_of_its_own_and_of_the_outer_graph(
    tmp_path: Path, how: str
) -> None:
    @tool
    def ask_a_person(what: str) -> str:
        """Ask a person."""
        return f"A person says: {interrupt(what)}"

    def script(messages: list[Any]) -> AIMessage:
        if messages[-1].type == "tool":
            return AIMessage("The gate is green.")
        return AIMessage("", tool_calls=[call("ask_a_person", "c", what="gate?")])

    def approval(state: Outer) -> dict[str, Any]:
        return {"approved": interrupt("go on?")}

    async with open_here(tmp_path) as memory:
        await memory.remember("The gate was blue last year.", origin=USER)
        models: list[ScriptedChatModel] = []

        def make(checkpointer: Any) -> Any:
            models.append(ScriptedChatModel(script=script))
            builder: Any = StateGraph(Outer)
            builder.add_node("assistant", make_memory_agent(models[-1], [ask_a_person]))
            builder.add_node("approval", approval)
            builder.add_edge(START, "assistant")
            builder.add_edge("assistant", "approval")
            builder.add_edge("approval", END)
            return builder.compile(checkpointer=checkpointer, store=MnemicStore(memory))

        async def step(given: Any) -> Any:
            if how == "ainvoke":
                async with saver(tmp_path) as opened:
                    return await make(opened).ainvoke(given, thread())
            with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as opened_now:
                return make(opened_now).invoke(given, thread())

        first = await step({"messages": [HumanMessage("Which colour has the gate?", id="q")]})
        assert [one.value for one in first["__interrupt__"]] == ["gate?"]
        second = await step(Command(resume="green"))
        assert [one.value for one in second["__interrupt__"]] == ["go on?"]
        last = await step(Command(resume=True))
        assert last["approved"] and last["messages"][-1].text == "The gate is green."
        assert [len(model.sent) for model in models] == [1, 1, 0]
        head, after = (model.sent[0] for model in models[:2])
        assert "> The gate was blue last year." in head and after.startswith(head.removesuffix("\n]"))
        said = sorted(one.text for one in await memory.list(session="t"))
        assert said == ["A person says: green", "The gate is green.", "Which colour has the gate?"]


async def test_an_agent_that_learns_through_its_store_reuses_it_in_the_next_thread(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await memory.learning.store(
            [NewExperience(when_to_use="When asked for a ferry", content="Look the ferry up first.",
                           facets=Facets(task="When does the ferry leave?"))]
        )  # fmt: skip
        model = ScriptedChatModel(script=answer)
        agent = make_memory_agent(model, [look_up], store=MnemicStore(memory), reward=lambda _: 1.0)
        result = await agent.ainvoke({"messages": [("user", "When does the ferry leave?")]}, thread())
        assert "Look the ferry up first." in model.sent[0] and result["episodes"]
        again = await agent.ainvoke({"messages": [("user", "When does the ferry leave?")]}, thread("other"))
        assert again["guidance_ids"] and "Look the ferry up first." in model.sent[-1]


def test_without_a_memory_and_without_a_store_of_ours_it_is_said_what_is_missing(tmp_path: Path) -> None:
    from langgraph.store.memory import InMemoryStore

    from mnemic.errors import InvalidInput

    agent = make_memory_agent(ScriptedChatModel(script=["a"]), store=InMemoryStore())
    with pytest.raises(InvalidInput, match="no memory"):
        agent.invoke({"messages": [("user", "Hello")]})
