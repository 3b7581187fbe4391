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
    from mnemic_langgraph.experience import create_experience_node as create_experience_node
    from mnemic_langgraph.experience import create_reflect_node as create_reflect_node
    from mnemic_langgraph.experience_middleware import ExperienceMiddleware as ExperienceMiddleware
    from mnemic_langgraph.guard_middleware import GuardMiddleware as GuardMiddleware
    from mnemic_langgraph.guarding import create_guard_node as create_guard_node
    from mnemic_langgraph.guarding import route_by_guard as route_by_guard
    from mnemic_langgraph.memory_agent import create_memory_agent as create_memory_agent
    from mnemic_langgraph.memory_tools import get_memory_tools as get_memory_tools
    from mnemic_langgraph.pruning import create_prune_node as create_prune_node
    from mnemic_langgraph.recalling import create_context_pack_node as create_context_pack_node
    from mnemic_langgraph.recalling import create_recall_node as create_recall_node
    from mnemic_langgraph.remembering import create_remember_node as create_remember_node
    from mnemic_langgraph.retrying import create_retry_graph as create_retry_graph
    from mnemic_langgraph.states import ContextState as ContextState
    from mnemic_langgraph.states import ExperienceState as ExperienceState
    from mnemic_langgraph.states import GuardState as GuardState
    from mnemic_langgraph.states import JoinedRecallState as JoinedRecallState
    from mnemic_langgraph.states import MemoryAgentState as MemoryAgentState
    from mnemic_langgraph.states import PruneState as PruneState
    from mnemic_langgraph.states import RecallState as RecallState
    from mnemic_langgraph.states import RememberState as RememberState
    from mnemic_langgraph.states import RetryState as RetryState

_EXPORTS: dict[str, str] = {
    "ContextState": "mnemic_langgraph.states",
    "ExperienceMiddleware": "mnemic_langgraph.experience_middleware",
    "ExperienceState": "mnemic_langgraph.states",
    "GuardMiddleware": "mnemic_langgraph.guard_middleware",
    "GuardState": "mnemic_langgraph.states",
    "JoinedRecallState": "mnemic_langgraph.states",
    "MemoryAgentState": "mnemic_langgraph.states",
    "PruneState": "mnemic_langgraph.states",
    "RecallState": "mnemic_langgraph.states",
    "RememberState": "mnemic_langgraph.states",
    "RetryState": "mnemic_langgraph.states",
    "create_context_pack_node": "mnemic_langgraph.recalling",
    "create_experience_node": "mnemic_langgraph.experience",
    "create_guard_node": "mnemic_langgraph.guarding",
    "create_memory_agent": "mnemic_langgraph.memory_agent",
    "create_prune_node": "mnemic_langgraph.pruning",
    "create_recall_node": "mnemic_langgraph.recalling",
    "create_reflect_node": "mnemic_langgraph.experience",
    "create_remember_node": "mnemic_langgraph.remembering",
    "create_retry_graph": "mnemic_langgraph.retrying",
    "get_memory_tools": "mnemic_langgraph.memory_tools",
    "route_by_guard": "mnemic_langgraph.guarding",
}

__all__ = [
    "ContextState",
    "ExperienceMiddleware",
    "ExperienceState",
    "GuardMiddleware",
    "GuardState",
    "JoinedRecallState",
    "MemoryAgentState",
    "PruneState",
    "RecallState",
    "RememberState",
    "RetryState",
    "create_context_pack_node",
    "create_experience_node",
    "create_guard_node",
    "create_memory_agent",
    "create_prune_node",
    "create_recall_node",
    "create_reflect_node",
    "create_remember_node",
    "create_retry_graph",
    "get_memory_tools",
    "route_by_guard",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'mnemic_langgraph' has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
