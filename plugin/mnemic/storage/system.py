"""The real clock and the real source of ids."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta

from mnemic.domain.memory import MemoryId

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS = 9
_RANDOM_CHARS = 6
_RANDOM_BITS = 5 * _RANDOM_CHARS
_STEP_BITS = 16
_MICROSECOND = timedelta(microseconds=1)
# Below Python 3.13 the clock of Windows moves every 16 ms. Whatever is further back was set back.
_TICK = timedelta(milliseconds=20)


class SystemClock:
    """Implements `mnemic.protocols.Clock`. Of two moments that it tells the second is the later one, unless it was set back.

    Where the system's clock is coarse they would be the same, and of two values of a fact neither would be the newer one.
    """

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            found, last = datetime.now(UTC), self._last
            if last is not None and last >= found and last - found < _TICK:
                found = last + _MICROSECOND
            self._last = found
        return found


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
