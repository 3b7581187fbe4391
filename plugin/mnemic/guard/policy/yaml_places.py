"""Reads a small subset of YAML, and remembers where everything stands.

Mappings, lists and plain values: no anchors, aliases, tags or further documents, and limits for size, depth and number of
nodes. A plain word is true, false, null, a number or text; unlike in YAML 1.1, ``off`` and ``no`` are text. Nothing is
built from the file but these values, and the reader never goes deeper into the stack for what a file says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from mnemic.errors import PolicyProblem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_NODES = 10_000

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, from 1."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_CONSTANTS = {"": None, "~": None, "null": None, "Null": None, "NULL": None,
              "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}  # fmt: skip
# What PyYAML raises besides its own errors for escapes and numbers that are out of range.
_PARSER_ERRORS = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


@dataclass(slots=True)
class Document:
    """What a file says: the value, where each path of it stands (``places``: its key's place), and what is wrong.

    ``complete`` is false when there was no sense in reading on.
    """

    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[PolicyProblem] = field(default_factory=list)
    complete: bool = True

    def note(self, message: str, path: Path, place: Place) -> None:
        """Add a problem."""
        self.problems.append(PolicyProblem(message=message, path=dotted(path), line=place[0], column=place[1]))

    def place_of(self, path: Path, *, value: bool = False) -> Place:
        """Where ``path`` stands, or the nearest thing around it that the file has."""
        while path:
            found = (value and self.values.get(path)) or self.places.get(path)
            if found:
                return found
            path = path[:-1]
        return self.values.get((), (0, 0))


def dotted(path: Path) -> str:
    """``write.rules.secret``, ``rules[0].id``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{_short(step)}" if text else _short(step)
    return text


def read_yaml(data: bytes | str) -> Document:
    """Read one document. Never raises: what is wrong is in ``problems``."""
    document = Document()
    text = _decoded(data, document)
    if text is None:
        return document
    document.complete = False
    try:
        document.complete = _build(_events(text), document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part) or "is no YAML"
        document.note(f"this is no YAML: {message}", (), (mark.line + 1, mark.column + 1) if mark else (0, 0))
    except yaml.reader.ReaderError as error:
        document.note("characters that YAML does not allow", (), _place_of_offset(text, error.position))
    except (yaml.YAMLError, *_PARSER_ERRORS) as error:
        document.note(f"this is no YAML: {_short(str(error))}", (), (0, 0))
    return document


def _decoded(data: bytes | str, document: Document) -> str | None:
    if len(data) > MAX_BYTES:
        document.note(f"larger than {MAX_BYTES // 1024} KiB", (), (0, 0))
        document.complete = False
        return None
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        document.note("this is no UTF-8 text", (), _place_of_offset(before, len(before)))
        document.complete = False
        return None


def _place_of_offset(text: str, offset: int) -> Place:
    before = text[:offset]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _events(text: str) -> Iterator[Event]:
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_event():
            yield loader.get_event()  # type: ignore[no-untyped-call]
    finally:
        loader.dispose()


@dataclass(slots=True)
class _Open:
    """A mapping or list that is not closed yet. ``key`` is the key whose value comes next."""

    path: Path
    value: dict[str, Any] | list[Any]
    key: str | None = None


def _build(events: Iterator[Event], document: Document) -> bool:
    stack: list[_Open] = []
    nodes = documents = 0
    for event in events:
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                document.note("a second document begins here; a policy is one", (), place)
                return False
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            stack.pop()
        elif isinstance(event, NodeEvent):
            nodes += 1
            if nodes > MAX_NODES:
                document.note(f"more than {MAX_NODES:,} values", (), place)
                return False
            if not _add(event, place, stack, document):
                return False
    return True


def _add(event: NodeEvent, place: Place, stack: list[_Open], document: Document) -> bool:
    """Put one node where it belongs. False: reading on makes no sense."""
    parent = stack[-1] if stack else None
    if parent is not None and isinstance(parent.value, dict) and parent.key is None:
        return _add_key(event, place, parent, document)
    path = _path_in(parent)
    document.values[path] = place
    document.places.setdefault(path, place)
    _refuse_extras(event, path, place, document)
    value: Any
    if isinstance(event, CollectionStartEvent):
        if len(stack) >= MAX_DEPTH:
            document.note(f"nested deeper than {MAX_DEPTH}", path, place)
            return False
        value = {} if isinstance(event, MappingStartEvent) else []
        stack.append(_Open(path, value))
    else:
        value = _plain_value(event, path, place, document) if isinstance(event, ScalarEvent) else None
    if parent is None:
        document.value = value
    elif isinstance(parent.value, list):
        parent.value.append(value)
    else:
        assert parent.key is not None
        parent.value[parent.key] = value
        parent.key = None
    return True


def _path_in(parent: _Open | None) -> Path:
    if parent is None:
        return ()
    if isinstance(parent.value, list):
        return (*parent.path, len(parent.value))
    assert parent.key is not None
    return (*parent.path, parent.key)


def _add_key(event: NodeEvent, place: Place, parent: _Open, document: Document) -> bool:
    if not isinstance(event, ScalarEvent):
        what = "an alias" if isinstance(event, AliasEvent) else "a list or mapping"
        document.note(f"{what} cannot be a key", parent.path, place)
        return False
    path = (*parent.path, event.value)
    _refuse_extras(event, path, place, document)
    if event.value in parent.value:
        document.note("this key is here twice", path, place)
    document.places[path] = place
    parent.key = event.value
    return True


def _refuse_extras(event: NodeEvent, path: Path, place: Place, document: Document) -> None:
    if isinstance(event, AliasEvent):
        document.note("aliases (*name) are not allowed; write the value out", path, place)
    elif event.anchor is not None:
        document.note("anchors (&name) are not allowed", path, place)
    if getattr(event, "tag", None) is not None:
        document.note(f"tags ({_short(str(getattr(event, 'tag', '')))}) are not allowed", path, place)


def _plain_value(event: ScalarEvent, path: Path, place: Place, document: Document) -> Any:
    text: str = event.value
    if event.style is not None:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if len(text) <= 64 and _NUMBER.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            document.note("too large a number", path, place)
            return 0
        return number
    return text


def _short(text: str, limit: int = 60) -> str:
    shown = "".join(letter if letter.isprintable() else "·" for letter in text[: limit + 1])
    return shown if len(text) <= limit else shown[:limit] + "…"
