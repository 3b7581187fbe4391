"""What every node is made of: a step for graphs that are awaited and for those that are not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.config import get_config, get_store, get_stream_writer

from mnemic.errors import InvalidInput
from mnemic_langgraph.blocking import run_blocking

if TYPE_CHECKING:
    from mnemic import Memory

Step = Callable[[Any], Awaitable[Any]]
"""What a node does: from the state to an update of a part of it, or to a `langgraph.types.Command`."""


def make_node(step: Step, *, name: str) -> Runnable[Any, Any]:
    """A node that graphs may await or invoke, and that anyone may call: ``await node.ainvoke(state)``.

    ``name`` is what traces show.
    """

    def now(state: Any) -> Any:
        return run_blocking(step, state)

    return RunnableLambda(now, afunc=step, name=name)


def checked_memory(memory: Memory) -> Memory:
    """``memory``, if it is one. Raises `InvalidInput` for what else is easily given in its place: a path, a store."""
    if not hasattr(memory, "recall"):
        raise InvalidInput(
            f"memory is {type(memory).__name__}, which cannot recall.",
            hint="Give what mnemic.open_memory(folder) gives, once it is open.",
        )
    return memory


def memory_of(memory: Memory | None) -> Memory:
    """The memory that was given to a factory, else the one behind the graph's store. Raises `InvalidInput`."""
    if memory is not None:
        return checked_memory(memory)
    try:
        store = get_store()
    except (RuntimeError, KeyError):
        store = None
    found: Memory | None = getattr(store, "memory", None)
    if found is None:
        raise InvalidInput(
            "This node has no memory.",
            hint="Give it one (memory=…), or compile the graph with store=MnemicStore(memory).",
        )
    return found


def tell(event: str, **what: Any) -> None:
    """Send a custom event, ``{"event": …, …}``, to whoever streams the graph with ``stream_mode="custom"``."""
    try:
        write = get_stream_writer()
    except (RuntimeError, KeyError):
        return  # not in a graph
    write({"event": event, **what})


def thread_id() -> str | None:
    """The thread of the graph that runs, which names its session; None outside of one, or without a checkpointer."""
    try:
        found = get_config().get("configurable", {}).get("thread_id")
    except (RuntimeError, KeyError):
        return None
    return None if found is None else str(found)
