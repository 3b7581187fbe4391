"""Editing TOML without touching anything but one table and those below it: for configuration that people write by hand.

Everything outside of that table stays as it was, byte for byte; a comment above the next table is about that one. What
this makes of a file is to be compared with what was meant (`read`): a file can write a table in more ways than as one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mnemic.errors import InvalidInput

_BOM = "\ufeff"
_BLANK_AT_END = re.compile(r"(?<=\n)\r?\n\Z")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n?")


def read(text: str) -> dict[str, Any]:
    """The values of a document. Raises `InvalidInput` with line and column."""
    try:
        return tomllib.loads(without_mark(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInput(f"{error}.", hint="Mend the file by hand; nothing was changed.") from None


def with_table(text: str, path: Sequence[str], values: Mapping[str, Any]) -> Iterator[str]:
    """Documents with ``values`` as the table at ``path``: in its place, or behind everything else. The likeliest comes
    first; another is right where the text of a value looks like the table.
    """
    written = _written(path, values).replace("\n", _line_end(text))
    spans = _spans(text, path)
    for taken in range(len(spans)):
        start, stop = spans[taken]
        yield f"{text[:start]}{written}{_without(text, spans[taken + 1 :])[stop:]}"
    whole = text if not text or text.endswith(("\n", _BOM)) else text + _line_end(text)
    blank = _line_end(text) if text.strip(_BOM).strip() and not _BLANK_AT_END.search(whole) else ""
    yield f"{whole}{blank}{written}"


def without_table(text: str, path: Sequence[str]) -> Iterator[str]:
    """Documents without the table at ``path`` and those below it. The likeliest comes first."""
    spans = _spans(text, path)
    for taken in range(len(spans)):
        yield _without(text, spans[taken:])


def in_style_of(other: str, text: str) -> str:
    """``text`` with the mark at the beginning and the line ends of ``other``, if its lines all end alike."""
    if other.count("\r\n") == other.count("\n") and "\n" in other:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return _BOM + text if other.startswith(_BOM) else text


def without_mark(text: str) -> str:
    """``text`` without the mark that some editors put at its beginning."""
    return text.removeprefix(_BOM)


def _line_end(text: str) -> str:
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, stop in reversed(spans):
        text = _cut(text, start, stop)
    return text


def _cut(text: str, start: int, stop: int) -> str:
    """Without the lines from ``start`` to ``stop``, and without the blank line that they leave beside another or the end."""
    before, after = text[:start], text[stop:]
    blank = _BLANK_AT_END.search(before)
    if blank is not None and (not after or re.match(r"\r?\n", after)):
        before = before[: blank.start()]
    return before + after


def _spans(text: str, path: Sequence[str]) -> list[tuple[int, int]]:
    """From where to where the table at ``path`` and those below it stand, without what is about the next one."""
    found: list[tuple[int, int]] = []
    ours, at = False, 0
    for line in _LINE.findall(text):
        header = _header(line.removeprefix(_BOM))
        if header is not None:
            ours = header[: len(path)] == tuple(path)
            if ours:
                found.append((at + line.startswith(_BOM), at))
        if ours and not _NOTHING.fullmatch(line):
            found[-1] = (found[-1][0], at + len(line))
        at += len(line)
    return found


def _header(line: str) -> tuple[str, ...] | None:
    """The path of a table whose first line this is."""
    if not line.lstrip(" \t").startswith("["):
        return None
    try:
        value: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(value, dict) and len(value) == 1:
        ((name, value),) = value.items()
        path.append(name)
    return tuple(path)


def _written(path: Sequence[str], values: Mapping[str, Any]) -> str:
    import tomlkit

    plain = {name: value for name, value in values.items() if not isinstance(value, Mapping)}
    tables = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    name = ".".join(tomlkit.key(one).as_string() for one in path)
    text = f"[{name}]\n{tomlkit.dumps(plain)}"
    return "\n".join([text, *(_written([*path, one], value) for one, value in tables.items())])
