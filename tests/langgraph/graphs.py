"""Memories, checkpointers and runs for tests of graphs."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command

import mnemic
from mnemic import Channel, Memory, Origin
from mnemic.testing import WordEmbedder
from mnemic_langgraph import ContextState, GuardState, PruneState, RecallState, RememberState

WEB = Origin(channel=Channel.WEB)
TOOL = Origin(channel=Channel.TOOL)
USER = Origin(channel=Channel.USER)


def open_here(folder: Path, **settings: Any) -> Memory:
    """A memory in ``folder``, as fast as tests need it."""
    settings = {"embedder": WordEmbedder(), "chroma": "off", "durable": False, **settings}
    return mnemic.open_memory(folder / "memory", **settings)


def thread(name: str = "t", **more: Any) -> dict[str, Any]:
    """The config of a thread."""
    return {"configurable": {"thread_id": name, **more}}


class EveryState(MessagesState, RecallState, RememberState, GuardState, ContextState, PruneState, total=False):
    """All that the nodes of a memory read and write."""


def line(*nodes: tuple[str, Any], state: Any = EveryState, **options: Any) -> Any:
    """A compiled graph of nodes one after the other."""
    graph = StateGraph(state)
    for name, node in nodes:
        graph.add_node(name, node)
    names = [START, *(name for name, _ in nodes), END]
    for one, following in itertools.pairwise(names):
        graph.add_edge(one, following)
    return graph.compile(**options)


@asynccontextmanager
async def saver(folder: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """A checkpointer on a file, opened anew."""
    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints.db")) as opened:
        yield opened


async def step_by_step(
    folder: Path, make: Callable[[AsyncSqliteSaver], Any], given: Any, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Run a graph one step at a time, each time with a graph and a checkpointer made anew from the file; what it ends with.

    ``make`` gives the compiled graph for a checkpointer. Interrupts of the graph's own are answered with True.
    """
    for _ in range(200):
        async with saver(folder) as opened:
            graph = make(opened)
            await graph.ainvoke(given, config, interrupt_after="*", durability="sync")
            state = await graph.aget_state(config)
            if not state.next:
                return dict(state.values)
            given = Command(resume=True) if any(task.interrupts for task in state.tasks) else None
    raise AssertionError("The graph does not end.")
