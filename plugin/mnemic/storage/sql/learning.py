"""The learning part of the ledger's file: utility counters, outcomes, experiences' facets and their vectors, plans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from mnemic.domain.forms import further_words
from mnemic.domain.learning.facets import Facets
from mnemic.domain.learning.outcome import OutcomeId, Tally, TaskOutcome
from mnemic.domain.learning.plan import Plan, PlanId, PlanStatus
from mnemic.domain.learning.utility import Utility
from mnemic.domain.memory import Action, MemoryId, MemoryRecord, Namespace, RowKey
from mnemic.domain.moments import from_microseconds, to_microseconds
from mnemic.domain.passages import FACET
from mnemic.domain.text import fingerprint, normalise
from mnemic.storage.sql.cold import COLD
from mnemic.storage.sql.engine import Connection
from mnemic.storage.sql.filters import in_namespace
from mnemic.storage.sql.plan_codec import PLAN_COLUMNS, encode_plan, names_any, plan_from_row, without_erased
from mnemic.storage.sql.rows import (
    RECORD_COLUMNS,
    RECORD_TABLES,
    decode_origin,
    encode_json,
    encode_origin,
    fetch_in_chunks,
    namespace_of,
    optional_microseconds,
    reads,
    record_from_row,
)

_COUNTERS = (
    "shown", "shown_successes", "used", "used_successes", "reward_sum", "recent", "recent_successes", "q_value", "doubt",
)  # fmt: skip
_OUTCOME_COLUMNS = "o.number, o.id, n.path, o.reward, o.at, o.body"


HAS_EXPERIENCES = "EXISTS (SELECT 1 FROM experiences e WHERE e.namespace = n.key)"
"""Namespaces ``n`` with an experience."""


class SqlLearningReader:
    """Implements `mnemic.protocols.LearningReader`."""

    _connection: Connection
    # Of namespaces that were looked up in a snapshot, in which it cannot change.
    _has_experiences: dict[int, bool]

    def namespace_key(self, namespace: Namespace) -> int | None:
        raise NotImplementedError

    def utilities(self, keys: Sequence[RowKey]) -> dict[RowKey, Utility]:
        sql = f"SELECT key, last_used_at, {', '.join(_COUNTERS)} FROM utilities WHERE key IN {{in_}}"
        return {
            RowKey(key): Utility(
                **dict(zip(_COUNTERS, counters, strict=True)),
                last_used_at=None if last_used_at is None else from_microseconds(last_used_at),
            )
            for key, last_used_at, *counters in fetch_in_chunks(self._connection, sql, list(keys))
        }

    def tally(self, namespace: Namespace, *, latest: int) -> Tally:
        key = self.namespace_key(namespace)
        rows = self._connection.execute(
            "SELECT success, ordinal FROM outcomes WHERE namespace = ? ORDER BY ordinal DESC LIMIT ?", (key, latest)
        ).fetchall()
        return Tally(
            finished=rows[0][1] if rows else 0, recent=len(rows), recent_successes=sum(success for success, _ in rows)
        )

    def outcomes(
        self, namespace: Namespace, *, task: str | None = None, limit: int = 100, before: int = 0
    ) -> list[tuple[int, TaskOutcome]]:
        rows = self._connection.execute(
            f"SELECT {_OUTCOME_COLUMNS} FROM outcomes o JOIN namespaces n ON n.key = o.namespace WHERE o.namespace = ?1 "
            "AND (CAST(?2 AS BIGINT) IS NULL OR o.task = ?2) AND (?3 = 0 OR o.number < ?3) ORDER BY o.number DESC LIMIT ?4",
            (self.namespace_key(namespace), None if task is None else task_hash(task), before, limit),
        )
        return [(row[0], _outcome(row)) for row in rows]

    def outcome_by_key(self, namespace: Namespace, key: str) -> TaskOutcome | None:
        row = self._connection.execute(
            f"SELECT {_OUTCOME_COLUMNS} FROM outcomes o JOIN namespaces n ON n.key = o.namespace "
            "WHERE o.namespace = ? AND o.report = ?",
            (self.namespace_key(namespace), key),
        ).fetchone()
        return None if row is None else _outcome(row)

    def iterate_outcomes(self, *, namespace: Namespace | None = None) -> Iterator[TaskOutcome]:
        where, values = in_namespace(namespace or (), subtree=True)
        rows = self._connection.execute(
            f"SELECT {_OUTCOME_COLUMNS} FROM outcomes o JOIN namespaces n ON n.key = o.namespace WHERE {where} "
            "ORDER BY o.number",
            values,
        )
        return (_outcome(row) for row in rows)

    def known_outcomes(self, ids: Sequence[OutcomeId]) -> set[OutcomeId]:
        sql = "SELECT id FROM outcomes WHERE id IN {in_}"
        return {OutcomeId(row[0]) for row in fetch_in_chunks(self._connection, sql, list(ids))}

    def facets(self, keys: Sequence[RowKey]) -> dict[RowKey, Facets]:
        sql = "SELECT key, body FROM experiences WHERE key IN {in_}"
        return {RowKey(key): _facets(body) for key, body in fetch_in_chunks(self._connection, sql, list(keys))}

    def facet_vectors(self, embedder_id: str, keys: Sequence[RowKey]) -> dict[RowKey, dict[str, bytes]]:
        sql = (
            "SELECT v.key, v.facet, v.vector FROM facet_vectors v JOIN embedders e ON e.key = v.embedder "
            "WHERE v.key IN {in_} AND e.id = ? AND v.facet != ?"
        )
        found: dict[RowKey, dict[str, bytes]] = {}
        for key, facet, vector in fetch_in_chunks(self._connection, sql, list(keys), embedder_id, FACET):
            found.setdefault(RowKey(key), {})[facet] = vector
        return found

    def facets_without_vector(self, embedder_id: str, *, limit: int) -> list[tuple[RowKey, MemoryRecord, Facets]]:
        rows = self._connection.execute(
            f"SELECT {RECORD_COLUMNS}, x.body FROM {RECORD_TABLES} JOIN experiences x ON x.key = m.key "
            f"WHERE m.cold != {COLD} AND NOT EXISTS (SELECT 1 FROM facet_vectors v JOIN embedders e ON e.key = v.embedder "
            "WHERE v.key = x.key AND e.id = ? AND v.facet != ?) ORDER BY x.key LIMIT ?",
            (embedder_id, FACET, limit),
        )
        return [(RowKey(row[0]), record_from_row(row[:-1]), _facets(row[-1])) for row in rows]

    def experiences(
        self, namespace: Namespace, *, after: RowKey, limit: int, tried: bool = False
    ) -> list[tuple[RowKey, MemoryRecord]]:
        only = "AND EXISTS (SELECT 1 FROM utilities u WHERE u.key = m.key)" if tried else ""
        rows = self._connection.execute(
            f"SELECT {RECORD_COLUMNS} FROM {RECORD_TABLES} WHERE m.namespace = ? AND m.kind = 'procedural' "
            f"AND m.held = 'active' AND m.superseded_by IS NULL AND m.key > ? {only} ORDER BY m.key LIMIT ?",
            (self.namespace_key(namespace), after, limit),
        )
        return [(RowKey(row[0]), record_from_row(row)) for row in rows]

    def active(self, namespace: Namespace, *, after_seq: int, limit: int) -> list[tuple[int, RowKey, MemoryRecord]]:
        rows = self._connection.execute(
            f"SELECT {RECORD_COLUMNS}, m.seq FROM {RECORD_TABLES} WHERE m.namespace = ? AND m.seq > ? "
            "AND m.held = 'active' AND m.superseded_by IS NULL ORDER BY m.seq LIMIT ?",
            (self.namespace_key(namespace), after_seq, limit),
        )
        return [(row[-1], RowKey(row[0]), record_from_row(row[:-1])) for row in rows]

    def vouched(self, namespace: Namespace) -> set[MemoryId]:
        rows = self._connection.execute(
            "SELECT m.id FROM guard_marks g JOIN memories m ON m.key = g.key WHERE m.namespace = ? "
            "AND json_extract(g.body, '$.review') = 'vouched'",
            (self.namespace_key(namespace),),
        )
        return {MemoryId(row[0]) for row in rows}

    def has_experiences(self, namespace: Namespace) -> bool:
        key = self.namespace_key(namespace)
        if key is None:
            return False
        if key not in self._has_experiences:
            sql = f"SELECT {HAS_EXPERIENCES} FROM namespaces n WHERE n.key = ?"
            return bool(self._connection.execute(sql, (key,)).fetchone()[0])
        return self._has_experiences[key]

    def plan(self, id: PlanId) -> Plan | None:
        row = self._connection.execute(
            f"SELECT {PLAN_COLUMNS} FROM plans p JOIN namespaces n ON n.key = p.namespace WHERE p.id = ?", (id,)
        ).fetchone()
        return None if row is None else plan_from_row(row)

    def plans(self, namespace: Namespace, *, limit: int) -> list[Plan]:
        rows = self._connection.execute(
            f"SELECT {PLAN_COLUMNS} FROM plans p JOIN namespaces n ON n.key = p.namespace WHERE p.namespace = ? "
            "ORDER BY p.key DESC LIMIT ?",
            (self.namespace_key(namespace), limit),
        )
        return [plan_from_row(row) for row in rows]


class SqlLearningWriter(SqlLearningReader):
    """Implements `mnemic.protocols.LearningWriter`."""

    _added: int

    def _make_namespace(self, namespace: Namespace) -> int:
        raise NotImplementedError

    def _next_seq(self) -> int:
        raise NotImplementedError

    def erase(self, ids: Sequence[MemoryId], *, at: datetime, receipts: bool = True) -> None:
        raise NotImplementedError

    def _reword(self, key: RowKey, column: str, value: str) -> None:
        raise NotImplementedError

    def _warm(self, key: RowKey) -> None:
        raise NotImplementedError

    def put_utilities(self, utilities: Mapping[RowKey, Utility]) -> None:
        names = ("last_used_at", *_COUNTERS)
        changed = ", ".join(f"{name} = excluded.{name}" for name in names)
        self._connection.executemany(
            f"INSERT INTO utilities (key, {', '.join(names)}) VALUES (?, {', '.join('?' * len(names))}) "
            f"ON CONFLICT (key) DO UPDATE SET {changed}",
            [
                (key, optional_microseconds(utility.last_used_at), *(getattr(utility, name) for name in _COUNTERS))
                for key, utility in utilities.items()
            ],
        )

    def append_outcome(self, outcome: TaskOutcome) -> None:
        namespace = self._make_namespace(outcome.namespace)
        body = {
            "task": outcome.task, "used": outcome.used, "shown": outcome.shown, "episodes": outcome.episodes,
            "unattributed": not outcome.attributed, "key": outcome.key,
            "origin": json.loads(encode_origin(outcome.origin)),
        }  # fmt: skip
        self._connection.execute(
            "INSERT INTO outcomes (id, namespace, ordinal, task, report, reward, success, at, body) VALUES (?1, ?2, "
            "(SELECT coalesce(max(ordinal), 0) + 1 FROM outcomes WHERE namespace = ?2), ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                outcome.id, namespace, task_hash(outcome.task), outcome.key, outcome.reward, int(outcome.success),
                to_microseconds(outcome.at), encode_json({name: value for name, value in body.items() if value}),
            ),
        )  # fmt: skip

    def put_facets(self, key: RowKey, facets: Facets) -> None:
        values = {name: value for name, value in asdict(facets).items() if value not in (None, ())}
        self._connection.execute(
            "INSERT INTO experiences SELECT key, namespace, ? FROM memories WHERE key = ? "
            "ON CONFLICT (key) DO UPDATE SET body = excluded.body",
            (encode_json(values), key),
        )
        text, when_to_use = self._connection.execute(
            "SELECT text, when_to_use FROM memories WHERE key = ?", (key,)
        ).fetchone()
        general = facets.generalized_query or ""
        self._reword(key, "hints", f"{general} {further_words(text, when_to_use, general)}".strip())

    def put_facet_vectors(self, embedder_id: str, key: RowKey, vectors: Mapping[str, bytes]) -> None:
        self._connection.executemany(
            "INSERT INTO facet_vectors SELECT ?1, ?2, e.key, ?3 FROM embedders e WHERE e.id = ?4 "
            f"AND EXISTS (SELECT 1 FROM memories WHERE key = ?1 AND cold != {COLD}) "
            "ON CONFLICT (key, facet, embedder) DO UPDATE SET vector = excluded.vector",
            [(key, facet, vector, embedder_id) for facet, vector in vectors.items()],
        )

    def put_plan(self, plan: Plan) -> None:
        self._connection.execute(
            "INSERT INTO plans (id, namespace, status, created_at, body) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET status = excluded.status, body = excluded.body",
            (
                plan.id, self._make_namespace(plan.namespace), plan.status, to_microseconds(plan.created_at),
                encode_plan(plan),
            ),
        )  # fmt: skip

    def forget_plans(self, *, before: datetime) -> None:
        self._connection.execute(
            "DELETE FROM plans WHERE status IN (?, ?) AND created_at < ?",
            (PlanStatus.UNFINISHED, PlanStatus.PLANNED, to_microseconds(before)),
        )

    def unarchive(self, plan: PlanId, ids: Iterable[MemoryId]) -> list[MemoryId]:
        changed = []
        for id in ids:
            last = self._connection.execute(
                "SELECT key, action, detail FROM events WHERE memory = ? ORDER BY key DESC LIMIT 1", (id,)
            ).fetchone()
            # Whatever was decided about the memory since the plan was applied stands.
            if last is None or last[1] != Action.ARCHIVED or json.loads(last[2]).get("plan") != plan:
                continue
            self._connection.execute("DELETE FROM events WHERE key = ?", (last[0],))
            key, cold = self._connection.execute(
                "UPDATE memories SET held = 'active', seq = ? WHERE id = ? RETURNING key, cold", (self._next_seq(), id)
            ).fetchone()
            if cold == COLD:
                self._warm(key)
            changed.append(id)
        return changed

    def withdraw(self, ids: Sequence[MemoryId], *, at: datetime) -> None:
        self.erase(ids, at=at, receipts=False)

    def unlink(self, source: MemoryId, target: MemoryId, relation: str) -> None:
        self._connection.execute(
            "DELETE FROM links WHERE source = ? AND target = ? AND relation = ?", (source, target, relation)
        )

    def _erase_learnt(self, key: RowKey) -> None:
        """Destroy what experience says of a memory."""
        for table in ("utilities", "experiences", "facet_vectors"):
            self._connection.execute(f"DELETE FROM {table} WHERE key = ?", (key,))

    def _erase_from_plans(self, ids: Iterable[MemoryId]) -> None:
        """Destroy the plans' steps that quote erased memories."""
        gone = frozenset(ids)
        changed = [
            (without_erased(body, gone), key)
            for key, body in self._connection.execute("SELECT key, body FROM plans")
            if names_any(body, gone)
        ]
        self._connection.executemany("UPDATE plans SET body = ? WHERE key = ?", changed)


def task_hash(task: str) -> int:
    """The same for tasks of the same words, whatever their case and spacing."""
    return fingerprint(normalise(task).casefold())


@reads("The outcome of a task")
def _outcome(row: Sequence[Any]) -> TaskOutcome:
    _, id, path, reward, at, body = row
    values = json.loads(body)
    return TaskOutcome(
        id=OutcomeId(id), namespace=namespace_of(path), task=values.get("task", ""), reward=reward,
        at=from_microseconds(at), origin=decode_origin(encode_json(values["origin"])),
        used=_ids(values.get("used")), shown=_ids(values.get("shown")), episodes=_ids(values.get("episodes")),
        attributed=not values.get("unattributed", False), key=values.get("key"),
    )  # fmt: skip


@reads("The facets of an experience")
def _facets(body: str) -> Facets:
    values = json.loads(body)
    return Facets(**{**values, "tools": tuple(values.get("tools", ()))})


def _ids(values: Iterable[str] | None) -> tuple[MemoryId, ...]:
    return tuple(MemoryId(id) for id in values or ())
