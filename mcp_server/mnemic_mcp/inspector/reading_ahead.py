"""What the first question needs is read while a person looks at the first page."""

from __future__ import annotations

import anyio

from mnemic import Memory
from mnemic.logs import get_logger

log = get_logger(__name__)

# A browser asks for a page's style and script once it has the page. Python runs one thread at a time, so reading then would
# keep them, and with them the page, from being seen. Nobody types a question faster.
_PAUSE_SECONDS = 0.5


class ReadingAhead:
    """Asks a memory something, so that the first question of a person is answered as fast as the later ones.

    ``pause_seconds``: how long after the first page.
    """

    def __init__(self, memory: Memory, *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._memory = memory
        self._pause_seconds = pause_seconds
        self._shown = anyio.Event()

    def page_shown(self) -> None:
        """To be called with every page."""
        self._shown.set()

    async def run(self) -> None:
        """Return when it is read, which is after a page was shown. What fails is logged: the page that asks will say it."""
        await self._shown.wait()
        await anyio.sleep(self._pause_seconds)
        try:
            await self._memory.recall("warm up", k=1)
        except Exception as error:
            log.warning("inspector.not_warm", error=str(error))
