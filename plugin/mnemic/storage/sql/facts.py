"""The facts' part of the ledger's file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mnemic.domain.facts import Fact
from mnemic.domain.memory import MemoryId, Relation, RowKey
from mnemic.domain.moments import to_microseconds
from mnemic.protocols.facts import HeldFact
from mnemic.storage.sql.engine import Connection
from mnemic.storage.sql.rows import RECORD_COLUMNS, RECORD_TABLES, encode_json, fetch_in_chunks, reads, record_from_row

_FACTS = (
    f"SELECT f.body, {RECORD_COLUMNS} FROM facts f CROSS JOIN {RECORD_TABLES} WHERE m.key = f.key AND m.held = 'active'"
)


class SqlFactReader:
    """Implements `mnemic.protocols.FactReader`."""

    _connection: Connection

    def facts(self, keys: Sequence[RowKey]) -> dict[RowKey, Fact]:
        rows = fetch_in_chunks(self._connection, "SELECT key, body FROM facts WHERE key IN {in_}", list(keys))
        return {RowKey(key): decode_fact(body) for key, body in rows}

    def current_facts(self, place: int, *, lane: int, limit: int) -> list[HeldFact]:
        return self._held("f.place = ? AND f.lane = ? AND f.ended = 0 ORDER BY f.key DESC LIMIT ?", place, lane, limit)

    def strangers_facts(self, place: int, *, limit: int) -> list[HeldFact]:
        return self._held("f.place = ? AND f.lane != 0 AND f.ended = 0 ORDER BY f.key DESC LIMIT ?", place, limit)

    def fact_before(self, place: int, moment: datetime, *, lane: int) -> HeldFact | None:
        found = self._held(
            "f.place = ? AND f.lane = ? AND f.ended = 1 AND f.valid_from <= ? "
            "ORDER BY f.valid_from DESC, m.valid_to DESC, f.key DESC LIMIT 1",
            place, lane, to_microseconds(moment),
        )  # fmt: skip
        return found[0] if found else None

    def fact_after(self, place: int, moment: datetime, *, lane: int) -> HeldFact | None:
        found = [
            held for ended in (0, 1)
            for held in self._held(
                "f.place = ? AND f.lane = ? AND f.ended = ? AND f.valid_from > ? ORDER BY f.valid_from, f.key LIMIT 1",
                place, lane, ended, to_microseconds(moment),
            )
        ]  # fmt: skip
        return min(found, key=lambda held: (held.record.valid_from, held.key), default=None)

    def disputes(self, ids: Sequence[MemoryId]) -> list[tuple[MemoryId, MemoryId]]:
        current = "JOIN memories m ON m.id = l.{} AND m.held = 'active' AND m.superseded_by IS NULL"
        found: set[tuple[MemoryId, MemoryId]] = set()
        for mine, other in (("source", "target"), ("target", "source")):
            sql = (
                f"SELECT l.{mine}, l.{other} FROM links l {current.format(other)} "
                f"WHERE l.{mine} IN {{in_}} AND l.relation = ?"
            )
            rows = fetch_in_chunks(self._connection, sql, list(ids), Relation.CONTRADICTS.value)
            found |= {(MemoryId(one), MemoryId(another)) for one, another in rows}
        return sorted(found)

    def _held(self, condition: str, place: int, *values: Any) -> list[HeldFact]:
        rows = self._connection.execute(f"{_FACTS} AND {condition}", (place, *values))
        return [HeldFact(key=RowKey(row[1]), record=record_from_row(row[1:]), fact=decode_fact(row[0])) for row in rows]


class SqlFactWriter(SqlFactReader):
    """Implements `mnemic.protocols.FactWriter`."""

    def put_fact(self, key: RowKey, fact: Fact, *, place: int, lane: int) -> None:
        self._connection.execute(
            "INSERT INTO facts SELECT key, ?, ?, CASE WHEN superseded_by IS NULL THEN 0 ELSE 1 END, valid_from, ? "
            "FROM memories WHERE key = ? ON CONFLICT (key) DO UPDATE SET place = excluded.place, lane = excluded.lane, "
            "ended = excluded.ended, valid_from = excluded.valid_from, body = excluded.body",
            (place, lane, encode_fact(fact), key),
        )

    def _end_fact(self, key: RowKey, *, ended: bool) -> None:
        self._connection.execute("UPDATE facts SET ended = ? WHERE key = ?", (int(ended), key))


def encode_fact(fact: Fact) -> str:
    """Compact JSON."""
    body: dict[str, Any] = {"subject": fact.subject, "attribute": fact.attribute, "value": fact.value}
    body |= {"previous": fact.previous, "denied": not fact.positive, "explicit": fact.explicit}
    return encode_json({name: value for name, value in body.items() if value})


@reads("The fact of a memory")
def decode_fact(body: str) -> Fact:
    """The inverse of `encode_fact`."""
    values = json.loads(body)
    return Fact(
        subject=values.get("subject", ""), attribute=values.get("attribute", ""), value=values.get("value", ""),
        positive=not values.get("denied", False), previous=values.get("previous"), explicit=values.get("explicit", False),
    )  # fmt: skip
