"""Reading JSON that anybody may have written: values of the expected type, or `Unreadable` that says what is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from mnemic.domain.moving.records import Damage, Found, Reading, Unreadable

MAX_LINE_CHARS = 8_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds until the year 5138; what is larger counts milliseconds.
_MILLISECONDS_FROM = 100_000_000_000
_KINDS = {
    type(None): "null", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object",
    bytes: "bytes",
}  # fmt: skip


def decode_json(text: str) -> Any:
    """The value of a JSON text. Raises `Unreadable`."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise Unreadable(f"it is not JSON ({error.msg}, {where})") from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"it is not JSON ({error})") from None


def json_lines(text: str, name: str) -> Iterator[tuple[str, Any] | Damage]:
    """The values of JSON lines with their places. Blank lines are passed over."""
    # Not splitlines(): a text may hold other line separators than the one that ends a JSON line.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        if len(line) > MAX_LINE_CHARS:
            yield Damage(place=place, message=f"it has {len(line):,} characters; at most {MAX_LINE_CHARS:,} are read")
            continue
        try:
            yield place, decode_json(line)
        except Unreadable as error:
            yield Damage(place=place, message=str(error))


def read_lines(text: str, name: str, read: Callable[[Any, str], Iterable[Found]]) -> Reading:
    """What ``read`` makes of every line's value and place; all of a line, or its damage."""
    for entry in json_lines(text, name):
        if isinstance(entry, Damage):
            yield entry
            continue
        place, value = entry
        try:
            yield from list(read(value, place))
        except Unreadable as error:
            yield Damage(place=place, message=str(error))


def field_of(value: dict[str, Any], name: str, kind: type | tuple[type, ...], what: str) -> Any:
    """A field that must be there and of its kind."""
    if name not in value:
        raise Unreadable(f"{name} is missing")
    return check_kind(value[name], kind, name, what)


def optional_field(value: dict[str, Any], name: str, kind: type | tuple[type, ...], what: str) -> Any:
    """A field that may be absent or null."""
    found = value.get(name)
    return None if found is None else check_kind(found, kind, name, what)


def check_kind(value: Any, kind: type | tuple[type, ...], name: str, what: str) -> Any:
    """``value`` if it is of its kind. A boolean is no number."""
    number_wanted = bool not in (kind if isinstance(kind, tuple) else (kind,))
    if not isinstance(value, kind) or (isinstance(value, bool) and number_wanted):
        raise Unreadable(f"{name} is {shown(value)}, not {what}")
    return value


def moment_of(value: Any, name: str) -> datetime | None:
    """A moment: seconds or milliseconds since 1970, or ISO 8601, without an offset in UTC. None for null and empty."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            return _EPOCH + timedelta(seconds=seconds)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Unreadable(f"{name} is {shown(value)}, not a moment")


def shown(value: Any) -> str:
    """A value as a message shows it: its beginning, without control characters."""
    if not isinstance(value, str):
        return _KINDS.get(type(value), "something else")
    clean = "".join(letter if letter.isprintable() else "·" for letter in value[:40])
    return f'"{clean}"'


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
