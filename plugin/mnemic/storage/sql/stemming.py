"""Words as the full texts of all engines see them: cut and stemmed by SQLite's own tokenizer, in memory."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence

_MAX_REMEMBERED = 50_000


class Stemmer:
    """Cuts texts and stems words as FTS5's ``porter unicode61`` does. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scratch = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._scratch.execute("CREATE VIRTUAL TABLE t USING fts5 (x, tokenize = 'porter unicode61')")
        self._scratch.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, instance)")
        self._stems: dict[str, str] = {}

    def stems(self, words: Sequence[str]) -> list[str]:
        """The stem of each word; a word that the tokenizer cuts further gives its first part."""
        with self._lock:
            missing = [word for word in dict.fromkeys(words) if word not in self._stems]
            if missing:
                self._stems.update(self._first_stems(missing))
            found = [self._stems[word] for word in words]
            if len(self._stems) > _MAX_REMEMBERED:
                self._stems.clear()
        return found

    def tokens(self, texts: Sequence[str]) -> list[list[str]]:
        """The stems of all words of each text, in their order."""
        with self._lock:
            found: list[list[str]] = [[] for _ in texts]
            for at, stem, _ in sorted(self._cut(texts), key=lambda row: (row[0], row[2])):
                found[at].append(stem)
        return found

    def close(self) -> None:
        """Let go of the tokenizer."""
        with self._lock:
            self._scratch.close()

    def _first_stems(self, words: Sequence[str]) -> dict[str, str]:
        first = {words[at]: str(stem) for at, stem, offset in self._cut(words) if not offset}
        return {word: first.get(word, word) for word in words}

    def _cut(self, texts: Sequence[str]) -> list[tuple[int, str, int]]:
        # All at once: 3 microseconds a word.
        self._scratch.execute("BEGIN")
        try:
            self._scratch.executemany("INSERT INTO t (rowid, x) VALUES (?, ?)", enumerate(texts))
            return self._scratch.execute("SELECT doc, term, offset FROM v").fetchall()
        finally:
            self._scratch.execute("ROLLBACK")
