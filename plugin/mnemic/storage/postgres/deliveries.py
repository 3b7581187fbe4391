"""Which memories were lately delivered into which context, by any process on any machine."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import datetime

from mnemic.domain.memory import RowKey
from mnemic.domain.moments import to_microseconds
from mnemic.logs import get_logger
from mnemic.protocols import DELIVERY_WINDOW, MOST_DELIVERED
from mnemic.storage.postgres.connections import PostgresConnections

# Old entries are harmless, and one call in so many clears them.
_CLEARS_ONCE_IN = 200

log = get_logger(__name__)


class PostgresDeliveries:
    """Implements `mnemic.protocols.Deliveries` for replicas: whoever recalls at one may remember at another.

    A table beside the ledger. Writing to it is no change of the ledger: it takes no turn and waits for no disk, so that what
    was delivered within the last half second before a crash of the database may be unknown after it.
    """

    def __init__(self, connections: PostgresConnections, purpose: str) -> None:
        self._connections = connections
        self._purpose = purpose
        self._table = f'"{connections.schema}".deliveries'

    def note(self, contexts: Iterable[str], keys: Sequence[RowKey], *, now: datetime) -> None:
        """Note that these memories were delivered. What cannot be noted is logged: an answer does not fail for it."""
        if not keys:
            return
        with log.instead_of_failing("deliveries.not_noted"):
            self._connections.note(
                f"INSERT INTO {self._table} (purpose, context, key, at) "
                "SELECT %s, context, key, %s FROM hurried, unnest(%s::text[]) AS context, unnest(%s::bigint[]) AS key "
                "ORDER BY context, key ON CONFLICT (purpose, context, key) DO UPDATE SET at = excluded.at",
                (self._purpose, to_microseconds(now), sorted(set(contexts)), sorted(set(keys))),
            )
            if random.randrange(_CLEARS_ONCE_IN) == 0:  # noqa: S311  # no secret
                self._connections.note(
                    f"DELETE FROM {self._table} USING hurried WHERE at < %s", (to_microseconds(now - DELIVERY_WINDOW),)
                )

    def recent(self, contexts: Iterable[str], *, now: datetime) -> list[RowKey]:
        """What was delivered into any of these contexts within the last hour, each once. Raises `StoreUnavailable`."""
        with self._connections.aside() as connection:
            rows = connection.execute(
                "SELECT key FROM unnest(%s::text[]) WITH ORDINALITY AS c (context, place) CROSS JOIN LATERAL ("
                "SELECT key, at FROM deliveries d WHERE d.purpose = %s AND d.context = c.context AND d.at >= %s "
                "ORDER BY at DESC, key DESC LIMIT %s) AS latest ORDER BY c.place, latest.at, latest.key",
                (list(contexts), self._purpose, to_microseconds(now - DELIVERY_WINDOW), MOST_DELIVERED),
            ).fetchall()
        return list(dict.fromkeys(RowKey(key) for (key,) in rows))

    def forget(self, contexts: Iterable[str]) -> None:
        """What was delivered into these contexts so far counts no longer."""
        with self._connections.aside() as connection:
            connection.execute(
                "DELETE FROM deliveries WHERE purpose = %s AND context = ANY (%s)", (self._purpose, list(contexts))
            )
