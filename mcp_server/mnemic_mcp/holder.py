"""One memory for a server, opened when it is first needed and not before the handshake."""

from __future__ import annotations

import uuid

from mnemic import Memory, Settings
from mnemic.logs import get_logger

log = get_logger(__name__)


class MemoryHolder:
    """Opens the memory once, on demand; every tool asks here. ``connection`` names this process in origins."""

    def __init__(self, settings: Settings, *, transport: str) -> None:
        self.settings = settings
        self.transport = transport
        self.connection = uuid.uuid4().hex[:12]
        self._memory = Memory(settings)

    async def get(self) -> Memory:
        """The open memory. Raises `MnemicError` when it cannot be opened; the next call tries again."""
        await self._memory.open()
        return self._memory

    async def warm_up(self) -> None:
        """Open and touch everything that the first recall needs, so that it does not have to wait."""
        try:
            memory = await self.get()
            await memory.recall("warm up", k=1)
        except Exception as error:  # a nicety in the background must never end the server
            log.warning("memory.not_ready", error=f"{type(error).__name__}: {error}")

    def close_now(self) -> None:
        """Close the memory if it is open, without an event loop: for the end of the process."""
        self._memory.close_now()
