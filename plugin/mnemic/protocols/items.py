"""Where the ledger keeps items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from mnemic.domain.items import Item, ItemKey, ItemLink, ItemPath
from mnemic.domain.memory import Namespace, RowKey


class ItemReader(Protocol):
    """The part of a snapshot that knows of items."""

    def find_item(self, root: Namespace, path: ItemPath, key: str) -> tuple[ItemKey, Item] | None:
        """The item under a key of exactly this path."""
        ...

    def items(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Item]:
        """The items that exist among ``keys``."""
        ...

    def iterate_items(self, root: Namespace, prefix: ItemPath = ()) -> Iterator[tuple[ItemKey, Item]]:
        """The items at ``prefix`` and below it: path by path, then item by item, each in the order of its first writing."""
        ...

    def item_paths(self, root: Namespace, prefix: ItemPath = (), *, alive_at: datetime | None = None) -> list[ItemPath]:
        """The paths at ``prefix`` and below it that hold an item, one that is alive at that moment if one is given."""
        ...

    def item_roots(self) -> list[Namespace]:
        """All namespaces that items were ever put under, in the order of the first writing."""
        ...

    def item_links(self, keys: Sequence[ItemKey]) -> dict[ItemKey, tuple[ItemLink, ...]]:
        """The memories of those items among ``keys`` that have any, by place."""
        ...

    def items_of(self, memories: Sequence[RowKey]) -> dict[RowKey, tuple[ItemKey, bool]]:
        """The item that each of ``memories`` belongs to now, of those that belong to one, and whether it is found by it."""
        ...

    def searched_memories(
        self, root: Namespace, prefix: ItemPath = (), *, alive_at: datetime | None = None
    ) -> list[tuple[ItemKey, RowKey]]:
        """The memories by which items at ``prefix`` and below it are found, whatever their status, each with its item; of
        items that are alive at that moment if one is given.
        """
        ...

    def expired_items(self, root: Namespace, *, at: datetime, limit: int) -> list[ItemKey]:
        """Items whose life has ended, those that ended first first."""
        ...


class ItemWriter(ItemReader, Protocol):
    """Writes items within a transaction."""

    def put_item(self, item: Item) -> ItemKey:
        """Keep an item in the place of the one with its root, path and key, whose place in the order it takes."""
        ...

    def set_item_links(self, key: ItemKey, links: Sequence[ItemLink]) -> None:
        """Say which memories an item has, in the place of those it had."""
        ...

    def refresh_items(self, keys: Sequence[ItemKey], *, at: datetime) -> None:
        """Let the lives of those among ``keys`` that end begin anew."""
        ...

    def delete_item(self, key: ItemKey) -> None:
        """Take an item and its links away. Its memories stay as they are."""
        ...

    def erase_item(self, key: ItemKey) -> None:
        """Destroy an item and its links; its memories stay as they are. Until `Ledger.scrub`, traces are in the files."""
        ...
