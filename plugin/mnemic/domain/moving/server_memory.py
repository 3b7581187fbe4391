"""The knowledge graph of the official MCP memory server (@modelcontextprotocol/server-memory): entities and relations as
JSON lines (https://github.com/modelcontextprotocol/servers, src/memory).

Every entity becomes a memory of its name and type, every observation one that names its entity, and every relation a
sentence. An observation is linked to its entity, a relation to both of its ends. The graph has no times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mnemic.domain.memory import Kind
from mnemic.domain.moving.json_values import check_kind, decode_json, field_of, optional_field, read_lines, shown
from mnemic.domain.moving.records import Damage, Found, LeftOut, Reading, RecordLink, SourceRecord, Unreadable, labels

FORMAT = "server-memory"


def read_server_memory(text: str, name: str) -> Reading:
    """The records of a ``memory.jsonl``, or of the whole graph as one object: what the server's ``read_graph`` answers."""
    try:
        graph = decode_json(text.removeprefix("\ufeff"))
    except Unreadable:
        graph = None
    if not isinstance(graph, dict) or "entities" not in graph:
        yield from read_lines(text, name, _records)
        return
    for field, kind in (("entities", "entity"), ("relations", "relation")):
        try:
            entries = optional_field(graph, field, list, "a list") or []
        except Unreadable as error:
            yield Damage(place=name, message=str(error))
            continue
        for number, entry in enumerate(entries, 1):
            place = f"{name}, {kind} {number}"
            try:
                yield from list(_records({**check_kind(entry, dict, "it", "an object"), "type": kind}, place))
            except Unreadable as error:
                yield Damage(place=place, message=str(error))


def entity_key(name: str) -> str:
    """The key of an entity, to which relations lead."""
    return f"entity/{name}"


def _records(value: Any, place: str) -> Iterator[Found]:
    check_kind(value, dict, "the line", "an object")
    kind = value.get("type")
    if kind == "entity":
        yield from _entity(value, place)
    elif kind == "relation":
        yield _relation(value, place)
    else:
        raise Unreadable(f'type is {shown(kind)}, not "entity" or "relation"')


def _entity(value: dict[str, Any], place: str) -> Iterator[Found]:
    name = field_of(value, "name", str, "a string")
    entity_type = field_of(value, "entityType", str, "a string")
    observations = field_of(value, "observations", list, "a list")
    tags = labels(entity_type)
    yield SourceRecord(
        key=entity_key(name), text=f"{name} ({entity_type})" if entity_type.strip() else name, place=place, part="entity",
        kind=Kind.SEMANTIC, tags=tags,
    )  # fmt: skip
    for number, observation in enumerate(observations, 1):
        said = check_kind(observation, str, f"observation {number}", "a string")
        if not said.strip():
            yield LeftOut(reason="observations without words")
            continue
        # By its words and not by its number: the server's own edits move observations up.
        yield SourceRecord(
            key=f"observation/{name}", text=f"{name}: {said}", place=f"{place}, observation {number}", part="observation",
            kind=Kind.SEMANTIC, tags=tags, links=(RecordLink(target=entity_key(name)),),
        )  # fmt: skip


def _relation(value: dict[str, Any], place: str) -> SourceRecord:
    start, end, relation = (field_of(value, name, str, "a string") for name in ("from", "to", "relationType"))
    return SourceRecord(
        key=f"relation/{start}/{relation}/{end}", text=f"{start} {relation} {end}", place=place, part="relation",
        kind=Kind.SEMANTIC, tags=labels(relation),
        links=tuple(RecordLink(target=entity_key(one)) for one in dict.fromkeys((start, end))),
    )  # fmt: skip
