"""`MnemicStore` where LangGraph takes a store: compiled graphs, `create_agent`, `Send`, and langmem's tools."""

from __future__ import annotations

import operator
import warnings
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain.tools import ToolRuntime, tool
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_store
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from mnemic_langgraph import MnemicStore
from mnemic_langgraph.nodes import memory_of
from tests.langgraph.stores import keys, open_store


class Notes(TypedDict, total=False):
    note: str
    found: Annotated[list[str], operator.add]


class ScriptedChat(GenericFakeChatModel):
    """Says what a test wrote and takes any tools."""

    def bind_tools(self, tools: Any, **named: Any) -> Any:
        return self


def noting_graph(store: MnemicStore, **compiled: Any) -> Any:
    def note(state: Notes, runtime: Runtime) -> Notes:
        assert runtime.store is not None
        runtime.store.put(("notes",), state["note"], {"text": state["note"]})
        return {}

    async def find(state: Notes) -> Notes:
        return {"found": keys(await get_store().asearch(("notes",), query=state["note"], limit=1))}

    def find_now(state: Notes) -> Notes:
        return {"found": keys(get_store().search(("notes",), query=state["note"], limit=1))}

    graph: Any = StateGraph(Notes)
    graph.add_node("write", note)
    graph.add_node("read", RunnableLambda(find_now, afunc=find))
    graph.add_edge(START, "write")
    graph.add_edge("write", "read")
    graph.add_edge("read", END)
    return graph.compile(store=store, **compiled)


async def test_a_compiled_graph_writes_and_finds_awaited_and_invoked(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        graph = noting_graph(store, checkpointer=InMemorySaver())
        at = {"configurable": {"thread_id": "1"}}
        assert (await graph.ainvoke({"note": "green kettle"}, at))["found"] == ["green kettle"]
        assert graph.invoke({"note": "a train"}, at)["found"] == ["green kettle", "a train"]
        again = {"configurable": {"thread_id": "2"}}
        assert graph.invoke({"note": "another kettle, green"}, again)["found"] == ["another kettle, green"]
        assert len(await store.memory.list(namespace="default/notes")) == 3


async def test_parallel_branches_share_one_store(tmp_path: Path) -> None:
    class State(TypedDict, total=False):
        done: Annotated[list[int], operator.add]

    async def branch(state: dict[str, int], runtime: Runtime) -> State:
        assert runtime.store is not None
        number = state["number"]
        await runtime.store.aput(("branches", str(number % 3)), str(number), {"text": f"branch {number}"})
        runtime.store.put(("shared",), "last", {"text": f"branch {number}"})
        return {"done": [number]}

    async with open_store(tmp_path) as store:
        graph: Any = StateGraph(State)
        graph.add_node("branch", branch)
        graph.add_conditional_edges(START, lambda _: [Send("branch", {"number": number}) for number in range(24)])
        result = await graph.compile(store=store).ainvoke({"done": []})
        assert sorted(result["done"]) == list(range(24))
        assert len(store.search(("branches",), limit=100)) == 24
        assert len(store.search(("shared",), query="branch")) == 1
        assert (await store.memory.doctor()).healthy


async def test_an_agents_tool_reads_and_writes_the_store(tmp_path: Path) -> None:
    @tool
    async def save(text: str, runtime: ToolRuntime) -> str:
        """Keep a text."""
        assert runtime.store is not None
        await runtime.store.aput(("users", "ana"), "likes", {"text": text})
        (found,) = await runtime.store.asearch(("users",), query=text)
        return str(found.value["text"])

    call = {"name": "save", "args": {"text": "Ana likes green tea."}, "id": "1"}
    model = ScriptedChat(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("Saved.")]))
    async with open_store(tmp_path) as store:
        agent: Any = create_agent(model, [save], store=store)
        result = await agent.ainvoke({"messages": [("user", "I like green tea.")]})
        assert [message.text for message in result["messages"][-2:]] == ["Ana likes green tea.", "Saved."]
        hits = (await store.memory.recall("tea", namespace="default/users/ana")).hits
        assert [hit.memory.text for hit in hits] == ["Ana likes green tea."]


def langmems_tools(store: MnemicStore) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        # It imports a name from where LangGraph no longer wants it.
        warnings.simplefilter("ignore", DeprecationWarning)
        from langmem import create_manage_memory_tool, create_search_memory_tool  # type: ignore[import-untyped]
    namespace = ("memories", "{user}")
    return create_manage_memory_tool(namespace, store=store), create_search_memory_tool(namespace, store=store)


async def test_langmems_tools_manage_and_search_memories(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        manage, search = langmems_tools(store)
        ana, bob = {"configurable": {"user": "ana"}}, {"configurable": {"user": "bob"}}
        said = await manage.ainvoke({"content": "Likes green tea.", "action": "create"}, ana)
        id = said.rsplit(" ", 1)[-1]
        manage.invoke({"content": "Lives in Porto.", "action": "create"}, ana)
        assert "green tea" in (await search.ainvoke({"query": "tea", "limit": 1}, ana))
        assert "Porto" not in search.invoke({"query": "tea", "limit": 1}, ana)
        assert search.invoke({"query": "tea"}, bob) == "[]"
        await manage.ainvoke({"content": "Likes black tea.", "action": "update", "id": id}, ana)
        found = search.invoke({"query": "tea", "limit": 1}, ana)
        assert "black tea" in found and "green" not in found
        manage.invoke({"action": "delete", "id": id}, ana)
        assert "tea" not in search.invoke({"query": "tea"}, ana)
        memories = await store.memory.list(namespace="default/memories/ana")
        assert [memory.text for memory in memories] == ["Lives in Porto."]


async def test_nodes_find_the_memory_behind_the_graphs_store(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        seen = []

        def look(state: Notes) -> Notes:
            seen.append(memory_of(None))
            return {}

        graph: Any = StateGraph(Notes)
        graph.add_node("look", look)
        graph.add_edge(START, "look")
        graph.compile(store=store).invoke({})
        assert seen == [store.memory]
