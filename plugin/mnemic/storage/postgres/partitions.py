"""A database whose memory is divided: a schema for each part, and one that says how many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from mnemic.domain.memory import Namespace
from mnemic.storage.postgres.connections import PostgresConnection, PostgresConnections, check_schema
from mnemic.storage.postgres.ledger import PostgresLedger
from mnemic.storage.postgres.schema import migrate, note_partitions, part_of
from mnemic.storage.postgres.sharing import shared_secret
from mnemic.storage.postgres.statements import ours
from mnemic.storage.sql.rows import path_of

# Where a thing is known by an id that is its own in all parts: what was erased is still known for having been.
_KNOWN_BY_ID = ("memories", "erasures", "plans")


class PartitionedDatabase:
    """The ``count`` parts of a memory in the database at ``url``: ``{schema}_p0`` and so on, each made when it is first
    opened. One pool of connections serves all of them.

    Raises `WrongPartitions` when the memory is divided otherwise; what `PostgresLedger` raises.
    """

    def __init__(self, url: str, *, schema: str, count: int, durable: bool = True) -> None:
        check_schema(part_of(schema, count - 1))
        self.count = count
        self._url = url
        self._schema = schema
        self._durable = durable
        self._connections = PostgresConnections(
            url, schema=schema, durable=durable, prepare=partial(note_partitions, count=count)
        )

    def ledger(self, number: int) -> PostgresLedger:
        """The ledger of a part, made if need be. To be closed before this is."""
        connections = PostgresConnections(
            self._url, schema=part_of(self._schema, number), durable=self._durable, beside=self._connections,
            prepare=migrate,
        )  # fmt: skip
        return PostgresLedger(self._url, connections=connections)

    def made(self) -> list[int]:
        """The numbers of the parts that were ever opened: nothing is stored in any other."""
        with self._connections.reading() as connection:
            return self._made(connection)

    def holding(self, ids: Iterable[str], *, within: Sequence[Namespace] = ()) -> set[int]:
        """The numbers of the parts that hold what these ids name, in or below the namespaces ``within`` if there are any."""
        wanted = list(ids)
        with self._connections.reading(access=[path_of(namespace) for namespace in within]) as connection:
            looks = [
                f'SELECT {number} FROM "{part_of(self._schema, number)}".{table} WHERE id = ANY (%(ids)s)'
                for number in self._made(connection)
                for table in _KNOWN_BY_ID
            ]
            if not looks:
                return set()
            rows = connection.raw.execute(ours(" UNION ".join(looks)), {"ids": wanted})
            return {number for (number,) in rows}

    def changes(self) -> int:
        """How many changes all parts have seen: reads something of every one. Raises `StoreUnavailable`."""
        with self._connections.reading() as connection:
            looks = [f'SELECT seq FROM "{part_of(self._schema, number)}".ledger' for number in self._made(connection)]
            if not looks:
                return 0
            row = connection.execute(f"SELECT sum(seq)::bigint FROM ({' UNION ALL '.join(looks)}) AS parts").fetchone()
            return int(row[0]) if row else 0

    def shared_secret(self) -> bytes:
        """As of a `PostgresLedger`; the same for all parts."""
        return shared_secret(self._connections)

    def close(self) -> None:
        self._connections.close()

    def _made(self, connection: PostgresConnection) -> list[int]:
        rows = connection.raw.execute(
            "SELECT number FROM generate_series(0, %s - 1) AS number "
            "WHERE to_regclass(format('%%I.ledger', %s || '_p' || number)) IS NOT NULL ORDER BY number",
            (self.count, self._schema),
        )
        return [number for (number,) in rows]
