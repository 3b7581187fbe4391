"""The tool that the review app asks. Only apps may call it, it reads, and no word of a withheld text is for a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult
from typing_extensions import TypedDict

from mnemic_mcp.apps.explaining import MAX_PENDING, REVIEW, review_text, review_view
from mnemic_mcp.apps.extension import REVIEW_META
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.tool_building import build_tool, open_memory_of, tool_result


class ReviewView(TypedDict):
    waiting: list[str]


def create_review_tool(holder: MemoryHolder) -> Tool:
    """The tool, said to be for apps alone."""
    tool = _review_tool(holder)
    return build_tool(tool, "Review", read_only=True, destructive=False, idempotent=True, meta=REVIEW_META)


def _review_tool(holder: MemoryHolder) -> Callable[..., Any]:
    async def review_memories() -> Annotated[CallToolResult, ReviewView]:
        """What the guard keeps back until a person has looked at it. For the review app."""
        async with open_memory_of(holder) as memory:
            found = await memory.guard.waiting(limit=MAX_PENDING + 1)
            policy = await memory.guard.policy()
            namespace = ", ".join("/".join(root) for root in memory.roots)
        result = tool_result(
            review_text(found, policy), ReviewView(waiting=[one.memory.id for one in found[:MAX_PENDING]])
        )
        result.meta = {REVIEW: review_view(found, policy=policy.name, namespace=namespace)}
        return result

    return review_memories
