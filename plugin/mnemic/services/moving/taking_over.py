"""Doing what a plan says, batch by batch. It may be interrupted anywhere and begun again, to the same end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mnemic.domain.memory import Link, MemoryId, Outcome, Remembered
from mnemic.domain.provenance import Channel, Origin
from mnemic.errors import GuardRefused
from mnemic.services.backends import Backends
from mnemic.services.moving.planning import ImportPlan, Prepared, known_tokens
from mnemic.services.storing.remember import remember

_MAX_BATCH = 200
_MAX_LINKS = 500

Advance = Callable[[int], None]
"""Called with the number of records that are done, after each batch is durable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """What an import did. Of the plan's records, ``present`` were here from an earlier import, ``stored`` are new,
    ``confirmed`` say what a memory said already, ``quarantined`` wait for a person, ``refused`` the guard does not store
    (with places and reasons). ``redacted`` were stored without secrets. ``links`` were added.
    """

    present: int
    stored: int
    confirmed: int
    quarantined: int
    redacted: int
    links: int
    refused: tuple[str, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)


def take_over(
    backends: Backends, plan: ImportPlan, *, batch: int = _MAX_BATCH, advance: Advance | None = None
) -> ImportOutcome:
    """Remember the records of ``plan`` in its order, ``batch`` of them in a transaction, then link them.

    What an earlier import of them has done is passed over, so doing it twice adds nothing, and after an interruption it
    goes on. Every text is screened as whatever comes from a file is. Raises `StoreUnavailable`; a retry is safe.
    """
    done: Counter[str] = Counter()
    refused: list[str] = []
    with backends.ledger.snapshot() as snapshot:
        here = known_tokens(snapshot, plan.namespace, plan.format)
    for start in range(0, len(plan.records), batch):
        chunk = plan.records[start : start + batch]
        missing = [one for one in chunk if one.token not in here]
        done["present"] += len(chunk) - len(missing)
        for one, receipt in _remembered(backends, plan, missing):
            if isinstance(receipt, GuardRefused):
                refused.append(f"{one.record.place}: {receipt.message}")
                continue
            done[receipt.outcome] += 1
            done["redacted"] += bool(receipt.redacted)
        if advance is not None:
            advance(start + len(chunk))
    return ImportOutcome(
        present=done["present"], stored=done[Outcome.STORED], confirmed=done[Outcome.CONFIRMED],
        quarantined=done[Outcome.QUARANTINED], redacted=done["redacted"], links=_link(backends, plan),
        refused=tuple(refused), left_out=plan.left_out,
    )  # fmt: skip


def _remembered(
    backends: Backends, plan: ImportPlan, wanted: Sequence[Prepared]
) -> Iterator[tuple[Prepared, Remembered | GuardRefused]]:
    """Each record with its receipt. Where the guard refuses one, the others come in by themselves."""
    if not wanted:
        return
    origin = Origin(channel=Channel.IMPORT, client="mnemic", transport="import")
    try:
        receipts = remember(
            backends, [one.new for one in wanted], namespace=plan.namespace, origin=origin, handed_in=True
        )
    except GuardRefused as error:
        if len(wanted) == 1:
            yield wanted[0], error
            return
        for one in wanted:
            yield from _remembered(backends, plan, [one])
    else:
        yield from zip(wanted, receipts, strict=True)


def _link(backends: Backends, plan: ImportPlan) -> int:
    """Add the links that are not there yet, and say how many. Links to what was not taken over are none."""
    with backends.ledger.snapshot() as snapshot:
        here = known_tokens(snapshot, plan.namespace, plan.format)
    by_key: dict[str, MemoryId] = {}
    for prepared in plan.records:
        if prepared.token in here:
            by_key.setdefault(prepared.record.key, here[prepared.token])
    wanted = [
        Link(source=here[prepared.token], target=by_key[link.target], relation=link.relation)
        for prepared in plan.records
        if prepared.token in here
        for link in prepared.record.links
        if link.target in by_key and by_key[link.target] != here[prepared.token]
    ]
    added = 0
    for start in range(0, len(wanted), _MAX_LINKS):
        chunk = wanted[start : start + _MAX_LINKS]
        with backends.ledger.transaction() as transaction:
            found = transaction.links(list({link.source for link in chunk}))
            seen = {(link.source, link.target, link.relation) for link in found}
            for link in chunk:
                if (link.source, link.target, link.relation) not in seen:
                    seen.add((link.source, link.target, link.relation))
                    transaction.link(link)
                    added += 1
    return added
