"""Before every request: who is it, and is it too much."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers

from mnemic import MnemicError
from mnemic.logs import get_logger
from mnemic_mcp.http.callers import CALLER, Caller, Door
from mnemic_mcp.http.plain_answers import refusal

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = get_logger(__name__)

ANYBODY = Caller(name="anybody on this machine", access=None)
"""Whoever comes to a server that asks for no token; it listens on loopback alone."""

_OPEN_PATHS = ("/healthz", "/readyz", "/.well-known/")
_CANNOT_TELL = (
    "It cannot be told at present whose token this is; nothing was done. Try again, and tell whoever runs this server if it "
    "lasts: its log says why."
)


class _CannotTell(Exception):
    """No door knew the token, and one of them could not be asked."""


class Gate:
    """ASGI middleware: a bearer token that one of ``doors`` knows, or 401, or 503 where one of them cannot be asked; not
    more than ``rate`` for each caller, or 429.

    ``closed`` says whether a token is needed at all; it is asked at every request, so that the first token that is made
    closes an open server. Without tokens callers cannot be told apart, and none is held to ``rate``: all of them together
    would be. ``refused`` is told why somebody was turned away, who is told the same as the error of a JSON-RPC answer, which
    is all that MCP clients show of it.
    """

    def __init__(
        self, app: ASGIApp, doors: Sequence[Door], *, closed: Callable[[], bool], rate: RateLimitItem | None,
        metadata_url: str | None = None, refused: Callable[[str], object] = str,
    ) -> None:  # fmt: skip
        self._app = app
        self._doors = doors
        self._closed = closed
        self._rate = rate
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._metadata = f', resource_metadata="{metadata_url}"' if metadata_url else ""
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith(_OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        caller: Caller | None = None
        try:
            try:
                caller = await self._caller(Headers(scope=scope).get("authorization", ""))
            except _CannotTell:
                self._refused("doors")
                await refusal(_CANNOT_TELL, 503, {"retry-after": "10"})(scope, receive, watched)
                return
            await self._answer(caller, scope, receive, watched)
        finally:
            name = "-" if caller is None else caller.name
            log.info(
                "http.request", caller=name, method=scope["method"], path=scope["path"], status=status,
                milliseconds=round((time.perf_counter() - began) * 1e3, 1),
            )  # fmt: skip

    async def _answer(self, caller: Caller | None, scope: Scope, receive: Receive, send: Send) -> None:
        if caller is None:
            self._refused("token")
            await self._unauthorised(scope)(scope, receive, send)
            return
        rate = None if caller is ANYBODY else self._rate
        if rate is not None and not self._limiter.hit(rate, caller.issuer, caller.name):
            self._refused("rate")
            reset = self._limiter.get_window_stats(rate, caller.issuer, caller.name).reset_time
            wait = max(int(reset - time.time()) + 1, 1)
            told = f"Too many requests: one caller may make {rate}. Try again in {wait} s; nothing was done."
            await refusal(told, 429, {"retry-after": str(wait)})(scope, receive, send)
            return
        await self._let_in(caller, scope, receive, send)

    async def _let_in(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        # The SDK ties its sessions to whom it finds here: nobody goes on with another's.
        scope["user"] = AuthenticatedUser(
            AccessToken(
                token="", client_id=caller.name, subject=caller.name, claims={"iss": caller.issuer}, scopes=[],
                expires_at=None if caller.expires_at is None else int(caller.expires_at),
            )
        )  # fmt: skip
        held = CALLER.set(caller)
        try:
            await self._app(scope, receive, send)
        finally:
            CALLER.reset(held)

    async def _caller(self, header: str) -> Caller | None:
        if not self._closed():
            return ANYBODY
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        failed = False
        for door in self._doors:
            try:
                caller = await door.caller(token)
            except MnemicError as error:
                # A door that cannot be used lets nobody in; the others are tried all the same.
                log.warning("http.door_failed", door=type(door).__name__, error=str(error))
                failed = True
                continue
            if caller is not None:
                return caller
        if failed:
            raise _CannotTell
        return None

    def _unauthorised(self, scope: Scope) -> Response:
        # Without a token nothing is wrong with it: RFC 6750 wants no error named then.
        given = "authorization" in Headers(scope=scope)
        error = ' error="invalid_token"' if given else ' realm="mnemic"'
        told = "A valid bearer token is required: send it as Authorization: Bearer ...; nothing was done."
        return refusal(told, 401, {"www-authenticate": f"Bearer{error}{self._metadata}"})
