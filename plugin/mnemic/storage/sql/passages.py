"""The passages of long texts in the ledger's file: their places, their words and their vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from mnemic.domain.memory import MemoryRecord, RowKey
from mnemic.domain.passages import FACET, Span
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols import FeedRow
from mnemic.storage.sql.cold import COLD, RETURNED
from mnemic.storage.sql.filters import RECALLABLE_NUMBER
from mnemic.storage.sql.retrieval import SqlRetrievalReader
from mnemic.storage.sql.rows import RECORD_COLUMNS, RECORD_TABLES, fetch_in_chunks, record_from_row

# The longest text has 100,000 characters and 1,500 passages at most.
PLACES = 4096
# A long text may have many passages that hold the words: so many are looked at for each memory that is wanted.
_PASSAGES_PER_MEMORY = 3

UNCUT = f"m.passages < 0 AND m.cold != {COLD}"
UNEMBEDDED = (
    f"m.passages > 0 AND m.cold != {COLD} "
    "AND NOT EXISTS (SELECT 1 FROM facet_vectors v JOIN embedders e ON e.key = v.embedder "
    f"WHERE v.key = m.key AND v.facet = '{FACET}' AND e.id = ? AND length(v.vector) = 4 * e.dimensions * m.passages)"
)
"""Memories ``m`` whose passages lack a vector of the embedder that is the one parameter."""


HAS_PASSAGES = "EXISTS (SELECT 1 FROM memories m WHERE m.namespace = n.key AND m.passages > 0)"
"""Namespaces ``n`` with a memory that is cut."""


def places_of(key: int) -> tuple[int, int]:
    """The first and the last place that a passage of a memory can have."""
    return key * PLACES, key * PLACES + PLACES - 1


class SqlPassageReader(SqlRetrievalReader):
    """Implements `mnemic.protocols.PassageReader`."""

    # Of namespaces that were looked up in a snapshot, in which it cannot change.
    _has_passages: dict[int, bool]

    def with_passages(self, namespaces: Sequence[int]) -> list[int]:
        known = [key for key in namespaces if key in self._has_passages]
        others = [key for key in namespaces if key not in self._has_passages]
        sql = f"SELECT n.key FROM namespaces n WHERE n.key IN {{in_}} AND {HAS_PASSAGES}"
        found = [row[0] for row in fetch_in_chunks(self._connection, sql, others)] if others else []
        return sorted([*found, *(key for key in known if self._has_passages[key])])

    def passages(self, keys: Sequence[RowKey]) -> dict[RowKey, tuple[Span, ...]]:
        sql = (
            "SELECT m.key, p.start, p.length FROM memories m JOIN passages p "
            f"ON p.place BETWEEN m.key * {PLACES} AND m.key * {PLACES} + {PLACES - 1} "
            "WHERE m.key IN {in_} AND m.passages > 0"
        )
        rows = sorted(fetch_in_chunks(self._connection, sql, keys))
        return {
            RowKey(key): tuple(Span(start, start + length) for _, start, length in group)
            for key, group in groupby(rows, key=lambda row: row[0])
        }

    def lexical_passages(self, words: Sequence[str], filter: MemoryFilter, *, limit: int) -> list[RowKey]:
        among = self._among(words, filter)
        if among is None:
            return []
        found = self._full_text.ranked_passages(words, among, limit=limit * _PASSAGES_PER_MEMORY)
        return list(dict.fromkeys(RowKey(key) for key in found))[:limit]

    def passage_feed(self, embedder_id: str, namespace_key: int, *, after: int, limit: int) -> list[FeedRow]:
        rows = self._connection.execute(
            f"SELECT m.key, m.seq, {RECALLABLE_NUMBER}, 0, v.vector "
            "FROM memories m LEFT JOIN facet_vectors v ON v.key = m.key "
            "AND v.facet = ?5 AND v.embedder = (SELECT key FROM embedders WHERE id = ?4) "
            "WHERE m.namespace = ?1 AND m.seq > ?2 AND m.passages > 0 UNION ALL "
            "SELECT key, seq, 0, 1, NULL FROM erasures WHERE namespace = ?1 AND seq > ?2 ORDER BY 2 LIMIT ?3",
            (namespace_key, after, limit, embedder_id, FACET),
        )
        return [
            FeedRow(RowKey(key), seq, bool(recallable), bool(erased), vector)
            for key, seq, recallable, erased, vector in rows
        ]

    def without_passages(
        self, embedder_id: str, *, limit: int, after: RowKey | None = None
    ) -> list[tuple[RowKey, MemoryRecord]]:
        sql = f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE {{}} ORDER BY m.key LIMIT ?"
        found = self._connection.execute(sql.format(UNCUT), (limit,)).fetchall()
        # What came back from the cold has an old key, as in `texts_without_vector`.
        for where, values in ((f"{RETURNED} AND m.key <= ?", [after or 0]), ("m.key > ?", [after or 0])):
            left = limit - len(found)
            found += self._connection.execute(
                sql.format(f"{where} AND {UNEMBEDDED}"), (*values, embedder_id, left)
            ).fetchall()
        return [(RowKey(row[0]), record_from_row(row)) for row in found]


class SqlPassageWriter(SqlPassageReader):
    """Implements `mnemic.protocols.PassageWriter`."""

    def _next_seq(self) -> int:
        raise NotImplementedError

    def put_facet_vectors(self, embedder_id: str, key: RowKey, vectors: Mapping[str, bytes]) -> None:
        raise NotImplementedError

    def put_passages(self, key: RowKey, spans: Sequence[Span], *, embedder_id: str, vectors: bytes | None) -> None:
        if self._connection.execute(f"SELECT 1 FROM memories WHERE key = ? AND cold = {COLD}", (key,)).fetchone():
            return  # it has become so since its text was read, and keeps the passages that it has
        if self.passages([key]).get(key, ()) != tuple(spans):
            self._erase_passages(key)
            # What another embedder made of other passages says nothing about these.
            self._connection.execute("DELETE FROM facet_vectors WHERE key = ? AND facet = ?", (key, FACET))
            self._connection.executemany(
                "INSERT INTO passages SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM memories WHERE key = ?)",
                [(key * PLACES + at, span.start, span.end - span.start, key) for at, span in enumerate(spans[:PLACES])],
            )
            self._full_text.cut(key)
        if spans and vectors is not None:
            self.put_facet_vectors(embedder_id, key, {FACET: vectors})
        self._connection.execute(
            "UPDATE memories SET passages = ?, seq = ? WHERE key = ?", (len(spans), self._next_seq(), key)
        )

    def _erase_passages(self, key: RowKey) -> None:
        """Destroy the passages of a memory, and their words, while its text is still there."""
        self._full_text.uncutting(key)
        self._connection.execute("DELETE FROM passages WHERE place BETWEEN ? AND ?", places_of(key))
