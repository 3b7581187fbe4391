"""What an import would do, before it does anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime

from mnemic.domain.drafting import draft_memory
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord, Namespace, NewMemory
from mnemic.domain.moving.records import Damage, Found, LeftOut, SourceRecord, source_of, token_in, token_of
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.text import indents, normalise
from mnemic.domain.validation import MAX_TEXT_CHARS
from mnemic.errors import InvalidInput, MnemicError
from mnemic.protocols import LedgerSnapshot
from mnemic.services.backends import Backends

_ANY_ID = MemoryId("m000000000000000")
_MAX_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A record that can be remembered as it is. ``token`` is the name by which the import knows it again."""

    record: SourceRecord
    token: str
    new: NewMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What an import would do. ``parts`` counts its records by what they are at their source.

    Of ``records``, ``present`` are here already from an earlier import, and ``repeated`` say the same as an earlier record
    of the source. ``links`` lead from record to record; ``lost_links`` lead to none. ``first`` and ``last`` bound the times
    of what happened. ``left_out`` gives reasons with counts. ``too_long`` names the whole texts that no memory can hold,
    which are in no other figure.
    """

    format: str
    file: str
    namespace: Namespace
    records: tuple[Prepared, ...]
    parts: dict[str, int]
    present: int
    repeated: int
    links: int
    lost_links: int
    first: datetime | None
    last: datetime | None
    left_out: dict[str, int]
    damaged: tuple[Damage, ...]
    too_long: tuple[Damage, ...] = ()

    def summary(self) -> dict[str, object]:
        """The plan as JSON values, with the first 20 places of damage and of texts that are too long."""
        return {
            "format": self.format, "file": self.file, "namespace": "/".join(self.namespace), "parts": self.parts,
            "records": len(self.records), "present": self.present, "new": len(self.records) - self.present,
            "repeated": self.repeated, "links": self.links, "lost_links": self.lost_links,
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None, "left_out": self.left_out,
            "damaged": len(self.damaged), "damage": [str(one) for one in self.damaged[:_MAX_SHOWN]],
            "too_long": len(self.too_long), "long": [str(one) for one in self.too_long[:_MAX_SHOWN]],
        }  # fmt: skip


def plan_import(
    backends: Backends, found: Iterable[Found], *, format: str, file: str, namespace: Namespace
) -> ImportPlan:
    """Check every record as `remember` will and compare it with what is here. Nothing is written.

    Raises what reading ``found`` raises: `InvalidInput` for a file that cannot be read at all.
    """
    now = backends.clock.now()
    records: list[Prepared] = []
    damaged: list[Damage] = []
    too_long: list[Damage] = []
    left_out: Counter[str] = Counter()
    tokens: set[str] = set()
    said: set[Hashable] = set()
    for one in found:
        if isinstance(one, Damage):
            damaged.append(one)
        elif isinstance(one, LeftOut):
            left_out[one.reason] += one.count
        else:
            prepared = Prepared(record=one, token=token_of(one), new=_new_memory(one, format, file))
            if prepared.token in tokens:
                left_out["records that stand there twice"] += 1
                continue
            tokens.add(prepared.token)
            if len(one.text) > MAX_TEXT_CHARS:
                told = f"a text of {len(one.text):,} characters; a memory holds at most {MAX_TEXT_CHARS:,}"
                too_long.append(Damage(place=one.place, message=told))
                continue
            try:
                said.add(_sameness(_draft(prepared.new, namespace, now)))
            except MnemicError as error:
                damaged.append(Damage(place=one.place, message=str(error)))
            else:
                records.append(prepared)
    with backends.ledger.snapshot() as snapshot:
        here = known_tokens(snapshot, namespace, format)
    keys = {prepared.record.key for prepared in records} | {token.rpartition("@")[0] for token in here}
    links = [link.target in keys for prepared in records for link in prepared.record.links]
    times = [prepared.record.occurred_at for prepared in records if prepared.record.occurred_at is not None]
    return ImportPlan(
        format=format, file=file, namespace=namespace, records=tuple(records),
        parts=dict(Counter(prepared.record.part for prepared in records)),
        present=sum(prepared.token in here for prepared in records), repeated=len(records) - len(said),
        links=sum(links), lost_links=len(links) - sum(links), first=min(times, default=None), last=max(times, default=None),
        left_out=dict(left_out), damaged=tuple(damaged), too_long=tuple(too_long),
    )  # fmt: skip


def check_whole(plan: ImportPlan, *, skip_long: bool = False) -> None:
    """Raise `InvalidInput` with what is damaged where, or too long unless ``skip_long``, as far as anything is."""
    found = plan.damaged if skip_long else (*plan.damaged, *plan.too_long)
    if found:
        shown = "; ".join(str(one) for one in found[:_MAX_SHOWN])
        more = len(found) - _MAX_SHOWN
        raise InvalidInput(
            f"Nothing was imported. {shown}{f'; and {more:,} more' if more > 0 else ''}.",
            hint="Mend it there, or give --on-error skip to take over the rest."
            if plan.damaged
            else "Give --on-error skip-long to take over all but what is too long, or cut it there.",
        )


def known_tokens(snapshot: LedgerSnapshot, namespace: Namespace, format: str) -> dict[str, MemoryId]:
    """The records that earlier imports of a format took over, and the memories that they became."""
    return {token_in(source): id for source, id in snapshot.imported(namespace, f"{format}:")}


def _new_memory(record: SourceRecord, format: str, file: str) -> NewMemory:
    # Who wrote it is what the file says: nobody here saw them.
    origin = Origin(
        channel=Channel.IMPORT,
        actor=record.author,
        client="mnemic",
        transport="import",
        claimed=record.author is not None,
    )
    return NewMemory(
        text=record.text, kind=record.kind, tags=record.tags[:64], session=record.session, speaker=record.speaker,
        role=record.role, occurred_at=record.occurred_at, valid_from=record.valid_from,
        source=source_of(format, file, record), when_to_use=record.when_to_use, origin=origin,
    )  # fmt: skip


def _draft(new: NewMemory, namespace: Namespace, now: datetime) -> MemoryRecord:
    return draft_memory(new, id=_ANY_ID, namespace=namespace, origin=new.origin or Origin(), recorded_at=now)


def _sameness(record: MemoryRecord) -> Hashable:
    """What two records share of which `remember` stores one: the words, and of what happened the occasion."""
    words = record.kind, normalise(record.text), indents(record.text), normalise(record.when_to_use or "")
    if record.kind is not Kind.EPISODIC:
        return words
    return words, record.session, record.speaker, record.role, record.occurred_at
