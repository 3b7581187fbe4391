"""What earlier tasks teach, shown to an agent; and what this one has taught, kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from langchain.agents.middleware.types import AgentMiddleware, AgentState, ModelRequest, ModelResponse

from mnemic_langgraph.conversation import value_in
from mnemic_langgraph.experience import create_experience_node, create_reflect_node
from mnemic_langgraph.places import NamespaceLike
from mnemic_langgraph.projecting import with_system_text
from mnemic_langgraph.states import ExperienceState

if TYPE_CHECKING:
    from mnemic import Memory
    from mnemic.services.recalling.valuing import Rank


class ExperienceAgentState(AgentState[Any], ExperienceState, total=False):
    """What `ExperienceMiddleware` keeps beside the messages."""


class ExperienceMiddleware(AgentMiddleware[Any, Any, Any]):
    """Shows an agent what earlier tasks teach, and learns from how its own ends (ReMe, arXiv 2512.10696).

    Before the agent begins a task, ``guidance`` is recalled once, unless the state has it already for this task, as in an
    attempt of `create_retry_graph`. Every prompt has it at the end of the system message: it stays the same as long as
    the task does, so the prompt's prefix stays in a provider's cache. When the agent ends and the ``reward`` is known, what
    happened is learnt from. ``reuse`` and ``reflect`` switch off either half; the guidance in a state is always shown. All
    other arguments are those of `create_experience_node` and `create_reflect_node`.
    """

    state_schema = ExperienceAgentState

    def __init__(
        self, *, memory: Memory | None = None, namespace: NamespaceLike = None, reuse: bool = True, reflect: bool = True,
        task: Callable[[Any], str] | None = None, k: int = 5, rank: Rank = "relevance", rerank: bool = False,
        rewrite: bool = False, reward: Callable[[Any], float | None] | None = None,
        used: Callable[[Any], Sequence[str] | None] | None = None, trajectory: Callable[[Any], Any] | None = None,
        only_successes: bool = False, model: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.tools = []
        self._begin = create_experience_node(
            memory=memory, namespace=namespace, task=task, k=k, rank=rank, rerank=rerank, rewrite=rewrite
        ) if reuse else None  # fmt: skip
        self._end = create_reflect_node(
            memory=memory, namespace=namespace, task=task, reward=reward, used=used, trajectory=trajectory,
            only_successes=only_successes, model=model,
        ) if reflect else None  # fmt: skip

    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:  # noqa: ARG002
        return None if self._begin is None else self._begin.invoke(state)

    async def abefore_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:  # noqa: ARG002
        return None if self._begin is None else await self._begin.ainvoke(state)

    def after_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:  # noqa: ARG002
        return None if self._end is None else self._end.invoke(state)

    async def aafter_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:  # noqa: ARG002
        return None if self._end is None else await self._end.ainvoke(state)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        return handler(_guided(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        return await handler(_guided(request))


def _guided(request: ModelRequest[Any]) -> ModelRequest[Any]:
    return with_system_text(request, value_in(request.state, "guidance", ""))
