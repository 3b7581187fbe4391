"""Which part of a divided memory a namespace belongs to."""

from __future__ import annotations

import hashlib

from mnemic.domain.memory import Namespace

MOST_PARTITIONS = 64
"""How many parts a memory can have. Each is a schema with some forty tables."""


def partition_of(namespace: Namespace, partitions: int) -> int:
    """The number 0.. of the part, of ``partitions``, that holds a namespace and all below it: by its first label alone.

    It is the same on every machine and for ever, because what is stored lies where this says.
    """
    digest = hashlib.sha256(namespace[0].encode()).digest()
    return int.from_bytes(digest[:8], "big") % partitions
