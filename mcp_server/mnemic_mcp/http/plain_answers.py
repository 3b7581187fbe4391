"""What the SDK answers to requests that are none, in plain words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mcp_types import INVALID_REQUEST
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NO_REQUEST = 'This is no JSON-RPC 2.0 message. Send {"jsonrpc": "2.0", "id": 1, "method": "..."}, one a request.'
_NO_REPLAY = "Events are not kept: a stream cannot be resumed. Send the request without Last-Event-ID."


class PlainAnswers:
    """ASGI middleware: no validator's text leaves with a 400, a 413 says so in the form that MCP clients show, and no
    request stays without an answer.
    """

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._too_long = f"The request is larger than {max_body_bytes:,} bytes. Send less at once; nothing was done."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: Message | None = None
        body = b""
        started = False

        async def watched(message: Message) -> None:
            nonlocal held, body, started
            started = True
            if message["type"] == "http.response.start" and message["status"] in (400, 413):
                held = message
                return
            if held is None:
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                begun, held = held, None
                if begun["status"] == 413:
                    await refusal(self._too_long, 413)(scope, receive, send)
                    return
                if _is_validators(body):
                    await refusal(_NO_REQUEST)(scope, receive, send)
                    return
                await send(begun)
                await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, watched)
        if not started:  # so the SDK does with a Last-Event-ID where no events are kept
            await refusal(_NO_REPLAY)(scope, receive, send)


def _is_validators(body: bytes) -> bool:
    try:
        told: Any = json.loads(body)
        return str(told["error"]["message"]).startswith("Validation error:")
    except (ValueError, KeyError, TypeError):
        return False


def refusal(message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is turned away, in the form whose message MCP clients show."""
    told = {"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": message}}
    return JSONResponse(told, status, headers)
