"""A ready agent with a memory.

recall → guard → experience → agent → remember → reflect
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from langchain.agents import create_agent
from langchain.agents.middleware.types import AgentMiddleware, AgentState, OmitFromSchema
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import SystemMessage
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt.tool_node import ToolCallRequest
from typing_extensions import TypedDict

from mnemic.errors import InvalidInput
from mnemic_langgraph.context_middleware import SculptorMiddleware, SubgoalMiddleware
from mnemic_langgraph.experience import create_experience_node, create_reflect_node
from mnemic_langgraph.experience_middleware import ExperienceMiddleware
from mnemic_langgraph.guard_middleware import GuardMiddleware
from mnemic_langgraph.guarding import create_guard_node
from mnemic_langgraph.memory_tools import get_memory_tools
from mnemic_langgraph.nodes import checked_memory
from mnemic_langgraph.places import NamespaceLike
from mnemic_langgraph.recalling import create_recall_node
from mnemic_langgraph.remembering import create_remember_node
from mnemic_langgraph.states import MemoryAgentState

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore
    from langgraph.types import Checkpointer

    from mnemic import Memory


def create_memory_agent(
    model: str | BaseChatModel, tools: Sequence[BaseTool | Callable[..., Any] | dict[str, Any]] = (), *,
    memory: Memory | None = None, namespace: NamespaceLike = None, system_prompt: str | SystemMessage | None = None,
    middleware: Sequence[AgentMiddleware[Any, Any, Any]] = (), folding: str | None = "lean", subgoals: bool = True,
    sculptor: bool = True, k: int = 10, budget_tokens: int | None = 2_000,
    filters: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]] | None = None, experience: bool = True,
    memory_tools: bool = False, task: Callable[[Any], str] | None = None,
    reward: Callable[[Any], float | None] | None = None, used: Callable[[Any], Sequence[str] | None] | None = None,
    effects: Collection[str] | Callable[[ToolCallRequest], bool] | None = None,
    by_user: Callable[[ToolCallRequest], bool] | None = None, on_review: Literal["refuse", "interrupt"] = "refuse",
    response_format: Any = None, context_schema: type[Any] | None = None, checkpointer: Checkpointer = None,
    store: BaseStore | None = None, name: str = "memory_agent",
) -> CompiledStateGraph[Any, Any, Any, Any]:  # fmt: skip
    """An agent that recalls before it answers, has what it recalled checked, and remembers what was said.

        agent = create_memory_agent("openai:gpt-5-mini", [search], memory=memory, checkpointer=InMemorySaver())
        await agent.ainvoke({"messages": [("user", "…")]}, {"configurable": {"thread_id": "1"}})

    ``model``, ``tools``, ``system_prompt``, ``response_format``, ``context_schema``, ``checkpointer`` and ``store``: as for
    ``create_agent``. ``memory``, or the one behind ``store`` (`MnemicStore`); ``namespace`` may be a function, so that
    every user has one. ``folding``, ``subgoals`` (their tools) and ``sculptor`` are for working memory, as in
    `SubgoalMiddleware` and `SculptorMiddleware`; with None, False and False the model is shown every message as it is.
    ``middleware`` is added to the agent, closer to its own loop than ours. ``experience``: guidance of earlier tasks, and
    learning from this one whenever ``reward`` (or the state's ``reward``) is known. ``memory_tools``: the model gets
    `get_memory_tools` as well. ``effects``, ``by_user`` and ``on_review`` are those of `GuardMiddleware`; the other
    arguments those of the nodes. The state is `MemoryAgentState` with the keys of the middleware; memories are recalled
    once for every message of the user.
    """
    if memory is not None:
        checked_memory(memory)
    given: list[Any] = list(tools)
    if memory_tools:
        known: Memory | None = memory or getattr(store, "memory", None)
        if known is None:
            raise InvalidInput(
                "The memory tools need a memory when the agent is made.",
                hint="Give memory=… or store=MnemicStore(memory) beside memory_tools=True.",
            )
        given += get_memory_tools(known, namespace=namespace)
    guard = GuardMiddleware(memory=memory, namespace=namespace, effects=effects, by_user=by_user, on_review=on_review)
    # The nodes around the agent recall and learn; what the guard shows is added to what the others have made of messages.
    guided = [ExperienceMiddleware(reuse=False, reflect=False)] if experience else []
    edits: list[Any] = [SubgoalMiddleware(folding=folding, tools=subgoals)] if subgoals or folding is not None else []
    edits += [SculptorMiddleware()] if sculptor else []
    worn = [*guided, *edits, *middleware, guard]
    agent: CompiledStateGraph[Any, Any, Any, Any] = create_agent(
        model, given, system_prompt=system_prompt, middleware=worn, response_format=response_format,
        context_schema=context_schema, name="agent",
    )  # fmt: skip
    steps: list[tuple[str, Any]] = [
        ("recall", create_recall_node(
            memory=memory, namespace=namespace, k=k, budget_tokens=budget_tokens, filters=filters
        )),
        ("guard", create_guard_node(memory=memory, namespace=namespace)),
        ("agent", agent),
        ("remember", create_remember_node(memory=memory, namespace=namespace)),
    ]  # fmt: skip
    if experience:
        steps.insert(2, ("experience", create_experience_node(memory=memory, namespace=namespace, task=task)))
        reflect = create_reflect_node(memory=memory, namespace=namespace, task=task, reward=reward, used=used)
        steps.append(("reflect", reflect))
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(_joined_state(worn), context_schema=context_schema)
    for step, node in steps:
        graph.add_node(step, node)
    path = [START, *(step for step, _ in steps), END]
    for one, following in itertools.pairwise(path):
        graph.add_edge(one, following)
    return graph.compile(checkpointer=checkpointer, store=store, name=name)


def _joined_state(middleware: Sequence[AgentMiddleware[Any, Any, Any]]) -> Any:
    """`MemoryAgentState` with what the middleware keeps, as far as the agent takes it in and gives it out again."""
    hints: dict[str, Any] = {"structured_response": Any}
    own = get_type_hints(AgentState)
    for one in middleware:
        kept = get_type_hints(one.state_schema, include_extras=True)
        hints |= {name: hint for name, hint in kept.items() if name not in own and not _is_private(hint)}
    hints |= get_type_hints(MemoryAgentState, include_extras=True)
    return TypedDict("MemoryAgentState", hints, total=False)  # type: ignore[operator]


def _is_private(hint: Any) -> bool:
    marks = getattr(hint, "__metadata__", ())
    inner = getattr(hint, "__args__", ())
    return any(isinstance(mark, OmitFromSchema) for mark in marks) or any(_is_private(one) for one in inner)
