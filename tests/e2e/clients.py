"""Asking the real server by a real MCP client."""

from __future__ import annotations

from typing import Any

from mcp import Client

ERAS = ("auto", "legacy")
"""How a client greets: by the newest protocol that both know, or as clients of 2025 do."""


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """What a tool answers; an error fails the test."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """What a tool says that refuses."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]
