"""The guard's part of the ledger's file: marks, lessons, exposures, rejections and the audit log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from mnemic.domain.lesson import Edge, Lesson, LessonId, LessonStatus
from mnemic.domain.marks import AuditEntry, GuardAction, Marks, Review, Screened, Taint
from mnemic.domain.memory import MemoryId, MemoryRecord, Namespace, RowKey
from mnemic.domain.moments import from_microseconds, to_microseconds
from mnemic.domain.provenance import Channel
from mnemic.domain.verdict import Finding
from mnemic.storage.sql.engine import Connection
from mnemic.storage.sql.filters import in_namespace
from mnemic.storage.sql.rows import (
    RECORD_COLUMNS,
    RECORD_TABLES,
    decode_origin,
    encode_json,
    encode_origin,
    fetch_in_chunks,
    namespace_of,
    optional_microseconds,
    path_of,
    reads,
    record_from_row,
)

_GENESIS = "0" * 64
# As in the index guard_marks_tainted, to the letter: else SQLite does not use it.
_TAINTED = "source != 0 OR json_extract(body, '$.taints') IS NOT NULL"
_LESSON_COLUMNS = (
    "l.id, n.path, l.fingerprint, l.source, l.body, l.created_at, l.expires_at, l.hits, l.last_hit_at, l.status"
)
_AUDIT_COLUMNS = "number, at, namespace, action, memory, origin, policy, detail, hash"


class RawMarks(NamedTuple):
    """The marks of a memory as they are stored."""

    screened: int
    origin: str
    source: int | None
    body: str | None


class SqlGuardReader:
    """Implements `mnemic.protocols.GuardReader`."""

    _connection: Connection

    def namespace_key(self, namespace: Namespace) -> int | None:
        raise NotImplementedError

    def marks(self, keys: Sequence[RowKey]) -> dict[RowKey, Marks]:
        return {
            key: decode_marks(body, screened=screened, origin=origin, source=source)
            for key, (screened, origin, source, body) in sorted(self._raw_marks(keys).items())
        }

    def _raw_marks(self, keys: Sequence[RowKey]) -> dict[RowKey, RawMarks]:
        sql = (
            "SELECT m.key, m.screened, m.origin, g.source, g.body FROM memories m "
            "LEFT JOIN guard_marks g ON g.key = m.key WHERE m.key IN {in_}"
        )
        return {RowKey(row[0]): RawMarks(*row[1:]) for row in fetch_in_chunks(self._connection, sql, list(keys))}

    def unscreened(self, *, limit: int) -> list[tuple[RowKey, MemoryRecord]]:
        rows = self._connection.execute(
            f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE m.screened = 0 ORDER BY m.key LIMIT ?", (limit,)
        )
        return [(RowKey(row[0]), record_from_row(row)) for row in rows]

    def has_untrusted(self) -> bool:
        sql = f"SELECT EXISTS (SELECT 1 FROM guard_marks WHERE {_TAINTED})"
        return bool(self._connection.execute(sql).fetchone()[0])

    def tainted(self, keys: Sequence[RowKey]) -> set[RowKey]:
        sql = (
            f"SELECT key FROM guard_marks WHERE key IN {{in_}} AND ({_TAINTED}) "
            "AND coalesce(json_extract(body, '$.review'), '') != 'vouched'"
        )
        return {RowKey(row[0]) for row in fetch_in_chunks(self._connection, sql, list(keys))}

    def undecided(
        self, namespace: Namespace, *, subtree: bool = False, limit: int, before: RowKey | None = None
    ) -> list[RowKey]:
        where, values = in_namespace(namespace, subtree=subtree)
        rows = self._connection.execute(
            f"SELECT m.key FROM {RECORD_TABLES} LEFT JOIN guard_marks g ON g.key = m.key WHERE {where} "
            "AND m.held = 'quarantined' AND coalesce(json_extract(g.body, '$.review'), '') != 'rejected' "
            "AND (CAST(? AS BIGINT) IS NULL OR m.key < ?) ORDER BY m.key DESC LIMIT ?",
            (*values, before, before, limit),
        )
        return [RowKey(row[0]) for row in rows]

    def written_by(self, source: int, *, since: datetime) -> int:
        # The index is for those that are not 0, and is used where that is said.
        row = self._connection.execute(
            "SELECT count(*) FROM guard_marks WHERE source = ? AND source != 0 AND at >= ?",
            (source, to_microseconds(since)),
        ).fetchone()
        return int(row[0])

    def lessons(self, namespace: Namespace) -> list[Lesson]:
        rows = self._connection.execute(
            f"SELECT {_LESSON_COLUMNS} FROM guard_lessons l JOIN namespaces n ON n.key = l.namespace "
            "WHERE l.namespace = ? ORDER BY l.key",
            (self.namespace_key(namespace),),
        )
        return [_lesson(row) for row in rows]

    def exposures(self, context: str, *, since: datetime) -> list[tuple[RowKey, datetime]]:
        rows = self._connection.execute(
            "SELECT key, at FROM guard_exposures WHERE context = ? AND at >= ? ORDER BY at DESC, key",
            (context, to_microseconds(since)),
        )
        return [(RowKey(key), from_microseconds(at)) for key, at in rows]

    def rejections(self, key: RowKey) -> int:
        return int(
            self._connection.execute("SELECT count(*) FROM guard_rejections WHERE key = ?", (key,)).fetchone()[0]
        )

    def audit(
        self, *, namespace: Namespace | None = None, memory: MemoryId | None = None, limit: int = 100, before: int = 0
    ) -> list[AuditEntry]:
        # Only conditions that hold, each for an index: the log is as long as the ledger is old.
        wanted: dict[str, Any] = {
            "namespace = ?": None if namespace is None else path_of(namespace),
            "memory = ?": memory,
            "number < ?": before or None,
        }
        given = {condition: value for condition, value in wanted.items() if value is not None}
        rows = self._connection.execute(
            f"SELECT {_AUDIT_COLUMNS} FROM guard_audit {'WHERE ' if given else ''}{' AND '.join(given)} "
            "ORDER BY number DESC LIMIT ?",
            (*given.values(), limit),
        )
        return [_audit_entry(row) for row in rows]


class SqlGuardWriter(SqlGuardReader):
    """Implements `mnemic.protocols.GuardWriter`."""

    def _make_namespace(self, namespace: Namespace) -> int:
        raise NotImplementedError

    def put_marks(self, key: RowKey, marks: Marks, *, at: datetime) -> None:
        self._connection.execute("UPDATE memories SET screened = ? WHERE key = ?", (int(marks.screened), key))
        body = encode_marks(marks)
        if body == "{}" and not marks.source:
            self._connection.execute("DELETE FROM guard_marks WHERE key = ?", (key,))
            return
        self._connection.execute(
            "INSERT INTO guard_marks VALUES (?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET source = excluded.source, body = excluded.body",
            (key, marks.source, to_microseconds(at), body),
        )

    def put_lesson(self, lesson: Lesson) -> bool:
        namespace = self._make_namespace(lesson.namespace)
        known = self._connection.execute(
            "SELECT 1 FROM guard_lessons WHERE namespace = ? AND fingerprint = ?", (namespace, lesson.fingerprint)
        ).fetchone()
        self._connection.execute(
            "INSERT INTO guard_lessons "
            "(id, namespace, fingerprint, source, body, created_at, expires_at, hits, last_hit_at, status) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (namespace, fingerprint) DO UPDATE SET "
            "expires_at = CASE WHEN excluded.expires_at > guard_lessons.expires_at THEN excluded.expires_at "
            "ELSE guard_lessons.expires_at END",
            (
                lesson.id, namespace, lesson.fingerprint, lesson.source, _lesson_body(lesson),
                to_microseconds(lesson.created_at), to_microseconds(lesson.expires_at), lesson.hits,
                optional_microseconds(lesson.last_hit_at), lesson.status,
            ),
        )  # fmt: skip
        return known is None

    def replace_lesson(self, lesson: Lesson) -> None:
        self._connection.execute(
            "UPDATE guard_lessons SET source = ?, body = ?, expires_at = ?, hits = ?, last_hit_at = ?, status = ? "
            "WHERE id = ?",
            (
                lesson.source, _lesson_body(lesson), to_microseconds(lesson.expires_at), lesson.hits,
                optional_microseconds(lesson.last_hit_at), lesson.status, lesson.id,
            ),
        )  # fmt: skip

    def hit_lessons(self, ids: Sequence[LessonId], *, at: datetime) -> None:
        self._connection.executemany(
            "UPDATE guard_lessons SET hits = hits + 1, last_hit_at = ? WHERE id = ?",
            [(to_microseconds(at), id) for id in ids],
        )

    def expose(self, context: str, keys: Sequence[RowKey], *, at: datetime) -> None:
        self._connection.executemany(
            "INSERT INTO guard_exposures VALUES (?, ?, ?) ON CONFLICT (context, key) DO UPDATE SET at = excluded.at",
            [(context, key, to_microseconds(at)) for key in keys],
        )

    def forget_exposures(self, *, before: datetime) -> None:
        self._connection.execute("DELETE FROM guard_exposures WHERE at < ?", (to_microseconds(before),))

    def reject(self, key: RowKey, question: int, *, at: datetime) -> None:
        self._connection.execute(
            "INSERT INTO guard_rejections VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (key, question, to_microseconds(at))
        )

    def append_audit(self, entry: AuditEntry) -> AuditEntry:
        row = self._connection.execute("SELECT number, hash FROM guard_audit ORDER BY number DESC LIMIT 1").fetchone()
        number, before = (0, _GENESIS) if row is None else (int(row[0]), str(row[1]))
        entry = replace(entry, number=number + 1)
        values = _audit_values(entry)
        hash = _hash_of(before, values)
        self._connection.execute("INSERT INTO guard_audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, hash))
        self._connection.execute(
            "INSERT INTO guard_audit_end VALUES (1, ?, ?) "
            'ON CONFLICT ("only") DO UPDATE SET number = excluded.number, hash = excluded.hash',
            (entry.number, hash),
        )
        return replace(entry, hash=hash)

    def _erase_guarded(self, key: RowKey, id: MemoryId) -> None:
        """Destroy what the guard knows of a memory, and the lessons that were drawn from it."""
        for table in ("guard_marks", "guard_exposures", "guard_rejections"):
            self._connection.execute(f"DELETE FROM {table} WHERE key = ?", (key,))
        self._connection.execute("DELETE FROM guard_lessons WHERE source = ?", (id,))


def broken_audit(connection: Connection) -> tuple[int, int | None]:
    """How many entries the audit log has, and the number of the first that does not fit to the one before it."""
    before, expected = _GENESIS, 1
    for row in connection.execute(f"SELECT {_AUDIT_COLUMNS} FROM guard_audit ORDER BY number"):
        *values, hash = row
        if values[0] != expected or _hash_of(before, values) != hash:
            return expected, expected
        before, expected = hash, expected + 1
    end = connection.execute("SELECT number, hash FROM guard_audit_end").fetchone()
    whole = end is None if expected == 1 else end == (expected - 1, before)
    return expected - 1, None if whole else expected


def encode_marks(marks: Marks) -> str:
    """Compact JSON of what is out of the ordinary; ``{}`` for a harmless text with no taint but its own."""
    body: dict[str, Any] = {
        "taints": [encode_taint(taint) for taint in marks.taints[1:]],
        "findings": [_finding_body(finding) for finding in marks.findings],
        "directives": [list(span) for span in marks.directives],
        "path": marks.path,
        "effects": list(marks.effects),
        "other_language": not marks.english,
        "review": marks.review,
    }
    return encode_json({name: value for name, value in body.items() if value})


@reads("What the guard noted of a memory")
def decode_marks(body: str | None, *, screened: int, origin: str, source: int | None) -> Marks:
    """The inverse of `encode_marks`; the first taint is that of the memory's own ``origin``."""
    values = json.loads(body) if body else {}
    own = decode_origin(origin)
    return Marks(
        taints=(Taint(own.channel, own.claimed), *(decode_taint(text) for text in values.get("taints", ()))),
        screened=Screened(screened),
        findings=tuple(_finding(item) for item in values.get("findings", ())),
        directives=_spans(values.get("directives", ())),
        path=values.get("path"),
        effects=tuple(values.get("effects", ())),
        english=not values.get("other_language", False),
        review=Review(values["review"]) if "review" in values else None,
        source=source or 0,
    )


