"""Running the engine's coroutines for callers without an event loop, such as ``graph.invoke``."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

_T = TypeVar("_T")
_starting = threading.Lock()
_running: BlockingPortal | None = None


def run_blocking(call: Callable[..., Awaitable[_T]], /, *args: Any, **named: Any) -> _T:
    """The result of a coroutine function, run on one event loop of its own that all such callers share.

    It may be called from a thread that runs an event loop, which waits then.
    """
    return _portal().call(partial(call, *args, **named))


def _portal() -> BlockingPortal:
    global _running  # a loop in a thread costs too much for every call
    with _starting:
        if _running is None:
            _running = _begin()
        return _running


def _begin() -> BlockingPortal:
    """A loop in a thread. (What `start_blocking_portal` gives hangs a forked process when it is let go of there.)"""
    import anyio  # graphs that are awaited need none
    from anyio.from_thread import BlockingPortal

    begun: Future[BlockingPortal] = Future()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            begun.set_result(portal)
            await portal.sleep_until_stopped()

    def run() -> None:
        try:
            anyio.run(serve)
        except BaseException as error:
            if not begun.done():
                begun.set_exception(error)

    # In a context of its own: that of the first caller would say that a loop runs already.
    thread = threading.Thread(target=Context().run, args=(run,), name="mnemic-langgraph", daemon=True)
    thread.start()
    portal = begun.result()
    atexit.register(_stop, os.getpid(), portal, thread)
    return portal


def _stop(process: int, portal: BlockingPortal, thread: threading.Thread) -> None:
    """End the loop with the process that began it, whatever still runs on it."""
    if process != os.getpid():
        return
    with suppress(RuntimeError):  # it has ended already
        portal.call(portal.stop, True)
    thread.join()


def _forget() -> None:
    """In a process that was just forked off: the thread is the parent's alone, and so may be whoever holds the lock."""
    global _running, _starting
    _starting = threading.Lock()
    _running = None


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)
