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

    def use(self, namespace: int) -> _T:
        """The shelf of a namespace."""
        shelf = self._shelves.get(namespace)
        if shelf is None:
            self._make_room()
            shelf = self._shelves[namespace] = self._make(namespace)
        self._shelves.move_to_end(namespace)
        return shelf

    def get(self, namespace: int) -> _T | None:
        """The shelf of a namespace if there is one; it does not count as used."""
        return self._shelves.get(namespace)

    def __iter__(self) -> Iterator[_T]:
        return iter(self._shelves.values())

    def clear(self) -> None:
        """Let all of them go."""
        self._shelves.clear()

    def _make_room(self) -> None:
        total = sum(self._size(shelf) for shelf in self)
        while total > self._most:
            total -= self._size(self._shelves.popitem(last=False)[1])
