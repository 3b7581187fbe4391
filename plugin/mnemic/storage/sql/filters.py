"""A `MemoryFilter` as SQL. All of it is parameters; no caller's text ever becomes SQL."""

from __future__ import annotations

from typing import Any

from mnemic.domain.memory import Namespace, Status
from mnemic.domain.moments import to_microseconds
from mnemic.domain.recall import RECALLED_KINDS, MemoryFilter
from mnemic.domain.text import spellings
from mnemic.storage.sql.rows import in_clause, path_of

# Of what is superseded: whether it was said to hold for longer (`MemoryRecord.is_announced`).
ANNOUNCED = "m.valid_to > m.superseded_at AND m.valid_to > m.valid_from"
# For indexes that follow the feed. What has been superseded from a later moment on stays in until then; the time at which
# an index reads the feed may be long before a question, so every hit is checked again (`mnemic.services.recalling.recall`).
RECALLABLE = (
    "m.held = 'active' AND (m.superseded_by IS NULL OR (m.valid_to > (julianday('now') - 2440587.5) * 86400e6 "
    f"AND {ANNOUNCED})) AND m.kind IN ({{}})"
).format(",".join(f"'{kind.value}'" for kind in RECALLED_KINDS))

RECALLABLE_NUMBER = f"CASE WHEN {RECALLABLE} THEN 1 ELSE 0 END"
"""`RECALLABLE` as a value: 1 or 0."""


def in_namespace(namespace: Namespace, *, subtree: bool, one_by_one: bool = False) -> tuple[str, list[Any]]:
    """The condition over ``n`` (namespaces) for one namespace, or for it and all below; no labels stand for everything.

    ``one_by_one``: something else tells which few rows are looked at, and the condition is only asked of each.
    """
    path = path_of(namespace)
    if not subtree:
        return "n.path = ?", [path]
    if not path:
        return "1 = 1", []
    # A range instead of LIKE: labels may hold % and _. "0" is the character after "/".
    values = [path, path + "/", path + "0"]
    if one_by_one:
        return "(n.path = ? OR (n.path >= ? AND n.path < ?))", values
    # A list of keys: SQLite would rather read all memories of the ledger, and ask of each where it is, than put those of a
    # few namespaces in order.
    return "n.key IN (SELECT key FROM namespaces WHERE path = ? OR (path >= ? AND path < ?))", values


def where_clause(filter: MemoryFilter, *, one_by_one: bool = False) -> tuple[str, list[Any]]:
    """The condition over ``m`` (memories) and ``n`` (namespaces), with its parameters.

    ``one_by_one``: see `in_namespace`.
    """
    conditions: list[str] = []
    values: list[Any] = []

    def add(condition: str, *parameters: Any) -> None:
        conditions.append(condition)
        values.extend(parameters)

    condition, parameters = in_namespace(filter.namespace, subtree=filter.subtree, one_by_one=one_by_one)
    add(condition, *parameters)
    if filter.kinds:
        add(f"m.kind IN {in_clause(filter.kinds)}", *(kind.value for kind in filter.kinds))
    for tag in filter.tags:
        add(f"EXISTS (SELECT 1 FROM json_each(m.tags) WHERE {_is('value', tag)})", *spellings(tag))
    for column, value in (("session", filter.session), ("speaker", filter.speaker), ("source", filter.source)):
        if value is not None:
            add(_is(f"m.{column}", value), *spellings(value))
    if filter.channels:
        add(f"m.channel IN {in_clause(filter.channels)}", *(channel.value for channel in filter.channels))
    if filter.since is not None:
        add("coalesce(m.occurred_at, m.recorded_at) >= ?", to_microseconds(filter.since))
    if filter.until is not None:
        add("coalesce(m.occurred_at, m.recorded_at) < ?", to_microseconds(filter.until))
    if filter.known_at is not None:
        # An end that has been replaced since was held for true from when it was learnt until the event that replaced it.
        # Moments in events are ISO 8601 in UTC, which sort as text.
        until = "" if filter.as_of is None else "AND json_extract(e.detail, '$.instead_of.valid_to') <= ? "
        ended = [] if filter.as_of is None else [filter.as_of.isoformat()]
        add(
            "NOT EXISTS (SELECT 1 FROM events e WHERE e.memory = m.id AND e.at > ? "
            f"AND json_extract(e.detail, '$.instead_of.learnt_at') <= ? {until})",
            to_microseconds(filter.known_at), filter.known_at.isoformat(), *ended,
        )  # fmt: skip
    if filter.as_of is not None:
        moment = to_microseconds(filter.as_of)
        # The end of validity was learnt with the successor: what was known before that knows of no end.
        learnt = None if filter.known_at is None else to_microseconds(filter.known_at)
        add(
            "m.valid_from <= ? AND (m.valid_to IS NULL OR m.valid_to > ? OR m.superseded_at > ?)",
            moment,
            moment,
            learnt,
        )
    if filter.known_at is not None:
        moment = to_microseconds(filter.known_at)
        add("m.recorded_at <= ?", moment)
        if filter.as_of is None:
            add("(m.superseded_at IS NULL OR m.superseded_at > ?)", moment)
    _add_statuses(filter, conditions, values)
    return " AND ".join(conditions), values


def _is(column: str, label: str) -> str:
    """The condition that a column has a label, in whichever of its `spellings`."""
    known = spellings(label)
    return f"{column} = ?" if len(known) == 1 else f"{column} IN {in_clause(known)}"


def _add_statuses(filter: MemoryFilter, conditions: list[str], values: list[Any]) -> None:
    """Looking back in time, what has been superseded since counts as active."""
    allowed: list[str] = []
    for status in filter.statuses:
        if status is Status.SUPERSEDED:
            allowed.append("(m.held = 'active' AND m.superseded_by IS NOT NULL)")
        elif status is not Status.ACTIVE or filter.looks_back():
            allowed.append(f"m.held = '{status.value}'")
        elif filter.now is None:
            allowed.append("(m.held = 'active' AND m.superseded_by IS NULL)")
        else:
            allowed.append(f"(m.held = 'active' AND (m.superseded_by IS NULL OR (m.valid_to > ? AND {ANNOUNCED})))")
            values.append(to_microseconds(filter.now))
    conditions.append("(" + (" OR ".join(allowed) or "1 = 0") + ")")
