"""The tool for learning: outcomes, what there is to learn from, conclusions, upkeep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult
from pydantic import Field

from mnemic import Memory, Origin
from mnemic_mcp import learning_views as views
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.tool_building import open_memory_of, tool_result
from mnemic_mcp.views import render_hit

DEFAULT_BUDGET_TOKENS = 4_000


def reflect_tool(holder: MemoryHolder, origin_of: Callable[[Context], Origin]) -> Callable[..., Any]:
    async def reflect(
        ctx: Context,
        mode: Literal["outcome", "prepare", "commit", "maintain"],
        task: Annotated[str | None, Field(description="The task, in the same words each time; or a topic.")] = None,
        reward: Annotated[float | None, Field(description="0 failed, 1 succeeded.")] = None,
        used: Annotated[list[str] | None, Field(description="Ids of memories you used; [] if none.")] = None,
        episodes: Annotated[list[str] | None, Field(description="Ids of memories telling what happened.")] = None,
        experiences: Annotated[list[dict[str, Any]] | None, Field(description="commit: as prepare asks for.")] = None,
        plan: Annotated[str | None, Field(description="maintain: plan to apply.")] = None,
        undo: bool = False,
        namespace: str | None = None,
        budget_tokens: int = DEFAULT_BUDGET_TOKENS,
    ) -> Annotated[CallToolResult, views.ReflectView]:
        """Learn from what happened. outcome: after a task, say how it ended and what helped. prepare: get episodes to learn
        from and a form; write experiences; commit checks them. maintain: plan what to archive; nothing changes before.
        """
        origin = origin_of(ctx)
        where: dict[str, Any] = {} if namespace is None else {"namespace": namespace}
        async with open_memory_of(holder) as memory:
            learning = memory.learning
            if mode == "outcome":
                if task is None or reward is None:
                    raise ToolError("An outcome needs task and reward.")
                receipt = await learning.outcome(
                    task, reward, used=used, episodes=episodes or (), origin=origin, **where
                )
                text, view = views.outcome_text(receipt), views.outcome_view(receipt)
            elif mode == "prepare":
                from mnemic.services.recalling.recall import MAX_BUDGET_TOKENS, MIN_BUDGET_TOKENS

                # What is out of bounds goes on as it was given, so that the engine names it.
                within = MIN_BUDGET_TOKENS <= budget_tokens <= MAX_BUDGET_TOKENS
                left = max(budget_tokens - views.FORM_TOKENS, MIN_BUDGET_TOKENS) if within else budget_tokens
                packet = await learning.prepare(task, budget_tokens=left, render=render_hit, origin=origin, **where)
                text, view = views.packet_text(packet), views.packet_view(packet)
            elif mode == "commit":
                report = await learning.commit(experiences or [], origin=origin, **where)
                text, view = views.commit_text(report), views.commit_view(report)
            else:
                text, view = await _maintain(memory, plan, undo=undo, where=where)
        return tool_result(text, view)

    return reflect


async def _maintain(
    memory: Memory, plan: str | None, *, undo: bool, where: dict[str, Any]
) -> tuple[str, views.ReflectView]:
    learning = memory.learning
    if plan is None:
        if undo:
            raise ToolError("Name the plan to undo.")
        found = await learning.plan(**where)
    elif undo:
        found = await learning.undo(plan, **where)
    else:
        found = await learning.apply(plan, **where)
    return views.plan_text(found), views.plan_view(found)
