"""Checks at the engine's edge. Each returns the value in its stored form or raises `InvalidInput` with the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

from mnemic.domain.memory import MemoryId, Namespace
from mnemic.domain.quoting import shows_something
from mnemic.errors import InvalidInput

MAX_TEXT_CHARS = 100_000
MAX_QUERY_CHARS = 10_000
MAX_LABEL_CHARS = 200
MAX_SOURCE_CHARS = 2_000
MAX_TAGS = 64
MAX_EVIDENCE = 256
MAX_BATCH = 10_000
MAX_NAMESPACE_DEPTH = 8
_SHOWN_CODES = 8

_TOO_LONG = "Split it into passages, or remember where it can be found and what matters in it."
_ID = re.compile(r"m[0-9a-z]{15}")
_EnumT = TypeVar("_EnumT", bound=StrEnum)
_T = TypeVar("_T")


def check_text(text: object, *, name: str = "text", limit: int = MAX_TEXT_CHARS) -> str:
    """A text that is not empty, can be stored as UTF-8 exactly as it is, and has at most ``limit`` characters."""
    if not isinstance(text, str):
        raise InvalidInput(f"{name} is {type(text).__name__}, not a string.", hint="Give the words as text.")
    if len(text) > limit:
        raise InvalidInput(
            f"{name} has {len(text):,} characters; at most {limit:,} are allowed.",
            hint=_TOO_LONG if limit == MAX_TEXT_CHARS else "Shorten it.",
        )
    _check_encodable(text, name)
    if not text or text.isspace():
        raise InvalidInput(f"{name} is empty.", hint="Give at least one visible character.")
    return text


def check_label(value: object, *, name: str, limit: int = MAX_LABEL_CHARS) -> str | None:
    """A short optional text such as a session, speaker or tag, stripped of white space around it."""
    if value is None:
        return None
    text = check_text(value, name=name, limit=limit).strip()
    control = next((char for char in text if ord(char) < 32 or ord(char) == 127), None)
    if control is not None:
        raise InvalidInput(
            f"{name} holds the control character U+{ord(control):04X}.", hint="Use visible characters only."
        )
    if not shows_something(text):
        codes = " ".join(f"U+{ord(char):04X}" for char in text[:_SHOWN_CODES])
        raise InvalidInput(
            f"{name} shows nothing: it is {codes}{' …' if len(text) > _SHOWN_CODES else ''}.",
            hint="Give at least one visible character.",
        )
    return text


def check_namespace(namespace: object) -> Namespace:
    """A tuple of labels. A string is split at ``/``: ``"team/ana"`` is ``("team", "ana")``."""
    labels: Sequence[object]
    if isinstance(namespace, str):
        labels = namespace.split("/")
    elif isinstance(namespace, Iterable):
        labels = tuple(namespace)
    else:
        raise InvalidInput(
            f"The namespace is {type(namespace).__name__}.", hint='Give a path such as "team/ana" or ("team", "ana").'
        )
    if not 1 <= len(labels) <= MAX_NAMESPACE_DEPTH:
        raise InvalidInput(
            f"The namespace has {len(labels)} labels.", hint=f"Give between 1 and {MAX_NAMESPACE_DEPTH}."
        )
    return tuple(_check_namespace_label(label) for label in labels)


def check_given_namespace(namespace: object) -> Namespace | None:
    """`check_namespace`; None when none was given."""
    return None if namespace is None else check_namespace(namespace)


def _check_namespace_label(label: object) -> str:
    if not isinstance(label, str) or not label.strip():
        raise InvalidInput(
            f"The namespace has the label {shown(label)}.", hint='Labels are non-empty strings, as in "team/ana".'
        )
    text = check_label(label, name="a namespace label") or ""
    if text != label or "/" in text or text in {".", ".."}:
        raise InvalidInput(
            f"The namespace has the label {label!r}.",
            hint='A label has no "/" in it, no white space around it, and is not "." or "..".',
        )
    return text


def check_id(value: object) -> MemoryId:
    """A well-formed memory id. Whether it exists is for the ledger to say."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InvalidInput(
            f"{shown(value, 60)} is not a memory id.",
            hint='Ids are "m" and 15 letters or digits, as remember and recall give them.',
        )
    return MemoryId(value)


def check_ids(values: Iterable[object], *, name: str, limit: int = MAX_EVIDENCE) -> tuple[MemoryId, ...]:
    """Distinct well-formed ids, in the order given."""
    ids = tuple(dict.fromkeys(check_id(value) for value in _items(values, name)))
    if len(ids) > limit:
        raise InvalidInput(f"{name} has {len(ids):,} ids; at most {limit:,} are allowed.", hint="Give fewer at once.")
    return ids


