"""Editing JSON with comments without touching anything but one member: for configuration that people write by hand.

Comments and trailing commas are read, and everything outside of the edited member stays as it was, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mnemic.errors import InvalidInput

_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_REST_OF_LINE = re.compile(r"[ \t]*(?://[^\r\n]*|/\*(?:[^*\r\n]|\*(?!/))*\*/[ \t]*)(?=\r?\n)")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"[^\s,\]}/\"\[{]+")
_MAX_DEPTH = 200


@dataclass(slots=True)
class _Node:
    """A value and where it stands; of an object also its members, each with the place of its key."""

    start: int
    end: int
    value: Any
    members: dict[str, tuple[int, _Node]] = field(default_factory=dict)


def read(text: str) -> Any:
    """The value of a document; an empty one is an empty object. Raises `InvalidInput` with line and column."""
    return _document(text).value


def set_member(text: str, path: Sequence[str], value: Any) -> str:
    """The document with ``value`` at ``path``; objects on the way are made. Raises `InvalidInput`."""
    if not _BLANK.sub("", text.removeprefix("\ufeff")):
        text = text + "{}" + _line_end(text)
    node = _object(_document(text), text, path, 0)
    for depth, key in enumerate(path):
        found = node.members.get(key)
        if found is None:
            for outer in reversed(path[depth + 1 :]):
                value = {outer: value}
            return _insert(text, node, key, value)
        if depth == len(path) - 1:
            written = _written(value, _indent_at(text, found[0]), _unit(text), _line_end(text))
            return text[: found[1].start] + written + text[found[1].end :]
        node = _object(found[1], text, path, depth + 1)
    raise ValueError("the path is empty")


def remove_member(text: str, path: Sequence[str]) -> str:
    """The document without what is at ``path``; the same document where nothing is. Raises `InvalidInput`."""
    if not _BLANK.sub("", text.removeprefix("\ufeff")):
        return text
    node = _document(text)
    for key in path[:-1]:
        found = node.members.get(key)
        if found is None:
            return text
        node = found[1]
    member = node.members.get(path[-1])
    if member is None:
        return text
    start, end = member[0], member[1].end
    after = _skip(text, end)
    line = text.rfind("\n", 0, start) + 1
    if text[after : after + 1] == ",":
        # Its comma goes with it, but no comment of the next member.
        end = after + 1
    else:
        before = _comma_before(text, node, start)
        if before is not None:
            text = text[:before] + text[before + 1 :]
            start, end, line = start - 1, end - 1, line - (before < line)
    rest = re.match(r"[ \t]*(\r?\n)?", text[end:])
    blank = rest.end() if rest is not None else 0
    if not text[line:start].strip() and text[end : end + blank].endswith("\n"):
        return text[:line] + text[end + blank :]  # the lines were its own
    if text[end - 1] == ",":
        return text[:start] + text[end:].lstrip(" \t")
    return text[:start].rstrip(" \t") + text[end:]


def _document(text: str) -> _Node:
    begin = _skip(text, 1 if text.startswith("\ufeff") else 0)
    if begin == len(text):
        return _Node(begin, begin, {})
    node = _value(text, begin, 0)
    rest = _skip(text, node.end)
    if rest != len(text):
        raise _wrong(text, rest, "there is more after its end")
    return node


def _object(node: _Node, text: str, path: Sequence[str], depth: int) -> _Node:
    if not isinstance(node.value, dict):
        where = ".".join(path[:depth]) or "the document"
        raise _wrong(text, node.start, f"{where} is no object")
    return node


def _value(text: str, at: int, depth: int) -> _Node:
    if depth > _MAX_DEPTH:
        raise _wrong(text, at, "it is nested too deeply")
    mark = text[at : at + 1]
    if mark in "{[" and mark:
        return _collection(text, at, depth)
    found = _STRING.match(text, at) if mark == '"' else _SCALAR.match(text, at)
    try:
        if found is None:
            raise ValueError
        return _Node(at, found.end(), json.loads(found[0]))
    except ValueError:
        raise _wrong(text, at, "there is no value") from None


def _collection(text: str, at: int, depth: int) -> _Node:
    is_object = text[at] == "{"
    close = "}" if is_object else "]"
    node = _Node(at, at, {} if is_object else [])
    place = _skip(text, at + 1)
    while text[place : place + 1] != close:
        begin = place
        if is_object:
            key = _STRING.match(text, place)
            if key is None:
                raise _wrong(text, place, "a key in quotes is missing")
            place = _skip(text, key.end())
            if text[place : place + 1] != ":":
                raise _wrong(text, place, "a colon is missing")
            member = _value(text, _skip(text, place + 1), depth + 1)
            try:
                name = json.loads(key[0])
            except ValueError:
                raise _wrong(text, begin, "a key is no text in JSON") from None
            node.members[name] = begin, member
            node.value[name] = member.value
        else:
            member = _value(text, place, depth + 1)
            node.value.append(member.value)
        place = _skip(text, member.end)
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
        elif text[place : place + 1] != close:
            raise _wrong(text, place, f"a comma or {close} is missing")
    node.end = place + 1
    return node


def _insert(text: str, node: _Node, key: str, value: Any) -> str:
    unit, end = _unit(text), _line_end(text)
    if not node.members:
        indent = _line_indent(text, node.start) + unit
        inner = text[node.start + 1 : node.end - 1]
        kept = inner.rstrip() + end if inner.strip() else end
        member = f"{indent}{json.dumps(key)}: {_written(value, indent, unit, end)}"
        return f"{text[: node.start + 1]}{kept}{member}{end}{_line_indent(text, node.start)}{text[node.end - 1 :]}"
    begin, last = list(node.members.values())[-1]
    indent = _indent_at(text, begin)
    member = f"{json.dumps(key)}: {_written(value, indent, unit, end)}"
    one_line = "\n" not in text[node.start : node.end]
    lead = " " if one_line else f"{end}{indent}"
    after = _skip(text, last.end)
    if text[after : after + 1] == ",":
        before, rest, comma = text[: after + 1], text[after + 1 :], ","
    else:
        before, rest, comma = f"{text[: last.end]},", text[last.end :], ""
    # A comment behind the last member, on its line, is about that member.
    about = _REST_OF_LINE.match(rest)
    behind = 0 if about is None else about.end()
    return f"{before}{rest[:behind]}{lead}{member}{comma}{rest[behind:]}"


def _written(value: Any, indent: str, unit: str, end: str) -> str:
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", f"{end}{indent}")


def _line_end(text: str) -> str:
    """How the lines of a document end: as its first one does."""
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


def _comma_before(text: str, node: _Node, start: int) -> int | None:
    """The comma between the member before and the one that begins at ``start``."""
    ends = [member.end for begin, member in node.members.values() if begin < start]
    if not ends:
        return None
    place = _skip(text, max(ends))
    return place if text[place : place + 1] == "," else None


def _unit(text: str) -> str:
    found = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return "\t" if found is not None and "\t" in found[1] else (found[1] if found is not None else "  ")


def _indent_at(text: str, at: int) -> str:
    line = text.rfind("\n", 0, at) + 1
    lead = text[line:at]
    return lead if not lead.strip() else _line_indent(text, at)


def _line_indent(text: str, at: int) -> str:
    line = text.rfind("\n", 0, at) + 1
    found = re.match(r"[ \t]*", text[line:at])
    return found[0] if found is not None else ""


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _wrong(text: str, at: int, what: str) -> InvalidInput:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return InvalidInput(f"Line {line}, column {column}: {what}.", hint="Mend the file by hand; nothing was changed.")
