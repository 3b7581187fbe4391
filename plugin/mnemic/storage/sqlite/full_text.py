"""The full text on SQLite: FTS5 tables that follow their rows by triggers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from mnemic.protocols.retrieval import WordStatistics
from mnemic.storage.sql.engine import Among, Connection
from mnemic.storage.sql.passages import PLACES
from mnemic.storage.sql.rows import RECORD_TABLES
from mnemic.storage.sqlite.fts_terms import FtsTerms

# FTS5 keeps the number of rows and the words of each column in the row 1 of its data table, for its own BM25:
# variable-length integers of seven bits a byte, the highest first.
_AVERAGES_ROW = 1

# When a namespace holds less than this share of the ledger, its words are sought through the full-text index's scope
# column; above it, filtering the ranked rows is cheaper than intersecting two long lists.
_SCOPED_SHARE = 0.5

# So many memories have statistics of their own, which cost with their number.
_MOST_COUNTED = 20_000


class SqliteFullText:
    """Implements `mnemic.storage.sql.engine.FullText`."""

    def __init__(self, connection: Connection, terms: FtsTerms) -> None:
        self._connection = connection
        self._terms = terms
        self._counts: dict[str, int] = {}
        self._within: dict[tuple[int, str], int] = {}
        self._rows: int | None = None
        self._average: float | None = None

    def stems(self, words: Sequence[str]) -> list[str]:
        return self._terms.stems(words)

    def document_counts(self, words: Sequence[str]) -> list[int]:
        # Asked once in the life of a snapshot.
        missing = [word for word in words if word not in self._counts]
        if missing:
            self._counts.update(zip(missing, self._terms.document_counts(self._connection, missing), strict=True))
        return [self._counts[word] for word in words]

    def counts_within(self, words: Sequence[str], namespace_key: int, seq: int) -> WordStatistics | None:
        memories = self.document_counts([f"ns{namespace_key}"])[0]
        if memories > _MOST_COUNTED or self._share_of((namespace_key,)) >= _SCOPED_SHARE:
            return None
        missing = [word for word in words if (namespace_key, word) not in self._within]
        if missing:
            counts = self._terms.counts_within(self._connection, missing, namespace_key, seq)
            self._within.update(zip(((namespace_key, word) for word in missing), counts, strict=True))
        return WordStatistics([self._within[namespace_key, word] for word in words], memories)

    def average_length(self) -> float:
        if self._average is None:
            row = self._connection.execute(
                "SELECT block FROM memories_words_data WHERE id = ?", (_AVERAGES_ROW,)
            ).fetchone()
            # Rows, words of the scope, words of the body.
            numbers = _integers(row[0]) if row else []
            self._average = max(numbers[2] / numbers[0], 1.0) if len(numbers) > 2 and numbers[0] else 1.0
        return self._average

    def ranked(self, words: Sequence[str], among: Among, *, limit: int) -> list[tuple[int, float]]:
        return self._connection.execute(
            # The scope column weighs nothing: which namespace a memory is in says nothing about its relevance.
            f"SELECT f.rowid, -f.rank FROM memories_words f CROSS JOIN {RECORD_TABLES} "
            "WHERE f.memories_words MATCH ? AND f.rank MATCH 'bm25(0.0, 1.0)' AND m.key = f.rowid "
            f"AND {among.where} ORDER BY f.rank LIMIT ?",
            (self._match(words, among), *among.values, limit),
        ).fetchall()

    def ranked_passages(self, words: Sequence[str], among: Among, *, limit: int) -> list[int]:
        rows = self._connection.execute(
            f"SELECT m.key FROM passages_words f CROSS JOIN {RECORD_TABLES} "
            f"WHERE f.passages_words MATCH ? AND f.rank MATCH 'bm25(0.0, 1.0)' AND m.key = f.rowid / {PLACES} "
            f"AND {among.where} ORDER BY f.rank LIMIT ?",
            (self._match(words, among), *among.values, limit),
        )
        return [row[0] for row in rows]

    def postings(self, words: Sequence[str], among: Among, *, limit: int) -> list[tuple[int, int]]:
        each = (
            f"SELECT * FROM (SELECT ?, f.rowid FROM memories_words f CROSS JOIN {RECORD_TABLES} "
            f"WHERE f.memories_words MATCH ? AND m.key = f.rowid AND {among.where} LIMIT ?)"
        )
        values = ((at, self._match([word], among), *among.values, limit) for at, word in enumerate(words))
        return self._connection.execute(
            " UNION ALL ".join([each] * len(words)), tuple(chain.from_iterable(values))
        ).fetchall()

    def large_namespaces(self, minimum: int) -> list[int]:
        rows = self._connection.execute(
            "SELECT namespace FROM memories GROUP BY namespace HAVING count(*) >= ?", (minimum,)
        )
        return [row[0] for row in rows]

    # Triggers follow rows that come and go. Where words of a row change, the full text must be told the old words to forget
    # and the new ones to learn.

    def rewording(self, key: int) -> None:
        self._connection.execute(
            "INSERT INTO memories_words (memories_words, rowid, scope, body) "
            "SELECT 'delete', key, scope, body FROM memories_searched WHERE key = ?",
            (key,),
        )

    def reworded(self, key: int) -> None:
        self._connection.execute(
            "INSERT INTO memories_words (rowid, scope, body) SELECT key, scope, body FROM memories_searched WHERE key = ?",
            (key,),
        )

    def coming(self, key: int, namespace: int, body: str) -> None:
        """Done by a trigger."""

    def appended(self, key: int) -> None:
        """Done by a trigger."""

    def erasing(self, key: int) -> None:
        """Done by a trigger."""

    def cut(self, key: int) -> None:
        """Done by a trigger."""

    def uncutting(self, key: int) -> None:
        """Done by a trigger."""

    def cooling(self, keys: Sequence[int]) -> None:
        """Nothing: FTS5 ranks by the rows that it has, so the words of cold memories stay, an eighth of what is kept."""

    def warming(self, key: int) -> None:
        """Nothing: the words are there."""

    def finish(self) -> None:
        """Nothing is put off."""

    def _match(self, words: Sequence[str], among: Among) -> str:
        """What to ask the full text for any of ``words``."""
        match = "body : (" + " OR ".join(f'"{word}"' for word in words) + ")"
        if among.scopes is not None and self._share_of(among.scopes) < _SCOPED_SHARE:
            return "scope : (" + " OR ".join(f'"ns{key}"' for key in among.scopes) + f") AND {match}"
        return match

    def _share_of(self, namespaces: Sequence[int]) -> float:
        """Roughly how much of the full text belongs to some namespaces, 0..1, from the full-text index itself."""
        if self._rows is None:
            self._rows = int(self._connection.execute("SELECT memories FROM ledger").fetchone()[0])
        rows = self._rows
        return sum(self.document_counts([f"ns{key}" for key in namespaces])) / rows if rows else 0.0


def _integers(block: bytes) -> list[int]:
    found: list[int] = []
    value = 0
    for byte in block:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            found.append(value)
            value = 0
    return found
