"""Building tools: strict arguments in compact schemas, results as text and structure, errors that say what to do."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, get_args

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, model_validator
from pydantic_core import PydanticCustomError

from mnemic import Memory, MnemicError
from mnemic.domain.quoting import visible
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.plain_errors import PlainTool, for_client


class _TextStaysText(FuncMetadata):
    """The SDK reads JSON out of strings, for hosts that send lists as text. A text that is JSON must stay a text."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        texts = _text_arguments(self.arg_model)
        return {name: data[name] if name in texts else value for name, value in super().pre_parse_json(data).items()}


@lru_cache
def _text_arguments(model: type[BaseModel]) -> frozenset[str]:
    fields = model.model_fields
    return frozenset(name for name, field in fields.items() if str in (field.annotation, *get_args(field.annotation)))


def build_tool(
    function: Callable[..., Any], title: str, *, read_only: bool, destructive: bool, idempotent: bool,
    meta: dict[str, Any] | None = None,
) -> Tool:  # fmt: skip
    """A tool that refuses arguments it does not know: a misspelt one must not be dropped in silence."""
    # Only what differs from what a host assumes of a tool: every word here is read in every conversation.
    annotations = ToolAnnotations(
        read_only_hint=read_only or None, destructive_hint=None if destructive or read_only else False,
        idempotent_hint=(idempotent and not read_only) or None, open_world_hint=False,
    )  # fmt: skip
    tool = PlainTool.from_function(
        function, title=title, description=_one_paragraph(function.__doc__), annotations=annotations, meta=meta
    )
    loose = tool.fn_metadata.arg_model
    strict: type[ArgModelBase] = type(
        loose.__name__,
        (loose,),
        {
            "model_config": {**loose.model_config, "extra": "forbid"},
            "_tidy": model_validator(mode="before")(classmethod(_tidier(loose))),  # type: ignore[arg-type]  # as its decorator takes
        },
    )
    found = tool.fn_metadata
    tool.fn_metadata = _TextStaysText(**{name: getattr(found, name) for name in type(found).model_fields})
    tool.fn_metadata.arg_model = strict
    tool.parameters = _compact(strict.model_json_schema(by_alias=True))
    if tool.fn_metadata.output_schema is not None:
        tool.fn_metadata.output_schema = _outline(_compact(tool.fn_metadata.output_schema))
    return tool


def _outline(schema: dict[str, Any]) -> dict[str, Any]:
    """What is always in an answer, one level deep: the answer shows the rest."""

    def flat(field: dict[str, Any]) -> dict[str, Any]:
        kept = {"type": field.get("type", "object")}
        return kept | ({"items": {"type": field["items"].get("type", "object")}} if "items" in field else {})

    required = schema.get("required", [])
    return {
        "type": "object", "properties": {name: flat(schema["properties"][name]) for name in required}, "required": required,
    }  # fmt: skip


_OFTEN_MEANT = {
    "limit": ("k", "max_results"),
    "top_k": ("k", "max_results"),
    "n": ("k", "num_fragments"),
    "content": ("text",),
    "goal": ("text",),
    "summary": ("text",),
    "numbers": ("ids",),
    "id": ("ids",),
    "category": ("kind",),
    "date": ("occurred_at",),
}


def _tidier(model: type[BaseModel]) -> Callable[[Any, Any], Any]:
    """Forgives what models often get wrong, and names what it cannot: a lone string for a list, a misspelt argument."""
    known = set(model.model_fields)
    lists = {name for name, field in model.model_fields.items() if "list[" in str(field.annotation)}

    def tidy(_: Any, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for name in values:
            if name not in known:
                often = [other for other in _OFTEN_MEANT.get(name, ()) if other in known]
                meant = next(iter(often or difflib.get_close_matches(name, known, 1)), None)
                meant = f' Did you mean "{meant}"?' if meant else ""
                raise PydanticCustomError(
                    "unknown_argument",
                    'There is no argument "{name}".{meant} Known: {known}.',
                    {"name": visible(name[:40]), "meant": meant, "known": ", ".join(sorted(known))},
                )
        return {
            name: [value] if name in lists and isinstance(value, str | int) else value for name, value in values.items()
        }

    return tidy


def _compact(schema: Any) -> Any:
    """The same schema in fewer tokens: no generated titles, and an optional argument is one that may be left out."""
    if isinstance(schema, list):
        return [_compact(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    compacted = {}
    for name, value in schema.items():
        if name == "properties":
            compacted[name] = {field: _compact(inner) for field, inner in value.items()}
        elif not (name == "title" or (name == "default" and value is None)):
            compacted[name] = _compact(value)
    options: Any = compacted.get("anyOf", [])
    if len(options) == 2 and {"type": "null"} in options:
        (kept,) = (option for option in options if option != {"type": "null"})
        compacted = {**kept, **{name: value for name, value in compacted.items() if name != "anyOf"}}
    return compacted


def tool_result(text: str, structured: Any) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=dict(structured))


def _one_paragraph(doc: str | None) -> str:
    return " ".join((doc or "").split())


@asynccontextmanager
async def open_memory_of(holder: MemoryHolder) -> AsyncIterator[Memory]:
    """The open memory; the engine's errors become tool errors with their text and hint."""
    try:
        yield await holder.get()
    except MnemicError as error:
        raise ToolError(f"{type(error).__name__}: {for_client(error, holder)}") from error
