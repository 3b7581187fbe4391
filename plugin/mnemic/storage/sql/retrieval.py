"""What ranking reads of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mnemic.domain.forms import mentions
from mnemic.domain.memory import Namespace, RowKey
from mnemic.domain.moments import to_microseconds
from mnemic.domain.passages import Span
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols.retrieval import LexicalHit, SearchedText, TurnRow, WordStatistics
from mnemic.storage.sql.cold import COLD
from mnemic.storage.sql.engine import Among, Connection, FullText
from mnemic.storage.sql.filters import ANNOUNCED, RECALLABLE_NUMBER, in_namespace, where_clause
from mnemic.storage.sql.rows import fetch_in_chunks

# Words that occur in a large share of a large ledger cost most of a full-text query and decide nothing
# (measured on LoCoMo among 10k and 100k memories: no loss of recall); a few of the rarest are always sought.
_PRUNE_FROM_ROWS = 5_000
_LARGE_ROWS = 30_000
_COMMON_SHARE = 0.05
_COMMON_SHARE_LARGE = 0.02
_ALWAYS_KEPT = 3
_MOST_WORDS = 32
# Of 1,500 namespaces with 20 memories each, 64 are searched in a seventh of the time that it takes to pass by what is in the
# others; from some 300 on, naming them takes longer.
_MOST_SCOPES = 64
# What may name somebody: a text, and whom its fact is about.
_NAMING = "(m.text || ' ' || coalesce(json_extract(f.body, '$.subject'), ''))"


class SqlRetrievalReader:
    """Implements `mnemic.protocols.RetrievalReader`."""

    _connection: Connection
    _full_text: FullText

    def namespace_key(self, namespace: Namespace) -> int | None:
        raise NotImplementedError

    def namespace_keys(self, prefix: Namespace) -> list[int]:
        raise NotImplementedError

    def namespace_seq(self, namespace_key: int) -> int:
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
        among = self._among(words, filter)
        if among is None:
            return []
        found = self._full_text.ranked(words, among, limit=limit)
        return [LexicalHit(key=RowKey(key), bm25=score) for key, score in found]

    def postings(self, words: Sequence[str], filter: MemoryFilter, *, limit: int) -> dict[str, list[RowKey]]:
        found: dict[str, list[RowKey]] = {word: [] for word in words}
        among = self._among(words, filter)
        if among is None:
            return found
        for at, key in self._full_text.postings(words, among, limit=limit + 1):
            found[words[at]].append(RowKey(key))
        return {word: keys for word, keys in found.items() if len(keys) <= limit}

    def occurs(self, word: str, filter: MemoryFilter) -> bool:
        among = self._among([word], filter)
        return among is not None and bool(self._full_text.postings([word], among, limit=1))

    def speakers(self, namespace: Namespace, *, subtree: bool = False) -> list[str]:
        where, values = in_namespace(namespace, subtree=subtree)
        rows = self._connection.execute(
            f"SELECT DISTINCT s.speaker FROM speakers s JOIN namespaces n ON n.key = s.namespace WHERE {where} ORDER BY 1",
            values,
        )
        return [row[0] for row in rows]

    def about(self, speaker: str, keys: Sequence[RowKey]) -> set[RowKey]:
        sql = (
            f"SELECT m.key, CASE WHEN m.speaker IS NULL THEN {_NAMING} END FROM memories m "
            "LEFT JOIN facts f ON f.key = m.key WHERE m.key IN {in_} AND (m.speaker = ? "
            f"OR (m.speaker IS NULL AND instr(lower({_NAMING}), lower(?)) > 0))"
        )
        rows = fetch_in_chunks(self._connection, sql, keys, speaker, speaker)
        # By letters alone "time" would be about Tim: LoCoMo dev among 100,000 turns of others R@10 75.5 instead of 76.1.
        return {RowKey(key) for key, text in rows if text is None or mentions(text, speaker)}

    def passages(self, keys: Sequence[RowKey]) -> dict[RowKey, tuple[Span, ...]]:
        raise NotImplementedError

    def stems(self, words: Sequence[str]) -> list[str]:
        return self._full_text.stems(words)

    def document_counts(self, words: Sequence[str]) -> list[int]:
        return self._full_text.document_counts(words)

    def word_statistics(self, words: Sequence[str], namespace_key: int | None = None) -> WordStatistics:
        if namespace_key is not None:
            found = self._full_text.counts_within(words, namespace_key, self.namespace_seq(namespace_key))
            if found is not None:
                return found
        return WordStatistics(self.document_counts(words), self._rows())

    def average_length(self) -> float:
        return self._full_text.average_length()

    def searched_texts(self, keys: Sequence[RowKey]) -> dict[RowKey, SearchedText]:
        sql = (
            "SELECT m.key, m.dated, substr(s.body, length(m.dated) + 2), m.passages FROM memories m "
            "JOIN memories_searched s ON s.key = m.key WHERE m.key IN {in_}"
        )
        rows = fetch_in_chunks(self._connection, sql, keys)
        spans = self.passages([RowKey(key) for key, _, _, passages in rows if passages > 0])
        return {RowKey(key): SearchedText(dated, rest, spans.get(RowKey(key), ())) for key, dated, rest, _ in rows}

    def said_by(self, keys: Sequence[RowKey]) -> dict[RowKey, tuple[str | None, str | None]]:
        sql = "SELECT key, speaker, role FROM memories WHERE key IN {in_} AND (speaker IS NOT NULL OR role IS NOT NULL)"
        return {
            RowKey(key): (speaker, role) for key, speaker, role in fetch_in_chunks(self._connection, sql, list(keys))
        }

    def moments(self, keys: Sequence[RowKey]) -> dict[RowKey, int]:
        sql = "SELECT key, coalesce(occurred_at, recorded_at) FROM memories WHERE key IN {in_}"
        return {RowKey(key): at for key, at in fetch_in_chunks(self._connection, sql, keys)}

    def announcements(self, keys: Sequence[RowKey], *, after: datetime) -> list[tuple[RowKey, RowKey]]:
        sql = (
            "SELECT s.valid_from, m.key, s.key FROM memories s JOIN memories m ON m.superseded_by = s.id "
            "AND m.namespace = s.namespace WHERE s.key IN {in_} AND s.valid_from > ? AND m.held = 'active' "
            f"AND {ANNOUNCED}"
        )
        rows = fetch_in_chunks(self._connection, sql, list(keys), to_microseconds(after))
        return [(RowKey(until), RowKey(then)) for _, until, then in sorted(rows)]

    def texts(self, namespace_key: int, *, after: int, limit: int) -> list[tuple[int, str]]:
        return self._connection.execute(
            "SELECT seq, text || ' ' || coalesce(when_to_use, '') FROM memories WHERE namespace = ? AND seq > ? "
            "ORDER BY seq LIMIT ?",
            (namespace_key, after, limit),
        ).fetchall()

    def turns(self, namespace_key: int, *, after: int, limit: int) -> list[TurnRow]:
        rows = self._connection.execute(
            "SELECT m.key, m.seq, m.session, m.speaker, m.role, coalesce(m.occurred_at, m.recorded_at), "
            f"{RECALLABLE_NUMBER}, m.valid_from FROM memories m WHERE m.namespace = ?1 AND m.seq > ?2 "
            "UNION ALL SELECT key, seq, NULL, NULL, NULL, 0, 0, 0 FROM erasures WHERE namespace = ?1 AND seq > ?2 "
            "ORDER BY 2 LIMIT ?3",
            (namespace_key, after, limit),
        ).fetchall()
        return [
            TurnRow(key, seq, session, speaker, role, at, bool(present), begins)
            for key, seq, session, speaker, role, at, present, begins in rows
        ]

    def _among(self, words: Sequence[str], filter: MemoryFilter) -> Among | None:
        """Where a search for any of ``words`` may find something; None when nothing can be found."""
        if not words:
            return None
        if filter.subtree:
            scopes = self.namespace_keys(filter.namespace)
        else:
            key = self.namespace_key(filter.namespace)
            scopes = [] if key is None else [key]
        if not scopes:
            return None
        where, values = where_clause(filter)
        return Among(f"{where} AND m.cold != {COLD}", values, scopes if len(scopes) <= _MOST_SCOPES else None)
