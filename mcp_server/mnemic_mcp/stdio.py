"""The stdio transport, with an answer for requests that cannot be read: the SDK drops them, and clients wait."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

_NO_JSON = (
    "This is no JSON that can be read. Send one message on a line, with whole characters (no half of a surrogate pair) and "
    "at most some hundred levels of nesting."
)
_NO_REQUEST = 'This is no JSON-RPC 2.0 message. Send {"jsonrpc": "2.0", "id": 1, "method": "..."}, one for each call.'


async def run_stdio(server: MCPServer[Any], *, stdin: Any = None, stdout: Any = None) -> None:
    """Serve one client on stdin and stdout (or on streams of text given in their place) until it goes away."""
    async with stdio_server(stdin, stdout) as (read, write):
        low = server._lowlevel_server
        await low.run(_Answered(read, write), write, low.create_initialization_options())


class _Answered:
    """The messages that can be read. Of the others those that name themselves by an id are answered with an error."""

    def __init__(self, read: Any, write: Any) -> None:
        self._read = read
        self._write = write

    @property
    def last_context(self) -> Any:
        """The context that the last message was sent in, which the SDK asks for."""
        return getattr(self._read, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        while True:
            found: SessionMessage | Exception = await self._read.receive()
            if not isinstance(found, Exception):
                return found
            answer = complaint_about(found)
            if answer is not None:
                await self._write.send(SessionMessage(answer))

    async def aclose(self) -> None:
        await self._read.aclose()

    def __aiter__(self) -> _Answered:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> _Answered:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()


def complaint_about(error: Exception) -> JSONRPCError | None:
    """The answer to what was no message; None where nobody waits for one."""
    if not isinstance(error, ValidationError):
        return None
    told = error.errors(include_url=False, include_context=False)
    unreadable = told[0]["type"] == "json_invalid"
    for value in (one["input"] for one in told):
        id = _id_of(_decoded(value) if unreadable else value)
        if id is not None:
            code, message = (PARSE_ERROR, _NO_JSON) if unreadable else (INVALID_REQUEST, _NO_REQUEST)
            return JSONRPCError(jsonrpc="2.0", id=id, error=ErrorData(code=code, message=message))
    return None


def _decoded(line: Any) -> Any:
    """What Python makes of a line: it takes halves of surrogate pairs, and nests deeper."""
    try:
        return json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None


def _id_of(value: Any) -> str | int | None:
    if not isinstance(value, dict) or "method" not in value:
        return None
    id = value.get("id")
    if isinstance(id, bool) or not isinstance(id, str | int):
        return None
    encodable = not isinstance(id, str) or id.isprintable()  # halves of a pair are not
    return id if encodable and len(str(id)) <= 200 else None
