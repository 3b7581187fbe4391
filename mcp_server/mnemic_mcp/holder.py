"""One memory for a server, opened when it is first needed and not before the handshake."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mnemic import Memory, Settings
from mnemic.logs import get_logger

if TYPE_CHECKING:
    from mnemic.protocols import Observer
    from mnemic_mcp.http.callers import Caller
    from mnemic_mcp.http.replicas import SharedKey

log = get_logger(__name__)


class MemoryHolder:
    """Opens the memory once, on demand; every tool asks here.

    ``caller`` says who asks, where there may be several: each gets the memory with their own rights and namespaces.
    ``shared`` is what this process has in common with others that serve the same callers, ``delivered`` the file in which
    they note what was delivered to whom.
    """

    def __init__(
        self, settings: Settings, *, transport: str, caller: Callable[[], Caller] | None = None,
        observer: Observer | None = None, shared: SharedKey | None = None, delivered: Path | None = None,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.transport = transport
        self._process = uuid.uuid4().hex[:12]
        self._caller = caller
        self._shared = shared
        self._memory = Memory(settings, observer=observer, delivered=delivered)
        self._ending = False

    @property
    def connection(self) -> str:
        """Names in origins where the present request comes from: this process, or all that share a key with it, and, where
        there are several, the caller.
        """
        served_by = self._process if self._shared is None else self._shared.name
        if self._caller is None:
            return served_by
        caller = self._caller()
        return served_by if caller.access is None else f"{served_by}/{caller.issuer}/{caller.name}"

    @property
    def hidden_folders(self) -> tuple[str, ...]:
        """Folders of this machine that whoever only uses a server need not read of; none for the host that started it."""
        if self.transport != "http":
            return ()
        policy = Path(self.settings.policy)
        folders = {str(self.settings.home), *([str(policy.parent)] if policy.is_absolute() else [])} - {os.sep}
        return tuple(sorted(folders, key=len, reverse=True))

    async def get(self) -> Memory:
        """The open memory as the caller has it. Raises `MnemicError` when it cannot be opened; the next call tries again."""
        caller = None if self._caller is None else self._caller()
        await self.whole()
        return self._memory if caller is None or caller.access is None else self._memory.within(caller.access)

    async def whole(self) -> Memory:
        """The open memory itself, for the server's own affairs."""
        await self._memory.open()
        if self._shared is not None and not self._shared.known:
            from mnemic.services.health import shared_secret

            secret = await self._memory.run(shared_secret)
            assert secret is not None
            self._shared.learn(secret)
        return self._memory

    async def warm_up(self) -> None:
        """Open and touch everything that the first recall needs, so that it does not have to wait."""
        try:
            memory = await self.whole()
            await memory.recall("warm up", k=1)
        except Exception as error:  # a nicety in the background must never end the server
            if self._ending:
                return
            log.warning("memory.not_ready", error=f"{type(error).__name__}: {error}")

    def close_now(self) -> None:
        """Close the memory if it is open, without an event loop: for the end of the process."""
        self._ending = True
        self._memory.close_now()
