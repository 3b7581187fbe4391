"""The SQLite file of mcp-memory-service (https://github.com/doobidoo/mcp-memory-service), table ``memories`` and the
associations of ``memory_graph``.

One memory stays one memory; its type becomes a tag, associations become links. Deleted ones are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from mnemic.domain.memory import Kind
from mnemic.domain.moving.json_values import decode_json, field_of, moment_of
from mnemic.domain.moving.records import Damage, LeftOut, Reading, RecordLink, SourceRecord, Unreadable, label, labels

FORMAT = "mcp-memory-service"


def read_memory_service(
    rows: Iterable[Mapping[str, Any]], associations: Iterable[tuple[str, str]], name: str
) -> Reading:
    """The memories of the rows of ``memories``, oldest first, with the pairs of hashes that are associated."""
    targets: dict[str, set[str]] = defaultdict(set)
    for one, other in associations:
        # It stores both directions of what has none.
        if one != other and one not in targets[other]:
            targets[one].add(other)
    deleted = superseded = 0
    for row in rows:
        place = f"{name}, memory {row['id']}"
        if row.get("deleted_at") is not None:
            deleted += 1
            continue
        if row.get("superseded_by"):
            superseded += 1
            continue
        try:
            yield _record(dict(row), targets, place)
        except Unreadable as error:
            yield Damage(place=place, message=str(error))
    if deleted:
        yield LeftOut(reason="memories deleted there", count=deleted)
    if superseded:
        yield LeftOut(reason="memories superseded there", count=superseded)


def _record(row: dict[str, Any], targets: Mapping[str, set[str]], place: str) -> SourceRecord:
    key = field_of(row, "content_hash", str, "a string")
    metadata = row.get("metadata")
    details = decode_json(metadata) if isinstance(metadata, str) and metadata.strip() else {}
    details = details if isinstance(details, dict) else {}
    created = moment_of(row.get("created_at"), "created_at")
    tags = row.get("tags")
    kind = row.get("memory_type")
    return SourceRecord(
        key=key, text=field_of(row, "content", str, "a string"), place=place, part="memory", kind=Kind.SEMANTIC,
        tags=labels(*(tags.split(",") if isinstance(tags, str) else ()), f"type:{kind}" if kind else None),
        session=label(details.get("session_id")), author=label(details.get("author")),
        occurred_at=created, valid_from=created,
        links=tuple(RecordLink(target=other) for other in sorted(targets.get(key, ()))),
    )  # fmt: skip
