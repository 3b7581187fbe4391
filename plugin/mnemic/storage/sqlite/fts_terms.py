"""Words as the full-text index sees them, and in how many memories each occurs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from typing import NamedTuple

from mnemic.storage.sql.rows import in_clause

# Counting a word costs a walk over its whole list, 0.1 ms for 3,000 memories. A count holds until something is written; to
# that of a frequent word only what came since is added (0.05 ms), unless something was erased.
_FREQUENT = 2_000
_MAX_REMEMBERED = 50_000


class _Count(NamedTuple):
    """In how many memories a stem occurs, as of ``seq``, when ``last`` was the newest memory's key."""

    documents: int
    seq: int
    last: int


class FtsTerms:
    """Cuts and stems words with SQLite's own tokenizer, so that both sides always agree, and counts documents."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scratch = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._scratch.execute("CREATE VIRTUAL TABLE t USING fts5 (x, tokenize = 'porter unicode61')")
        self._scratch.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, instance)")
        self._stems: dict[str, str] = {}
        self._counts: dict[str, _Count] = {}

    def stems(self, words: Sequence[str]) -> list[str]:
        """The stem of each word; a word that the tokenizer cuts further gives its first part."""
        with self._lock:
            missing = [word for word in dict.fromkeys(words) if word not in self._stems]
            if missing:
                self._stems.update(self._cut(missing))
            found = [self._stems[word] for word in words]
            if len(self._stems) > _MAX_REMEMBERED:
                self._stems.clear()
        return found

    def document_counts(self, connection: sqlite3.Connection, words: Sequence[str]) -> list[int]:
        """In how many memories each word occurs."""
        stems = self.stems(words)
        seq, last, erased = connection.execute(
            "SELECT seq, (SELECT coalesce(max(key), 0) FROM memories), (SELECT coalesce(max(seq), 0) FROM erasures) "
            "FROM ledger"
        ).fetchone()
        with self._lock:
            known = {stem: count for stem in stems if (count := self._counts.get(stem)) is not None}
        missing = []
        for stem, word in dict(zip(stems, words, strict=True)).items():
            count = known.get(stem)
            if count is not None and count.seq == seq:
                continue
            if count is not None and count.documents >= _FREQUENT and erased <= count.seq < seq:
                # What changes of an old memory's tags is not noticed here, among thousands that hold the word.
                sql = "SELECT count(*) FROM memories_words WHERE memories_words MATCH ? AND rowid > ?"
                more = connection.execute(sql, (f'"{word}"', count.last)).fetchone()[0]
                known[stem] = _Count(count.documents + more, seq, last)
            else:
                missing.append(stem)
        if missing:
            sql = f"SELECT term, doc FROM memories_terms WHERE term IN {in_clause(missing)}"
            counted = dict.fromkeys(missing, 0) | dict(connection.execute(sql, missing).fetchall())
            known |= {stem: _Count(documents, seq, last) for stem, documents in counted.items()}
        with self._lock:
            if len(self._counts) > _MAX_REMEMBERED:
                self._counts.clear()
            self._counts |= known
        return [known[stem].documents for stem in stems]

    def close(self) -> None:
        with self._lock:
            self._scratch.close()

    def _cut(self, words: Sequence[str]) -> dict[str, str]:
        # All at once: 3 microseconds a word.
        self._scratch.execute("BEGIN")
        try:
            self._scratch.executemany("INSERT INTO t (rowid, x) VALUES (?, ?)", enumerate(words))
            rows = self._scratch.execute("SELECT doc, term FROM v WHERE offset = 0").fetchall()
        finally:
            self._scratch.execute("ROLLBACK")
        first = {words[at]: str(stem) for at, stem in rows}
        return {word: first.get(word, word) for word in words}
