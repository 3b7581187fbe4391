"""What a batch will ask is read at once, and answered from memory as each of its memories is stored.

The use cases ask one memory after the other, as they do when it comes alone, and must get the same answers: what was read
ahead, with what the transaction itself has added or changed since. Whatever cannot be answered so is asked of the tables,
after what waits there (`mnemic.storage.sql.deferring`); a change of which nothing is known here makes all of it forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from mnemic.domain.facts import Fact
from mnemic.domain.lesson import Lesson
from mnemic.domain.marks import Marks
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord, Namespace, RowKey, Status
from mnemic.domain.moments import to_microseconds
from mnemic.domain.text import bands, minima_of, shape_words
from mnemic.protocols import HeldFact, Neighbour
from mnemic.storage.sql.deferring import Deferring
from mnemic.storage.sql.engine import Connection, FullText, Insert
from mnemic.storage.sql.facts import SqlFactWriter, encode_fact
from mnemic.storage.sql.guard import RawMarks, SqlGuardWriter, decode_marks, encode_marks
from mnemic.storage.sql.rows import RECORD_COLUMNS, RECORD_TABLES, fetch_in_chunks, record_from_row, sameness_of
from mnemic.storage.sql.snapshot import NEIGHBOUR_COLUMNS, SqlSnapshot, near_keys_of, near_scope, neighbour_from_row

_T = TypeVar("_T")

NEAR_KEYS = Insert("near_keys", ("near_key", "key"))
_MARKS = Insert("guard_marks", ("key", "source", "at", "body"))
_FACTS = Insert("facts", ("key", "place", "lane", "ended", "valid_from", "body"))


class _Signature(NamedTuple):
    """Under what a memory meets those that are the same or nearly so; ``own`` are the ``near`` keys of its own kind."""

    sameness: int
    own: tuple[int, ...]
    near: tuple[int, ...]


@dataclass(slots=True)
class _Known:
    """What is known of the ledger without asking, as of now.

    ``signatures`` are of the memories that were foreseen; ``same`` and ``near`` tell which memories there are under
    what those meet, ``near`` at most the newest ``limit`` that were there before.
    """

    signatures: dict[MemoryId, _Signature] = field(default_factory=dict)
    same: dict[int, list[RowKey]] = field(default_factory=dict)
    near: dict[int, list[RowKey]] = field(default_factory=dict)
    limit: int = 0
    any_kind: bool = False
    records: dict[RowKey, MemoryRecord] = field(default_factory=dict)
    neighbours: dict[RowKey, Neighbour] = field(default_factory=dict)
    marks: dict[RowKey, RawMarks] = field(default_factory=dict)
    vacant: set[int] = field(default_factory=set)
    answers: dict[Hashable, Any] = field(default_factory=dict)


class SqlForeseeing(SqlSnapshot, SqlGuardWriter, SqlFactWriter):
    """The part of a transaction that reads ahead, and what it answers from that."""

    def __init__(self, connection: Deferring, full_text: FullText) -> None:
        super().__init__(connection, full_text)
        # The same as `_connection`, for what it does besides.
        self._deferring = connection
        connection.changed = self._forget_all
        connection.completing = self._key_all
        self._keyless: list[tuple[RowKey, MemoryRecord]] = []
        self._known = _Known()
        # What was appended and has not been changed since, and those of them whose rows wait.
        self._new: dict[RowKey, MemoryRecord] = {}
        self._new_ids: dict[MemoryId, RowKey] = {}
        # Which of them state a fact, and in which places.
        self._stating: set[RowKey] = set()
        self._new_places: set[int] = set()

    def foresee(
        self, records: Sequence[MemoryRecord], *, places: Iterable[int] = (), limit: int, any_kind: bool
    ) -> None:
        self._deferring.flush()
        signatures = _signatures(records, any_kind=any_kind)
        known = _Known(signatures, limit=limit, any_kind=any_kind, answers=self._known.answers)
        known.same = {one.sameness: [] for one in signatures.values()}
        known.near = {near: [] for one in signatures.values() for near in one.near}
        for sameness, row in _twins(self._connection, list(known.same)):
            key = RowKey(row[0])
            known.same[sameness].append(key)
            known.records[key] = record_from_row(row)
        for near, other in _newest(self._connection, list(known.near), limit):
            known.near[near].append(RowKey(other))
        keys = list(dict.fromkeys([*known.records, *(key for found in known.near.values() for key in found)]))
        sql = (
            f"SELECT {NEIGHBOUR_COLUMNS}, m.screened, m.origin, g.source, g.body FROM memories m "
            "LEFT JOIN guard_marks g ON g.key = m.key WHERE m.key IN {in_}"
        )
        for row in fetch_in_chunks(self._connection, sql, keys):
            neighbour = neighbour_from_row(row)
            known.neighbours[neighbour.key] = neighbour
            known.marks[neighbour.key] = RawMarks(*row[-4:])
        wanted = list(dict.fromkeys(places))
        taken = fetch_in_chunks(self._connection, "SELECT DISTINCT place FROM facts WHERE place IN {in_}", wanted)
        known.vacant = {*wanted} - {place for (place,) in taken}
        self._forget_all()
        self._known = known

    # What is read.

    def twins(self, record: MemoryRecord) -> list[tuple[RowKey, MemoryRecord]]:
        signature = self._known.signatures.get(record.id)
        if signature is None:
            return super().twins(record)
        keys = self._known.same[signature.sameness]
        self._learn(keys)
        found = [(key, self._known.records[key]) for key in keys if key in self._known.records]
        return [
            (key, other) for key, other in found
            if other.status is not Status.ARCHIVED and other.superseded_by is None and other.namespace == record.namespace
        ]  # fmt: skip

    def neighbours(self, record: MemoryRecord, *, limit: int, any_kind: bool = False) -> list[Neighbour]:
        known = self._known
        signature = known.signatures.get(record.id)
        if signature is None or limit != known.limit or any_kind is not known.any_kind:
            return super().neighbours(record, limit=limit, any_kind=any_kind)
        keys = {key for near in signature.near for key in known.near[near]}
        newest = sorted(keys, reverse=True)[:limit]
        missing = [key for key in newest if key not in known.neighbours]
        if missing:
            with self._concerning(missing):
                sql = f"SELECT {NEIGHBOUR_COLUMNS} FROM memories m WHERE m.key IN {{in_}}"
                for row in fetch_in_chunks(self._connection, sql, missing):
                    known.neighbours[RowKey(row[0])] = neighbour_from_row(row)
        return [known.neighbours[key] for key in newest if key in known.neighbours]

    def marks(self, keys: Sequence[RowKey]) -> dict[RowKey, Marks]:
        missing = [key for key in keys if key not in self._known.marks]
        read: dict[RowKey, RawMarks] = {}
        if missing:
            with self._concerning(missing):
                read = self._raw_marks(missing)
        known = self._known
        found = read | {key: known.marks[key] for key in keys if key in known.marks}
        if known.signatures:
            # What was delivered to the writer of a batch is looked at for each of its memories.
            known.marks |= read
        return {
            key: decode_marks(body, screened=screened, origin=origin, source=source)
            for key, (screened, origin, source, body) in sorted(found.items())
        }

    def find(self, ids: Iterable[MemoryId]) -> dict[MemoryId, tuple[RowKey, MemoryRecord]]:
        wanted = list(ids)
        if not wanted:
            return {}
        with self._deferring.apart(self._new_ids.keys().isdisjoint(wanted)):
            return super().find(wanted)

    def records(self, keys: Sequence[RowKey]) -> dict[RowKey, MemoryRecord]:
        if not self._known.signatures:
            with self._concerning(keys):
                return super().records(keys)
        self._learn(keys)
        known = self._known.records
        return {key: known[key] for key in sorted(set(keys)) if key in known}

    def has_untrusted(self) -> bool:
        return self._once("has_untrusted", super().has_untrusted)

    def lessons(self, namespace: Namespace) -> list[Lesson]:
        return self._once(("lessons", namespace), lambda: super(SqlForeseeing, self).lessons(namespace))

    def exposures(self, context: str, *, since: datetime) -> list[tuple[RowKey, datetime]]:
        return self._once(
            ("exposures", context, since), lambda: super(SqlForeseeing, self).exposures(context, since=since)
        )

    def written_by(self, source: int, *, since: datetime) -> int:
        return self._once(
            ("written_by", source, since), lambda: super(SqlForeseeing, self).written_by(source, since=since)
        )

    def _held(self, condition: str, place: int, *values: Any) -> list[HeldFact]:
        if place in self._known.vacant:
            return []
        with self._deferring.apart(place not in self._new_places):
            return super()._held(condition, place, *values)

    # What is written.

    def put_marks(self, key: RowKey, marks: Marks, *, at: datetime) -> None:
        new = self._new.get(key)
        before = self._known.marks.get(key)
        if new is None or before is None or before.body is not None or before.screened != int(marks.screened):
            super().put_marks(key, marks, at=at)
            return
        body = encode_marks(marks)
        if body == "{}" and not marks.source:
            return
        moment = to_microseconds(at)
        self._deferring.later(_MARKS, (key, marks.source, moment, body))
        self._known.marks[key] = before._replace(source=marks.source, body=body)
        answers = self._known.answers
        if marks.source or marks.taints[1:]:
            answers["has_untrusted"] = True
        for asked in [one for one in answers if isinstance(one, tuple) and one[:2] == ("written_by", marks.source)]:
            answers[asked] += moment >= to_microseconds(asked[2])

    def put_fact(self, key: RowKey, fact: Fact, *, place: int, lane: int) -> None:
        self._known.vacant.discard(place)
        new = self._new.get(key)
        if new is None or key in self._stating:
            super().put_fact(key, fact, place=place, lane=lane)
            return
        self._stating.add(key)
        self._new_places.add(place)
        ended = int(new.superseded_by is not None)
        self._deferring.later(_FACTS, (key, place, lane, ended, to_microseconds(new.valid_from), encode_fact(fact)))

    def _foreseen_near_keys(self, record: MemoryRecord, key: RowKey) -> tuple[int, ...]:
        """`near_keys_of`, found once; of what nobody foresaw, with those of others before they are asked for."""
        signature = self._known.signatures.get(record.id)
        if signature is not None:
            return signature.own
        if self._known.signatures:
            return near_keys_of(record)
        self._keyless.append((key, record))
        return ()

    def _foreseen_sameness(self, record: MemoryRecord) -> int:
        """`sameness_of`, found once."""
        signature = self._known.signatures.get(record.id)
        return sameness_of(record) if signature is None else signature.sameness

    def _has_come(
        self, key: RowKey, record: MemoryRecord, *, sameness: int, near: Iterable[int], screened: int, origin: str
    ) -> None:
        """A memory has been appended; its row waits."""
        known = self._known
        self._new[key] = record
        self._new_ids[record.id] = key
        known.marks[key] = RawMarks(screened, origin, None, None)
        if not known.signatures:
            return
        known.records[key] = record
        known.neighbours[key] = Neighbour(
            key=key, id=record.id, kind=record.kind, text=record.text, status=record.status
        )
        if sameness in known.same:
            known.same[sameness].append(key)
        for one in near:
            if one in known.near:
                known.near[one].append(key)

    def _changing(self, key: RowKey) -> None:
        """The row of a memory is about to change, and nothing else that is known here."""
        if self._new.pop(key, None) is not None:
            self._deferring.flush()
        self._known.records.pop(key, None)
        self._known.neighbours.pop(key, None)
        self._known.marks.pop(key, None)

    def _key_all(self) -> None:
        """Find the near keys of those that have none yet."""
        keyless, self._keyless = self._keyless, []
        minima = minima_of([shape_words(record.text) for _, record in keyless])
        rows = [
            (near, key)
            for (key, record), least in zip(keyless, minima, strict=True)
            for near in dict.fromkeys(bands(near_scope(record, record.kind), least))
        ]
        if rows:
            self._deferring.later(NEAR_KEYS, *rows)

    def _forget_all(self) -> None:
        self._known = _Known()
        self._new.clear()
        self._new_ids.clear()
        self._stating.clear()
        self._new_places.clear()

    def _learn(self, keys: Iterable[RowKey]) -> None:
        missing = [key for key in keys if key not in self._known.records]
        if missing:
            with self._concerning(missing):
                found = super().records(missing)
            self._known.records |= found

    def _concerning(self, keys: Iterable[RowKey]) -> Any:
        """A context in which only these memories are asked for: apart, unless one of them is new."""
        return self._deferring.apart(self._new.keys().isdisjoint(keys))

    def _once(self, question: Hashable, ask: Callable[[], _T]) -> _T:
        answers = self._known.answers
        if question not in answers:
            answers[question] = ask()
        found: _T = answers[question]
        return found


def _signatures(records: Sequence[MemoryRecord], *, any_kind: bool) -> dict[MemoryId, _Signature]:
    minima = minima_of([shape_words(record.text) for record in records])
    found = {}
    for record, least in zip(records, minima, strict=True):
        near = {kind: bands(near_scope(record, kind), least) for kind in (Kind if any_kind else [record.kind])}
        every = tuple(key for keys in near.values() for key in keys)
        found[record.id] = _Signature(sameness_of(record), near[record.kind], every)
    return found


def _twins(connection: Connection, sameness: Sequence[int]) -> list[tuple[int, tuple[Any, ...]]]:
    rows = fetch_in_chunks(
        connection,
        f"SELECT {RECORD_COLUMNS}, m.sameness FROM {RECORD_TABLES} WHERE m.sameness IN {{in_}} "
        "AND m.held != 'archived' AND m.superseded_by IS NULL",
        sameness,
    )
    return [(row[-1], row[:-1]) for row in sorted(rows, key=lambda row: int(row[0]))]


def _newest(connection: Connection, near: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Keys of the newest memories under each of the keys ``near``."""
    if connection.takes_lists:
        return connection.execute(
            "SELECT k.near_key, n.key FROM unnest(CAST(? AS BIGINT[])) AS k (near_key) CROSS JOIN LATERAL "
            "(SELECT key FROM near_keys WHERE near_key = k.near_key ORDER BY key DESC LIMIT ?) AS n",
            (list(near), limit),
        ).fetchall()
    return connection.execute(
        "SELECT k.value, n.key FROM json_each(?) k CROSS JOIN near_keys n WHERE n.near_key = k.value AND n.key IN "
        "(SELECT i.key FROM near_keys i WHERE i.near_key = k.value ORDER BY i.key DESC LIMIT ?)",
        (json.dumps(near), limit),
    ).fetchall()
