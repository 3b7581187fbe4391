"""Memories as Markdown that people read and `mnemic import --from markdown` takes in again.

Each memory is a section: front matter between lines ``---``, one ``name: value`` a line with the value as JSON (which is
YAML as well), then its text. A line of a text that would end the section, ``---``, is written with a backslash before it.
It holds texts, kinds, tags, sessions, speakers and times; histories, links and what was learnt are in the JSON Lines export.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from mnemic.domain.memory import Kind, MemoryRecord, Role, Status
from mnemic.domain.moving.json_values import check_kind, decode_json, moment_of, optional_field
from mnemic.domain.moving.records import Damage, LeftOut, Reading, SourceRecord, Unreadable

_RULE = "---"
_ESCAPED = re.compile(r"^(\\*)---$", re.MULTILINE)
_UNESCAPED = re.compile(r"^\\(\\*---)$", re.MULTILINE)
_MAX_FOLDER_CHARS = 100
# What Windows takes for a device, whatever stands after a dot.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
HEADER = 'mnemic: "memories"'
_NOTE = (
    "Memories in the order in which they were written. `mnemic import --from markdown` takes in texts, tags and times\n"
    "again; a whole memory moves with `mnemic backup` or `mnemic export --format jsonl`."
)
_PLAIN = ("session", "speaker", "role", "source", "when_to_use", "status")


def header_section() -> str:
    """The head of a file."""
    return f"{_RULE}\n{HEADER}\nversion: 1\n{_RULE}\n\n{_NOTE}\n\n"


def memory_section(record: MemoryRecord) -> str:
    """One memory, front matter and text."""
    values: dict[str, Any] = {
        "id": record.id, "namespace": "/".join(record.namespace), "kind": record.kind.value, "tags": list(record.tags),
        "recorded_at": record.recorded_at.isoformat(), "valid_from": record.valid_from.isoformat(),
        "occurred_at": record.occurred_at.isoformat() if record.occurred_at else None,
        "valid_to": record.valid_to.isoformat() if record.valid_to else None, "origin": record.origin.label(),
    }  # fmt: skip
    values |= {name: getattr(record, name) for name in _PLAIN if getattr(record, name) not in (None, Status.ACTIVE)}
    lines = [f"{name}: {_value(value)}" for name, value in values.items() if value not in (None, [])]
    return "\n".join([_RULE, *lines, _RULE, "", _ESCAPED.sub(r"\\\1---", record.text), "", ""])


def file_name(record: MemoryRecord) -> str:
    """Where a memory stands in a folder: its namespace, then the day it was recorded and its id."""
    folders = map(_folder_name, record.namespace)
    return "/".join([*folders, f"{record.recorded_at:%Y-%m-%d}-{record.id}.md"])


def _folder_name(label: str) -> str:
    """Any label can be a namespace's. Not any can be a folder's on every system, and a hidden folder is not read again."""
    name = quote(label, safe=" ")[:_MAX_FOLDER_CHARS].rstrip(". ") or "_"
    if name.startswith(".") or name.partition(".")[0].rstrip().lower() in _DEVICES:
        name = f"%{ord(name[0]):02X}{name[1:]}"
    return name


def is_portable(text: str) -> bool:
    """Whether a file says of itself that it holds such memories."""
    return text.removeprefix("\ufeff").startswith((f"{_RULE}\n{HEADER}\n", f"{_RULE}\r\n{HEADER}\r\n"))


def read_portable_markdown(text: str, name: str) -> Reading:
    """The memories of such a file. What was not active when it was written is left out."""
    text = text.removeprefix("\ufeff")
    if text.startswith(f"{_RULE}\r\n"):
        text = text.replace("\r\n", "\n")
    for line, head, body in _split(text):
        place = f"{name}, line {line}"
        try:
            values = _values(head)
            if values.get("mnemic") == "memories":
                continue
            if values.get("status", Status.ACTIVE) != Status.ACTIVE:
                yield LeftOut(reason=f"memories that are {values['status']} there")
                continue
            yield _record(values, body, place)
        except Unreadable as error:
            yield Damage(place=place, message=str(error))


def _record(values: dict[str, Any], body: str, place: str) -> SourceRecord:
    kind, role = values.get("kind"), values.get("role")
    if kind not in tuple(Kind) or role not in (None, *Role):
        raise Unreadable("its kind or role is unknown")
    tags = optional_field(values, "tags", list, "a list") or []
    own_tags = tuple(check_kind(one, str, "a tag", "a string") for one in tags)
    said = {
        one: optional_field(values, one, str, "a string")
        for one in ("session", "speaker", "source", "when_to_use", "origin")
    }
    return SourceRecord(
        key=check_kind(values.get("id"), str, "id", "a string"), text=_UNESCAPED.sub(r"\1", body), place=place,
        part="memory", kind=Kind(str(kind)), tags=own_tags, session=said["session"], speaker=said["speaker"], role=role,
        author=said["origin"], occurred_at=moment_of(values.get("occurred_at"), "occurred_at"),
        valid_from=moment_of(values.get("valid_from"), "valid_from"), said_source=said["source"],
        when_to_use=said["when_to_use"],
    )  # fmt: skip


def _split(text: str) -> Iterator[tuple[int, list[str], str]]:
    """Line number, lines of the front matter and text of each section."""
    lines = text.removesuffix("\n").split("\n")
    rules = [at for at, line in enumerate(lines) if line == _RULE]
    for number in range(0, len(rules), 2):
        start = rules[number]
        end = rules[number + 1] if number + 1 < len(rules) else len(lines)
        after = rules[number + 2] if number + 2 < len(rules) else len(lines)
        # One empty line before the text and one after it were written with it.
        body = lines[end + 2 : after]
        yield start + 1, lines[start + 1 : end], "\n".join(body[:-1] if body and not body[-1] else body)


def _values(lines: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in lines:
        name, mark, value = line.partition(": ")
        if not mark:
            raise Unreadable("its front matter has a line that is no name and value")
        found[name] = decode_json(value)
    return found


def _value(value: Any) -> str:
    """JSON on one line; with escapes where a letter could not be seen or would break the line for YAML."""
    written = json.dumps(value, ensure_ascii=False)
    return written if written.isprintable() else json.dumps(value)
