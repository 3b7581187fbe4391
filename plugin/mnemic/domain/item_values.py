"""The values of items: what they may be, their strings, and the texts at their fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mnemic.domain.items import WHOLE, Index
from mnemic.domain.text import normalise
from mnemic.domain.validation import MAX_TEXT_CHARS
from mnemic.errors import InvalidInput

_CUT_WITHIN = 2_000
_OPENING = {"[": "]", "{": "}"}


def encode_value(value: object) -> str:
    """A value as JSON text, its names in their own order. Raises `InvalidInput` for what JSON cannot give back equal."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"The value is {type(value).__name__}.", hint='Give an object, such as {"text": "…"}.')
    try:
        _check_names(value)
        return json.dumps(dict(value), separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"The value cannot be written as JSON ({error}).",
            hint="Values are made of objects with string names, lists, strings, numbers, true, false and null.",
        ) from error


def _check_names(value: object) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise TypeError(f"the name {name!r} is not a string")
            _check_names(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_names(inner)


def decode_value(text: str) -> dict[str, Any]:
    """The inverse of `encode_value`."""
    value: dict[str, Any] = json.loads(text)
    return value


def strings_in(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a value and the name that it stands under, in order; names of several words are strings as well."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for label, inner in value.items():
            if len(label.split()) > 1:
                yield "", label
            yield from strings_in(inner, label)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings_in(inner, name)


def with_strings(value: Any, change: Callable[[str, str], str], name: str = "") -> Any:
    """The value with every string changed: ``change`` gets the name that it stands under and the string."""
    if isinstance(value, str):
        return change(name, value)
    if isinstance(value, Mapping):
        return {label: with_strings(inner, change, label) for label, inner in value.items()}
    return [with_strings(inner, change, name) for inner in value] if isinstance(value, list | tuple) else value


def as_text(value: object) -> str:
    """What a value says, for people, rules and indexes: a line for each thing in it, after its name.

    A value that holds a single string says that string. It is not JSON, whose quoting would hide what the rules look for.
    """
    lines = list(_lines(value, ""))
    if len(lines) == 1 and not isinstance(lines[0][1], int | float):
        return str(lines[0][1])
    return "\n".join(f"{name}: {_said(one)}" if name else _said(one) for name, one in lines)


def _lines(value: object, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for label, inner in value.items():
            yield from _lines(inner, f"{name}.{label}" if name else str(label))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _lines(inner, name)
    elif value is not None:
        yield name, value


def _said(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def indexed_texts(
    value: Mapping[str, Any], index: Index, *, fields: tuple[str, ...], longest: int = MAX_TEXT_CHARS
) -> dict[str, str]:
    """The texts at which a value is to be found, under the place of each; ``fields`` stands in where ``index`` is None.

    Blank texts are left out. One of more than ``longest`` characters is cut into several.
    """
    if index is False:
        return {}
    texts: dict[str, str] = {}
    for path in fields if index is None else index:
        found = [as_text(value)] if path == WHOLE else [as_text(one) for one in _at(value, field_steps(path))]
        parts = [part for text in found for part in cut_text(storable(text), longest=longest)]
        for number, text in enumerate(parts):
            if normalise(text):
                texts[path if len(parts) == 1 else f"{path}.{number}"] = text
    return texts


def cut_text(text: str, *, longest: int) -> list[str]:
    """A text in parts of at most ``longest`` characters that join to it, cut where lines end, or words, if some do."""
    parts = []
    while len(text) > longest:
        low = longest - min(longest // 2, _CUT_WITHIN)
        at = max(text.rfind("\n", low, longest), 0) or text.rfind(" ", low, longest)
        end = at + 1 if at >= low else longest
        parts.append(text[:end])
        text = text[end:]
    return [*parts, text]


def storable(text: str) -> str:
    """A text that a memory can hold: half characters and NUL, which SQLite's full text cannot, are replaced."""
    whole = text if text.isascii() else text.encode("utf-8", "replace").decode()
    return whole.replace("\x00", " ")


def field_steps(path: str) -> tuple[str, ...]:
    """The steps of a field's path: names, ``[0]``, ``[-1]``, ``[*]``, ``*`` and ``{a,b.c}``, between them dots.

    Raises `InvalidInput` for a bracket that is never closed.
    """
    steps: list[str] = []
    name = ""
    at = 0
    while at < len(path):
        char = path[at]
        if char in _OPENING:
            end = path.find(_OPENING[char], at)
            if end < 0:
                raise InvalidInput(
                    f"The field {path!r} has a {char} that is not closed.", hint="Write [0], [*] or {a,b}."
                )
            steps += [name] if name else []
            steps.append(path[at : end + 1])
            name, at = "", end
        elif char == ".":
            steps += [name] if name else []
            name = ""
        else:
            name += char
        at += 1
    return (*steps, name) if name else tuple(steps)


def _at(value: object, steps: tuple[str, ...]) -> Iterator[object]:
    """What stands at a path, in order."""
    if not steps:
        if value is not None:
            yield value
        return
    step, rest = steps[0], steps[1:]
    if step.startswith("["):
        yield from _entries(value, step[1:-1].strip(), rest)
    elif step.startswith("{"):
        for path in step[1:-1].split(","):
            yield from _at(value, (*field_steps(path.strip()), *rest))
    elif step == "*":
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
        for one in inner:
            yield from _at(one, rest)
    elif isinstance(value, Mapping) and step in value:
        yield from _at(value[step], rest)


def _entries(value: object, number: str, rest: tuple[str, ...]) -> Iterator[object]:
    if not isinstance(value, list | tuple):
        return
    if number == "*":
        for one in value:
            yield from _at(one, rest)
    elif number.removeprefix("-").isdecimal() and -len(value) <= int(number) < len(value):
        yield from _at(value[int(number)], rest)
