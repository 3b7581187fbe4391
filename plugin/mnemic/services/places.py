"""Which part of a divided memory a call is for: told by what it names. What names nothing is refused: it fails closed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mnemic.domain.memory import Namespace
from mnemic.domain.validation import check_namespace
from mnemic.errors import SeveralPartitions
from mnemic.services.health import Diagnosis, HealthStatus
from mnemic.services.rights import name_of

ANYWHERE = frozenset(
    [
        "items.operations.present_moment",
        "learning.distilling.lessons_of",
        "reviewing.review.policy_in_force",
        "working_memory.compose.fit",
    ]
)
"""Use cases that look at no memory."""

# Arguments that name a namespace, or have one.
_NAMESPACES: Mapping[str, Callable[[Any], Namespace]] = {
    "namespace": check_namespace,
    "root": check_namespace,
    "filter": lambda chosen: chosen.namespace,
    "query": lambda query: query.filter.namespace,
    "plan": lambda plan: plan.namespace,
}
_IDS = frozenset(["ids", "id", "because"])
# What may be iterated over only once, and the use case wants it as well.
_READ_ONCE = frozenset(["ids", "because", "memories", "lines"])
NAMING = frozenset([*_NAMESPACES, *_IDS, "memories", "lines"])
"""Arguments that say where a call belongs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a use case, its arguments read once, and what they name: ``namespaces``, else ``ids``, else nothing."""

    args: tuple[Any, ...]
    named: dict[str, Any]
    namespaces: frozenset[Namespace] = frozenset()
    ids: tuple[str, ...] = ()


def read_call(use_case: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Call:
    """What a call is about. Raises `SeveralPartitions` when it names neither namespaces nor memories; `InvalidInput`."""
    if name_of(use_case) in ANYWHERE:
        return Call(args=args, named=named)
    bound = inspect.signature(use_case).bind(None, *args, **named)
    bound.apply_defaults()
    given = bound.arguments
    for name in _READ_ONCE & given.keys():
        if isinstance(given[name], Iterable) and not isinstance(given[name], str):
            given[name] = tuple(given[name])
    call = Call(args=bound.args[1:], named=bound.kwargs)
    found = {read(given[name]) for name, read in _NAMESPACES.items() if given.get(name) is not None}
    if "memories" in given:
        own = [getattr(memory, "namespace", None) for memory in given["memories"]]
        found = {place for one in own for place in (found if one is None else {check_namespace(one)})} or found
    elif "lines" in given and not found:
        found = _namespaces_in(given["lines"])
    if found:
        return replace(call, namespaces=frozenset(found))
    if not (_IDS | {"lines"}) & given.keys():
        raise SeveralPartitions(
            "This memory is divided by the first label of the namespace, and this call names none.",
            hint="Name a namespace.",
        )
    named_ids = [(given[name],) if name == "id" else given[name] for name in sorted(_IDS & given.keys())]
    ids = tuple(id for some in named_ids if isinstance(some, tuple) for id in some if isinstance(id, str))
    return replace(call, ids=ids)


def _namespaces_in(lines: Iterable[str]) -> set[Namespace]:
    """The namespaces that the lines of an export speak of. What cannot be read is for the import to tell."""
    found: set[Namespace] = set()
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        named = value.get("namespace", value.get("root")) if isinstance(value, dict) else None
        if isinstance(named, list) and named and isinstance(named[0], str):
            found.add((named[0],))
    return found


def _status(found: Mapping[int, HealthStatus]) -> HealthStatus:
    """Sums, and what each part has in use."""
    first = next(iter(found.values()))
    served = {part for one in found.values() for part in str(one.index["served_by"]).split("+")}
    return replace(
        first,
        memories=sum(one.memories for one in found.values()),
        namespaces=tuple(sorted(entry for one in found.values() for entry in one.namespaces)),
        last_seq=sum(one.last_seq for one in found.values()),
        ledger_id="+".join(one.ledger_id for one in found.values()),
        ledger_bytes=sum(one.ledger_bytes for one in found.values()),
        index={"served_by": "+".join(sorted(served)), "partitions": {str(n): one.index for n, one in found.items()}},
        reading_ahead=any(one.reading_ahead for one in found.values()),
    )


def _diagnosis(found: Mapping[int, Diagnosis]) -> Diagnosis:
    return Diagnosis(
        findings=tuple(
            replace(finding, check=f"{finding.check} (partition {number})")
            for number, one in found.items()
            for finding in one.findings
        ),
        repaired=tuple(f"partition {number}: {done}" for number, one in found.items() for done in one.repaired),
    )


EVERYWHERE: Mapping[str, Callable[[Mapping[int, Any]], Any]] = {
    "health.status": _status,
    "health.doctor": _diagnosis,
    "storing.cold.cool": lambda found: sum(found.values()),
    "health.embed_missing": lambda found: sum(found.values()),
    "health.reset_index": lambda _: None,
}
"""Use cases that are asked of every part, one after the other, and how the answers of the parts become one."""
