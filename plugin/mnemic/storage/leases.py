"""What one process at a time may do: feed an index, for instance."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout


class Lease(Protocol):
    """A right that one process at a time has, and loses when it dies."""

    @property
    def held(self) -> bool:
        """Whether this process had it when it last asked."""
        ...

    def acquire(self) -> bool:
        """Take the right if nobody has it, and make sure of it if this process has. Waits for nobody."""
        ...

    def release(self) -> None: ...


class FileLease:
    """Implements `Lease` among the processes of one machine by a lock on a file."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path, thread_local=False)

    @property
    def held(self) -> bool:
        return self._lock.is_locked

    def acquire(self) -> bool:
        if not self.held:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                return False
        return True

    def release(self) -> None:
        if self.held:
            self._lock.release()
