"""Middleware for `langchain.agents.create_agent` that edits what the model is shown and leaves the state as it was said.

Both kinds may be used together, in any order and among others: they agree on one set of rules, kept in the state, and the
messages are shown by it once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
)
from langchain_core.messages import AIMessage, BaseMessage

from mnemic.services.working_memory.conversation import SUBGOAL_TOOL_NAMES, ContextRules
from mnemic_langgraph.editing_tools import create_sculptor_tools, create_subgoal_tools, sculptor_names
from mnemic_langgraph.nodes import tell
from mnemic_langgraph.projecting import with_system_text
from mnemic_langgraph.working_memory import Projection, projection_for

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langgraph.runtime import Runtime

    from mnemic.domain.working_memory.session import WorkingMemory

SUBGOAL_INSTRUCTIONS = """\
Long tasks: work in subgoals. Call open_subgoal when you begin a milestone, and for the next one again, with what came of \
the last; the steps of finished ones are folded out of view, their values stay. retrieve_subgoals shows them again."""
SCULPTOR_INSTRUCTIONS = """\
You may tidy this conversation up for yourself: fragment_context with fold_fragment or summarize_fragment for what \
distracts, prune_context for tool results you are done with, search_context for exact words. Everything can be restored."""

_Rules = dict[str, Any]


def merge_rules(before: _Rules | None, new: _Rules | None) -> _Rules:
    """The rules of several middlewares as one: all their tools, and of every other rule the latest that says something."""
    merged = {**(before or {}), **{name: value for name, value in (new or {}).items() if value is not None}}
    merged["tools"] = sorted({*(before or {}).get("tools", ()), *(new or {}).get("tools", ())})
    return merged


class EditedState(AgentState[Any]):
    """What the middlewares of this module keep in an agent's state, for themselves alone."""

    # LangGraph takes for a reducer what stands last.
    context_rules: NotRequired[Annotated[_Rules, PrivateStateAttr, merge_rules]]


class _Shown(list[Any]):
    """Messages that are shown by some rules already."""

    rules: ContextRules | None = None


class _ContextMiddleware(AgentMiddleware[EditedState, Any, Any]):
    state_schema = EditedState

    def __init__(self, rules: _Rules, instructions: str | None) -> None:
        super().__init__()
        self._rules = rules
        self._instructions = instructions
        self._projection(None)  # raises for wrong rules

    def before_agent(self, state: EditedState, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002
        """Tell the others of these rules."""
        known = state.get("context_rules")
        return None if known == merge_rules(known, self._rules) else {"context_rules": self._rules}

    async def abefore_agent(self, state: EditedState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        return self.before_agent(state, runtime)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any] | AIMessage:
        """Show the messages by the rules."""
        return handler(self._shown(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any] | AIMessage:
        return await handler(self._shown(request))

    def _projection(self, state: Mapping[str, Any] | None) -> Projection:
        return _projection_by(merge_rules((state or {}).get("context_rules"), self._rules))

    def _shown(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        projection = self._projection(request.state)
        changed: dict[str, Any] = {}
        if getattr(request.messages, "rules", None) != projection.rules:
            shown = _Shown(projection.view(request.messages))
            shown.rules = projection.rules
            changed["messages"] = shown
            _tell_what_was_folded(projection, request.messages)
        return with_system_text(request.override(**changed) if changed else request, self._instructions or "")


class SubgoalMiddleware(_ContextMiddleware):
    """Long tasks in subgoals (HiAgent), and a past that folds itself.

        agent = create_agent(model, tools, middleware=[SubgoalMiddleware()])

    What is behind is folded to the values that may still be needed, by the preset ``folding``: ``lean`` saves most, ``live``
    keeps what was mentioned whole, ``k2`` one more chunk, ``lossless`` takes out nothing but repetition, None waits for the
    model to close its subgoals. ``max_steps`` closes a chunk at the latest. The model gets the tools ``open_subgoal``,
    ``close_subgoal`` and ``retrieve_subgoals``; ``tools=False`` leaves them out, and the past folds by itself alone.
    ``model`` writes a line about a closed subgoal where the agent gave none. ``instructions`` are added to the system's
    message (None: nothing is). Raises `InvalidInput` for a preset that does not exist.

    Prompts change where something is folded and nowhere else, behind what a provider has cached as far as possible.
    """

    def __init__(
        self, *, folding: str | None = "lean", max_steps: int | None = None, tools: bool = True,
        model: BaseChatModel | None = None, instructions: str | None = SUBGOAL_INSTRUCTIONS,
    ) -> None:  # fmt: skip
        names = SUBGOAL_TOOL_NAMES if tools else ()
        super().__init__(
            {"folding": folding, "max_steps": max_steps, "tools": sorted(names)}, instructions if tools else None
        )
        self.tools = create_subgoal_tools(projection=self._projection, model=model) if tools else []


class SculptorMiddleware(_ContextMiddleware):
    """Tools by which the agent edits its own context: Sculptor's six, and ``prune_context`` unless ``prune`` is False.

        agent = create_agent(model, tools, middleware=[SculptorMiddleware()])

    ``safe_folding`` False hides even the latest values of keys, as published. ``model`` writes the summaries of
    ``summarize_fragment``, otherwise the telling lines serve. ``instructions`` are added to the system's message (None:
    nothing is).
    An agent that calls none of the tools has exactly the prompts that it would have without them.
    """

    def __init__(
        self, *, safe_folding: bool = True, prune: bool = True, model: BaseChatModel | None = None,
        instructions: str | None = SCULPTOR_INSTRUCTIONS,
    ) -> None:  # fmt: skip
        super().__init__({"safe_folding": safe_folding, "tools": sorted(sculptor_names(prune=prune))}, instructions)
        self.tools = create_sculptor_tools(projection=self._projection, model=model, prune=prune)


def _tell_what_was_folded(projection: Projection, messages: list[Any]) -> None:
    """Tell of what the policy folded since the model was called last."""
    last = max((at for at, message in enumerate(messages) if isinstance(message, AIMessage)), default=-1)

    def look(memory: WorkingMemory) -> dict[str, int]:
        since = takewhile(lambda edit: edit.at_message > last + 1, reversed(memory.edits))
        saved = sum(edit.tokens_before - edit.tokens_after for edit in since if edit.automatic)
        if not saved:
            return {}
        return {"tokens": saved, "shown_tokens": memory.shown_tokens(), "whole_tokens": memory.raw_tokens()}

    if told := projection.read(messages, look):
        tell("folded", **told)


def messages_shown(state: Mapping[str, Any]) -> list[BaseMessage]:
    """What a model would be shown of an agent's state now: for looking at it, and for tests."""
    return _projection_by(merge_rules(None, state.get("context_rules"))).view(state["messages"])


def _projection_by(rules: _Rules) -> Projection:
    return projection_for(ContextRules(**{**rules, "tools": frozenset(rules["tools"])}))
