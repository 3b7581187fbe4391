"""The real clock and the real source of ids."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

from mnemic.domain.memory import MemoryId

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS = 9
_RANDOM_CHARS = 6


class SystemClock:
    """Implements `mnemic.protocols.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def new_memory_id() -> MemoryId:
    """A new id. The leading time keeps ids of one ledger close together; 30 random bits follow."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 5 * _RANDOM_CHARS) | secrets.randbits(5 * _RANDOM_CHARS)
    count = _TIME_CHARS + _RANDOM_CHARS
    return MemoryId("m" + "".join(_ALPHABET[(value >> 5 * at) & 31] for at in reversed(range(count))))
