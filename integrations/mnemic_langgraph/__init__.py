"""mnemic for LangGraph: nodes, tools, middleware and a store over one memory.

    async with mnemic.open_memory("notes") as memory:
        agent = create_memory_agent(model, tools, memory=memory)

Working memory needs nothing but the messages of a graph's state: they stay as they were said, and what a model is shown of
them follows from them alone, so that a checkpointer, a fork or another process comes to the same prompt. Long-term memory is
a `mnemic.Memory`, given to a factory or found behind the graph's store (`MnemicStore`).

Importing this package imports nothing of LangGraph; a name does when it is used first.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnemic_langgraph.store import MnemicStore as MnemicStore

_EXPORTS: dict[str, str] = {
    "MnemicStore": "mnemic_langgraph.store",
}

__all__ = [
    "MnemicStore",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'mnemic_langgraph' has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
