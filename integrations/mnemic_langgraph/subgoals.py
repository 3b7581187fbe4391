"""HiAgent as nodes: a model works in subgoals, and sees of those that are done only what came of them."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.graph.message import add_messages

from mnemic.domain.working_memory.subgoals import PROTOCOL, parse_step
from mnemic.errors import InvalidInput
from mnemic.services.working_memory.conversation import ContextRules
from mnemic_langgraph.conversation import messages_in, value_in
from mnemic_langgraph.editing_tools import summariser
from mnemic_langgraph.messages import NOTE, OBSERVATION
from mnemic_langgraph.nodes import make_node, tell
from mnemic_langgraph.working_memory import Projection

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from mnemic_langgraph.editing_tools import Summarise

MAX_CORRECTIONS = 3
"""How often a model that left the protocol is told so before its words stand as its last ones."""


class SubgoalState(TypedDict, total=False):
    """Of `create_subgoal_node`: ``messages`` as they were said, and the ``action`` to be done next, None for nothing."""

    messages: Annotated[list[AnyMessage], add_messages]
    action: str | None


def create_subgoal_node(
    *, model: BaseChatModel, summarise: BaseChatModel | Summarise | None = None, instructions: str = PROTOCOL,
    budget_tokens: int | None = None, subgoal_summary: Literal["values", "last_observation"] | None = None,
    folding: str | None = None, projection: Projection | None = None, name: str = "subgoal",
) -> Runnable[SubgoalState, SubgoalState]:  # fmt: skip
    """A node that asks ``model`` for the next action in HiAgent's text protocol (HiAgent, ACL 2025).

    It reads ``messages`` and gives ``{"messages": [what was said], "action": "..."}``. The prompt is the system's messages
    with ``instructions``, and the history as text: closed subgoals as two lines each, the one at work in full. An answer
    ``retrieve(1, 3)`` shows those in full and asks again, with no step of the environment. A subgoal is summarised once,
    when the next begins: by ``summarise`` (a chat model or an async function of text and subgoal), and where that is None or
    fails, by the last observation with the values that it lacks (``subgoal_summary="last_observation"``: as published,
    without them). With ``folding``, the name of a preset, closed subgoals are shown as that preset folds them: longer than
    two lines, and without a model shorter than a line with all values. Over ``budget_tokens`` the oldest closed subgoals
    are left out of the prompt.

    An answer outside of the protocol is told to the model, three times at most, and changes nothing; after that its words
    stand as they are and ``action`` is None. Emits "subgoal" when one begins and "retrieved". Raises what the model raises.
    """
    shown = projection or Projection(ContextRules(text_protocol=True, subgoal_summary=subgoal_summary, folding=folding))
    if not shown.rules.text_protocol:
        raise InvalidInput(
            "The projection does not read the text protocol.", hint="Give ContextRules(text_protocol=True)."
        )
    sum_up = summariser(summarise) if isinstance(summarise, BaseChatModel) else summarise

    async def step(state: Any) -> SubgoalState:
        messages = messages_in(state)
        said: list[AnyMessage] = []
        corrections: list[BaseMessage] = []
        while True:
            prompt = _prompt(shown, messages, instructions, budget_tokens)
            reply = await model.ainvoke([*prompt, *corrections])
            answer = await _noted(shown, messages, reply, sum_up)
            try:
                action = shown.answer(messages, answer)
            except InvalidInput as error:
                if len(corrections) >= 2 * MAX_CORRECTIONS:
                    tell("left_protocol", said=reply.text[:200], problem=str(error))
                    return {"messages": [*said, answer], "action": None}
                corrections += [AIMessage(reply.text), HumanMessage(f"Observation: {error}", name=OBSERVATION)]
                continue
            said.append(answer)
            messages.append(answer)
            corrections.clear()
            if action is not None:
                begun = parse_step(answer.text).subgoal
                if begun is not None:
                    tell("subgoal", text=begun)
                return {"messages": said, "action": action}
            tell("retrieved", asked=answer.text[:200])

    return make_node(step, name=name)


def create_environment_node(
    act: Callable[[str], Awaitable[str]], *, name: str = "environment"
) -> Runnable[SubgoalState, SubgoalState]:
    """A node that hands ``action`` to ``act`` and adds what it answers to ``messages`` as an observation."""

    async def step(state: Any) -> SubgoalState:
        action = value_in(state, "action")
        if action is None:
            raise InvalidInput("There is no action to take.", hint='Route here only after route_by_action gave "act".')
        return {"messages": [observation(await act(action))], "action": None}

    return make_node(step, name=name)


def observation(text: str) -> HumanMessage:
    """What an environment answers, as a message that may be folded: not a word of the user."""
    return HumanMessage(text, name=OBSERVATION)


def route_by_action(state: Any) -> Literal["act", "end"]:
    """For conditional edges after the subgoal node: whether there is an action to take.

    graph.add_conditional_edges("subgoal", route_by_action, {"act": "environment", "end": END})
    """
    return "end" if value_in(state, "action") is None else "act"


def _prompt(
    projection: Projection, messages: Sequence[BaseMessage], instructions: str, budget_tokens: int | None
) -> list[BaseMessage]:
    system = [message.text for message in messages if isinstance(message, SystemMessage)]
    history = projection.history(messages, budget_tokens=budget_tokens)
    return [SystemMessage("\n\n".join([*system, instructions])), HumanMessage(history)]


async def _noted(
    projection: Projection, messages: Sequence[BaseMessage], reply: AIMessage, summarise: Summarise | None
) -> AIMessage:
    """The answer with an id, and with the summary of the subgoal that it ends, so that no model is asked for it again."""
    extra = dict(reply.additional_kwargs)
    if summarise is not None and parse_step(reply.text).subgoal is not None:
        chunk = projection.active_chunk(messages)
        if chunk is not None:
            try:
                extra[NOTE] = {"summary": str(await summarise(*chunk))}
            except Exception:  # whatever a model's client raises: the last observation serves
                extra[NOTE] = {"summary": ""}
    return reply.model_copy(update={"id": reply.id or f"said-{uuid.uuid4()}", "additional_kwargs": extra})
