"""Moving memories between ledgers as JSON Lines, exactly: export, import and export again give the same bytes.

One object a line, told apart by ``type``: a *header*, then every *memory* in the order of writing, then *marks*, *event*,
*link* and *erasure* lines. Vectors and what the guard finds in a text are not exported; they are computed again. Lessons and
the guard's log belong to the ledger that wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mnemic.domain.drafting import check_origin, draft_memory
from mnemic.domain.marks import Marks, Review, Taint
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
    RowKey,
    Status,
)
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.validation import check_id, check_namespace
from mnemic.errors import InvalidInput, MnemicError
from mnemic.guard.guard import class_in, inherit
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerSnapshot
from mnemic.services.backends import Backends, embed_records
from mnemic.services.review import keep_marks

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
    confirmations: int = Field(0, ge=0, le=2**53)
    confirmed_at: AwareDatetime | None = None


class _TaintLine(_Line):
    channel: Channel
    claimed: bool = False


class _MarksLine(_Line):
    """What a memory was drawn from besides its own origin, and what a person decided about it."""

    type: Literal["marks"]
    memory_id: str
    taints: list[_TaintLine] = []
    review: Review | None = None


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


_AnyOfLines = _HeaderLine | _MemoryLine | _MarksLine | _EventLine | _LinkLine | _ErasureLine
_AnyLine = Annotated[_AnyOfLines, Field(discriminator="type")]
_LINE: TypeAdapter[_AnyOfLines] = TypeAdapter(_AnyLine)


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
        keys: list[RowKey] = []
        for key, record in snapshot.iterate(namespace=namespace):
            ids.append(record.id)
            keys.append(key)
            yield _encode({"type": "memory", **_plain(asdict(record))})
        yield from _export_marks(snapshot, ids, keys)
        yield from _export_rest(snapshot, ids, namespace)


def import_lines(backends: Backends, lines: Iterable[str], *, progress: Progress | None = None) -> ImportReport:
    """Take in the lines of an export, all of them in one transaction or none.

    A memory that is there already and exactly equal is passed over, so importing twice adds nothing. Each text is screened
    as if it were written now, by the origin that the file gives it: whoever imports a file vouches for its origins. Raises
    `InvalidInput` that lists what is wrong in which line (at most 20), or which memories are here in another state than in
    the import.
    """
    parsed = _parse(lines, progress)
    with backends.ledger.snapshot() as snapshot:
        missing = _missing(snapshot, parsed)
    policy = backends.guard.policy
    vectors: dict[MemoryId, bytes | None] = {}
    marks: dict[MemoryId, Marks] = {}
    for start in range(0, len(missing), _BATCH):
        chunk = missing[start : start + _BATCH]
        embedded = embed_records(backends.embedder, chunk)
        vectors |= {record.id: vector for record, vector in zip(chunk, embedded, strict=True)}
        marks |= {record.id: _marks_of(backends, policy, record, parsed.marks.get(record.id)) for record in chunk}
        if progress is not None:
            progress(start)
    with backends.ledger.transaction() as transaction:
        missing = _missing(transaction, parsed)
        for record in missing:
            found = marks.get(record.id) or _marks_of(backends, policy, record, parsed.marks.get(record.id))
            key = transaction.append(record, embedder_id=backends.embedder.id, vector=vectors.get(record.id))
            keep_marks(transaction, backends, policy, key, record, found)
        imported = {record.id for record in missing}
        for event in parsed.events:
            # What was here before keeps its own events.
            if event.memory_id in imported:
                transaction.restore_event(event)
        for link in parsed.links:
            if link.source in imported or link.target in imported:
                transaction.link(link)
        known = transaction.erased(erasure.memory_id for erasure in parsed.erasures)
        for erasure in parsed.erasures:
            if erasure.memory_id not in known:
                transaction.restore_erasure(erasure)
    return ImportReport(imported=len(missing), present=len(parsed.records) - len(missing))


def _export_marks(snapshot: LedgerSnapshot, ids: list[MemoryId], keys: list[RowKey]) -> Iterator[str]:
    for start in range(0, len(ids), _BATCH):
        found = snapshot.marks(keys[start : start + _BATCH])
        for id, key in zip(ids[start : start + _BATCH], keys[start : start + _BATCH], strict=True):
            marks = found[key]
            if marks.review is not None or len(marks.taints) > 1:
                taints = [taint._asdict() for taint in marks.taints[1:]]
                line = {"type": "marks", "memory_id": id, "taints": taints, "review": marks.review}
                yield _encode(_plain(line))


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


@dataclass(slots=True)
class _Parsed:
    """The content of an import, each line valid by itself."""

    records: list[MemoryRecord] = field(default_factory=list)
    marks: dict[MemoryId, _MarksLine] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    erasures: list[Erasure] = field(default_factory=list)


def _parse(lines: Iterable[str], progress: Progress | None) -> _Parsed:
    parsed = _Parsed()
    problems: list[str] = []
    ids: set[str] = set()
    headed = False
    for number, line in enumerate(lines, 1):
        if progress is not None and number % _BATCH == 0:
            progress(number)
        if not isinstance(line, str):
            raise InvalidInput(
                f"Line {number} is {type(line).__name__}, not text.", hint="Give the lines of an export."
            )
        if not line.strip():
            continue
        if not headed:
            _check_header(line.removeprefix("\ufeff"))
            headed = True
            continue
        try:
            _take_line(_LINE.validate_json(line), parsed, ids)
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
    return parsed


def _take_line(line: _AnyOfLines, parsed: _Parsed, ids: set[str]) -> None:
    if isinstance(line, _HeaderLine):
        raise InvalidInput("a second header", hint="Import one export at a time.")
    if isinstance(line, _MemoryLine):
        if line.id in ids:
            raise InvalidInput(f"{line.id} occurs twice")
        if (line.status is Status.SUPERSEDED) > (line.superseded_by is not None):
            raise InvalidInput(f"{line.id} is superseded, but superseded_by is not given")
        if line.id in (line.supersedes, line.superseded_by):
            raise InvalidInput(f"{line.id} supersedes itself")
        ids.add(line.id)
        parsed.records.append(_record(line))
    elif isinstance(line, _MarksLine):
        parsed.marks[check_id(line.memory_id)] = line
    elif isinstance(line, _EventLine):
        parsed.events.append(
            Event(
                memory_id=check_id(line.memory_id), action=line.action, at=line.at.astimezone(UTC),
                origin=check_origin(Origin(**line.origin.model_dump())), detail=line.detail,
            )
        )  # fmt: skip
    elif isinstance(line, _LinkLine):
        parsed.links.append(
            Link(source=check_id(line.source), target=check_id(line.target), relation=line.relation, score=line.score)
        )
    else:
        parsed.erasures.append(
            Erasure(
                memory_id=check_id(line.memory_id), namespace=check_namespace(line.namespace),
                erased_at=line.erased_at.astimezone(UTC),
            )
        )  # fmt: skip


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


def _missing(snapshot: LedgerSnapshot, parsed: _Parsed) -> list[MemoryRecord]:
    """The memories that are not here yet. Raises when the import and this ledger do not fit together."""
    found = {id: record for id, (_, record) in snapshot.find(record.id for record in parsed.records).items()}
    everything = {record.id: record for record in parsed.records}
    ends = {end for link in parsed.links for end in (link.source, link.target)} | {
        other for record in parsed.records for other in (record.supersedes, record.superseded_by) if other is not None
    }
    elsewhere = {id: record for id, (_, record) in snapshot.find(ends - everything.keys()).items()}
    erased_there = {erasure.memory_id for erasure in parsed.erasures}
    problems = [f"{id} was erased here for good" for id in sorted(snapshot.erased(everything))]
    problems += [f"{id} was erased there and is here" for id in sorted(snapshot.find(erased_there))]
    for record in parsed.records:
        here = found.get(record.id)
        if here is not None and here != record:
            problems.append(f"{record.id} is here in another state: {', '.join(_differences(here, record))}")
        for other in (record.supersedes, record.superseded_by):
            version = None if other is None else everything.get(other) or elsewhere.get(other)
            if version is not None and version.namespace != record.namespace:
                problems.append(f"{record.id} and {other} are versions in different namespaces")
    for link in parsed.links:
        for end in (link.source, link.target):
            if end not in everything and end not in elsewhere:
                problems.append(f"a link leads to {end}, which is nowhere")
    if problems:
        shown = "; ".join(problems[:_MAX_PROBLEMS])
        raise InvalidInput(
            f"Nothing was imported. {shown}.",
            hint="Import into an empty ledger, or take these memories out of the file.",
        )
    return [record for record in parsed.records if record.id not in found]


def _marks_of(backends: Backends, policy: Policy, record: MemoryRecord, line: _MarksLine | None) -> Marks:
    """What the guard finds in an imported text, and what its own ledger knew of it."""
    marks = backends.guard.examine(policy, record)
    if line is None:
        return marks
    taints = tuple(Taint(taint.channel, taint.claimed) for taint in line.taints)
    if class_in(policy, inherit(marks, taints)) is not class_in(policy, marks):
        marks = backends.guard.examine(policy, record, fully=True)
    return replace(inherit(marks, taints), review=line.review)


def _differences(here: MemoryRecord, there: MemoryRecord) -> list[str]:
    return [item.name for item in fields(MemoryRecord) if getattr(here, item.name) != getattr(there, item.name)]


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
