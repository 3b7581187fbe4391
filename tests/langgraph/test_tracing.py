"""What a trace shows: every node, tool and model under its name, nested as the graph is. Nothing is sent anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run

from mnemic_langgraph import create_memory_agent, get_memory_tools
from mnemic_langgraph.testing import ScriptedChatModel, call
from tests.langgraph.graphs import open_here, thread

make_memory_agent: Any = create_memory_agent


class KeptRuns(BaseTracer):
    """Keeps the trees of runs that a tracer such as LangSmith's would send."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.roots.append(run)


def paths(run: Run, above: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Every run below, as (where it is, its type)."""
    here = (*above, run.name)
    return [("/".join(here), run.run_type), *(found for child in run.child_runs for found in paths(child, here))]


@pytest.mark.parametrize("how", ["ainvoke", "invoke"])
async def test_nodes_tools_and_the_agent_appear_under_their_names(tmp_path: Path, how: str) -> None:
    @tool
    def look_up(what: str) -> str:
        """Look something up."""
        return f"{what}: found."

    async with open_here(tmp_path) as memory:
        script = [
            AIMessage("", tool_calls=[call("look_up", what="a"), call("recall", query="What is a?")]),
            AIMessage("", tool_calls=[call("open_subgoal", text="tell the user")]), "It is found.",
        ]  # fmt: skip
        agent = make_memory_agent(
            ScriptedChatModel(script=script), [look_up], memory=memory, memory_tools=True, reward=lambda _: 1.0,
            name="librarian",
        )  # fmt: skip
        tracer = KeptRuns()
        config = {**thread(), "callbacks": [tracer]}
        given = {"messages": [("user", "Where is a?")]}
        await agent.ainvoke(given, config) if how == "ainvoke" else agent.invoke(given, config)
    (root,) = tracer.roots
    seen = dict(paths(root))
    assert root.name == "librarian" and root.error is None
    for node in ("recall", "guard", "experience", "agent", "remember", "reflect"):
        assert seen[f"librarian/{node}"] == "chain", sorted(seen)
    assert seen["librarian/agent/agent/model/ScriptedChatModel"] == "llm"
    for name in ("look_up", "recall", "open_subgoal"):
        assert seen[f"librarian/agent/agent/tools/{name}"] == "tool"
    assert not [path for path in seen if "RunnableLambda" in path or "lambda" in path or path.endswith("/later")]


async def test_a_node_alone_is_a_trace_of_its_own_name(tmp_path: Path) -> None:
    from mnemic_langgraph import create_recall_node

    async with open_here(tmp_path) as memory:
        for name in ("recall", "look back"):
            tracer = KeptRuns()
            node = create_recall_node(memory=memory, name=name)
            await node.ainvoke({"messages": [("user", "What is a?")]}, {"callbacks": [tracer]})
            assert [run.name for run in tracer.roots] == [name]


async def test_memory_tools_are_marked_in_traces(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        tracer = KeptRuns()
        for one in get_memory_tools(memory):
            if one.name == "recall":
                await one.ainvoke({"query": "What is a?"}, {"callbacks": [tracer]})
    (run,) = tracer.roots
    assert (run.name, run.run_type) == ("recall", "tool") and (run.extra or {})["metadata"]["memory_tool"] is True
