"""How a memory becomes a row and a row becomes a memory again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache, wraps
from heapq import heapify, heappop, heappush
from typing import Any, ParamSpec, TypeVar

from mnemic.domain.memory import Action, Event, Kind, MemoryId, MemoryRecord, Namespace, Role, RowKey, Status
from mnemic.domain.moments import from_microseconds, to_microseconds
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.text import fingerprint, normalise
from mnemic.errors import StoreCorrupted
from mnemic.storage.sql.engine import Connection

P = ParamSpec("P")
T = TypeVar("T")

RECORD_COLUMNS = (
    "m.key, m.id, n.path, m.kind, m.text, m.tags, m.session, m.speaker, m.role, m.source, m.when_to_use, m.evidence, "
    "m.supersedes, m.origin, m.occurred_at, m.valid_from, m.recorded_at, m.held, m.valid_to, m.superseded_by, "
    "m.superseded_at, m.confirmations, m.confirmed_at"
)
RECORD_TABLES = "memories m JOIN namespaces n ON n.key = m.namespace"

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
_ORIGIN_FIELDS = tuple(field.name for field in fields(Origin))


def path_of(namespace: Namespace) -> str:
    """A namespace as it is stored. Labels never contain a slash."""
    return "/".join(namespace)


def namespace_of(path: str) -> Namespace:
    """The inverse of `path_of`."""
    return tuple(path.split("/"))


def sameness_of(record: MemoryRecord) -> int:
    """Hash of what makes two memories the same: namespace, kind and normalised text.

    Something that happened is also told apart by when, where and by whom it was said: two people who both say "Yes!"
    are two episodes. A guide for another situation (``when_to_use``) is another memory, too.
    """
    occasion: tuple[str, ...] = ()
    if record.kind is Kind.EPISODIC:
        when = "" if record.occurred_at is None else str(to_microseconds(record.occurred_at))
        occasion = (record.session or "", record.speaker or "", record.role or "", when)
    return fingerprint(
        path_of(record.namespace), record.kind, normalise(record.text), normalise(record.when_to_use or ""), *occasion
    )


def encode_json(value: Any) -> str:
    """Compact JSON with sorted keys, so that equal values have equal text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@lru_cache(maxsize=1024)
def encode_origin(origin: Origin) -> str:
    """Only what is set, so that the common origin costs a few bytes."""
    values = {name: getattr(origin, name) for name in _ORIGIN_FIELDS}
    return encode_json({name: value for name, value in values.items() if value not in (None, False)})


@lru_cache(maxsize=1024)
def decode_origin(text: str) -> Origin:
    """The inverse of `encode_origin`. Most memories share a few origins."""
    values = json.loads(text)
    return Origin(**{**values, "channel": Channel(values["channel"])})


