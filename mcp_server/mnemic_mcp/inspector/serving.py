"""Running the inspector on a loopback address until somebody ends it."""

from __future__ import annotations

import signal
import socket
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import anyio.to_thread
import uvicorn

from mnemic import Memory, MnemicError, Origin, Settings
from mnemic.domain.provenance import Channel
from mnemic.logs import get_logger
from mnemic_mcp.inspector.app import create_app
from mnemic_mcp.inspector.protection import Gate
from mnemic_mcp.inspector.reading_ahead import ReadingAhead
from mnemic_mcp.listening import bound_socket

log = get_logger(__name__)

HOST = "127.0.0.1"
ORIGIN = Origin(channel=Channel.USER, client="mnemic", transport="inspector")


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again, and the command would end in a trace."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve_inspector(settings: Settings, *, port: int, open_browser: bool) -> None:
    """Serve the pages over the memory of ``settings`` until a signal. ``port`` 0 takes a free one.

    The link is printed on stdout, and opened if asked for. Raises `StoreUnavailable` when the port is taken.
    """
    listening = bound_socket(HOST, port)
    listening.listen()  # before the link is printed
    anyio.run(_serve, Memory(settings, origin=ORIGIN), listening, open_browser)


async def _serve(memory: Memory, listening: socket.socket, open_browser: bool) -> None:
    gate, reading, port = Gate(), ReadingAhead(memory), listening.getsockname()[1]
    hosts = [f"{name}:{port}" for name in (HOST, "localhost")]
    config = uvicorn.Config(
        create_app(memory, gate=gate, hosts=hosts, shown=reading.page_shown), log_level="warning", http="h11",
        lifespan="off", server_header=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    server, link = _Server(config), f"http://{HOST}:{port}{gate.new_link()}"

    async def until_signalled() -> None:
        wanted = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        try:
            with anyio.open_signal_receiver(*wanted) as signals:
                async for _ in signals:
                    server.should_exit = True
                    return
        except NotImplementedError:  # Windows: Ctrl-C interrupts
            return

    async def open_memory() -> None:
        # The browser takes longer to come up than the memory to open; what fails here is said on the page.
        try:
            await memory.open()
        except MnemicError as error:
            log.warning("inspector.not_open", error=str(error))

    async def show_link() -> None:
        await anyio.to_thread.run_sync(webbrowser.open, link)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(until_signalled)
        tasks.start_soon(open_memory)
        tasks.start_soon(reading.run)
        print(link, flush=True)  # noqa: T201  # for people and for programs that drive a browser
        print("Opens once, in one browser. Ctrl-C ends the inspector.", file=sys.stderr, flush=True)  # noqa: T201
        if open_browser:
            tasks.start_soon(show_link)
        try:
            await server.serve([listening])
        finally:
            tasks.cancel_scope.cancel()
            await memory.close()
