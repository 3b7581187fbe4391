"""Items in the ledger's file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mnemic.domain.item_values import decode_value, encode_value
from mnemic.domain.items import Item, ItemKey, ItemLink, ItemPath
from mnemic.domain.memory import MemoryId, Namespace, RowKey
from mnemic.domain.moments import from_microseconds, to_microseconds
from mnemic.storage.sql.engine import Connection
from mnemic.storage.sql.rows import (
    decode_origin,
    encode_origin,
    fetch_in_chunks,
    namespace_of,
    optional_microseconds,
    reads,
)

_COLUMNS = "i.key, n.path, s.path, i.name, i.value, i.created_at, i.updated_at, i.origin, i.ttl, i.expires_at"
_TABLES = "items i JOIN item_spaces s ON s.key = i.space JOIN namespaces n ON n.key = s.namespace"
_CHUNK = 100
_MICROSECOND = timedelta(microseconds=1)
_LAST = to_microseconds(datetime.max.replace(tzinfo=UTC))
"""The last moment that there is."""


class SqlItemReader:
    """Implements `mnemic.protocols.ItemReader`.

    Labels and keys are stored as JSON in ASCII, so that any string can be one; a path's text begins with that of the path
    above it.
    """

    _connection: Connection

    def namespace_key(self, namespace: Namespace) -> int | None:
        raise NotImplementedError

    def find_item(self, root: Namespace, path: ItemPath, key: str) -> tuple[ItemKey, Item] | None:
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM {_TABLES} WHERE s.namespace = ? AND s.path = ? AND i.name = ?",
            (self.namespace_key(root), json.dumps(path), json.dumps(key)),
        ).fetchone()
        return None if row is None else (ItemKey(row[0]), _item(row))

    def items(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Item]:
        sql = f"SELECT {_COLUMNS} FROM {_TABLES} WHERE i.key IN {{in_}}"
        return {ItemKey(row[0]): _item(row) for row in fetch_in_chunks(self._connection, sql, keys)}

    def iterate_items(self, root: Namespace, prefix: ItemPath = ()) -> Iterator[tuple[ItemKey, Item]]:
        low, high = _range(prefix)
        # The keys alone are put in order, and once: with their values, all items would be again for every chunk.
        rows = self._connection.execute(
            "SELECT i.key FROM items i JOIN item_spaces s ON s.key = i.space "
            "WHERE s.namespace = ? AND s.path >= ? AND s.path < ? ORDER BY i.space, i.key",
            (self.namespace_key(root), low, high),
        ).fetchall()
        for start in range(0, len(rows), _CHUNK):
            keys = [ItemKey(row[0]) for row in rows[start : start + _CHUNK]]
            found = self.items(keys)
            yield from ((key, found[key]) for key in keys if key in found)

    def item_paths(self, root: Namespace, prefix: ItemPath = (), *, alive_at: datetime | None = None) -> list[ItemPath]:
        low, high = _range(prefix)
        rows = self._connection.execute(
            "SELECT s.path FROM item_spaces s WHERE s.namespace = ?1 AND s.path >= ?2 AND s.path < ?3 AND EXISTS "
            "(SELECT 1 FROM items i WHERE i.space = s.key "
            "AND (CAST(?4 AS BIGINT) IS NULL OR i.expires_at IS NULL OR i.expires_at > ?4)) "
            "ORDER BY s.key",
            (self.namespace_key(root), low, high, optional_microseconds(alive_at)),
        )
        return [tuple(json.loads(path)) for (path,) in rows]

    def item_roots(self) -> list[Namespace]:
        rows = self._connection.execute(
            "SELECT n.path FROM item_spaces s JOIN namespaces n ON n.key = s.namespace GROUP BY n.key ORDER BY min(s.key)"
        )
        return [namespace_of(path) for (path,) in rows]

    def item_links(self, keys: Sequence[ItemKey]) -> dict[ItemKey, tuple[ItemLink, ...]]:
        sql = (
            "SELECT l.item, l.place, m.id, l.searched FROM item_memories l JOIN memories m ON m.key = l.memory "
            "WHERE l.item IN {in_}"
        )
        found: dict[ItemKey, list[ItemLink]] = {}
        for item, place, id, searched in sorted(fetch_in_chunks(self._connection, sql, keys)):
            found.setdefault(ItemKey(item), []).append(
                ItemLink(place=json.loads(place), memory=MemoryId(id), searched=bool(searched))
            )
        return {key: tuple(links) for key, links in found.items()}

    def items_of(self, memories: Sequence[RowKey]) -> dict[RowKey, tuple[ItemKey, bool]]:
        sql = "SELECT memory, item, searched FROM item_memories WHERE memory IN {in_}"
        rows = fetch_in_chunks(self._connection, sql, memories)
        return {RowKey(memory): (ItemKey(item), bool(searched)) for memory, item, searched in rows}

    def searched_memories(
        self, root: Namespace, prefix: ItemPath = (), *, alive_at: datetime | None = None
    ) -> list[tuple[ItemKey, RowKey]]:
        low, high = _range(prefix)
        rows = self._connection.execute(
            "SELECT m.item, m.memory FROM item_spaces s JOIN items i ON i.space = s.key "
            "JOIN item_memories m ON m.item = i.key AND m.searched = 1 "
            "WHERE s.namespace = ?1 AND s.path >= ?2 AND s.path < ?3 "
            "AND (CAST(?4 AS BIGINT) IS NULL OR i.expires_at IS NULL OR i.expires_at > ?4)",
            (self.namespace_key(root), low, high, optional_microseconds(alive_at)),
        )
        return [(ItemKey(item), RowKey(memory)) for item, memory in rows]

    def expired_items(self, root: Namespace, *, at: datetime, limit: int) -> list[ItemKey]:
        rows = self._connection.execute(
            "SELECT i.key FROM items i JOIN item_spaces s ON s.key = i.space "
            "WHERE s.namespace = ? AND i.expires_at <= ? ORDER BY i.expires_at, i.key LIMIT ?",
            (self.namespace_key(root), to_microseconds(at), limit),
        )
        return [ItemKey(key) for (key,) in rows]


class SqlItemWriter(SqlItemReader):
    """Implements `mnemic.protocols.ItemWriter`."""

    def _make_namespace(self, namespace: Namespace) -> int:
        raise NotImplementedError

    def put_item(self, item: Item) -> ItemKey:
        root = self._make_namespace(item.root)
        path = json.dumps(item.path)
        self._connection.execute(
            "INSERT INTO item_spaces (namespace, path) VALUES (?, ?) ON CONFLICT DO NOTHING", (root, path)
        )
        row = self._connection.execute(
            "INSERT INTO items (space, name, value, created_at, updated_at, origin, ttl, expires_at) "
            "SELECT key, ?, ?, ?, ?, ?, ?, ? FROM item_spaces WHERE namespace = ? AND path = ? "
            "ON CONFLICT (space, name) DO UPDATE SET value = excluded.value, created_at = excluded.created_at, "
            "updated_at = excluded.updated_at, origin = excluded.origin, ttl = excluded.ttl, "
            "expires_at = excluded.expires_at RETURNING key",
            (
                json.dumps(item.key), encode_value(item.value), to_microseconds(item.created_at),
                to_microseconds(item.updated_at), encode_origin(item.origin),
                None if item.ttl is None else item.ttl // _MICROSECOND, optional_microseconds(item.expires_at), root, path,
            ),
        ).fetchone()  # fmt: skip
        return ItemKey(row[0])

    def set_item_links(self, key: ItemKey, links: Sequence[ItemLink]) -> None:
        self._connection.execute("DELETE FROM item_memories WHERE item = ?", (key,))
        self._connection.executemany(
            "INSERT INTO item_memories SELECT ?, ?, key, ? FROM memories WHERE id = ?",
            [(key, json.dumps(link.place), int(link.searched), link.memory) for link in links],
        )

    def refresh_items(self, keys: Sequence[ItemKey], *, at: datetime) -> None:
        now = to_microseconds(at)
        self._connection.executemany(
            "UPDATE items SET expires_at = CASE WHEN ttl > ? THEN ? ELSE ttl + ? END WHERE key = ? AND ttl IS NOT NULL",
            [(_LAST - now, _LAST, now, key) for key in keys],
        )

    def delete_item(self, key: ItemKey) -> None:
        self._connection.execute("DELETE FROM item_memories WHERE item = ?", (key,))
        self._connection.execute("DELETE FROM items WHERE key = ?", (key,))

    def erase_item(self, key: ItemKey) -> None:
        self.delete_item(key)
        self._connection.execute("UPDATE ledger SET unscrubbed = 1")

    def _erase_items(self, memory: RowKey) -> None:
        """Destroy the item that a memory belongs to: its value holds the memory's words."""
        for (key,) in self._connection.execute("SELECT item FROM item_memories WHERE memory = ?", (memory,)).fetchall():
            self.delete_item(ItemKey(key))


def _range(prefix: ItemPath) -> tuple[str, str]:
    """The texts of paths at and below ``prefix`` are those from the first to before the second."""
    # After a label's closing quote comes "," or "]", and both sort before "^".
    text = json.dumps(prefix)[:-1]
    return text, text + ("^" if prefix else "\x7f")


@reads("An item")
def _item(row: Sequence[Any]) -> Item:
    _, root, path, name, value, created_at, updated_at, origin, ttl, expires_at = row
    return Item(
        root=namespace_of(root), path=tuple(json.loads(path)), key=json.loads(name), value=decode_value(value),
        created_at=from_microseconds(created_at), updated_at=from_microseconds(updated_at), origin=decode_origin(origin),
        ttl=None if ttl is None else timedelta(microseconds=ttl),
        expires_at=None if expires_at is None else from_microseconds(expires_at),
    )  # fmt: skip
