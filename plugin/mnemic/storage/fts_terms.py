"""Words as the full-text index sees them, and in how many memories each occurs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence

from mnemic.storage.sqlite_rows import in_clause

# Counting a frequent word costs a walk over its whole list. A count is kept until the ledger has grown by this share:
# document counts enter scores through a logarithm, so 5 % more rows change a weight by less than 0.05.
_STALE_AFTER_GROWTH = 1.05
_MAX_REMEMBERED = 50_000
_RARE = 100


class FtsTerms:
    """Cuts and stems words with SQLite's own tokenizer, so that both sides always agree, and counts documents."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scratch = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._scratch.execute("CREATE VIRTUAL TABLE t USING fts5 (x, tokenize = 'porter unicode61')")
        self._scratch.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, instance)")
        self._stems: dict[str, str] = {}
        self._counts: dict[str, tuple[int, int]] = {}

    def stems(self, words: Sequence[str]) -> list[str]:
        """The stem of each word; a word that the tokenizer cuts further gives its first part."""
        with self._lock:
            for word in words:
                if word not in self._stems:
                    self._stems[word] = self._stem(word)
            found = [self._stems[word] for word in words]
            if len(self._stems) > _MAX_REMEMBERED:
                self._stems.clear()
        return found

    def document_counts(self, connection: sqlite3.Connection, words: Sequence[str]) -> list[int]:
        """In how many memories each word occurs, exact or as of when the ledger was at most 5 % smaller."""
        stems = self.stems(words)
        rows = int(connection.execute("SELECT memories FROM ledger").fetchone()[0])
        with self._lock:
            fresh = {stem: count for stem in stems if (count := self._fresh(stem, rows)) is not None}
        missing = [stem for stem in dict.fromkeys(stems) if stem not in fresh]
        if missing:
            sql = f"SELECT term, doc FROM memories_terms WHERE term IN {in_clause(missing)}"
            counted = dict.fromkeys(missing, 0) | dict(connection.execute(sql, missing).fetchall())
            with self._lock:
                if len(self._counts) > _MAX_REMEMBERED:
                    self._counts.clear()
                # A rare word is counted in no time, and a stale count of a rare word would be badly wrong.
                self._counts.update({stem: (count, rows) for stem, count in counted.items() if count >= _RARE})
            fresh.update(counted)
        return [fresh[stem] for stem in stems]

    def close(self) -> None:
        with self._lock:
            self._scratch.close()

    def _fresh(self, stem: str, rows: int) -> int | None:
        count, counted_at = self._counts.get(stem, (0, -1))
        return count if 0 <= counted_at <= rows <= counted_at * _STALE_AFTER_GROWTH else None

    def _stem(self, word: str) -> str:
        self._scratch.execute("INSERT INTO t (rowid, x) VALUES (1, ?)", (word,))
        row = self._scratch.execute("SELECT term FROM v ORDER BY offset LIMIT 1").fetchone()
        self._scratch.execute("DELETE FROM t")
        return str(row[0]) if row else word