def reads(what: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A function that makes a value of what a row holds raises `StoreCorrupted` when no version has written that."""

    def marked(read: Callable[P, T]) -> Callable[P, T]:
        @wraps(read)
        def guarded(*of: P.args, **named: P.kwargs) -> T:
            try:
                return read(*of, **named)
            except _UNREADABLE as error:
                raise _unreadable(what, error) from error

        return guarded

    return marked


def record_from_row(row: Sequence[Any]) -> MemoryRecord:
    """A memory from a row of `RECORD_COLUMNS`. Raises `StoreCorrupted` when it holds what no version has written."""
    try:
        return _record(row)
    except _UNREADABLE as error:
        raise _unreadable(f"The memory {str(row[1])[:40]!r}", error) from error


def _record(row: Sequence[Any]) -> MemoryRecord:
    (
        _, id, path, kind, text, tags, session, speaker, role, source, when_to_use, evidence, supersedes, origin,
        occurred_at, valid_from, recorded_at, held, valid_to, superseded_by, superseded_at, confirmations, confirmed_at,
    ) = row  # fmt: skip
    status = Status(held)
    if status is Status.ACTIVE and superseded_by is not None:
        status = Status.SUPERSEDED
    return MemoryRecord(
        id=MemoryId(id),
        namespace=namespace_of(path),
        kind=Kind(kind),
        text=text,
        tags=() if tags == "[]" else tuple(json.loads(tags)),
        session=session,
        speaker=speaker,
        role=None if role is None else Role(role),
        source=source,
        when_to_use=when_to_use,
        evidence=() if evidence == "[]" else tuple(MemoryId(item) for item in json.loads(evidence)),
        supersedes=None if supersedes is None else MemoryId(supersedes),
        origin=decode_origin(origin),
        occurred_at=_moment(occurred_at),
        valid_from=from_microseconds(valid_from),
        recorded_at=from_microseconds(recorded_at),
        status=status,
        valid_to=_moment(valid_to),
        superseded_by=None if superseded_by is None else MemoryId(superseded_by),
        superseded_at=_moment(superseded_at),
        confirmations=confirmations,
        confirmed_at=_moment(confirmed_at),
    )


@reads("An event of a memory")
def event_from_row(row: Sequence[Any]) -> Event:
    """An event from ``memory, action, at, origin, detail``."""
    memory, action, at, origin, detail = row
    return Event(
        memory_id=MemoryId(memory),
        action=Action(action),
        at=from_microseconds(at),
        origin=decode_origin(origin),
        detail=json.loads(detail),
    )


def _unreadable(what: str, error: Exception) -> StoreCorrupted:
    told = str(error) if isinstance(error, ValueError) else "a value of the wrong kind"
    return StoreCorrupted(
        f"{what} cannot be read: {told[:200]}.", hint="The ledger was changed from outside: restore a backup."
    )


def optional_microseconds(moment: datetime | None) -> int | None:
    """`to_microseconds`, or None for None."""
    return None if moment is None else to_microseconds(moment)


def in_clause(values: Sequence[Any]) -> str:
    """Placeholders for an SQL ``IN``."""
    return "(" + (",".join("?" * len(values)) or "NULL") + ")"


def fetch_in_chunks(connection: Connection, sql: str, values: Sequence[Any], *further: Any) -> list[tuple[Any, ...]]:
    """All rows of ``sql``: each ``IN {in_}`` for any number of the same values, and then a place for each of ``further``.

    What several values have in common may come once for each of them.
    """
    if len(values) == 0:
        return []  # most memories have no evidence to look up, and a database is a journey away
    places = sql.count("IN {in_}")
    if connection.takes_lists:
        return connection.execute(sql.replace("IN {in_}", "= ANY (?)"), (*[list(values)] * places, *further)).fetchall()
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(values), 500):
        chunk = values[start : start + 500]
        rows += connection.execute(sql.format(in_=in_clause(chunk)), (*list(chunk) * places, *further)).fetchall()
    return rows


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)


def in_order(versions: Mapping[RowKey, MemoryRecord]) -> list[MemoryRecord]:
    """Versions by key, each before what superseded it, and else by the beginning of their validity and the key."""
    keys = {record.id: key for key, record in versions.items()}
    ahead: dict[MemoryId, int] = {record.id: 0 for record in versions.values()}
    for record in versions.values():
        if record.superseded_by is not None and record.superseded_by in ahead:
            ahead[record.superseded_by] += 1
    waiting = [(record.valid_from, key, record) for key, record in versions.items() if not ahead[record.id]]
    heapify(waiting)
    ordered: list[MemoryRecord] = []
    while waiting:
        _, _, record = heappop(waiting)
        ordered.append(record)
        successor = record.superseded_by
        if successor is not None and successor in ahead:
            ahead[successor] -= 1
            if not ahead[successor]:
                key = keys[successor]
                heappush(waiting, (versions[key].valid_from, key, versions[key]))
    # What an import has joined to a ring has no order.
    seen = {record.id for record in ordered}
    return ordered + [record for _, record in sorted(versions.items()) if record.id not in seen]
