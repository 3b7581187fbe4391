"""What the ledger's SQL asks of an engine: a connection, and a full text beside the tables.

All other SQL here is what SQLite and PostgreSQL both understand: upserts instead of ``OR REPLACE``, ``RETURNING`` instead of
the last row's number, ``CASE`` where a condition is a value. PostgreSQL is taught the few functions of SQLite that are used
(`mnemic.storage.postgres.schema`). ``?`` and ``?1`` stand for parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection inside a transaction. ``takes_lists``: a list can be one parameter, to be searched by ``= ANY (?)``."""

    takes_lists: bool

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor: ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object: ...


class Among(NamedTuple):
    """Which memories a search may find: an SQL condition over ``m`` and ``n`` with its parameters.

    ``scope`` is the key of the one namespace that it allows, None when it may allow several.
    """

    where: str
    values: Sequence[Any]
    scope: int | None


class FullText(Protocol):
    """The words of memories and of passages, stemmed alike by every engine. Belongs to one snapshot or transaction."""

    def stems(self, words: Sequence[str]) -> list[str]: ...

    def document_counts(self, words: Sequence[str]) -> list[int]:
        """In how many memories each word occurs."""
        ...

    def average_length(self) -> float: ...

    def ranked(self, words: Sequence[str], among: Among, *, limit: int) -> list[tuple[int, float]]:
        """Keys of memories with any of ``words`` and their BM25, best first."""
        ...

    def ranked_passages(self, words: Sequence[str], among: Among, *, limit: int) -> list[int]:
        """Keys of the memories of the best ``limit`` passages, best first; one with several comes several times."""
        ...

    def holding(self, words: Sequence[str], among: Among, *, limit: int) -> list[int] | None:
        """Keys of all memories with any of ``words``; None when they are, or can be expected to be, more than ``limit``."""
        ...

    def occurs(self, word: str, among: Among) -> bool:
        """Whether any memory holds ``word``."""
        ...

    def large_namespaces(self, minimum: int) -> list[int]:
        """Keys of the namespaces with at least ``minimum`` memories: the words of a memory name its namespace."""
        ...

    def appended(self, key: int) -> None:
        """Told after a memory's row came."""
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

    def finish(self) -> None:
        """Do what has been put off. Called before the commit."""
        ...


def vector_table(embedder_key: int) -> str:
    """Name of the table that holds one embedder's vectors."""
    return f"vectors_{int(embedder_key)}"
