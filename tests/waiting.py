"""Waiting for what the system sends no event for."""

from collections.abc import Callable

import anyio


async def until(true: Callable[[], bool]) -> None:
    """Look again and again, for a minute at most, and raise `TimeoutError` then."""
    with anyio.fail_after(60):
        while not true():  # noqa: ASYNC110
            await anyio.sleep(0.1)
