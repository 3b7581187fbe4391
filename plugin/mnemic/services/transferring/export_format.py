"""The lines of an export, and what they become."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any

from pydantic import ValidationError

from mnemic.domain.drafting import check_origin, draft_memory
from mnemic.domain.facts import make_fact
from mnemic.domain.item_values import decode_value, encode_value
from mnemic.domain.items import Item, ItemLink
from mnemic.domain.learning.facets import Facets, check_facets
from mnemic.domain.learning.outcome import OutcomeId, TaskOutcome
from mnemic.domain.learning.utility import Utility
from mnemic.domain.memory import Erasure, Event, Link, MemoryId, MemoryRecord, Namespace, NewMemory, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import check_id, check_label, check_namespace, check_text
from mnemic.errors import InvalidInput, MnemicError
from mnemic.services.transferring.export_lines import (
    AnyOfLines,
    EventLine,
    FacetsLine,
    FactLine,
    HeaderLine,
    ItemLine,
    LinkLine,
    MarksLine,
    MemoryLine,
    OutcomeLine,
    UtilityLine,
    parse_line,
)

FORMAT = "mnemic-export"
FORMAT_VERSION = 1
_BATCH = 500
_MAX_PROBLEMS = 20

Progress = Callable[[int], None]
"""Called with the number of lines done so far."""


@dataclass(slots=True)
class ParsedExport:
    """The content of an import, each line valid by itself."""

    records: list[MemoryRecord] = field(default_factory=list)
    marks: dict[MemoryId, MarksLine] = field(default_factory=dict)
    facts: dict[MemoryId, FactLine] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    erasures: list[Erasure] = field(default_factory=list)
    facets: dict[MemoryId, Facets] = field(default_factory=dict)
    utilities: dict[MemoryId, Utility] = field(default_factory=dict)
    outcomes: list[TaskOutcome] = field(default_factory=list)
    items: list[tuple[Item, tuple[ItemLink, ...]]] = field(default_factory=list)


def parse_export(lines: Iterable[str], progress: Progress | None) -> ParsedExport:
    parsed = ParsedExport()
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
            _take_line(parse_line(line), parsed, ids)
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


def _take_line(line: AnyOfLines, parsed: ParsedExport, ids: set[str]) -> None:
    if isinstance(line, HeaderLine):
        raise InvalidInput("a second header", hint="Import one export at a time.")
    if isinstance(line, MemoryLine):
        if line.id in ids:
            raise InvalidInput(f"{line.id} occurs twice")
        if (line.status is Status.SUPERSEDED) > (line.superseded_by is not None):
            raise InvalidInput(f"{line.id} is superseded, but superseded_by is not given")
        if line.id in (line.supersedes, line.superseded_by):
            raise InvalidInput(f"{line.id} supersedes itself")
        ids.add(line.id)
        parsed.records.append(_record(line))
    elif isinstance(line, MarksLine):
        parsed.marks[check_id(line.memory_id)] = line
    elif isinstance(line, FactLine):
        make_fact(line.subject, line.attribute, "")
        parsed.facts[check_id(line.memory_id)] = line
    elif isinstance(line, EventLine):
        parsed.events.append(
            Event(
                memory_id=check_id(line.memory_id), action=line.action, at=line.at.astimezone(UTC),
                origin=check_origin(Origin(**line.origin.model_dump())), detail=line.detail,
            )
        )  # fmt: skip
    elif isinstance(line, LinkLine):
        parsed.links.append(
            Link(source=check_id(line.source), target=check_id(line.target), relation=line.relation, score=line.score)
        )
    elif isinstance(line, ItemLine):
        parsed.items.append(_item(line))
    elif isinstance(line, FacetsLine):
        values = line.model_dump(exclude={"type", "memory_id"})
        facets = check_facets(Facets(**{**values, "tools": tuple(line.tools)}))
        parsed.facets[check_id(line.memory_id)] = facets
    elif isinstance(line, UtilityLine):
        values = line.model_dump(exclude={"type", "memory_id", "last_used_at"})
        parsed.utilities[check_id(line.memory_id)] = Utility(**values, last_used_at=_optional_utc(line.last_used_at))
    elif isinstance(line, OutcomeLine):
        if line.id in ids:
            raise InvalidInput(f"{line.id} occurs twice")
        ids.add(line.id)
        parsed.outcomes.append(_outcome(line))
    else:
        parsed.erasures.append(
            Erasure(
                memory_id=check_id(line.memory_id), namespace=check_namespace(line.namespace),
                erased_at=line.erased_at.astimezone(UTC),
            )
        )  # fmt: skip


def _outcome(line: OutcomeLine) -> TaskOutcome:
    ids = {name: tuple(check_id(id) for id in getattr(line, name)) for name in ("used", "shown", "episodes")}
    return TaskOutcome(
        id=OutcomeId(line.id), namespace=check_namespace(line.namespace), task=check_text(line.task, name="task"),
        reward=line.reward, at=line.at.astimezone(UTC), origin=check_origin(Origin(**line.origin.model_dump())),
        attributed=line.attributed, key=check_label(line.key, name="key"), **ids,
    )  # fmt: skip


def _item(line: ItemLine) -> tuple[Item, tuple[ItemLink, ...]]:
    try:
        value = decode_value(line.value)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The value of the item {line.key[:60]!r} is no JSON.") from error
    encode_value(value)
    links = [ItemLink(place=one.place, memory=check_id(one.memory), searched=one.searched) for one in line.memories]
    return Item(
        root=check_namespace(line.root), path=tuple(line.path), key=line.key, value=value,
        created_at=line.created_at.astimezone(UTC), updated_at=line.updated_at.astimezone(UTC),
        origin=check_origin(Origin(**line.origin.model_dump())),
        ttl=None if line.ttl_seconds is None else timedelta(seconds=line.ttl_seconds),
        expires_at=_optional_utc(line.expires_at),
    ), tuple(links)  # fmt: skip


def _check_header(line: str) -> None:
    """The first line says what the file is."""
    try:
        header = json.loads(line)
        version = header["version"] if header["format"] == FORMAT else None
    except (ValueError, TypeError, KeyError):
        version = None
    if version is None:
        raise InvalidInput(
            "This is not a mnemic export.",
            hint="Give a file that `mnemic export` wrote, or say with `--from` which other memory's it is.",
        )
    if version != FORMAT_VERSION:
        raise InvalidInput(
            f"The export has format version {str(version)[:20]}; this mnemic reads version {FORMAT_VERSION}.",
            hint="Update mnemic.",
        )


def _record(line: MemoryLine) -> MemoryRecord:
    drafted = draft_memory(
        NewMemory(
            text=line.text, kind=line.kind, tags=line.tags, session=line.session,
            speaker=line.speaker, role=line.role, source=line.source, when_to_use=line.when_to_use,
            occurred_at=line.occurred_at, valid_from=line.valid_from, evidence=line.evidence,
            supersedes=line.supersedes,
        ),
        id=check_id(line.id), namespace=_namespace(tuple(line.namespace)), origin=_origin(*_origin_values(line.origin)),
        recorded_at=line.recorded_at.astimezone(UTC),
    )  # fmt: skip
    if _state(line) == _NO_STATE:
        return drafted
    return replace(
        drafted,
        status=line.status,
        valid_to=_optional_utc(line.valid_to),
        superseded_by=_optional_id(line.superseded_by),
        superseded_at=_optional_utc(line.superseded_at),
        confirmations=line.confirmations,
        confirmed_at=_optional_utc(line.confirmed_at),
    )


_state = attrgetter("status", "valid_to", "superseded_by", "superseded_at", "confirmations", "confirmed_at")
_NO_STATE = (Status.ACTIVE, None, None, None, 0, None)
"""That of a memory to which nothing has happened."""
_ORIGIN_FIELDS = tuple(item.name for item in fields(Origin))
_origin_values = attrgetter(*_ORIGIN_FIELDS)


# The memories of a file have few namespaces and origins.
@lru_cache(maxsize=256)
def _namespace(labels: tuple[str, ...]) -> Namespace:
    return check_namespace(labels)


@lru_cache(maxsize=256)
def _origin(*values: Any) -> Origin:
    return check_origin(Origin(**dict(zip(_ORIGIN_FIELDS, values, strict=True))))


def encode_line(value: dict[str, Any]) -> str:
    """One line as JSON that any file can hold: half a surrogate pair, as in an item's key, is no text and is escaped."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    try:
        line.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), sort_keys=True)
    return line


def plain_values(value: Any) -> Any:
    """JSON values; what is None or empty is left out, so that a line holds only what was said."""
    if isinstance(value, dict):
        kept = {name: plain_values(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if not (item is None or item is False or item in ([], {}))}
    if isinstance(value, tuple | list):
        return [plain_values(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _optional_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _optional_id(id: str | None) -> MemoryId | None:
    return None if id is None else check_id(id)
