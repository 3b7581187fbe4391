"""Sculptor and Memory-as-Action as a node: the edits that a model asked for in its last message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import AIMessage
from langgraph.prebuilt import ToolNode

from mnemic_langgraph.conversation import messages_in
from mnemic_langgraph.editing_tools import create_sculptor_tools

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

    from mnemic_langgraph.working_memory import Projection


def create_sculpt_node(
    *, projection: Projection, tools: Sequence[BaseTool] = (), model: BaseChatModel | None = None, prune: bool = True,
    name: str = "sculpt",
) -> ToolNode:  # fmt: skip
    """A node that runs the calls of the last message: Sculptor's six tools, ``prune_context``, and ``tools`` of your own.

    Bind the model to ``create_sculptor_tools()`` and ``tools``, and show it ``projection.view(state["messages"])``; the
    state keeps every message as it was said. `route_to_sculpt` tells when to come here. ``model`` writes summaries. An edit
    that is not possible is answered with what is wrong, and nothing has changed.
    """
    return ToolNode([*create_sculptor_tools(projection=projection, model=model, prune=prune), *tools], name=name)


def route_to_sculpt(state: Any) -> Literal["sculpt", "end"]:
    """For conditional edges after a model: whether its last message asks for tools.

    graph.add_conditional_edges("agent", route_to_sculpt, {"sculpt": "sculpt", "end": END})
    """
    messages = messages_in(state)
    last = messages[-1] if messages else None
    return "sculpt" if isinstance(last, AIMessage) and last.tool_calls else "end"
