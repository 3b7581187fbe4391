"""What ranking reads of the ledger's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mnemic.domain.memory import Namespace, RowKey
from mnemic.domain.passages import Span
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols.retrieval import LexicalHit, SearchedText, TurnRow
from mnemic.storage.sql.filters import RECALLABLE, in_namespace, where_clause
from mnemic.storage.sql.rows import RECORD_TABLES, fetch_in_chunks
from mnemic.storage.sqlite.fts_terms import FtsTerms

# FTS5 keeps the number of rows and the words of each column in the row 1 of its data table, for its own BM25:
# variable-length integers of seven bits a byte, the highest first.
_AVERAGES_ROW = 1

# When a namespace holds less than this share of the ledger, its words are sought through the full-text index's scope
# column; above it, filtering the ranked rows is cheaper than intersecting two long lists.
_SCOPED_SHARE = 0.5
# Words that occur in a large share of a large ledger cost most of a full-text query and decide nothing
# (measured on LoCoMo among 10k and 100k memories: no loss of recall); a few of the rarest are always sought.
_PRUNE_FROM_ROWS = 5_000
_LARGE_ROWS = 30_000
_COMMON_SHARE = 0.05
_COMMON_SHARE_LARGE = 0.02
_ALWAYS_KEPT = 3
_MOST_WORDS = 32


class SqlRetrievalReader:
    """Implements `mnemic.protocols.RetrievalReader`."""

    _connection: sqlite3.Connection
    _terms: FtsTerms
    _counts: dict[str, int]

    def namespace_key(self, namespace: Namespace) -> int | None:
        raise NotImplementedError

    def _rows(self) -> int:
        raise NotImplementedError

    def telling(self, words: Sequence[str]) -> tuple[str, ...]:
        rows = self._rows()
        if len(words) <= _ALWAYS_KEPT or (rows < _PRUNE_FROM_ROWS and len(words) <= _MOST_WORDS):
            return tuple(words)
        counts = dict(zip(words, self.document_counts(words), strict=True))
        if len(words) > _MOST_WORDS:
            # What occurs nowhere finds nothing; of the rest, the rarest tell most.
            words = sorted((word for word in words if counts[word]), key=lambda word: counts[word])[:_MOST_WORDS]
        if rows < _PRUNE_FROM_ROWS:
            return tuple(words)
        most = rows * (_COMMON_SHARE if rows < _LARGE_ROWS else _COMMON_SHARE_LARGE)
        rarest = set(sorted(words, key=lambda word: counts[word])[:_ALWAYS_KEPT])
        return tuple(word for word in words if counts[word] <= most or (word in rarest and counts[word] <= rows / 2))

    def lexical(self, words: Sequence[str], filter: MemoryFilter, *, limit: int) -> list[LexicalHit]:
        match = self._match(words, filter)
        if match is None:
            return []
        where, values = where_clause(filter)
        rows = self._connection.execute(
            # The scope column weighs nothing: which namespace a memory is in says nothing about its relevance.
            f"SELECT f.rowid, -f.rank FROM memories_words f CROSS JOIN {RECORD_TABLES} "
            f"WHERE f.memories_words MATCH ? AND f.rank MATCH 'bm25(0.0, 1.0)' AND m.key = f.rowid AND {where} "
            "ORDER BY f.rank LIMIT ?",
            (match, *values, limit),
        )  # fmt: skip
        return [LexicalHit(key=RowKey(key), bm25=score) for key, score in rows]

    def holding(self, words: Sequence[str], filter: MemoryFilter, *, limit: int) -> list[RowKey] | None:
        match = self._match(words, filter)
        if match is None:
            return []
        where, values = where_clause(filter)
        if not match.startswith("scope") and sum(self.document_counts(words)) > limit / _SCOPED_SHARE:
            return None
        rows = self._connection.execute(
            f"SELECT f.rowid FROM memories_words f CROSS JOIN {RECORD_TABLES} "
            f"WHERE f.memories_words MATCH ? AND m.key = f.rowid AND {where} LIMIT ?",
            (match, *values, limit + 1),
        ).fetchall()
        return [RowKey(row[0]) for row in rows] if len(rows) <= limit else None

    def occurs(self, word: str, filter: MemoryFilter) -> bool:
        match = self._match([word], filter)
        if match is None:
            return False
        where, values = where_clause(filter)
        row = self._connection.execute(
            f"SELECT 1 FROM memories_words f CROSS JOIN {RECORD_TABLES} "
            f"WHERE f.memories_words MATCH ? AND m.key = f.rowid AND {where} LIMIT 1",
            (match, *values),
        ).fetchone()
        return row is not None

    def speakers(self, namespace: Namespace, *, subtree: bool = False) -> list[str]:
        where, values = in_namespace(namespace, subtree=subtree)
        rows = self._connection.execute(
            f"SELECT DISTINCT s.speaker FROM speakers s JOIN namespaces n ON n.key = s.namespace WHERE {where} ORDER BY 1",
            values,
        )
        return [row[0] for row in rows]

    def about(self, speaker: str, keys: Sequence[RowKey]) -> set[RowKey]:
        sql = (
            "SELECT key FROM memories WHERE key IN {in_} AND (speaker = ? "
            "OR (speaker IS NULL AND instr(lower(text), lower(?)) > 0))"
        )
        return {RowKey(row[0]) for row in fetch_in_chunks(self._connection, sql, keys, speaker, speaker)}

    def passages(self, keys: Sequence[RowKey]) -> dict[RowKey, tuple[Span, ...]]:
        raise NotImplementedError

    def stems(self, words: Sequence[str]) -> list[str]:
        return self._terms.stems(words)

    def document_counts(self, words: Sequence[str]) -> list[int]:
        # Asked once in the life of a snapshot.
        missing = [word for word in words if word not in self._counts]
        if missing:
            self._counts.update(zip(missing, self._terms.document_counts(self._connection, missing), strict=True))
        return [self._counts[word] for word in words]

    def average_length(self) -> float:
        row = self._connection.execute(
            "SELECT block FROM memories_words_data WHERE id = ?", (_AVERAGES_ROW,)
        ).fetchone()
        # Rows, words of the scope, words of the body.
        numbers = _integers(row[0]) if row else []
        return max(numbers[2] / numbers[0], 1.0) if len(numbers) > 2 and numbers[0] else 1.0

    def searched_texts(self, keys: Sequence[RowKey]) -> dict[RowKey, SearchedText]:
        sql = (
            "SELECT m.key, m.dated, substr(s.body, length(m.dated) + 2), m.passages FROM memories m "
            "JOIN memories_searched s ON s.key = m.key WHERE m.key IN {in_}"
        )
        rows = fetch_in_chunks(self._connection, sql, keys)
        spans = self.passages([RowKey(key) for key, _, _, passages in rows if passages > 0])
        return {RowKey(key): SearchedText(dated, rest, spans.get(RowKey(key), ())) for key, dated, rest, _ in rows}

    def moments(self, keys: Sequence[RowKey]) -> dict[RowKey, int]:
        sql = "SELECT key, coalesce(occurred_at, recorded_at) FROM memories WHERE key IN {in_}"
        return {RowKey(key): at for key, at in fetch_in_chunks(self._connection, sql, keys)}

    def texts(self, namespace_key: int, *, after: int, limit: int) -> list[tuple[int, str]]:
        return self._connection.execute(
            "SELECT seq, text || ' ' || coalesce(when_to_use, '') FROM memories WHERE namespace = ? AND seq > ? "
            "ORDER BY seq LIMIT ?",
            (namespace_key, after, limit),
        ).fetchall()

    def turns(self, namespace_key: int, *, after: int, limit: int) -> list[TurnRow]:
        rows = self._connection.execute(
            "SELECT m.key, m.seq, m.session, m.speaker, m.role, coalesce(m.occurred_at, m.recorded_at), "
            f"{RECALLABLE} FROM memories m WHERE m.namespace = ?1 AND m.seq > ?2 "
            "UNION ALL SELECT key, seq, NULL, NULL, NULL, 0, 0 FROM erasures WHERE namespace = ?1 AND seq > ?2 "
            "ORDER BY 2 LIMIT ?3",
            (namespace_key, after, limit),
        ).fetchall()
        return [
            TurnRow(key, seq, session, speaker, role, at, bool(present))
            for key, seq, session, speaker, role, at, present in rows
        ]

    def _match(self, words: Sequence[str], filter: MemoryFilter) -> str | None:
        """What to ask the full text for any of ``words``; None when nothing can match."""
        if not words:
            return None
        match = "body : (" + " OR ".join(f'"{word}"' for word in words) + ")"
        if not filter.subtree:
            key = self.namespace_key(filter.namespace)
            if key is None:
                return None
            if self._share_of(key) < _SCOPED_SHARE:
                match = f'scope : "ns{key}" AND {match}'
        return match

    def _share_of(self, namespace_key: int) -> float:
        """Roughly how much of the full text belongs to a namespace, 0..1, from the full-text index itself."""
        rows = self._rows()
        scope = f"ns{namespace_key}"
        return self.document_counts([scope])[0] / rows if rows else 0.0


def _integers(block: bytes) -> list[int]:
    found: list[int] = []
    value = 0
    for byte in block:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            found.append(value)
            value = 0
    return found
