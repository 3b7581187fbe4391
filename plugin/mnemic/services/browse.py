"""Looking at memories one by one, in order, and through time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mnemic.domain.drafting import check_origin
from mnemic.domain.memory import History, Kind, MemoryId, MemoryRecord, Namespace, RowKey, Status
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.recall import Hit, MemoryFilter
from mnemic.domain.validation import (
    MAX_SOURCE_CHARS,
    check_choices,
    check_count,
    check_id,
    check_ids,
    check_label,
    check_moment,
    check_namespace,
    check_tags,
)
from mnemic.errors import InvalidInput
from mnemic.services.backends import Backends, require
from mnemic.services.guarding.aftermath import note_shown
from mnemic.services.guarding.standing import is_shown, show

MAX_LISTED = 1_000


def get(backends: Backends, id: object, *, namespace: Namespace | None = None) -> MemoryRecord:
    """One memory, whatever its status. Raises `UnknownMemory`."""
    checked = check_id(id)
    with backends.ledger.snapshot() as snapshot:
        return require(snapshot, [checked], namespace=namespace)[checked][1]


def taken_over(backends: Backends, id: object) -> dict[str, Any]:
    """What a new version of a memory has of it unless told otherwise, as fields of `NewMemory`.

    Kind and namespace. Of an event also when it was, because its correction tells of the same event; what is semantic holds
    from when it is said. Of trusted memories the labels and what they are about: a stranger's would become the words of
    whoever corrects the text. Raises `UnknownMemory`.
    """
    checked = check_id(id)
    policy = backends.guard.policy
    with backends.ledger.snapshot() as snapshot:
        key, record = require(snapshot, [checked])[checked]
        (hit,) = show(snapshot, backends.guard, policy, [(key, record)])
        fact = snapshot.facts([key]).get(key)
    names = ["kind", "namespace"]
    if record.kind is Kind.EPISODIC:
        names += ["occurred_at", "valid_from"]
    trusted = hit.standing is not None and hit.standing.trusted
    if trusted:
        names += ["tags", "when_to_use", "source", "session", "speaker", "role"]
    fields = {name: getattr(record, name) for name in names}
    if trusted and fact is not None and fact.explicit:
        fields |= {"subject": fact.subject, "attribute": fact.attribute}
    return fields


def show_memories(
    backends: Backends, ids: Iterable[object], *, namespace: Namespace | None = None, origin: Origin | None = None
) -> tuple[Hit, ...]:
    """Memories as recall would show them, whatever their status, in the order of ``ids``. Raises `UnknownMemory`.

    ``origin`` is the agent that reads them, so that what it writes afterwards is known to follow them; None where only a
    person looks.
    """
    wanted = check_ids(ids, name="ids", limit=MAX_LISTED)
    reader = None if origin is None else check_origin(origin)
    policy = backends.guard.policy
    with backends.ledger.snapshot() as snapshot:
        found = require(snapshot, wanted, namespace=namespace)
        hits = tuple(show(snapshot, backends.guard, policy, [found[id] for id in wanted]))
    if reader is not None:
        read = [(found[hit.memory.id][0], hit) for hit in hits if is_shown(hit)]
        note_shown(backends, policy, read, origin=reader, now=backends.clock.now())
    return hits


def list_memories(
    backends: Backends, filter: MemoryFilter, *, limit: int = 50, before: MemoryId | None = None
) -> tuple[MemoryRecord, ...]:
    """Memories that pass ``filter``, newest first; those written before the memory ``before``, to page on."""
    check_count(limit, name="limit", low=1, high=MAX_LISTED)
    with backends.ledger.snapshot() as snapshot:
        key: RowKey | None = None
        if before is not None:
            checked = check_id(before)
            key = require(snapshot, [checked])[checked][0]
        current = replace(filter, now=backends.clock.now())
        return tuple(record for _, record in snapshot.select(current, limit=limit, before=key))


def history(backends: Backends, id: object, *, namespace: Namespace | None = None) -> History:
    """Every version of a memory with all that happened to it. Raises `UnknownMemory`."""
    checked = check_id(id)
    with backends.ledger.snapshot() as snapshot:
        require(snapshot, [checked], namespace=namespace)
        versions = snapshot.chain(checked)
        ids = [version.id for version in versions]
        return History(versions=tuple(versions), events=tuple(snapshot.events(ids)), links=tuple(snapshot.links(ids)))


def check_filter(given: Mapping[str, Any]) -> MemoryFilter:
    """A filter from loose values, with ``namespace`` set. Raises `InvalidInput`."""
    filter = MemoryFilter(
        namespace=check_namespace(given["namespace"]),
        subtree=bool(given.get("subtree", False)),
        kinds=check_choices(given.get("kinds", ()), Kind, name="kinds"),
        tags=check_tags(given.get("tags", ())),
        session=check_label(given.get("session"), name="session"),
        speaker=check_label(given.get("speaker"), name="speaker"),
        channels=check_choices(given.get("channels", ()), Channel, name="channels"),
        source=check_label(given.get("source"), name="source", limit=MAX_SOURCE_CHARS),
        since=check_moment(given.get("since"), name="since"),
        until=check_moment(given.get("until"), name="until"),
        as_of=check_moment(given.get("as_of"), name="as_of"),
        known_at=check_moment(given.get("known_at"), name="known_at"),
        statuses=check_choices(given.get("statuses", (Status.ACTIVE,)), Status, name="statuses"),
    )
    if filter.since is not None and filter.until is not None and filter.since >= filter.until:
        raise InvalidInput(
            f"since ({filter.since.isoformat()}) is not before until ({filter.until.isoformat()}).",
            hint="Give an until after since: what happened at until itself is left out.",
        )
    return filter


def all_records(backends: Backends, *, namespace: Namespace | None = None) -> tuple[MemoryRecord, ...]:
    """Every memory of any status in the order of writing; of one namespace and those below it, or of all."""
    with backends.ledger.snapshot() as snapshot:
        return tuple(record for _, record in snapshot.iterate(namespace=namespace))