def check_moment(value: object, *, name: str) -> datetime | None:
    """A moment as UTC. Strings are ISO 8601; one without an offset is taken as UTC."""
    moment = check_local_moment(value, name=name)
    return None if moment is None else moment.astimezone(UTC)


def check_local_moment(value: object, *, name: str) -> datetime | None:
    """A moment with its own offset from UTC, else as `check_moment`."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput(
                f"{name} is {text[:60]!r}, which is not an ISO 8601 date.",
                hint='Write it as "2026-05-08" or "2026-05-08T13:56:00+02:00".',
            ) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise InvalidInput(f"{name} is {type(value).__name__}.", hint="Give a datetime or an ISO 8601 string.")
    try:
        value.astimezone(UTC) if value.tzinfo is not None else None
    except OverflowError:
        raise InvalidInput(f"{name} lies outside the years 1 to 9999.", hint="Give a real date.") from None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def check_choice(value: object, choices: type[_EnumT], *, name: str) -> _EnumT | None:
    """A member of ``choices``, by name or value."""
    if value is None:
        return None
    try:
        return choices(str(value))
    except ValueError:
        known = ", ".join(member.value for member in choices)
        raise InvalidInput(f"{name} is {shown(value, 60)}.", hint=f"Use one of: {known}.") from None


def check_named(value: object, choices: tuple[_T, ...], *, name: str) -> _T:
    """The one of ``choices`` that ``value`` is. Raises `InvalidInput`."""
    for known in choices:
        if value == known:
            return known
    raise InvalidInput(f"{name} is {shown(value, 60)}.", hint=f"Use one of: {', '.join(map(str, choices))}.")


def check_choices(values: Iterable[object], choices: type[_EnumT], *, name: str) -> tuple[_EnumT, ...]:
    """Distinct members of ``choices``, in the order given."""
    return tuple(
        dict.fromkeys(m for v in _items(values, name) if (m := check_choice(v, choices, name=name)) is not None)
    )


def check_tags(tags: Iterable[object]) -> tuple[str, ...]:
    """Distinct tags, sorted."""
    found = {label for tag in _items(tags, "tags") if (label := check_label(tag, name="a tag")) is not None}
    if len(found) > MAX_TAGS:
        raise InvalidInput(
            f"There are {len(found):,} tags; at most {MAX_TAGS} are allowed.", hint="Keep the telling ones."
        )
    return tuple(sorted(found))


def check_count(value: object, *, name: str, low: int, high: int) -> int:
    """A whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidInput(f"{name} is {shown(value)}.", hint=f"Give a whole number from {low} to {high:,}.")
    return value


def check_share(value: object, *, name: str) -> float:
    """A number from 0 to 1."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise InvalidInput(f"{name} is {shown(value)}.", hint="Give a number from 0 to 1.")
    return float(value)


def shown(value: object, limit: int = 40) -> str:
    """The beginning of a wrong value, as an error tells it."""
    if isinstance(value, int) and abs(value) > 10**30:
        # Python refuses to write out one of thousands of digits.
        return "a very large number"
    try:
        return repr(str(value)[:limit]) if isinstance(value, str) else repr(value)[:limit]
    except ValueError:  # such a number is somewhere in it
        return f"a {type(value).__name__} with a very large number"


def check_several(values: Iterable[_T], *, name: str, hint: str) -> Iterable[_T]:
    """Something to go through one by one. A single text is not: it would be gone through letter by letter."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidInput(f"{name} is {type(values).__name__}, not a list.", hint=hint)
    return values


def _items(values: object, name: str) -> Iterable[object]:
    """What to go through: a single string counts as a list of one."""
    if isinstance(values, str):
        return (values,)
    if not isinstance(values, Iterable):
        raise InvalidInput(f"{name} is {type(values).__name__}, not a list.", hint="Give a list of strings.")
    return values


def _check_encodable(text: str, name: str) -> None:
    if "\x00" in text:
        raise InvalidInput(f"{name} holds U+0000 at position {text.index(chr(0))}.", hint="Remove the NUL character.")
    check_unicode(text, name)


def check_unicode(text: str, name: str) -> None:
    """A text that can be stored as UTF-8. Raises `InvalidInput`."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{name} holds half a surrogate pair at position {error.start}, which is not text.",
            hint="Decode it again from its source, or remove that character.",
        ) from None
