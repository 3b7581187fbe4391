"""Items: values that programs keep under keys, such as LangGraph's store, and what can be asked of them.

An item lies at a path of labels below a root. The root is a namespace of the ledger and tells stores apart; the labels are
the program's own, any strings. What is to be found by its words is a memory besides, in `memory_namespace`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal, NewType

from mnemic.domain.memory import MemoryId, Namespace
from mnemic.domain.provenance import Origin
from mnemic.domain.quoting import shows_something
from mnemic.domain.validation import MAX_LABEL_CHARS, MAX_NAMESPACE_DEPTH, check_several, shown
from mnemic.errors import InvalidInput

ItemKey = NewType("ItemKey", int)
"""A ledger's own integer key for an item. It never leaves the process and is not the same in another ledger."""

ItemPath = tuple[str, ...]
"""Labels as a program gave them, such as ``("users", "1")``."""

Index = Literal[False] | tuple[str, ...] | None
"""Which fields of a value are found by their words: those of the batch (None), none (False), or those at these paths."""

WHOLE = "$"
"""The path of a whole value."""

_LONG_LABEL_CHARS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A value under a key. ``value`` is a JSON object; all times are UTC.

    ``ttl`` is how long it lives after it was written, or read where reading keeps it alive; it ends at ``expires_at``. Both
    are None for one that stays. ``origin`` is whoever wrote the present value.
    """

    root: Namespace
    path: ItemPath
    key: str
    value: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    origin: Origin
    ttl: timedelta | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLink:
    """A memory that holds words of an item. ``place`` names them within it.

    ``searched``: the item is found by it. Otherwise it is there for the guard alone: nobody asked for the words to be found,
    but they are withheld, and a person can decide about a memory.
    """

    place: str
    memory: MemoryId
    searched: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    """An item that a search found. ``score`` in 0..1, higher is better; None where no word or meaning speaks for it."""

    item: Item
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetItem:
    """Ask for the value under a key. ``refresh``: its life begins anew."""

    path: ItemPath
    key: str
    refresh: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PutItem:
    """Keep a value under a key in the place of what is there; ``value`` None takes the item away."""

    path: ItemPath
    key: str
    value: Mapping[str, Any] | None
    index: Index = None
    ttl: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindItems:
    """Ask for items at ``prefix`` and below it: those that answer ``query`` first, else in the order of writing.

    ``filter``: see `passes`. ``refresh``: the life of those that are returned begins anew.
    """

    prefix: ItemPath
    query: str | None = None
    filter: Mapping[str, Any] | None = None
    limit: int = 10
    offset: int = 0
    refresh: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPattern:
    """How paths begin or end. The label ``*`` stands for any one."""

    labels: ItemPath
    end: Literal["prefix", "suffix"]

    def matches(self, path: ItemPath) -> bool:
        count = len(self.labels)
        if len(path) < count:
            return False
        part = path[:count] if self.end == "prefix" else path[len(path) - count :]
        return all(wanted in ("*", label) for wanted, label in zip(self.labels, part, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPaths:
    """Ask for the paths of items, sorted; of those that are cut at ``max_depth``, each once."""

    patterns: tuple[PathPattern, ...] = ()
    max_depth: int | None = None
    limit: int = 100
    offset: int = 0

    def select(self, paths: Sequence[ItemPath]) -> list[ItemPath]:
        """The page of ``paths`` that was asked for."""
        found = {path[: self.max_depth] for path in paths if all(pattern.matches(path) for pattern in self.patterns)}
        return sorted(found)[self.offset : self.offset + self.limit]


ItemOperation = GetItem | PutItem | FindItems | ListPaths
ItemAnswer = Item | list[FoundItem] | list[ItemPath] | None


def passes(value: Mapping[str, Any], filter: Mapping[str, Any] | None) -> bool:
    """Whether all of ``filter`` is true of a value.

    A filter names fields. What it says of one is a value that must be equal; an object whose fields must be so in turn; a
    list of as many entries; or an object of operators, all of which must hold: ``$eq``, ``$ne``, and ``$gt``, ``$gte``,
    ``$lt``, ``$lte``, which compare numbers. What is missing is None, and no number. Raises `InvalidInput` for another
    operator, and where a number is to be compared with what is none.
    """
    return all(_holds(value.get(name), wanted) for name, wanted in (filter or {}).items())


def _holds(value: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        if any(str(name).startswith("$") for name in wanted):
            return all(_compares(value, str(name), other) for name, other in wanted.items())
        return isinstance(value, Mapping) and all(_holds(value.get(name), one) for name, one in wanted.items())
    if isinstance(wanted, list | tuple):
        alike = isinstance(value, list | tuple) and len(value) == len(wanted)
        return alike and all(_holds(one, other) for one, other in zip(value, wanted, strict=True))  # type: ignore[call-overload]
    return bool(value == wanted)


def _compares(value: object, operator: str, other: object) -> bool:
    if operator in ("$eq", "$ne"):
        return (value == other) is (operator == "$eq")
    if operator not in ("$gt", "$gte", "$lt", "$lte"):
        raise InvalidInput(
            f"There is no operator {operator[:40]!r}.", hint="The operators are $eq, $ne, $gt, $gte, $lt and $lte."
        )
    bound = _number(other)
    if bound is None:
        raise InvalidInput(f"{operator} compares with {shown(other, 60)}.", hint="Give a number.")
    number = _number(value)
    if number is None:
        return False
    if operator == "$gt":
        return number > bound
    if operator == "$gte":
        return number >= bound
    return number < bound if operator == "$lt" else number <= bound


def _number(value: object) -> float | None:
    if not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def check_key(key: object) -> str:
    """The key of an item. Raises `InvalidInput`."""
    if not isinstance(key, str):
        raise InvalidInput(f"The key is {type(key).__name__}.", hint="Give a string.")
    return key


def check_fields(fields: Iterable[str], *, name: str) -> tuple[str, ...]:
    """The paths of fields; one text alone would be one for each letter. Raises `InvalidInput`."""
    hint = 'Give a list of paths, such as ["text", "notes[*].title"].'
    paths = tuple(check_several(fields, name=name, hint=hint))
    if not all(isinstance(path, str) for path in paths):
        raise InvalidInput(f"{name} is {shown(paths)}.", hint=hint)
    return paths


def memory_namespace(root: Namespace, path: ItemPath) -> Namespace:
    """Where the memories of the items at ``path`` are: the root and the labels, each as the ledger can hold it.

    What a label of the ledger cannot hold is written as ``%`` and two hexadecimal digits a byte, and so is ``%`` itself.
    Labels below the deepest level are joined to one by ``%.``, and one that is too long ends in a hash. Two paths never
    share a namespace.
    """
    room = MAX_NAMESPACE_DEPTH - len(root)
    labels = [_held_label(label) for label in path]
    if len(labels) > room:
        labels = [*labels[: room - 1], "%.".join(labels[room - 1 :])]
    return (*root, *(_short(label) for label in labels))


def _held_label(label: str) -> str:
    if label in (".", "..") or not shows_something(label):
        return "".join(map(_escaped, label))
    start, end = len(label) - len(label.lstrip()), len(label.rstrip())
    return "".join(
        _escaped(char)
        if not start <= at < end or char in "%/" or ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000
        else char
        for at, char in enumerate(label)
    )


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _short(label: str) -> str:
    if len(label) <= MAX_LABEL_CHARS:
        return label
    digest = blake2b(label.encode(), digest_size=16).hexdigest()
    return f"{label[:_LONG_LABEL_CHARS].rstrip()}%~{digest}"
