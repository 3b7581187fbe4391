"""Running the server: stdio or HTTP, and ending in every way a host may end it."""

from __future__ import annotations

import hmac
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from mnemic import Settings
from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.logs import get_logger
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.server import create_server

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = get_logger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PARENT_POLL_SECONDS = 1.0
_CLOSE_SECONDS = 3.0
# Long enough for a client to have sent its first requests: opening the memory must not delay their answers.
_WARM_UP_DELAY_SECONDS = 0.5


def serve_stdio(settings: Settings) -> None:
    """Serve one client on stdin and stdout until it goes away. Never returns."""
    if sys.stdin.isatty():
        print("mnemic speaks MCP on stdin and stdout; a host starts this command. Ctrl-C ends it.", file=sys.stderr)  # noqa: T201
    holder = MemoryHolder(settings, transport="stdio")
    server = create_server(holder)

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_on_signal, partial(_end, holder, 0))
            tasks.start_soon(_end_without_parent, holder)
            tasks.start_soon(_warm_up_later, holder)
            await server.run_stdio_async()
            await _end(holder, 0)

    anyio.run(run)


def serve_http(
    settings: Settings, *, host: str, port: int, token: str | None, allowed_hosts: Sequence[str] = ()
) -> None:
    """Serve streamable HTTP at ``/mcp`` until a signal ends it.

    Without a token only loopback addresses are served. Raises `InvalidInput` otherwise.
    """
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    if host not in LOOPBACK and not token:
        raise InvalidInput(
            f"Serving on {host} without a token would open this memory to the network.",
            hint="Set MNEMIC_TOKEN to a long random value, or serve on 127.0.0.1.",
        )
    holder = MemoryHolder(settings, transport="http")
    server = create_server(holder)
    names = list(dict.fromkeys(["127.0.0.1", "localhost", "[::1]", host, *allowed_hosts]))
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[entry for name in names for entry in (name, f"{name}:*")],
        allowed_origins=[
            f"{scheme}://{name}{rest}" for name in names for scheme in ("http", "https") for rest in ("", ":*")
        ],
    )
    app: ASGIApp = server.streamable_http_app(host=host, transport_security=security)
    if token:
        app = RequireToken(app, token)
    # h11 strips the white space around header values, as HTTP demands; httptools hands it on, and the SDK refuses it.
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", http="h11", timeout_graceful_shutdown=5)

    class Server(uvicorn.Server):
        """Leaves signals to us: uvicorn's own handling would end the process before the memory is closed."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    async def run() -> None:
        http = Server(config)

        async def drain() -> None:
            http.should_exit = True

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_on_signal, drain)
            tasks.start_soon(_warm_up_later, holder)
            await http.serve([listening])
            await _end(holder, 0)

    try:
        # Bound here because uvicorn would log the error and end the process.
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise StoreUnavailable(
            f"Port {port} of {host} cannot be served on ({error}).", hint="Choose another with --port."
        ) from error
    print(f"mnemic serves http://{host}:{port}/mcp", file=sys.stderr, flush=True)  # noqa: T201  # for people, on stderr
    anyio.run(run)


class RequireToken:
    """ASGI middleware: a bearer token, compared in constant time, or 401."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
            scheme, _, token = given.partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(token, self._expected):
                await _refuse(send)
                return
        await self._app(scope, receive, send)


async def _refuse(send: Send) -> None:
    body = b'{"error":"invalid_token","error_description":"A valid bearer token is required."}'
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b'Bearer error="invalid_token"'),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _warm_up_later(holder: MemoryHolder) -> None:
    await anyio.sleep(_WARM_UP_DELAY_SECONDS)
    await holder.warm_up()


async def _on_signal(act: Callable[[], Awaitable[Any]]) -> None:
    names = ("SIGTERM", "SIGHUP", "SIGINT")
    wanted = [getattr(signal, name) for name in names if hasattr(signal, name)]
    try:
        with anyio.open_signal_receiver(*wanted) as signals:
            async for received in signals:
                log.info("server.ending", signal=received.name)
                await act()
    except NotImplementedError:  # Windows: the client closes stdin instead
        return


async def _end_without_parent(holder: MemoryHolder) -> None:
    """A host that dies may leave its end of the pipe open in another child; its death shows as a new parent."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  # the system sends no event for it
        await anyio.sleep(_PARENT_POLL_SECONDS)
    log.info("server.ending", reason="parent is gone")
    await _end(holder, 0)


async def _end(holder: MemoryHolder, code: int) -> Any:
    """Let go of the memory and leave at once: a thread that waits for stdin cannot be interrupted otherwise."""
    closing = threading.Thread(target=holder.close_now, daemon=True)
    closing.start()
    # Waited for beside the event loop, and not for ever: a stalled Chroma server must not keep the process.
    await anyio.to_thread.run_sync(closing.join, _CLOSE_SECONDS, abandon_on_cancel=True)
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)
