"""Errors in plain words: of arguments and answers, where the SDK names our classes and functions and the validator's web
site, and of the memory, where the whole text is not for every client.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS
from pydantic import ValidationError

from mnemic import MnemicError
from mnemic.domain.quoting import visible
from mnemic.logs import get_logger

if TYPE_CHECKING:
    from mnemic_mcp.holder import MemoryHolder

log = get_logger(__name__)

_MOST_PROBLEMS = 5
_SHOWN_CHARS = 40
# How the SDK begins when a client accepts a question with an answer that is none; the name of our function follows.
_UNREAD_ANSWER = "Resolver "
_NO_ANSWER = (
    "Nothing was done: the user was asked, and the answer came back without what was asked for. Tell the user to fill in "
    "the form when the question comes again, then call again."
)


class PlainTool(Tool):
    """A tool that says of wrong arguments which, what they are and what they should be, and of no answer that it is none."""

    async def run(self, arguments: dict[str, Any], context: Any, convert_result: bool = False) -> Any:
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(f"Error executing tool {self.name}: {told(error.__cause__)}") from None
            if isinstance(error.__cause__, ToolError) and str(error.__cause__).startswith(_UNREAD_ANSWER):
                log.warning("elicitation.unread", error=str(error.__cause__))
                raise ToolError(f"Error executing tool {self.name}: {_NO_ANSWER}") from None
            raise


def for_client(error: MnemicError, holder: MemoryHolder) -> str:
    """What a client reads of an error of the memory. What it may not read goes to the server's log."""
    whole = str(error)
    told = error.for_clients or whole
    for folder in holder.hidden_folders:
        told = told.replace(folder, "…")
    if told != whole:
        log.warning("memory.failed", error=f"{type(error).__name__}: {whole}")
    return told


def told(error: ValidationError) -> str:
    """The first problems, each once, with the place and the beginning of what is there."""
    lines: dict[str, None] = {}
    problems = error.errors(include_url=False, include_context=False)
    for problem in problems:
        # Names of types stand in the place where several are possible; the message names them as well.
        place = ".".join(visible(str(part))[:_SHOWN_CHARS] for part in problem["loc"] if "[" not in str(part))
        given = "" if problem["type"] in ("missing", "unknown_argument") else f" It is {_shown(problem['input'])}."
        lines[f"{place}: {problem['msg']}.{given}" if place else f"{problem['msg'].rstrip('.')}.{given}"] = None
    first = list(lines)[:_MOST_PROBLEMS]
    more = [f"There are {len(lines) - len(first)} more such problems."] if len(lines) > len(first) else []
    return "\n".join([*first, *more])


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, int) and abs(value) > 10**30:
        return "a very large number"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = str(value)
    short = visible(text[:_SHOWN_CHARS]) + ("…" if len(text) > _SHOWN_CHARS else "")
    return f'"{short}"' if isinstance(value, str) else short


def plain_prompts(names: Sequence[str]) -> Any:
    """Server middleware: a prompt that is asked for wrongly is the client's error, and not one of the server."""

    async def refuse(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        try:
            return await call_next(ctx)
        except ValueError:
            if ctx.method != "prompts/get":
                raise
            known = ", ".join(names)
            message = (
                f"There is no such prompt, or not with these arguments. Prompts: {known}; prompts/list tells more."
            )
            raise MCPError(code=INVALID_PARAMS, message=message) from None

    return refuse