def encode_taint(taint: Taint) -> str:
    """Such as ``web``, or ``user?`` for what was only claimed."""
    return taint.channel.value + ("?" if taint.claimed else "")


def decode_taint(text: str) -> Taint:
    """The inverse of `encode_taint`."""
    return Taint(Channel(text.removesuffix("?")), text.endswith("?"))


def _finding_body(finding: Finding) -> dict[str, Any]:
    body = {"rule": finding.rule, "reason": finding.reason, "spans": finding.spans, "detail": finding.detail}
    return {name: value for name, value in body.items() if value}


def _finding(body: dict[str, Any]) -> Finding:
    return Finding(
        rule=body["rule"], reason=body["reason"], spans=_spans(body.get("spans", ())), detail=body.get("detail")
    )


def _spans(pairs: Iterable[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((start, end) for start, end in pairs)


def _lesson_body(lesson: Lesson) -> str:
    return encode_json(
        {
            "bad_edges": sorted(lesson.bad_edges),
            "path_text": lesson.path_text,
            "query": lesson.query,
            "trigger_text": lesson.trigger_text,
        }
    )


@reads("A lesson")
def _lesson(row: Sequence[Any]) -> Lesson:
    id, path, fingerprint, source, body, created_at, expires_at, hits, last_hit_at, status = row
    values = json.loads(body)
    edges: list[Edge] = [(head, relation, tail) for head, relation, tail in values["bad_edges"]]
    return Lesson(
        id=LessonId(id), namespace=namespace_of(path), bad_edges=frozenset(edges),
        trigger_text=values.get("trigger_text", ""), fingerprint=fingerprint,
        source=None if source is None else MemoryId(source), path_text=values.get("path_text", ""),
        query=values.get("query", ""), created_at=from_microseconds(created_at),
        expires_at=from_microseconds(expires_at), hits=hits,
        last_hit_at=None if last_hit_at is None else from_microseconds(last_hit_at), status=LessonStatus(status),
    )  # fmt: skip


def _audit_values(entry: AuditEntry) -> list[Any]:
    return [
        entry.number, to_microseconds(entry.at), path_of(entry.namespace), entry.action.value, entry.memory_id,
        encode_origin(entry.origin), entry.policy, encode_json(entry.detail),
    ]  # fmt: skip


@reads("An entry of the guard's log")
def _audit_entry(row: Sequence[Any]) -> AuditEntry:
    number, at, namespace, action, memory, origin, policy, detail, hash = row
    return AuditEntry(
        number=number, at=from_microseconds(at), namespace=namespace_of(namespace), action=GuardAction(action),
        memory_id=None if memory is None else MemoryId(memory), origin=decode_origin(origin), policy=policy,
        detail=json.loads(detail), hash=hash,
    )  # fmt: skip


def _hash_of(before: str, values: Sequence[Any]) -> str:
    return hashlib.sha256((before + encode_json(list(values))).encode()).hexdigest()
