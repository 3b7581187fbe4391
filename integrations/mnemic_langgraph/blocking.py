"""Running the engine's coroutines for callers without an event loop, such as ``graph.invoke``."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

_T = TypeVar("_T")
_starting = threading.Lock()
_running: tuple[AbstractContextManager[BlockingPortal], BlockingPortal] | None = None


def run_blocking(call: Callable[..., Awaitable[_T]], /, *args: Any, **named: Any) -> _T:
    """The result of a coroutine function, run on one event loop of its own that all such callers share.

    It may be called from a thread that runs an event loop, which waits then.
    """
    return _portal().call(partial(call, *args, **named))


def _portal() -> BlockingPortal:
    global _running  # a loop in a thread costs too much for every call
    with _starting:
        if _running is None:
            from anyio.from_thread import start_blocking_portal  # graphs that are awaited need none

            opening = start_blocking_portal("asyncio", name="mnemic-langgraph")
            _running = opening, opening.__enter__()
            atexit.register(_stop, *_running)
        return _running[1]


def _stop(opening: AbstractContextManager[BlockingPortal], portal: BlockingPortal) -> None:
    """End the loop with the process, whatever still runs on it."""
    with suppress(RuntimeError):  # it has ended already
        portal.call(portal.stop, True)
    opening.__exit__(None, None, None)
