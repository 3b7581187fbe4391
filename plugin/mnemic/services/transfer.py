"""Moving memories between ledgers as JSON Lines, exactly: export, import and export again give the same bytes.

One object a line, told apart by ``type``: a *header*, then every *memory* in the order of writing, then *event*, *link* and
*erasure* lines. Vectors are not exported; they are computed again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mnemic.domain.drafting import draft_memory
from mnemic.domain.memory import (
    Action,
    Erasure,
    Event,
    Kind,
    Link,
    MemoryId,
    MemoryRecord,
    Namespace,
    NewMemory,
    Relation,
    Role,
    Status,
)
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.validation import check_id, check_namespace
from mnemic.errors import InvalidInput, MnemicError
from mnemic.protocols import LedgerSnapshot, LedgerTransaction
from mnemic.services.backends import Backends, embed_records

FORMAT = "mnemic-export"
FORMAT_VERSION = 1
_BATCH = 500
_MAX_PROBLEMS = 20

Progress = Callable[[int], None]
"""Called with the number of lines done so far."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _OriginLine(_Line):
    channel: Channel
    actor: str | None = None
    client: str | None = None
    transport: str | None = None
    connection: str | None = None
    task: str | None = None
    claimed: bool = False


class _HeaderLine(_Line):
    type: Literal["header"]
    format: Literal["mnemic-export"]
    version: Literal[1]


class _MemoryLine(_Line):
    type: Literal["memory"]
    id: str
    namespace: list[str]
    kind: Kind
    text: str
    tags: list[str] = []
    session: str | None = None
    speaker: str | None = None
    role: Role | None = None
    source: str | None = None
    when_to_use: str | None = None
    evidence: list[str] = []
    supersedes: str | None = None
    origin: _OriginLine
    occurred_at: AwareDatetime | None = None
    valid_from: AwareDatetime
    recorded_at: AwareDatetime
    status: Status = Status.ACTIVE
    valid_to: AwareDatetime | None = None
    superseded_by: str | None = None
    superseded_at: AwareDatetime | None = None
    confirmations: int = Field(0, ge=0)
    confirmed_at: AwareDatetime | None = None


class _EventLine(_Line):
    type: Literal["event"]
    memory_id: str
    action: Action
    at: AwareDatetime
    origin: _OriginLine
    detail: dict[str, Any] = {}


class _LinkLine(_Line):
    type: Literal["link"]
    source: str
    target: str
    relation: Relation
    score: float = Field(1.0, ge=0, le=1)


class _ErasureLine(_Line):
    type: Literal["erasure"]
    memory_id: str
    namespace: list[str]
    erased_at: AwareDatetime


