"""A shorter notation for JSON results that loses nothing: `expand` turns it back into the same document.

A member is ``key=value``; an object at the top has one member a line, a nested one stands in braces. Records with the same
fields become a table: a line of column names, a line of what is the same in all of them, one row each::

    cabin=economy
    flights=[number|price
    all: date=2024-05-20
    HAT1|120
    HAT2|95]

Text stands bare unless it could be misread; then it is a JSON string. An empty cell is null. A column
``prices.economy`` is a field of a nested object; ``.business`` behind it is another field of the same object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 32
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_BARE = re.compile(r"[^\s\"=|,\[\]{}](?:[^\"=|,\[\]{}\n\r\t]*[^\s\"=|,\[\]{}])?")
_BARE_KEY = re.compile(r"[^\W\d](?:[\w -]*\w)?|\d+(?:[\w-]*\w)?")
_LITERALS = {"true": True, "false": False, "null": None}
_SHARED = "all: "
_GROUP = "--"

Path = tuple[str, ...]


class _Number(str):
    """A number as it was written: 1.0 stays 1.0, and 40 digits stay 40 digits."""

    __slots__ = ()


class _NotOurs(ValueError):
    """The text is not a document that the notation covers."""


def compact(text: str, count_tokens: Callable[[str], int]) -> str:
    """The shorter notation of a JSON object or array, or the text itself when it is not shorter in tokens or not JSON.

    A document with repeated keys, with NaN, or nested deeper than ``MAX_DEPTH`` is left as it is.
    """
    if text[:64].lstrip()[:1] not in ("{", "["):
        return text
    try:
        short = notation(_load(text))
    except (ValueError, RecursionError):
        return text
    return short if count_tokens(short) < count_tokens(text) else text


def notation(document: Any) -> str:
    """The notation of a document. Raises ValueError when it is nested too deeply."""
    if isinstance(document, dict) and document:
        return "\n".join(f"{_key(key)}={_value(value, 1)}" for key, value in document.items())
    return _value(document, 0)


def expand(short: str) -> Any:
    """The document behind a notation, as `json.loads` would give it. Raises ValueError when it is malformed."""
    reader = _Reader(short)
    if short[:1] in ("[", "{") or not short:
        document = reader.value("")
    else:
        document = {}
        while True:
            reader.member(document, "\n")
            if not reader.take("\n"):
                break
    if reader.at != len(short):
        raise _NotOurs(f"unexpected text at character {reader.at}")
    return document


def _load(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise _NotOurs("a key occurs twice")
        return members

    def refuse(constant: str) -> Any:
        raise _NotOurs(f"{constant} is not JSON")

    return json.loads(text, object_pairs_hook=unique, parse_int=_Number, parse_float=_Number, parse_constant=refuse)


def _value(value: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise _NotOurs("nested too deeply")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}={_value(item, depth + 1)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        table = _table(value, depth)
        return table or "[" + ", ".join(_value(item, depth + 1) for item in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, _Number):
        return str.__str__(value)
    if isinstance(value, str):
        misread = _NUMBER.fullmatch(value) or value in _LITERALS or value.startswith((_GROUP, _SHARED))
        bare = not misread and value.isprintable() and _BARE.fullmatch(value)
        return value if bare else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _table(rows: list[Any], depth: int) -> str:
    """A list of records, or of lists of records, as a table; empty when it is neither or has fewer than two rows."""
    groups: list[list[Any]] = [rows]
    nested = len(rows) > 0 and all(isinstance(group, list) and group for group in rows)
    if nested:
        groups = rows
    records = [record for group in groups for record in group]
    if len(records) < 2 or not all(isinstance(record, dict) and record for record in records):
        return ""
    flat = [_flatten(record) for record in records]
    columns = list(flat[0])
    if any(row.keys() != flat[0].keys() for row in flat):
        return ""
    cells = [{column: _value(row[column], depth + 1) for column in columns} for row in flat]
    shared = [column for column in columns if all(row[column] == cells[0][column] for row in cells)]
    varied = [column for column in columns if column not in shared] or [columns[0]]
    shared = [column for column in shared if column not in varied]
    lines = ["[" + "|".join(_paths(varied))]
    if shared:
        named = zip(_paths(shared), shared, strict=True)
        lines.append(_SHARED + ", ".join(f"{path}={cells[0][column]}" for path, column in named))
    at = 0
    for group in groups:
        if nested:
            lines.append(_GROUP)
        part = cells[at : at + len(group)]
        lines.extend("|".join("" if row[column] == "null" else row[column] for column in varied) for row in part)
        at += len(group)
    return "\n".join(lines) + "]"


def _flatten(record: dict[str, Any]) -> dict[Path, Any]:
    """The fields of a record by their path; an object of scalars is opened, anything else is one value."""
    flat: dict[Path, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict) and value and not any(isinstance(item, dict | list) for item in value.values()):
            flat.update({(key, inner): item for inner, item in value.items()})
        else:
            flat[(key,)] = value
    return flat


def _paths(columns: list[Path]) -> list[str]:
    """The names of columns; a dot at the start stands for the object of the column before."""
    names = []
    parent = ""
    for column in columns:
        inside = len(column) > 1
        names.append(f".{_key(column[1])}" if inside and column[0] == parent else ".".join(map(_key, column)))
        parent = column[0] if inside else ""
    return names


class _Reader:
    """Reads the notation from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def take(self, mark: str) -> bool:
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            raise _NotOurs(f"{mark!r} expected at character {self.at}")

    def quoted(self) -> str:
        text, self.at = json.JSONDecoder().raw_decode(self.text, self.at)
        return str(text)

    def until(self, stops: str) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in stops:
            self.at += 1
        return self.text[start : self.at]

    def key(self) -> str:
        if self.text.startswith('"', self.at):
            return self.quoted()
        key = self.until("=|.\n,]}")
        if not _BARE_KEY.fullmatch(key):
            raise _NotOurs(f"no key at character {self.at}")
        return key

    def path(self, before: Path) -> Path:
        if len(before) > 1 and self.take("."):
            return (before[0], self.key())
        parts = [self.key()]
        if self.take("."):
            parts.append(self.key())
        return tuple(parts)

    def member(self, into: dict[str, Any], stops: str) -> None:
        key = self.key()
        self.expect("=")
        into[key] = self.value(stops)

    def value(self, stops: str) -> Any:
        if self.text.startswith('"', self.at):
            return self.quoted()
        if self.take("{"):
            return self.record()
        if self.take("["):
            return self.sequence()
        word = self.until(stops)
        if word in _LITERALS:
            return _LITERALS[word]
        return json.loads(word) if _NUMBER.fullmatch(word) else word

    def record(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        if self.take("}"):
            return members
        while True:
            self.member(members, ",}")
            if self.take("}"):
                return members
            self.expect(", ")

    def sequence(self) -> list[Any]:
        if self.take("]"):
            return []
        start = self.at
        try:
            header = [self.path(())]
            while self.take("|"):
                header.append(self.path(header[-1]))
            if self.take("\n"):
                return self.rows(header)
        except ValueError:
            pass  # no header: an ordinary list whose first value is no key
        self.at = start
        items = []
        while True:
            items.append(self.value(",]"))
            if self.take("]"):
                return items
            self.expect(", ")

    def rows(self, header: list[Path]) -> list[Any]:
        shared: list[tuple[Path, Any]] = []
        if self.take(_SHARED):
            while True:
                path = self.path(shared[-1][0] if shared else ())
                self.expect("=")
                shared.append((path, self.value(",\n")))
                if self.take("\n"):
                    break
                self.expect(", ")
        groups: list[list[Any]] = [[]]
        nested = False
        while True:
            if self.text.startswith(f"{_GROUP}\n", self.at):
                self.at += len(_GROUP) + 1
                groups.append([])
                nested = True
            groups[-1].append(self.row(header, shared))
            if self.take("]"):
                return groups[1:] if nested else groups[0]
            self.expect("\n")

    def row(self, header: list[Path], shared: list[tuple[Path, Any]]) -> dict[str, Any]:
        record: dict[str, Any] = {}
        cells = []
        for number, path in enumerate(header):
            if number:
                self.expect("|")
            empty = self.at < len(self.text) and self.text[self.at] in "|\n]"
            cells.append((path, None if empty else self.value("|\n]")))
        fields: list[tuple[Path, Any]] = [*cells, *shared]
        for path, value in fields:
            if len(path) == 1:
                record[path[0]] = value
            else:
                record.setdefault(path[0], {})[path[1]] = value
        return record
