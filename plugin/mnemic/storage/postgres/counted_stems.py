"""In how many memories of one namespace words occur."""

from __future__ import annotations

from collections.abc import Sequence

from mnemic.storage.sql.engine import Connection
from mnemic.storage.sql.stemming import Stemmer

_MAX_REMEMBERED = 50_000


class CountedStems(Stemmer):
    """Counts documents for the words that it cuts. A count holds until something is written in its namespace."""

    def __init__(self) -> None:
        super().__init__()
        self._within: dict[tuple[int, str], tuple[int, int]] = {}

    def counts_within(
        self, connection: Connection, queries: Sequence[tuple[str, str]], namespace: int, seq: int
    ) -> list[int]:
        """In how many memories of a namespace, whose last change is ``seq``, each stem occurs.

        ``queries``: stems, each with the tsquery for it there.
        """
        with self._lock:
            noted = {stem: self._within.get((namespace, stem)) for stem, _ in queries}
        counts = {stem: one[1] for stem, one in noted.items() if one is not None and one[0] == seq}
        missing = {stem: query for stem, query in queries if stem not in counts}
        if missing:
            rows = connection.execute(
                "SELECT (SELECT count(*) FROM memories_words f WHERE f.words @@ asked.query::tsquery) "
                "FROM unnest(?::text[]) WITH ORDINALITY AS asked (query, place) ORDER BY asked.place",
                (list(missing.values()),),
            )
            fresh = dict(zip(missing, (int(row[0]) for row in rows), strict=True))
            with self._lock:
                if len(self._within) > _MAX_REMEMBERED:
                    self._within.clear()
                self._within |= {(namespace, stem): (seq, count) for stem, count in fresh.items()}
            counts |= fresh
        return [counts[stem] for stem, _ in queries]
