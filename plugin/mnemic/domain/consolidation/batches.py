"""Work in pieces: a long scan says how far it is and can go on from there."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Generic[T]):
    """Proposals of one piece of a scan. ``cursor`` units of ``total`` are done, 0 ≤ cursor ≤ total.

    A scan of the same memories that is started with ``start=cursor`` yields exactly the batches that follow this one.
    """

    proposals: tuple[T, ...]
    cursor: int
    total: int


def collect(batches: Iterable[Batch[T]]) -> tuple[T, ...]:
    """All proposals of a scan, in order."""
    return tuple(proposal for batch in batches for proposal in batch.proposals)


def pieces(total: int, size: int, start: int) -> Iterable[tuple[int, int]]:
    """The ranges [from, to) of at most ``size`` units, ≥ 1, that are left after ``start``."""
    return ((at, min(at + size, total)) for at in range(max(start, 0), total, size))


@contextmanager
def without_collecting() -> Iterator[None]:
    """Without the collector of cycles, which would walk through all that is being built again and again: a fifth of the
    time of a large plan. Only around what neither waits nor yields.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