_AnyLine = Annotated[_HeaderLine | _MemoryLine | _EventLine | _LinkLine | _ErasureLine, Field(discriminator="type")]
_LINE: TypeAdapter[_HeaderLine | _MemoryLine | _EventLine | _LinkLine | _ErasureLine] = TypeAdapter(_AnyLine)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did. ``present`` memories were there already, exactly the same."""

    imported: int
    present: int


def export_lines(backends: Backends, *, namespace: Namespace | None = None) -> Generator[str, None, None]:
    """The lines of an export, without line ends, from one consistent snapshot; of one namespace and below, or of all."""
    with backends.ledger.snapshot() as snapshot:
        yield _encode({"type": "header", "format": FORMAT, "version": FORMAT_VERSION})
        ids: list[MemoryId] = []
        for _, record in snapshot.iterate(namespace=namespace):
            ids.append(record.id)
            yield _encode({"type": "memory", **_plain(asdict(record))})
        yield from _export_rest(snapshot, ids, namespace)


def import_lines(backends: Backends, lines: Iterable[str], *, progress: Progress | None = None) -> ImportReport:
    """Take in the lines of an export, all of them in one transaction or none.

    A memory that is there already and equal is passed over, so importing twice adds nothing. Raises `InvalidInput` that
    lists what is wrong in which line (at most 20 lines), or that a memory with the same id but other content is here.
    """
    records, rest = _parse(lines, progress)
    imported: set[MemoryId] = set()
    present = 0
    with backends.ledger.snapshot() as snapshot:
        missing = _missing(snapshot, records)
    vectors: list[bytes | None] = []
    for start in range(0, len(missing), _BATCH):
        vectors += embed_records(backends.embedder, missing[start : start + _BATCH])
        if progress is not None:
            progress(start)
    prepared = {record.id: vector for record, vector in zip(missing, vectors, strict=True)}
    with backends.ledger.transaction() as transaction:
        erased = {erasure.memory_id for erasure in transaction.erasures()}
        for record in _missing(transaction, records):
            if record.id in erased:
                raise InvalidInput(
                    f"{record.id} was erased here for good and is in the import.", hint="Take it out of the file first."
                )
            transaction.append(record, embedder_id=backends.embedder.id, vector=prepared.get(record.id))
            imported.add(record.id)
        present = len(records) - len(imported)
        _import_rest(transaction, rest, imported, erased)
    return ImportReport(imported=len(imported), present=present)


def _export_rest(snapshot: LedgerSnapshot, ids: list[MemoryId], namespace: Namespace | None) -> Iterator[str]:
    for start in range(0, len(ids), _BATCH):
        chunk = ids[start : start + _BATCH]
        for event in snapshot.events(chunk):
            yield _encode({"type": "event", **_plain(asdict(event))})
    for start in range(0, len(ids), _BATCH):
        chunk = ids[start : start + _BATCH]
        here = set(chunk)
        for link in snapshot.links(chunk):
            if link.source in here:
                yield _encode({"type": "link", **_plain(asdict(link))})
    for erasure in snapshot.erasures():
        if namespace is None or erasure.namespace[: len(namespace)] == namespace:
            yield _encode({"type": "erasure", **_plain(asdict(erasure))})


def _parse(lines: Iterable[str], progress: Progress | None) -> tuple[list[MemoryRecord], list[Event | Link | Erasure]]:
    records: list[MemoryRecord] = []
    rest: list[Event | Link | Erasure] = []
    problems: list[str] = []
    headed = False
    for number, line in enumerate(lines, 1):
        if progress is not None and number % _BATCH == 0:
            progress(number)
        if not line.strip():
            continue
        if not headed:
            _check_header(line)
            headed = True
            continue
        try:
            parsed = _LINE.validate_json(line)
            if isinstance(parsed, _MemoryLine):
                records.append(_record(parsed))
            elif not isinstance(parsed, _HeaderLine):
                rest.append(_other(parsed))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"][1:])
            problems.append(f"line {number}: {where + ': ' if where else ''}{first['msg']}")
        except (MnemicError, OverflowError) as error:
            problems.append(f"line {number}: {error}")
        if len(problems) == _MAX_PROBLEMS:
            break
    if problems:
        raise InvalidInput("Nothing was imported. " + "; ".join(problems), hint="Mend these lines and import again.")
    if not headed:
        raise InvalidInput("The import is empty.", hint="Give a file that `mnemic export` wrote.")
    return records, rest


def _check_header(line: str) -> None:
    """The first line says what the file is."""
    try:
        header = json.loads(line)
        version = header["version"] if header["format"] == FORMAT else None
    except (ValueError, TypeError, KeyError):
        version = None
    if version is None:
        raise InvalidInput("This is not a mnemic export.", hint="Give a file that `mnemic export` wrote.")
    if version != FORMAT_VERSION:
        raise InvalidInput(
            f"The export has format version {str(version)[:20]}; this mnemic reads version {FORMAT_VERSION}.",
            hint="Update mnemic.",
        )


def _record(line: _MemoryLine) -> MemoryRecord:
    origin = Origin(**line.origin.model_dump())
    drafted = draft_memory(
        NewMemory(
            text=line.text, kind=line.kind, namespace=tuple(line.namespace), tags=line.tags, session=line.session,
            speaker=line.speaker, role=line.role, source=line.source, when_to_use=line.when_to_use,
            occurred_at=line.occurred_at, valid_from=line.valid_from, evidence=line.evidence,
            supersedes=line.supersedes, origin=origin,
        ),
        id=check_id(line.id), namespace=(), origin=origin, recorded_at=line.recorded_at.astimezone(UTC),
    )  # fmt: skip
    return replace(
        drafted,
        status=line.status,
        valid_to=_optional_utc(line.valid_to),
        superseded_by=_optional_id(line.superseded_by),
        superseded_at=_optional_utc(line.superseded_at),
        confirmations=line.confirmations,
        confirmed_at=_optional_utc(line.confirmed_at),
    )


def _other(line: _EventLine | _LinkLine | _ErasureLine) -> Event | Link | Erasure:
    if isinstance(line, _EventLine):
        return Event(
            memory_id=check_id(line.memory_id), action=line.action, at=line.at.astimezone(UTC),
            origin=Origin(**line.origin.model_dump()), detail=line.detail,
        )  # fmt: skip
    if isinstance(line, _LinkLine):
        return Link(
            source=check_id(line.source), target=check_id(line.target), relation=line.relation, score=line.score
        )
    return Erasure(
        memory_id=check_id(line.memory_id),
        namespace=check_namespace(line.namespace),
        erased_at=line.erased_at.astimezone(UTC),
    )


def _missing(snapshot: LedgerSnapshot, records: list[MemoryRecord]) -> list[MemoryRecord]:
    """The records that are not here yet. Raises when one is here with other content."""
    found = snapshot.find(record.id for record in records)
    for record in records:
        if record.id in found and found[record.id][1].text != record.text:
            raise InvalidInput(
                f"{record.id} is here with another text than in the import.",
                hint="Import into an empty ledger, or give the imported memory another id.",
            )
    return [record for record in records if record.id not in found]


def _import_rest(
    transaction: LedgerTransaction, rest: list[Event | Link | Erasure], imported: set[MemoryId], erased: set[MemoryId]
) -> None:
    for item in rest:
        if isinstance(item, Event):
            # What was here before keeps its own events.
            if item.memory_id in imported:
                transaction.restore_event(item)
        elif isinstance(item, Link):
            if item.source in imported or item.target in imported:
                transaction.link(item)
        elif item.memory_id not in erased:
            transaction.restore_erasure(item)


def _encode(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _plain(value: Any) -> Any:
    """JSON values; what is None or empty is left out, so that a line holds only what was said."""
    if isinstance(value, dict):
        kept = {name: _plain(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if not (item is None or item is False or item in ([], {}))}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _optional_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _optional_id(id: str | None) -> MemoryId | None:
    return None if id is None else check_id(id)
