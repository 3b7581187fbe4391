"""Words as the full-text index sees them, and in how many memories each occurs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mnemic.storage.sql.engine import Connection
from mnemic.storage.sql.rows import in_clause
from mnemic.storage.sql.stemming import Stemmer

# Counting a word costs a walk over its whole list, 0.1 ms for 3,000 memories. A count holds until something is written; to
# that of a frequent word only what came since is added (0.05 ms), unless something was erased.
_FREQUENT = 2_000
_MAX_REMEMBERED = 50_000


class _Count(NamedTuple):
    """In how many memories a stem occurs, as of ``seq``, when ``last`` was the newest memory's key."""

    documents: int
    seq: int
    last: int


class FtsTerms(Stemmer):
    """Counts documents for the words that it cuts."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, _Count] = {}
        self._within: dict[tuple[int, str], _Count] = {}

    def document_counts(self, connection: Connection, words: Sequence[str]) -> list[int]:
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

    def counts_within(self, connection: Connection, words: Sequence[str], namespace: int, seq: int) -> list[int]:
        """In how many memories of a namespace, whose last change is ``seq``, each word occurs.

        Counting a word anew takes 0.05 to 0.9 ms among 10,000 memories, so of a namespace that only grew what came is added.
        """
        stems = self.stems(words)
        with self._lock:
            known = {stem: count for stem in stems if (count := self._within.get((namespace, stem))) is not None}
        current = {stem for stem, count in known.items() if count.seq == seq}
        asked = {stem: word for stem, word in zip(stems, words, strict=True) if stem not in current}
        if asked:
            last = connection.execute("SELECT coalesce(max(key), 0) FROM memories").fetchone()[0]
            followed = {
                since: since[0] < seq and _only_grew(connection, namespace, *since)
                for since in {(known[stem].seq, known[stem].last) for stem in asked if stem in known}
            }
            for stem, word in asked.items():
                count = known.get(stem)
                if count is None or not followed[count.seq, count.last]:
                    count = _Count(0, 0, 0)
                more = connection.execute(
                    "SELECT count(*) FROM memories_words WHERE memories_words MATCH ? AND rowid > ?",
                    (f'scope : "ns{namespace}" AND body : "{word}"', count.last),
                ).fetchone()[0]
                known[stem] = _Count(count.documents + more, seq, last)
            with self._lock:
                if len(self._within) > _MAX_REMEMBERED:
                    self._within.clear()
                self._within |= {(namespace, stem): known[stem] for stem in asked}
        return [known[stem].documents for stem in stems]


def _only_grew(connection: Connection, namespace: int, seq: int, last: int) -> bool:
    """Whether after ``seq``, when ``last`` was the newest key, no older memory of a namespace changed or went."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM memories WHERE namespace = ?1 AND seq > ?2 AND key <= ?3) "
        "OR EXISTS (SELECT 1 FROM erasures WHERE namespace = ?1 AND seq > ?2)",
        (namespace, seq, last),
    ).fetchone()
    return not row[0]
