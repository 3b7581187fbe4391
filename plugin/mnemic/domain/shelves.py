"""What a process holds of each namespace, as long as there is room: what was not used for the longest time goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Shelves(Generic[_T]):
    """One shelf for each namespace in use, made when it is first asked for.

    When another is made, those that were not used for the longest time are let go until the ``size`` of all is at most
    ``most``; whatever they held is read from the ledger again. Not for several threads at once.
    """

    def __init__(self, make: Callable[[int], _T], *, size: Callable[[_T], int], most: int) -> None:
        self._make = make
        self._size = size
        self._most = most
        self._shelves: OrderedDict[int, _T] = OrderedDict()
        # A shelf grows only while it is the one in use, so its size is that of the next use of any.
        self._sizes: dict[int, int] = {}
        self._total = 0
        self._used: int | None = None

    def use(self, namespace: int) -> _T:
        """The shelf of a namespace."""
        self._measure()
        shelf = self._shelves.get(namespace)
        if shelf is None:
            self._make_room()
            shelf = self._shelves[namespace] = self._make(namespace)
        self._shelves.move_to_end(namespace)
        self._used = namespace
        return shelf

    def get(self, namespace: int) -> _T | None:
        """The shelf of a namespace if there is one; it does not count as used."""
        return self._shelves.get(namespace)

    def __iter__(self) -> Iterator[_T]:
        return iter(self._shelves.values())

    def clear(self) -> None:
        """Let all of them go."""
        self._shelves.clear()
        self._sizes.clear()
        self._total, self._used = 0, None

    def _measure(self) -> None:
        if self._used is not None:
            size = self._size(self._shelves[self._used])
            self._total += size - self._sizes.get(self._used, 0)
            self._sizes[self._used] = size

    def _make_room(self) -> None:
        while self._total > self._most:
            self._total -= self._sizes.pop(self._shelves.popitem(last=False)[0])
            self._used = None
