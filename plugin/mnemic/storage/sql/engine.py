"""What the ledger's SQL asks of an engine: a connection, and a full text beside the tables.

All other SQL here is what SQLite and PostgreSQL both understand: upserts instead of ``OR REPLACE``, ``RETURNING`` instead of
the last row's number, ``CASE`` where a condition is a value. PostgreSQL is taught the few functions of SQLite that are used
(`mnemic.storage.postgres.schema`). ``?`` and ``?1`` stand for parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from mnemic.protocols.retrieval import WordStatistics


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Insert(NamedTuple):
    """Rows for some columns of a table. ``clash``: what follows where a row is there already."""

    table: str
    columns: tuple[str, ...]
    clash: str = ""

    def statement(self) -> str:
        """For one row."""
        places = ", ".join("?" * len(self.columns))
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) VALUES ({places}) {self.clash}"


class Connection(Protocol):
    """A connection inside a transaction. ``takes_lists``: a list can be one parameter, to be searched by ``= ANY (?)``."""

    takes_lists: bool

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor: ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object: ...

    def insert(self, insert: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        """Store rows in their order, as fast as many can be."""
        ...

    def next_keys(self, table: str, count: int, /, *, after: int) -> list[int]:
        """Keys above ``after`` that no row of a numbered table ever had, ascending, for rows that are to come."""
        ...


class Among(NamedTuple):
    """Which memories a search may find: an SQL condition over ``m`` and ``n`` with its parameters.

    ``scopes`` are the keys of the namespaces that it allows, None when those are too many to name.
    """

    where: str
    values: Sequence[Any]
    scopes: Sequence[int] | None


class FullText(Protocol):
    """The words of memories and of passages, stemmed alike by every engine. Belongs to one snapshot or transaction."""

    def stems(self, words: Sequence[str]) -> list[str]: ...

    def document_counts(self, words: Sequence[str]) -> list[int]:
        """In how many memories each word occurs."""
        ...

    def counts_within(self, words: Sequence[str], namespace_key: int, seq: int) -> WordStatistics | None:
        """The same of the memories of one namespace, whose last change is ``seq``. None when that is most of the ledger, or
        so large that it would cost more than it tells.
        """
        ...

    def average_length(self) -> float: ...

    def ranked(self, words: Sequence[str], among: Among, *, limit: int) -> list[tuple[int, float]]:
        """Keys of memories with any of ``words`` and their BM25, best first."""
        ...

    def ranked_passages(self, words: Sequence[str], among: Among, *, limit: int) -> list[int]:
        """Keys of the memories of the best ``limit`` passages, best first; one with several comes several times."""
        ...

    def postings(self, words: Sequence[str], among: Among, *, limit: int) -> Sequence[tuple[int, int]]:
        """The place of each of ``words``, at least one, and the key of each memory that holds it, ``limit`` a word."""
        ...

    def large_namespaces(self, minimum: int) -> list[int]:
        """Keys of the namespaces with at least ``minimum`` memories: the words of a memory name its namespace."""
        ...

    def coming(self, key: int, namespace: int, body: str) -> None:
        """Told of a memory whose row comes before anything is read, with the words of it."""
        ...

    def appended(self, key: int) -> None:
        """Told after a memory's row came of which nothing else was told."""
        ...

    def rewording(self, key: int) -> None:
        """Told before a memory's words change in its row."""
        ...

    def reworded(self, key: int) -> None:
        """Told after they have."""
        ...

    def erasing(self, key: int) -> None:
        """Told before a memory's row goes."""
        ...

    def cut(self, key: int) -> None:
        """Told after rows of passages of a memory came."""
        ...

    def uncutting(self, key: int) -> None:
        """Told before the rows of a memory's passages go, while its text is still there."""
        ...

    def cooling(self, keys: Sequence[int]) -> None:
        """Told when memories become cold: their words are not sought any more, and go on counting in `document_counts` and
        `average_length`, so that nothing else scores otherwise.
        """
        ...

    def warming(self, key: int) -> None:
        """Told when one comes back."""
        ...

    def finish(self) -> None:
        """Do what has been put off. Called before the commit."""
        ...


def vector_table(embedder_key: int) -> str:
    """Name of the table that holds one embedder's vectors."""
    return f"vectors_{int(embedder_key)}"
