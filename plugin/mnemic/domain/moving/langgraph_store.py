"""Items of a LangGraph store: the rows of ``SqliteStore`` (langgraph-checkpoint-sqlite), or ``Item.dict()`` as JSON lines.

An item becomes a memory: its ``content``, ``text``, ``memory`` or ``data`` if there is exactly one such string beside
plain marks, else its value as JSON. The labels of its namespace become tags. (To go on using a store as a store, put its
items into `mnemic_langgraph`'s.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mnemic.domain.memory import Kind
from mnemic.domain.moving.json_values import check_kind, decode_json, field_of, moment_of, read_lines
from mnemic.domain.moving.records import Damage, Reading, SourceRecord, Unreadable, labels

FORMAT = "langgraph"
_TEXT_NAMES = ("content", "text", "memory", "data")


def read_langgraph_lines(text: str, name: str) -> Reading:
    """The items of JSON lines, each ``{"namespace": [...], "key": ..., "value": {...}, "created_at": ..., ...}``."""
    return read_lines(text, name, lambda value, place: [_line(value, place)])


def read_langgraph_rows(rows: Iterable[dict[str, Any]], name: str) -> Reading:
    """The items of the table ``store``: ``prefix`` has the labels with dots between them, ``value`` is JSON."""
    for row in rows:
        place = f"{name}, row {row['rowid']}"
        try:
            content = check_kind(decode_json(_json_text(row)), dict, "value", "an object")
            path = field_of(row, "prefix", str, "a string").split(".")
            yield _record(path, field_of(row, "key", str, "a string"), content, row, place)
        except Unreadable as error:
            yield Damage(place=place, message=str(error))


def _line(value: Any, place: str) -> SourceRecord:
    check_kind(value, dict, "the line", "an object")
    path = [
        check_kind(one, str, "a label of namespace", "a string") for one in field_of(value, "namespace", list, "a list")
    ]
    content = field_of(value, "value", dict, "an object")
    return _record(path, field_of(value, "key", str, "a string"), content, value, place)


def _json_text(row: dict[str, Any]) -> str:
    """The JSON of a value, which the store writes as bytes or as text."""
    value = field_of(row, "value", (str, bytes), "JSON")
    try:
        return value.decode("utf-8") if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        raise Unreadable("value is no text in UTF-8") from None


def _record(path: list[str], key: str, value: dict[str, Any], times: dict[str, Any], place: str) -> SourceRecord:
    created = moment_of(times.get("created_at"), "created_at")
    updated = moment_of(times.get("updated_at"), "updated_at")
    return SourceRecord(
        key=json.dumps([*path, key], ensure_ascii=False), text=_text_of(value), place=place, part="item", kind=Kind.SEMANTIC,
        tags=labels(*path), occurred_at=created, valid_from=updated or created,
    )  # fmt: skip


def _text_of(value: dict[str, Any]) -> str:
    texts = [value[name] for name in _TEXT_NAMES if isinstance(value.get(name), str)]
    others = [one for name, one in value.items() if name not in _TEXT_NAMES]
    if len(texts) == 1 and all(not isinstance(one, dict | list) for one in others):
        return str(texts[0])
    return json.dumps(value, ensure_ascii=False)
