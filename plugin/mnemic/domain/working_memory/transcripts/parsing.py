"""From a file's text to JSON values, each with its place in the file."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from mnemic.errors import InvalidInput

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_MAY_HOLD_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]|[" + "\ud800-\udfff" + "]")
_TOO_DEEP = "The transcript is nested too deeply to be read."
_TOO_DEEP_HINT = "No provider nests a message that deeply; give the messages themselves."


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedValue:
    """A JSON value and where it stands, such as ``line 3`` or ``message 3``."""

    where: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The values of a file: one, or one a line. ``half_pairs`` counts the half surrogate pairs that were replaced."""

    items: tuple[PlacedValue, ...]
    lines: bool
    half_pairs: int


def parse(text: object) -> Parsed:
    """One JSON document, or JSON Lines. Raises `InvalidInput` with the line and column of what is not JSON.

    Half a surrogate pair, which programs leave when they cut a text in the middle of a character, becomes U+FFFD: it
    cannot be stored as UTF-8, and no provider takes it.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"The transcript is {type(text).__name__}, not text.", hint="Give the file's text.")
    body = text.removeprefix("\ufeff")
    if not body.strip():
        raise InvalidInput("The transcript is empty.", hint="Give the messages as JSON or JSON Lines.")
    items, lines = _values(body)
    if _MAY_HOLD_HALF_PAIR.search(body) is None:
        return Parsed(items=items, lines=lines, half_pairs=0)
    mended = [(item.where, *_mend(item.value)) for item in items]
    return Parsed(
        items=tuple(PlacedValue(where=where, value=value) for where, value, _ in mended),
        lines=lines,
        half_pairs=sum(count for _, _, count in mended),
    )


def shown(value: object) -> str:
    """A value as an error's message quotes it."""
    if isinstance(value, str | int | float | bool | None):
        text = repr(value[:61] if isinstance(value, str) else value)
        return text if len(text) <= 60 else text[:60] + "…"
    return type(value).__name__


def dump(value: object) -> str:
    """JSON text in the form in which models write arguments."""
    return json.dumps(value, ensure_ascii=False)


def load_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text holds; None when it holds anything else."""
    try:
        value = _loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _values(body: str) -> tuple[tuple[PlacedValue, ...], bool]:
    try:
        return (PlacedValue(where="the document", value=_loads(body)),), False
    except RecursionError:
        raise InvalidInput(_TOO_DEEP, hint=_TOO_DEEP_HINT) from None
    except json.JSONDecodeError as error:
        # Only a line end ends a line: the other separators of Unicode may stand inside of JSON strings.
        lines = [(number, line) for number, line in enumerate(body.split("\n"), 1) if line.strip()]
        if error.msg != "Extra data" or len(lines) < 2:
            raise _not_json(error, error.lineno) from None
    except ValueError as error:
        raise _not_json(error, None) from None
    found: list[PlacedValue] = []
    for number, line in lines:
        try:
            found.append(PlacedValue(where=f"line {number}", value=_loads(line)))
        except RecursionError:
            raise InvalidInput(f"line {number}: {_TOO_DEEP}", hint=_TOO_DEEP_HINT) from None
        except ValueError as error:
            raise _not_json(error, number) from None
    return tuple(found), True


def _not_json(error: ValueError, line: int | None) -> InvalidInput:
    if isinstance(error, json.JSONDecodeError):
        problem = f"line {line}, column {error.colno}: this is not JSON ({error.msg})."
    else:
        where = "the document" if line is None else f"line {line}"
        problem = f"{where}: this is not JSON ({error})."
    return InvalidInput(problem, hint="Mend or remove it; a file that is still being written may end in half a line.")


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is out of range")
    return number


def _mend(value: Any) -> tuple[Any, int]:
    """The value with every half of a surrogate pair replaced, and how many there were."""
    if isinstance(value, str):
        return _HALF_PAIR.subn("\ufffd", value)
    if isinstance(value, list):
        mended = [_mend(item) for item in value]
        return [item for item, _ in mended], sum(count for _, count in mended)
    if isinstance(value, dict):
        pairs = [(_mend(name), _mend(item)) for name, item in value.items()]
        return {name: item for (name, _), (item, _) in pairs}, sum(left + right for (_, left), (_, right) in pairs)
    return value, 0
