"""What mem0 holds (https://docs.mem0.ai): the answer of ``get_all()`` as JSON, its Chroma collection, or its history.

One memory stays one memory, with its text as it stands and since when. Users, agents and categories become tags, a run a
session. Of the history alone the latest text of each memory that was not deleted is known, and nobody's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mnemic.domain.memory import Kind, Role
from mnemic.domain.moving.json_values import check_kind, decode_json, field_of, moment_of, optional_field
from mnemic.domain.moving.records import Damage, LeftOut, Reading, SourceRecord, Unreadable, label, labels

FORMAT = "mem0"
_ROLES = frozenset(Role)
# What mem0 adds to a payload for itself.
_OWN = frozenset(
    "data memory hash created_at updated_at user_id agent_id run_id actor_id role text_lemmatized id score metadata "
    "memory_type categories attributed_to expiration_date".split()
)


def read_mem0_export(text: str, name: str) -> Reading:
    """The memories in the answer of ``get_all()``: ``{"results": [...]}``, or the list alone."""
    try:
        value = decode_json(text.removeprefix("\ufeff"))
        if isinstance(value, dict):
            relations = len(optional_field(value, "relations", list, "a list") or [])
            value = field_of(value, "results", list, "a list")
            if relations:
                yield LeftOut(reason="relations of mem0's graph store", count=relations)
        entries = check_kind(value, list, "the file", 'a list, or an object with "results"')
    except Unreadable as error:
        yield Damage(place=name, message=str(error))
        return
    for number, entry in enumerate(entries, 1):
        place = f"{name}, result {number}"
        try:
            check_kind(entry, dict, "it", "an object")
            own = optional_field(entry, "metadata", dict, "an object") or {}
            yield _record(field_of(entry, "id", str, "a string"), {**own, **entry}, place, text_name="memory")
        except Unreadable as error:
            yield Damage(place=place, message=str(error))


def read_mem0_payloads(rows: Iterable[tuple[str, Mapping[str, Any]]], name: str) -> Reading:
    """The memories of a vector store: their ids and what is stored beside each vector."""
    for id, payload in rows:
        place = f"{name}, memory {id}"
        try:
            yield _record(id, payload, place, text_name="data")
        except Unreadable as error:
            yield Damage(place=place, message=str(error))


def read_mem0_history(rows: Iterable[Mapping[str, Any]], name: str) -> Reading:
    """The memories that are left of a history: rows in the order in which they were written."""
    latest: dict[str, Mapping[str, Any]] = {}
    first: dict[str, Any] = {}
    older = 0
    for row in rows:
        id = row["memory_id"]
        if not isinstance(id, str):
            yield Damage(place=f"{name}, row {row['id']}", message="memory_id is missing")
            continue
        older += id in latest
        latest[id] = row
        first.setdefault(id, row["created_at"])
    deleted = {id for id, row in latest.items() if row["event"] == "DELETE" or row["is_deleted"]}
    for id, row in latest.items():
        if id in deleted:
            continue
        place = f"{name}, memory {id}"
        payload = {
            "data": row["new_memory"], "created_at": first[id], "updated_at": row["updated_at"] or row["created_at"],
            "actor_id": row["actor_id"], "role": row["role"],
        }  # fmt: skip
        try:
            yield _record(id, payload, place, text_name="data")
        except Unreadable as error:
            yield Damage(place=place, message=str(error))
    if deleted:
        yield LeftOut(reason="memories deleted there", count=len(deleted))
    if older:
        yield LeftOut(reason="earlier entries of the history of a memory", count=older)


def _record(id: str, payload: Mapping[str, Any], place: str, *, text_name: str) -> SourceRecord:
    values = dict(payload)
    created = moment_of(values.get("created_at"), "created_at")
    updated = moment_of(values.get("updated_at"), "updated_at")
    role = values.get("role")
    procedural = values.get("memory_type") == "procedural_memory"
    tags = [f"{what}:{values[name]}" for what, name in (("user", "user_id"), ("agent", "agent_id")) if values.get(name)]
    categories = values.get("categories")
    tags += [str(one) for one in categories if isinstance(one, str)] if isinstance(categories, list) else []
    tags += [
        f"{name}:{value}"
        for name, value in sorted(values.items())
        if name not in _OWN and isinstance(value, str | int | float) and str(value).strip()
    ]
    return SourceRecord(
        key=id, text=field_of(values, text_name, str, "a string"), place=place, part="memory",
        kind=Kind.PROCEDURAL if procedural else Kind.SEMANTIC, tags=labels(*tags), session=label(values.get("run_id")),
        role=role if role in _ROLES else None, author=label(values.get("actor_id") or values.get("user_id")),
        occurred_at=created, valid_from=updated or created,
    )  # fmt: skip
