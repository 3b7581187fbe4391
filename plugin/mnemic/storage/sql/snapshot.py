"""Reading the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.memory import Erasure, Event, Kind, Link, MemoryId, MemoryRecord, Namespace, Relation, RowKey, Status
from mnemic.domain.moments import from_microseconds
from mnemic.domain.recall import MemoryFilter
from mnemic.domain.text import near_keys, shape_words
from mnemic.errors import InvalidInput
from mnemic.protocols import FeedRow, IndexState, Neighbour
from mnemic.storage.sql.cold import RETURNED, SqlColdReader
from mnemic.storage.sql.engine import Connection, FullText, vector_table
from mnemic.storage.sql.facts import SqlFactReader
from mnemic.storage.sql.filters import ANNOUNCED, RECALLABLE_NUMBER, in_namespace, where_clause
from mnemic.storage.sql.guard import SqlGuardReader
from mnemic.storage.sql.items import SqlItemReader
from mnemic.storage.sql.learning import HAS_EXPERIENCES, SqlLearningReader
from mnemic.storage.sql.passages import HAS_PASSAGES, SqlPassageReader
from mnemic.storage.sql.rows import (
    RECORD_COLUMNS,
    RECORD_TABLES,
    event_from_row,
    fetch_in_chunks,
    in_clause,
    in_order,
    namespace_of,
    path_of,
    record_from_row,
    sameness_of,
)
from mnemic.storage.sql.sessions import SqlSessionReader

_ITERATE_CHUNK = 1_000
# Where few are wanted, so many times as many of the latest of the ledger are looked at, wherever they are.
_FEW, _RECENT = 100, 4
_ERASURES = (
    "SELECT e.id, n.path, e.erased_at FROM erasures e JOIN namespaces n ON n.key = e.namespace WHERE e.receipt = 1"
)
NEIGHBOUR_COLUMNS = (
    "m.key, m.id, m.kind, m.text, "
    "CASE WHEN m.superseded_by IS NULL OR m.held != 'active' THEN m.held ELSE 'superseded' END"
)


class SqlSnapshot(
    SqlSessionReader,
    SqlGuardReader,
    SqlFactReader,
    SqlLearningReader,
    SqlPassageReader,
    SqlItemReader,
    SqlColdReader,
):
    """Implements `mnemic.protocols.LedgerSnapshot` over one connection inside a transaction."""

    def __init__(self, connection: Connection, full_text: FullText) -> None:
        self._connection = connection
        self._full_text = full_text
        # Asked several times in the life of a snapshot, in which they cannot change.
        self._namespace_keys: dict[Namespace, int | None] = {}
        self._keys_below: dict[Namespace, list[int]] = {}
        self._has_passages: dict[int, bool] = {}
        self._has_experiences: dict[int, bool] = {}
        self._totals: tuple[int, int] | None = None

    def last_seq(self) -> int:
        return self._noted()[0]

    def ledger_id(self) -> str:
        return str(self._one("SELECT id FROM ledger")[0])

    def namespace_key(self, namespace: Namespace) -> int | None:
        if namespace not in self._namespace_keys:
            self._namespace_keys[namespace] = self._look_up(namespace)
        return self._namespace_keys[namespace]

    def _look_up(self, namespace: Namespace) -> int | None:
        # What every recall asks of a namespace comes with its key: each question to a database goes to and fro.
        row = self._one(
            f"SELECT n.key, {HAS_PASSAGES}, {HAS_EXPERIENCES} FROM namespaces n WHERE n.path = ?", path_of(namespace)
        )
        if row is None:
            return None
        key = int(row[0])
        self._has_passages[key], self._has_experiences[key] = bool(row[1]), bool(row[2])
        return key

    def namespace_keys(self, prefix: Namespace) -> list[int]:
        if prefix not in self._keys_below:
            where, values = in_namespace(prefix, subtree=True)
            held = "EXISTS (SELECT 1 FROM memories m WHERE m.namespace = n.key)"
            rows = self._all(f"SELECT n.path, n.key FROM namespaces n WHERE {where} AND {held}", *values)
            self._keys_below[prefix] = [key for _, key in sorted((namespace_of(path), int(key)) for path, key in rows)]
        return self._keys_below[prefix]

    def namespaces(self, prefix: Namespace = ()) -> list[tuple[Namespace, int]]:
        where, values = in_namespace(prefix, subtree=True)
        rows = self._all(f"SELECT n.path, count(*) FROM {RECORD_TABLES} WHERE {where} GROUP BY n.key", *values)
        return sorted((namespace_of(found), count) for found, count in rows)

    def find(self, ids: Iterable[MemoryId]) -> dict[MemoryId, tuple[RowKey, MemoryRecord]]:
        sql = f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE m.id IN {{in_}}"
        rows = sorted(fetch_in_chunks(self._connection, sql, list(ids)), key=_key_of)
        return {MemoryId(row[1]): (RowKey(row[0]), record_from_row(row)) for row in rows}

    def records(self, keys: Sequence[RowKey]) -> dict[RowKey, MemoryRecord]:
        sql = f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE m.key IN {{in_}}"
        rows = sorted(fetch_in_chunks(self._connection, sql, list(keys)), key=_key_of)
        return {RowKey(row[0]): record_from_row(row) for row in rows}

    def select(
        self, filter: MemoryFilter, *, limit: int, before: RowKey | None = None
    ) -> list[tuple[RowKey, MemoryRecord]]:
        if filter.namespace and limit <= _FEW:
            # Among the latest of the ledger there are often enough. Only if not, all of the namespace are put in order.
            where, values = where_clause(filter, one_by_one=True)
            end = "coalesce(CAST(? AS BIGINT), (SELECT max(key) + 1 FROM memories))"
            # SQLite goes by the order of a cross join, and so by the keys.
            found = self._latest(
                "memories m CROSS JOIN namespaces n WHERE n.key = m.namespace "
                f"AND m.key < {end} AND m.key >= {end} - ? AND {where}",
                before, before, _RECENT * limit, *values, limit=limit,
            )  # fmt: skip
            if len(found) == limit:
                return found
        where, values = where_clause(filter)
        return self._latest(
            f"{RECORD_TABLES} WHERE {where} AND (CAST(? AS BIGINT) IS NULL OR m.key < ?)",
            *values, before, before, limit=limit,
        )  # fmt: skip

    def _latest(self, among: str, *values: Any, limit: int) -> list[tuple[RowKey, MemoryRecord]]:
        # The keys are put in order first: whole rows in the sorter take three times as long.
        keys = f"SELECT m.key FROM {among} ORDER BY m.key DESC LIMIT ?"
        sql = f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE m.key IN ({keys}) ORDER BY m.key DESC"
        return _keyed(self._all(sql, *values, limit))

    def matching_keys(self, filter: MemoryFilter, *, among: Sequence[RowKey] | None = None) -> NDArray[np.int64]:
        where, values = where_clause(filter, one_by_one=among is not None)
        if among is None:
            rows = self._all(f"SELECT m.key FROM {RECORD_TABLES} WHERE {where} ORDER BY m.key", *values)
        else:
            sql = f"SELECT m.key FROM {RECORD_TABLES} WHERE m.key IN {{in_}} AND {where}"
            rows = sorted(fetch_in_chunks(self._connection, sql, list(among), *values))
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def feed(self, embedder_id: str, namespace_key: int, *, after: int, limit: int) -> list[FeedRow]:
        table = self._vector_table(embedder_id)
        rows = self._all(
            f"SELECT m.key, m.seq, {RECALLABLE_NUMBER}, 0, v.vector FROM memories m LEFT JOIN {table} v ON v.key = m.key "
            "WHERE m.namespace = ?1 AND m.seq > ?2 UNION ALL SELECT key, seq, 0, 1, NULL FROM erasures "
            "WHERE namespace = ?1 AND seq > ?2 ORDER BY 2 LIMIT ?3",
            namespace_key, after, limit,
        )  # fmt: skip
        return [
            FeedRow(RowKey(key), seq, bool(recallable), bool(erased), vector)
            for key, seq, recallable, erased, vector in rows
        ]

    def feed_size(self, namespace_key: int, *, after: int) -> int:
        row = self._one(
            "SELECT (SELECT count(*) FROM memories WHERE namespace = ?1 AND seq > ?2) "
            "+ (SELECT count(*) FROM erasures WHERE namespace = ?1 AND seq > ?2)",
            namespace_key, after,
        )  # fmt: skip
        return int(row[0])

    def namespace_seq(self, namespace_key: int) -> int:
        row = self._one(
            "SELECT (SELECT coalesce(max(seq), 0) FROM memories WHERE namespace = ?1), "
            "(SELECT coalesce(max(seq), 0) FROM erasures WHERE namespace = ?1)",
            namespace_key,
        )
        return int(max(row))

    def large_namespaces(self, minimum: int) -> list[int]:
        # Looking through all of them is for ledgers that are large enough to have one.
        return [] if self._rows() < minimum else self._full_text.large_namespaces(max(minimum, 1))

    def vectors(self, embedder_id: str, keys: Sequence[RowKey]) -> dict[RowKey, bytes]:
        sql = f"SELECT key, vector FROM {self._vector_table(embedder_id)} WHERE key IN {{in_}}"
        return {RowKey(key): vector for key, vector in fetch_in_chunks(self._connection, sql, list(keys))}

    def count(self, filter: MemoryFilter | None = None) -> int:
        if filter is None:
            return self._rows()
        where, values = where_clause(filter)
        return int(self._one(f"SELECT count(*) FROM {RECORD_TABLES} WHERE {where}", *values)[0])

    def texts_without_vector(
        self, embedder_id: str, *, limit: int, after: RowKey | None = None
    ) -> list[tuple[RowKey, MemoryRecord]]:
        sql = (
            f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE {{}} AND NOT EXISTS "
            f"(SELECT 1 FROM {self._vector_table(embedder_id)} v WHERE v.key = m.key) ORDER BY m.key LIMIT ?"
        )
        # What came back from the cold has an old key and may be new to an embedder all the same.
        rows = self._all(sql.format(RETURNED), limit)
        rows += self._all(sql.format("m.key > ? AND m.cold = 0"), after or 0, limit - len(rows))
        return _keyed(rows)

    def chain(self, id: MemoryId) -> list[MemoryRecord]:
        found = dict(self.find([id]).values())
        if not found:
            return []
        (namespace,) = {record.namespace for record in found.values()}
        news = list(found.values())
        while news:
            near = [record.id for record in news]
            near += [
                other for record in news for other in (record.supersedes, record.superseded_by) if other is not None
            ]
            sql = f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE m.{{}} IN {{{{in_}}}}"
            rows = [
                row for column in ("id", "supersedes", "superseded_by")
                for row in fetch_in_chunks(self._connection, sql.format(column), near)
            ]  # fmt: skip
            # Never one of another namespace, and none twice, whatever an import may have claimed.
            joined = {RowKey(row[0]): record_from_row(row) for row in rows}
            joined = {key: one for key, one in joined.items() if key not in found and one.namespace == namespace}
            found |= joined
            news = list(joined.values())
        return in_order(found)

    def events(self, ids: Sequence[MemoryId]) -> list[Event]:
        sql = "SELECT memory, action, at, origin, detail, key FROM events WHERE memory IN {in_}"
        rows = fetch_in_chunks(self._connection, sql, list(ids))
        return [event_from_row(row[:5]) for row in sorted(rows, key=lambda row: int(row[5]))]

    def links(self, ids: Sequence[MemoryId]) -> list[Link]:
        rows = fetch_in_chunks(
            self._connection,
            "SELECT source, target, relation, score FROM links WHERE source IN {in_} "
            "UNION SELECT source, target, relation, score FROM links WHERE target IN {in_}",
            ids,
        )
        return [
            Link(source=MemoryId(source), target=MemoryId(target), relation=Relation(relation), score=score)
            for source, target, relation, score in sorted(set(rows))
        ]

    def twins(self, record: MemoryRecord) -> list[tuple[RowKey, MemoryRecord]]:
        rows = self._all(
            f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE m.sameness = ? AND m.held != 'archived' "
            "AND m.superseded_by IS NULL ORDER BY m.key",
            sameness_of(record),
        )
        return [(key, found) for key, found in _keyed(rows) if found.namespace == record.namespace]

    def neighbours(self, record: MemoryRecord, *, limit: int, any_kind: bool = False) -> list[Neighbour]:
        keys = [near for kind in (Kind if any_kind else [record.kind]) for near in near_keys_of(record, kind)]
        rows = self._all(
            f"SELECT {NEIGHBOUR_COLUMNS} FROM memories m "
            f"WHERE m.key IN (SELECT DISTINCT key FROM near_keys WHERE near_key IN {in_clause(keys)} "
            "ORDER BY key DESC LIMIT ?) ORDER BY m.key DESC",
            *keys, limit,
        )  # fmt: skip
        return [neighbour_from_row(row) for row in rows]

    def imported(self, namespace: Namespace, prefix: str) -> list[tuple[str, MemoryId]]:
        key = self.namespace_key(namespace)
        rows = self._all(
            "SELECT source, id FROM memories WHERE namespace = ?1 AND channel = 'import' "
            "AND substr(source, 1, length(?2)) = ?2 "
            "UNION ALL SELECT json_extract(e.detail, '$.source'), m.id FROM events e JOIN memories m ON m.id = e.memory "
            "WHERE m.namespace = ?1 AND e.action = 'confirmed' AND json_extract(e.origin, '$.channel') = 'import' "
            "AND substr(json_extract(e.detail, '$.source'), 1, length(?2)) = ?2",
            key, prefix,
        )  # fmt: skip
        return [(str(source), MemoryId(id)) for source, id in rows]

    def iterate(self, *, namespace: Namespace | None = None) -> Iterator[tuple[RowKey, MemoryRecord]]:
        if namespace:
            # To go through all memories chunk by chunk would pass by those of all other namespaces.
            where, values = in_namespace(namespace, subtree=True)
            keys = [
                row[0] for row in self._all(f"SELECT m.key FROM {RECORD_TABLES} WHERE {where} ORDER BY m.key", *values)
            ]
            for start in range(0, len(keys), _ITERATE_CHUNK):
                yield from sorted(self.records(keys[start : start + _ITERATE_CHUNK]).items())
            return
        after = 0
        while True:
            rows = self._all(
                f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE m.key > ? ORDER BY m.key LIMIT ?",
                after, _ITERATE_CHUNK,
            )  # fmt: skip
            yield from _keyed(rows)
            if len(rows) < _ITERATE_CHUNK:
                return
            after = rows[-1][0]

    def erasures(self, *, namespace: Namespace | None = None) -> list[Erasure]:
        where, values = in_namespace(namespace or (), subtree=True)
        return _erasures(self._all(f"{_ERASURES} AND {where} ORDER BY e.seq", *values))

    def erasures_of(self, ids: Iterable[MemoryId]) -> list[Erasure]:
        return _erasures(fetch_in_chunks(self._connection, f"{_ERASURES} AND e.id IN {{in_}}", list(ids)))

    def erased(self, ids: Iterable[MemoryId]) -> set[MemoryId]:
        rows = fetch_in_chunks(self._connection, "SELECT id FROM erasures WHERE receipt = 1 AND id IN {in_}", list(ids))
        return {MemoryId(row[0]) for row in rows}

    def is_unscrubbed(self) -> bool:
        return bool(self._one("SELECT unscrubbed FROM ledger")[0])

    def announced(self, namespace_key: int) -> int:
        sql = f"SELECT count(*) FROM memories m WHERE m.namespace = ? AND m.superseded_by IS NOT NULL AND {ANNOUNCED}"
        return int(self._one(sql, namespace_key)[0])

    def index_state(self, index: str, namespace_key: int) -> IndexState | None:
        row = self._one(
            "SELECT generation, seq FROM index_states WHERE name = ? AND namespace = ?", index, namespace_key
        )
        return None if row is None else IndexState(generation=row[0], seq=row[1])

    def index_names(self) -> list[str]:
        return [row[0] for row in self._all("SELECT DISTINCT name FROM index_states ORDER BY 1")]

    def _rows(self) -> int:
        """How many memories there are; the ledger keeps count, so it costs nothing."""
        return self._noted()[1]

    def _noted(self) -> tuple[int, int]:
        """The last sequence number and the number of memories."""
        if self._totals is None:
            seq, memories = self._one("SELECT seq, memories FROM ledger")
            self._totals = int(seq), int(memories)
        return self._totals

    def _vector_table(self, embedder_id: str) -> str:
        row = self._one("SELECT key FROM embedders WHERE id = ?", embedder_id)
        if row is None:
            raise InvalidInput(f"The ledger knows no embedder {embedder_id!r}.", hint="Register it first.")
        return vector_table(row[0])

    def _one(self, sql: str, *values: Any) -> Any:
        return self._connection.execute(sql, values).fetchone()

    def _all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()


def neighbour_from_row(row: Sequence[Any]) -> Neighbour:
    """A neighbour from a row that begins with `NEIGHBOUR_COLUMNS`."""
    key, id, kind, text, held, *_ = row
    return Neighbour(key=RowKey(key), id=MemoryId(id), kind=Kind(kind), text=text, status=Status(held))


def near_keys_of(record: MemoryRecord, kind: Kind | None = None) -> tuple[int, ...]:
    """Where near duplicates of ``record`` meet: the same namespace and kind (its own), almost the same words."""
    return _near_keys(near_scope(record, kind or record.kind), record.text)


def near_scope(record: MemoryRecord, kind: Kind) -> str:
    """Within what near duplicates of ``record`` of a kind are sought."""
    return f"{path_of(record.namespace)}\x1f{kind}"


# A memory's keys are needed twice, to look for its neighbours and to store it.
@lru_cache(maxsize=16)
def _near_keys(scope: str, text: str) -> tuple[int, ...]:
    return near_keys(scope, shape_words(text))


def _erasures(rows: Iterable[tuple[Any, ...]]) -> list[Erasure]:
    return [
        Erasure(memory_id=MemoryId(id), namespace=namespace_of(path), erased_at=from_microseconds(at))
        for id, path, at in rows
    ]


# PostgreSQL gives rows as it finds them: what was changed last comes last. What is done with them must not depend on that.
_key_of = itemgetter(0)


def _keyed(rows: Iterable[tuple[Any, ...]]) -> list[tuple[RowKey, MemoryRecord]]:
    return [(RowKey(row[0]), record_from_row(row)) for row in rows]
