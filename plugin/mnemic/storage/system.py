"""The real clock and the real source of ids."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime

from mnemic.domain.memory import MemoryId

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS = 9
_RANDOM_CHARS = 6
_RANDOM_BITS = 5 * _RANDOM_CHARS
_STEP_BITS = 16


class SystemClock:
    """Implements `mnemic.protocols.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class _Rising:
    """Numbers that begin with the time in milliseconds and go on at random, of which each is above the one before.

    Without that, two of the ids that one process draws for a million memories in a row would be the same one time in thirty.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        drawn = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        with self._lock:
            # Steps that nobody can guess, and so small that those of a millisecond hardly ever reach into the next.
            self._last = drawn if drawn > self._last else self._last + 1 + secrets.randbits(_STEP_BITS)
            return self._last


_rising = _Rising()


def new_memory_id() -> MemoryId:
    """A new id. The leading time keeps ids of one ledger close together; 30 random bits follow. Safe for several threads:
    within a process none comes twice.
    """
    value = _rising.next()
    count = _TIME_CHARS + _RANDOM_CHARS
    return MemoryId("m" + "".join(_ALPHABET[(value >> 5 * at) & 31] for at in reversed(range(count))))
