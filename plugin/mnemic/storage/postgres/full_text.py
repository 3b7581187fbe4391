"""The full text on PostgreSQL: a tsvector for each text finds candidates, and BM25 puts them in order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

from mnemic.protocols.retrieval import WordStatistics
from mnemic.storage.postgres.connections import PostgresConnection
from mnemic.storage.postgres.counted_stems import CountedStems
from mnemic.storage.postgres.statements import ours
from mnemic.storage.sql.cold import COLD
from mnemic.storage.sql.engine import Among, Connection, Insert
from mnemic.storage.sql.passages import PLACES, places_of
from mnemic.storage.sql.rows import RECORD_TABLES
from mnemic.storage.sql.stemming import Stemmer

# Those of FTS5, so that both engines give the same scores.
_K1 = 1.2
_B = 0.75
_LEAST_IDF = 1e-6
# Of more candidates than this, PostgreSQL's own rank chooses so many first: BM25 takes 5 microseconds for each word of each.
_MOST_RANKED = 2_000
# As on SQLite: when a namespace holds more of the ledger than this, words that are frequent there are frequent in it.
_SCOPED_SHARE = 0.5
# As on SQLite: so many memories have statistics of their own.
_MOST_COUNTED = 20_000
# What a tsvector can hold.
_LONGEST_STEM_BYTES = 2_000
_LAST_POSITION = 16_383
_MOST_POSITIONS = 255
# So many texts are held until their words are stored.
_MOST_COMING = 2_000
_KEYS = {"memories_words": "key", "passages_words": "place"}


class PostgresFullText:
    """Implements `mnemic.storage.sql.engine.FullText`.

    Words that came are taken in before something is read, or at the end.
    """

    def __init__(self, connection: Connection, stemmer: CountedStems) -> None:
        self._connection = connection
        self._stemmer = stemmer
        self._counts: dict[str, int] = {}
        self._totals: tuple[int, int] | None = None
        self._coming: list[tuple[int, int, str]] = []
        self._came: list[int] = []
        self._more: Counter[str] = Counter()
        self._more_words = 0

    def stems(self, words: Sequence[str]) -> list[str]:
        return self._stemmer.stems(words)

    def document_counts(self, words: Sequence[str]) -> list[int]:
        return self._counted(self.stems(words))

    def counts_within(self, words: Sequence[str], namespace_key: int, seq: int) -> WordStatistics | None:
        memories = self._counted([_scope(namespace_key)])[0]
        if memories > _MOST_COUNTED or memories >= _SCOPED_SHARE * self._of_all()[0]:
            return None
        queries = [(stem, _query([stem], (namespace_key,))) for stem in self.stems(words)]
        return WordStatistics(self._stemmer.counts_within(self._connection, queries, namespace_key, seq), memories)

    def average_length(self) -> float:
        memories, words = self._of_all()
        return max(words / memories, 1.0) if memories else 1.0

    def ranked(self, words: Sequence[str], among: Among, *, limit: int) -> list[tuple[int, float]]:
        rows = self._ranked(
            words, among, limit, table="memories_words", key="f.key", source=f"{RECORD_TABLES} ON m.key = f.key"
        )
        return [(key, score) for key, score in rows]

    def ranked_passages(self, words: Sequence[str], among: Among, *, limit: int) -> list[int]:
        rows = self._ranked(
            words, among, limit, table="passages_words", key="f.place",
            source=f"{RECORD_TABLES} ON m.key = f.place / {PLACES}",
        )  # fmt: skip
        return [place // PLACES for place, _ in rows]

    def postings(self, words: Sequence[str], among: Among, *, limit: int) -> list[tuple[Any, ...]]:
        self._take_in()
        each = (
            f"(SELECT ?::int, m.key FROM memories_words f JOIN {RECORD_TABLES} ON m.key = f.key "
            f"WHERE f.words @@ ?::tsquery AND {among.where} LIMIT ?)"
        )
        stems = self.stems(words)
        values = ((at, _query([stem], among.scopes), *among.values, limit) for at, stem in enumerate(stems))
        return self._connection.execute(
            " UNION ALL ".join([each] * len(stems)), tuple(chain.from_iterable(values))
        ).fetchall()

    def large_namespaces(self, minimum: int) -> list[int]:
        self._take_in()
        # "0" is the character after "/": a range, so that the key of the table serves.
        rows = self._connection.execute("SELECT stem, documents FROM stems WHERE stem >= '/' AND stem < '0'").fetchall()
        return [int(stem[1:]) for stem, documents in rows if documents + self._more[stem] >= minimum]

    def coming(self, key: int, namespace: int, body: str) -> None:
        self._coming.append((key, namespace, body))
        if len(self._coming) == _MOST_COMING:
            self._take_in()

    def appended(self, key: int) -> None:
        self._came.append(key)

    def rewording(self, key: int) -> None:
        self.erasing(key)

    def reworded(self, key: int) -> None:
        self._came.append(key)

    def erasing(self, key: int) -> None:
        self._take_in()
        rows = self._connection.execute(
            "DELETE FROM memories_words WHERE key = ? RETURNING length, tsvector_to_array(words)", (key,)
        ).fetchall()
        for length, stems in rows:
            self._more.subtract(stems)
            self._more_words -= length

    def cut(self, key: int) -> None:
        rows = self._connection.execute(
            "SELECT place, namespace, body FROM passages_searched WHERE place BETWEEN ? AND ?", places_of(key)
        ).fetchall()
        self._store("passages_words", rows)

    def uncutting(self, key: int) -> None:
        self._connection.execute("DELETE FROM passages_words WHERE place BETWEEN ? AND ?", places_of(key))

    def cooling(self, keys: Sequence[int]) -> None:
        self._take_in()
        # The words go on counting; where they stand, nobody asks any more.
        self._connection.execute("UPDATE memories_words SET words = strip(words) WHERE key = ANY (?)", (list(keys),))
        self._connection.execute(
            "DELETE FROM passages_words w USING memories m WHERE m.key = ANY (?) AND m.passages > 0 "
            f"AND w.place BETWEEN m.key * {PLACES} AND m.key * {PLACES} + {PLACES - 1}",
            (list(keys),),
        )

    def warming(self, key: int) -> None:
        self._connection.execute("DELETE FROM memories_words WHERE key = ?", (key,))
        self._store("memories_words", self._searched([key]))
        self.cut(key)

    def finish(self) -> None:
        self._take_in()
        changed = [(stem, more) for stem, more in sorted(self._more.items()) if more]
        if changed:
            self._connection.execute(
                "INSERT INTO stems SELECT * FROM unnest(?::text[], ?::bigint[]) "
                "ON CONFLICT (stem) DO UPDATE SET documents = stems.documents + excluded.documents",
                ([stem for stem, _ in changed], [more for _, more in changed]),
            )
        fewer = [stem for stem, more in changed if more < 0]
        if fewer:
            # A word that nobody has any more may be one that was erased.
            self._connection.execute("DELETE FROM stems WHERE documents = 0 AND stem = ANY (?)", (fewer,))
        if self._more_words:
            self._connection.execute("UPDATE ledger SET words = words + ?", (self._more_words,))
        self._more.clear()
        self._more_words = 0

    def _take_in(self) -> None:
        """Store the words of the memories that came."""
        rows, self._coming = self._coming, []
        came, self._came = self._came, []
        if came:
            rows += self._searched(came)
        if not rows:
            return
        for length, stems in self._store("memories_words", rows):
            self._more.update(stems)
            self._more_words += length
        self._counts.clear()
        self._totals = None

    def _searched(self, keys: Sequence[int]) -> list[tuple[int, int, str]]:
        """Key, namespace and text of memories."""
        return self._connection.execute(
            "SELECT key, namespace, body FROM memories_searched WHERE key = ANY (?)", (list(keys),)
        ).fetchall()

    def _store(self, table: str, rows: Sequence[tuple[int, int, str]]) -> list[tuple[int, set[str]]]:
        texts = self._stemmer.tokens([body for _, _, body in rows])
        stored = [
            (key, len(tokens), _vector(namespace, tokens))
            for (key, namespace, _), tokens in zip(rows, texts, strict=True)
        ]
        self._connection.insert(Insert(table, (_KEYS[table], "length", "words")), stored)
        return _counted_in(rows, texts)

    def _counted(self, stems: Sequence[str]) -> list[int]:
        self._take_in()
        missing = [stem for stem in dict.fromkeys(stems) if stem not in self._counts]
        if missing:
            rows = self._connection.execute("SELECT stem, documents FROM stems WHERE stem = ANY (?)", (missing,))
            self._counts |= {**dict.fromkeys(missing, 0), **dict(rows.fetchall())}
        return [self._counts[stem] + self._more[stem] for stem in stems]

    def _of_all(self) -> tuple[int, int]:
        """How many memories there are, and how many words they have."""
        self._take_in()
        if self._totals is None:
            self._totals = self._connection.execute("SELECT memories, words FROM ledger").fetchone()
        memories, words = self._totals or (0, 0)
        return memories, words + self._more_words

    def _ranked(
        self, words: Sequence[str], among: Among, limit: int, *, table: str, key: str, source: str
    ) -> list[tuple[int, float]]:
        stems = list(dict.fromkeys(self.stems(words)))
        counts = self._counted(stems)
        memories, _ = self._of_all()
        weights = [_idf(memories, count) for count in counts]
        query = _query(stems, among.scopes)
        found = (
            f"SELECT {key} AS key, f.length, f.words FROM {table} f JOIN {source} "
            f"WHERE f.words @@ ?::tsquery AND {among.where}"
        )
        values: list[Any] = [query, *among.values]
        if sum(counts) > _MOST_RANKED:
            found += " ORDER BY ts_rank(f.words, ?::tsquery) DESC LIMIT ?"
            values += [query, max(_MOST_RANKED, limit)]
        rows = self._connection.execute(
            f"WITH found AS ({found}), asked AS (SELECT * FROM unnest(?::text[], ?::float8[]) AS a (stem, weight)) "
            "SELECT found.key, sum(asked.weight * said.times * ?::float8 / (said.times + ?::float8 * "
            "(?::float8 + ?::float8 * found.length))) AS score "
            "FROM found CROSS JOIN LATERAL (SELECT u.lexeme, cardinality(u.positions)::float8 AS times "
            "FROM unnest(found.words) AS u) AS said JOIN asked ON asked.stem = said.lexeme "
            "GROUP BY found.key ORDER BY score DESC, found.key LIMIT ?",
            (*values, stems, weights, _K1 + 1, _K1, 1 - _B, _B / self.average_length(), limit),
        ).fetchall()
        return [(int(key), float(score)) for key, score in rows]


def add_words(connection: PostgresConnection, stemmer: Stemmer, *, after: int, limit: int) -> int | None:
    """Store the words of the next ``limit`` memories with a key above ``after``, which have none yet.

    Gives the last key, None when there was no memory left. `count_words` has to follow.
    """
    return _add(connection, stemmer, "memories", "key", after, limit)


def add_passage_words(connection: PostgresConnection, stemmer: Stemmer, *, after: int, limit: int) -> int | None:
    """As `add_words`, of passages by their places."""
    return _add(connection, stemmer, "passages", "place", after, limit)


def count_words(connection: PostgresConnection) -> None:
    """Count anew in how many memories each word occurs, and how many words all have."""
    connection.execute("TRUNCATE stems")
    connection.execute(
        "INSERT INTO stems SELECT u.lexeme, count(*) FROM memories_words, unnest(words) AS u GROUP BY u.lexeme"
    )
    connection.execute("UPDATE ledger SET words = (SELECT coalesce(sum(length), 0) FROM memories_words)")


def strip_cold(connection: PostgresConnection) -> None:
    """Keep of the words of cold memories what is counted."""
    cold = f"SELECT 1 FROM memories m WHERE m.cold = {COLD} AND m.key ="
    connection.execute(f"UPDATE memories_words w SET words = strip(words) WHERE EXISTS ({cold} w.key)")
    connection.execute(f"DELETE FROM passages_words w WHERE EXISTS ({cold} w.place / {PLACES})")


def differences(connection: PostgresConnection) -> tuple[int, int, int]:
    """How many memories and passages lack their words, or have others than they should while they are cold, and how many
    words are counted otherwise than they occur.
    """
    memories, passages, counts = connection.execute(
        "SELECT (SELECT count(*) FROM memories m FULL JOIN memories_words w ON w.key = m.key "
        f"WHERE m.key IS NULL OR w.key IS NULL OR (w.words = strip(w.words)) != (m.cold = {COLD})), "
        "(SELECT count(*) FROM (SELECT p.place, m.cold FROM passages p "
        f"LEFT JOIN memories m ON m.key = p.place / {PLACES}) AS p FULL JOIN passages_words w ON w.place = p.place "
        f"WHERE p.place IS NULL OR (w.place IS NULL) != coalesce(p.cold = {COLD}, false)), "
        "(SELECT count(*) FROM "
        "(SELECT lexeme, count(*) AS documents FROM memories_words, unnest(words) GROUP BY 1) AS is_so "
        "FULL JOIN (SELECT * FROM stems WHERE documents != 0) AS noted ON noted.stem = is_so.lexeme "
        "WHERE noted.documents IS DISTINCT FROM is_so.documents)"
    ).fetchone()  # type: ignore[misc]
    return memories, passages, counts


def _counted_in(rows: Sequence[tuple[int, int, str]], texts: Sequence[Sequence[str]]) -> list[tuple[int, set[str]]]:
    return [
        (len(tokens), {_scope(namespace), *filter(_fits, tokens)})
        for (_, namespace, _), tokens in zip(rows, texts, strict=True)
    ]


def _add(connection: PostgresConnection, stemmer: Stemmer, of: str, key: str, after: int, limit: int) -> int | None:
    rows = connection.execute(
        f"SELECT {key}, namespace, body FROM {of}_searched WHERE {key} > ? ORDER BY {key} LIMIT ?", (after, limit)
    ).fetchall()
    texts = stemmer.tokens([body for _, _, body in rows])
    with connection.raw.cursor() as cursor, cursor.copy(ours(f"COPY {of}_words FROM STDIN")) as copy:
        for (at, namespace, _), tokens in zip(rows, texts, strict=True):
            copy.write_row((at, len(tokens), _vector(namespace, tokens)))
    return rows[-1][0] if rows else None


def _idf(memories: int, count: int) -> float:
    return max(math.log((memories - count + 0.5) / (count + 0.5)), _LEAST_IDF) if count <= memories else _LEAST_IDF


def _scope(namespace: int) -> str:
    """A word that no text has: which namespace a memory is in."""
    return f"/{namespace}"


def _fits(stem: str) -> bool:
    return len(stem.encode()) <= _LONGEST_STEM_BYTES


def _quoted(stem: str) -> str:
    return "'" + stem.replace("\\", "\\\\").replace("'", "''") + "'"


def _vector(namespace: int, tokens: Sequence[str]) -> str:
    """A tsvector as text. How often a word occurs is how many places it has."""
    places: dict[str, list[int]] = {_scope(namespace): [1]}
    for at, stem in enumerate(tokens, 1):
        found = places.setdefault(stem, [])
        if len(found) < _MOST_POSITIONS and (at <= _LAST_POSITION or not found):
            found.append(min(at, _LAST_POSITION))
    return " ".join(f"{_quoted(stem)}:{','.join(map(str, found))}" for stem, found in places.items() if _fits(stem))


def _query(stems: Sequence[str], scopes: Sequence[int] | None) -> str:
    words = " | ".join(map(_quoted, filter(_fits, stems))) or "''"
    return words if scopes is None else f"({' | '.join(_quoted(_scope(key)) for key in scopes)}) & ({words})"
