"""Running the server on stdio, and ending a server in every way a host may end it."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import anyio
import anyio.to_thread

from mnemic import Settings
from mnemic.logs import get_logger
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.server import create_server
from mnemic_mcp.stdio import run_stdio

log = get_logger(__name__)

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
            tasks.start_soon(on_signal, partial(end, holder, 0))
            tasks.start_soon(end_without_parent, holder)
            tasks.start_soon(warm_up_later, holder)
            await run_stdio(server)
            await end(holder, 0)

    anyio.run(run)


async def warm_up_later(holder: MemoryHolder) -> None:
    """Open the memory once the first requests have been answered."""
    await anyio.sleep(_WARM_UP_DELAY_SECONDS)
    await holder.warm_up()


async def on_signal(act: Callable[[], Awaitable[Any]]) -> None:
    """Do ``act`` at every signal that asks a process to end."""
    names = ("SIGTERM", "SIGHUP", "SIGINT", "SIGBREAK")
    wanted = [getattr(signal, name) for name in names if hasattr(signal, name)]
    with ExitStack() as stack:
        signals: AsyncIterator[signal.Signals]
        try:
            signals = stack.enter_context(anyio.open_signal_receiver(*wanted))
        except NotImplementedError:  # the event loop of Windows knows no signals
            signals = stack.enter_context(_signals_of_python(wanted))
        async for received in signals:
            log.info("server.ending", signal=received.name)
            await act()


@contextmanager
def _signals_of_python(wanted: Sequence[signal.Signals]) -> Iterator[AsyncIterator[signal.Signals]]:
    """Signals by Python's own handlers, which run in the main thread between two steps of whatever it does."""
    heard, come = anyio.create_memory_object_stream[signal.Signals](math.inf)
    loop = asyncio.get_running_loop()

    def note(number: int, _: object) -> None:
        loop.call_soon_threadsafe(heard.send_nowait, signal.Signals(number))

    before = {one: signal.signal(one, note) for one in wanted}
    try:
        with heard, come:
            yield come
    finally:
        for one, handler in before.items():
            signal.signal(one, handler or signal.SIG_DFL)


async def end_without_parent(holder: MemoryHolder) -> None:
    """A host that dies may leave its end of the pipe open in another child; its death shows as a new parent.

    Not on Windows, where a process names its first parent for ever and no child gets a pipe that it was not given: there the
    end of stdin is all that shows it.
    """
    if sys.platform == "win32":
        return
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  # the system sends no event for it
        await anyio.sleep(_PARENT_POLL_SECONDS)
    log.info("server.ending", reason="parent is gone")
    await end(holder, 0)


async def end(holder: MemoryHolder, code: int) -> Any:
    """Let go of the memory and leave at once: a thread that waits for stdin cannot be interrupted otherwise."""
    closing = threading.Thread(target=holder.close_now, daemon=True)
    closing.start()
    # Waited for beside the event loop, and not for ever: a stalled Chroma server must not keep the process.
    await anyio.to_thread.run_sync(closing.join, _CLOSE_SECONDS, abandon_on_cancel=True)
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)
