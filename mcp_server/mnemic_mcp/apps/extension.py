"""MCP Apps for those who asked for them: to any other client this server is the same as without.

What an app shows stands in the `_meta` of a tool's result, which hosts give to the app and not to the model. Nothing that
is decided goes this way: a server cannot tell whether a call came from a person's click or from the model, so what is in
quarantine is released where no model can (`mnemic guard`, `mnemic inspect`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID, Apps, ResourceCsp, client_supports_apps
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.resources import FunctionResource
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolRequestParams, CallToolResult, ClientCapabilities, TextContent
from pydantic import ValidationError

from mnemic_mcp.apps.documents import recall_document, review_document

RECALL_URI = "ui://mnemic/recall"
REVIEW_URI = "ui://mnemic/review"
REVIEW_TOOL = "review_memories"
RECALL_META = {"ui": {"resourceUri": RECALL_URI}}
REVIEW_META = {"ui": {"resourceUri": REVIEW_URI, "visibility": ["app"]}}

_TITLES = (
    (RECALL_URI, "recall", "Why these memories", recall_document),
    (REVIEW_URI, "review", "What waits for review", review_document),
)
# Said in full, because a host that finds nothing said chooses for itself: no app reaches any address.
_NOWHERE = ResourceCsp(connect_domains=[], resource_domains=[], frame_domains=[], base_uri_domains=[])


class MemoryApps(Apps):
    """The two documents. They are put together when a host reads them, not before."""

    def __init__(self) -> None:
        super().__init__()
        meta = {"ui": {"csp": _NOWHERE.model_dump(by_alias=True, exclude_none=True), "prefersBorder": True}}
        for uri, name, title, document in _TITLES:
            self.add_resource(
                FunctionResource(uri=uri, name=name, title=title, mime_type=APP_MIME_TYPE, meta=meta, fn=document)
            )

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """The app's own tool is unknown to clients without apps: they would offer it to a model."""
        if params.name == REVIEW_TOOL and not client_supports_apps(ctx):
            said = TextContent(type="text", text=f"Unknown tool: {params.name}")
            return CallToolResult(content=[said], is_error=True)
        return await call_next(ctx)


async def hide_apps(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Server middleware: answers as a server without apps does, to a client that has not asked for them."""
    if ctx.method not in _HIDING or _asked_for_apps(ctx):
        return await call_next(ctx)
    if ctx.method == "resources/read":
        uri = str((ctx.params or {}).get("uri", ""))
        if uri in (RECALL_URI, REVIEW_URI):
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown resource: {uri}", data={"uri": uri})
        return await call_next(ctx)
    result = await call_next(ctx)
    return _HIDING[ctx.method](dict(result)) if isinstance(result, Mapping) else result


def _without_tool(result: dict[str, Any]) -> dict[str, Any]:
    tools = [tool for tool in result["tools"] if tool["name"] != REVIEW_TOOL]
    return {**result, "tools": [_without_view(tool) for tool in tools]}


def _without_view(tool: dict[str, Any]) -> dict[str, Any]:
    meta = {name: value for name, value in tool.get("_meta", {}).items() if name != "ui"}
    return {name: value for name, value in tool.items() if name != "_meta"} | ({"_meta": meta} if meta else {})


def _without_documents(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "resources": [one for one in result["resources"] if not one["uri"].startswith("ui://")]}


def _without_capability(result: dict[str, Any]) -> dict[str, Any]:
    capabilities = dict(result["capabilities"])
    others = {name: value for name, value in capabilities.pop("extensions", {}).items() if name != EXTENSION_ID}
    return {**result, "capabilities": capabilities | ({"extensions": others} if others else {})}


_HIDING: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "initialize": _without_capability,
    "server/discover": _without_capability,
    "tools/list": _without_tool,
    "resources/list": _without_documents,
    "resources/read": dict,
}


def _asked_for_apps(ctx: ServerRequestContext[Any, Any]) -> bool:
    """A client that shakes hands says in that very request what it can do; before the session knows."""
    if ctx.method != "initialize":
        return client_supports_apps(ctx)
    try:
        said = ClientCapabilities.model_validate((ctx.params or {}).get("capabilities", {}))
    except ValidationError:
        return False
    settings = (said.extensions or {}).get(EXTENSION_ID)
    return settings is not None and APP_MIME_TYPE in cast("list[Any]", settings.get("mimeTypes") or [])
