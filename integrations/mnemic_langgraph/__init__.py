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
    from mnemic.services.working_memory.conversation import ContextRules as ContextRules
    from mnemic_langgraph.context_middleware import SculptorMiddleware as SculptorMiddleware
    from mnemic_langgraph.context_middleware import SubgoalMiddleware as SubgoalMiddleware
    from mnemic_langgraph.editing_tools import create_sculptor_tools as create_sculptor_tools
    from mnemic_langgraph.editing_tools import create_subgoal_tools as create_subgoal_tools
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
    from mnemic_langgraph.sculptor import create_sculpt_node as create_sculpt_node
    from mnemic_langgraph.sculptor import route_to_sculpt as route_to_sculpt
    from mnemic_langgraph.states import ContextState as ContextState
    from mnemic_langgraph.states import ExperienceState as ExperienceState
    from mnemic_langgraph.states import GuardState as GuardState
    from mnemic_langgraph.states import JoinedRecallState as JoinedRecallState
    from mnemic_langgraph.states import MemoryAgentState as MemoryAgentState
    from mnemic_langgraph.states import PruneState as PruneState
    from mnemic_langgraph.states import RecallState as RecallState
    from mnemic_langgraph.states import RememberState as RememberState
    from mnemic_langgraph.states import RetryState as RetryState
    from mnemic_langgraph.store import MnemicStore as MnemicStore
    from mnemic_langgraph.subgoals import SubgoalState as SubgoalState
    from mnemic_langgraph.subgoals import create_environment_node as create_environment_node
    from mnemic_langgraph.subgoals import create_subgoal_node as create_subgoal_node
    from mnemic_langgraph.subgoals import observation as observation
    from mnemic_langgraph.subgoals import route_by_action as route_by_action
    from mnemic_langgraph.working_memory import Projection as Projection

_EXPORTS: dict[str, str] = {
    "ContextRules": "mnemic.services.working_memory.conversation",
    "ContextState": "mnemic_langgraph.states",
    "ExperienceMiddleware": "mnemic_langgraph.experience_middleware",
    "ExperienceState": "mnemic_langgraph.states",
    "GuardMiddleware": "mnemic_langgraph.guard_middleware",
    "GuardState": "mnemic_langgraph.states",
    "JoinedRecallState": "mnemic_langgraph.states",
    "MemoryAgentState": "mnemic_langgraph.states",
    "MnemicStore": "mnemic_langgraph.store",
    "Projection": "mnemic_langgraph.working_memory",
    "PruneState": "mnemic_langgraph.states",
    "RecallState": "mnemic_langgraph.states",
    "RememberState": "mnemic_langgraph.states",
    "RetryState": "mnemic_langgraph.states",
    "SculptorMiddleware": "mnemic_langgraph.context_middleware",
    "SubgoalMiddleware": "mnemic_langgraph.context_middleware",
    "SubgoalState": "mnemic_langgraph.subgoals",
    "create_context_pack_node": "mnemic_langgraph.recalling",
    "create_environment_node": "mnemic_langgraph.subgoals",
    "create_experience_node": "mnemic_langgraph.experience",
    "create_guard_node": "mnemic_langgraph.guarding",
    "create_memory_agent": "mnemic_langgraph.memory_agent",
    "create_prune_node": "mnemic_langgraph.pruning",
    "create_recall_node": "mnemic_langgraph.recalling",
    "create_reflect_node": "mnemic_langgraph.experience",
    "create_remember_node": "mnemic_langgraph.remembering",
    "create_retry_graph": "mnemic_langgraph.retrying",
    "create_sculpt_node": "mnemic_langgraph.sculptor",
    "create_sculptor_tools": "mnemic_langgraph.editing_tools",
    "create_subgoal_node": "mnemic_langgraph.subgoals",
    "create_subgoal_tools": "mnemic_langgraph.editing_tools",
    "get_memory_tools": "mnemic_langgraph.memory_tools",
    "observation": "mnemic_langgraph.subgoals",
    "route_by_action": "mnemic_langgraph.subgoals",
    "route_by_guard": "mnemic_langgraph.guarding",
    "route_to_sculpt": "mnemic_langgraph.sculptor",
}

__all__ = [
    "ContextRules",
    "ContextState",
    "ExperienceMiddleware",
    "ExperienceState",
    "GuardMiddleware",
    "GuardState",
    "JoinedRecallState",
    "MemoryAgentState",
    "MnemicStore",
    "Projection",
    "PruneState",
    "RecallState",
    "RememberState",
    "RetryState",
    "SculptorMiddleware",
    "SubgoalMiddleware",
    "SubgoalState",
    "create_context_pack_node",
    "create_environment_node",
    "create_experience_node",
    "create_guard_node",
    "create_memory_agent",
    "create_prune_node",
    "create_recall_node",
    "create_reflect_node",
    "create_remember_node",
    "create_retry_graph",
    "create_sculpt_node",
    "create_sculptor_tools",
    "create_subgoal_node",
    "create_subgoal_tools",
    "get_memory_tools",
    "observation",
    "route_by_action",
    "route_by_guard",
    "route_to_sculpt",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'mnemic_langgraph' has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
