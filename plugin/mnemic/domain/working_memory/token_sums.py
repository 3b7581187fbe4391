"""Token counts of the messages of a session, with sums from any position on."""

from __future__ import annotations

from collections.abc import Iterable


class TokenSums:
    """A growing list of counts with prefix sums (Fenwick 1994): setting one and summing a range cost O(log n)."""

    def __init__(self, counts: Iterable[int] = ()) -> None:
        self._counts: list[int] = []
        self._tree: list[int] = [0]
        for count in counts:
            self.append(count)

    def __len__(self) -> int:
        return len(self._counts)

    def __getitem__(self, position: int) -> int:
        return self._counts[position]

    def append(self, count: int) -> None:
        self._counts.append(count)
        node = len(self._counts)
        total, child = count, node - 1
        while child > node - (node & -node):
            total += self._tree[child]
            child -= child & -child
        self._tree.append(total)

    def __setitem__(self, position: int, count: int) -> None:
        difference = count - self._counts[position]
        self._counts[position] = count
        node = position + 1
        while node < len(self._tree):
            self._tree[node] += difference
            node += node & -node

    def total(self) -> int:
        return self.before(len(self._counts))

    def before(self, position: int) -> int:
        """The sum of the counts in front of ``position``."""
        total, node = 0, position
        while node:
            total += self._tree[node]
            node -= node & -node
        return total

    def since(self, position: int) -> int:
        """The sum of the counts from ``position`` on."""
        return self.total() - self.before(position)
