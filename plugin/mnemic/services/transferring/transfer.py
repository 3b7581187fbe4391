"""Moving memories between ledgers as JSON Lines, exactly: export, import and export again give the same bytes.

One object a line, told apart by ``type``: a *header*, then every *memory* in the order of writing, then *marks*, *fact*,
*event*, *link*, *erasure*, *facets*, *utility*, *outcome* and *item* lines. Vectors, what the guard finds in a text and what
is read in it are not exported; they are computed again. Lessons, the guard's log and maintenance plans belong to the ledger
that wrote them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace

from mnemic.domain.facts import Fact, make_fact
from mnemic.domain.marks import Marks, Taint
from mnemic.domain.memory import MemoryId, MemoryRecord, Namespace, RowKey
from mnemic.domain.verdict import Decision
from mnemic.errors import InvalidInput
from mnemic.guard.guard import SECRETS, class_in, inherit
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerSnapshot
from mnemic.services.backends import Backends
from mnemic.services.guarding.admission import without_secrets
from mnemic.services.items.memories import clean_item
from mnemic.services.reviewing.review import keep_marks
from mnemic.services.storing.embedding import Embedding
from mnemic.services.storing.facets import clean_facets
from mnemic.services.storing.facts import about, fact_in, keep_facts
from mnemic.services.storing.passages import WHOLE, cut_records, keep_cut
from mnemic.services.transferring.export_format import (
    FORMAT,
    FORMAT_VERSION,
    ParsedExport,
    Progress,
    encode_line,
    parse_export,
    plain_values,
)
from mnemic.services.transferring.export_lines import FactLine, MarksLine
from mnemic.services.transferring.item_transfer import export_items, import_items, item_problems

_BATCH = 500
_MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did. ``present`` memories were there already, exactly the same."""

    imported: int
    present: int


def export_lines(backends: Backends, *, namespace: Namespace | None = None) -> Generator[str, None, None]:
    """The lines of an export, without line ends, from one consistent snapshot; of one namespace and below, or of all."""
    with backends.ledger.snapshot() as snapshot:
        yield from lines_of(snapshot, namespace=namespace)


def lines_of(snapshot: LedgerSnapshot, *, namespace: Namespace | None = None) -> Iterator[str]:
    """The lines of an export of what a snapshot has, as `export_lines`."""
    yield encode_line({"type": "header", "format": FORMAT, "version": FORMAT_VERSION})
    ids: list[MemoryId] = []
    keys: list[RowKey] = []
    for key, record in snapshot.iterate(namespace=namespace):
        ids.append(record.id)
        keys.append(key)
        yield encode_line({"type": "memory", **plain_values(asdict(record))})
    yield from _export_marks(snapshot, ids, keys)
    yield from _export_facts(snapshot, ids, keys)
    yield from _export_rest(snapshot, ids, namespace)
    yield from _export_learning(snapshot, ids, keys, namespace)
    yield from export_items(snapshot, namespace)


def import_lines(backends: Backends, lines: Iterable[str], *, progress: Progress | None = None) -> ImportReport:
    """Take in the lines of an export, all of them in one transaction or none.

    A memory that is there already and exactly equal is passed over, so importing twice adds nothing. Each text is screened
    as if it were written now, by the origin that the file gives it: whoever imports a file vouches for its origins. Raises
    `InvalidInput` that lists what is wrong in which line (at most 20), or which memories are here in another state than in
    the import.
    """
    parsed = parse_export(lines, progress)
    policy = backends.guard.policy
    # Before anything is compared, so that importing twice adds nothing here either.
    parsed.records = [_without_secrets(backends, policy, record) for record in parsed.records]
    parsed.facets = {id: clean_facets(policy, facets) for id, facets in parsed.facets.items()}
    parsed.outcomes = [replace(one, task=without_secrets(policy, one.task)) for one in parsed.outcomes]
    parsed.items = [(clean_item(backends, policy, item), links) for item, links in parsed.items]
    with backends.ledger.snapshot() as snapshot:
        missing = _missing(snapshot, parsed)
    marks: dict[MemoryId, Marks] = {}
    with Embedding(backends.embedder) as embedding:
        for start in range(0, len(missing), _BATCH):
            chunk = missing[start : start + _BATCH]
            embedding.add(chunk)
            marks |= {record.id: _marks_of(backends, policy, record, parsed.marks.get(record.id)) for record in chunk}
            if progress is not None:
                progress(start)
        embedded = zip(embedding.vectors(), cut_records(backends.embedder, missing), strict=True)
        vectors = {record.id: both for record, both in zip(missing, embedded, strict=True)}
    with backends.ledger.transaction() as transaction:
        missing = _missing(transaction, parsed)
        of_items = {link.memory for _, links in parsed.items for link in links}
        for record in missing:
            found = marks.get(record.id) or _marks_of(backends, policy, record, parsed.marks.get(record.id))
            vector, cut = vectors.get(record.id, (None, WHOLE))
            fact = None if record.id in of_items else _fact_of(record, parsed.facts.get(record.id))
            key = transaction.append(
                record, embedder_id=backends.embedder.id, vector=vector, screened=found.screened, about=about(fact)
            )
            keep_cut(transaction, backends.embedder, key, cut)
            keep_marks(transaction, backends, policy, key, record, found)
            if record.id in parsed.facets:
                transaction.put_facets(key, parsed.facets[record.id])
            if record.id in parsed.utilities:
                transaction.put_utilities({key: parsed.utilities[record.id]})
            if fact is not None:
                keep_facts(transaction, policy, [(key, record, fact)])
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
        counted = transaction.known_outcomes([outcome.id for outcome in parsed.outcomes])
        for outcome in parsed.outcomes:
            if outcome.id not in counted:
                transaction.append_outcome(outcome)
        import_items(transaction, backends, policy, parsed)
    return ImportReport(imported=len(missing), present=len(parsed.records) - len(missing))


def _export_marks(snapshot: LedgerSnapshot, ids: list[MemoryId], keys: list[RowKey]) -> Iterator[str]:
    for start in range(0, len(ids), _BATCH):
        found = snapshot.marks(keys[start : start + _BATCH])
        for id, key in zip(ids[start : start + _BATCH], keys[start : start + _BATCH], strict=True):
            marks = found[key]
            if marks.review is not None or len(marks.taints) > 1:
                taints = [taint._asdict() for taint in marks.taints[1:]]
                line = {"type": "marks", "memory_id": id, "taints": taints, "review": marks.review}
                yield encode_line(plain_values(line))


def _export_facts(snapshot: LedgerSnapshot, ids: list[MemoryId], keys: list[RowKey]) -> Iterator[str]:
    for start in range(0, len(ids), _BATCH):
        found = snapshot.facts(keys[start : start + _BATCH])
        for id, key in zip(ids[start : start + _BATCH], keys[start : start + _BATCH], strict=True):
            fact = found.get(key)
            if fact is not None and fact.explicit:
                yield encode_line(
                    {"type": "fact", "memory_id": id, "subject": fact.subject, "attribute": fact.attribute}
                )


def _export_rest(snapshot: LedgerSnapshot, ids: list[MemoryId], namespace: Namespace | None) -> Iterator[str]:
    for start in range(0, len(ids), _BATCH):
        chunk = ids[start : start + _BATCH]
        for event in snapshot.events(chunk):
            yield encode_line({"type": "event", **plain_values(asdict(event))})
    for start in range(0, len(ids), _BATCH):
        chunk = ids[start : start + _BATCH]
        here = set(chunk)
        for link in snapshot.links(chunk):
            if link.source in here:
                yield encode_line({"type": "link", **plain_values(asdict(link))})
    for erasure in snapshot.erasures(namespace=namespace):
        yield encode_line({"type": "erasure", **plain_values(asdict(erasure))})


def _export_learning(
    snapshot: LedgerSnapshot, ids: list[MemoryId], keys: list[RowKey], namespace: Namespace | None
) -> Iterator[str]:
    for start in range(0, len(ids), _BATCH):
        chunk = keys[start : start + _BATCH]
        facets, utilities = snapshot.facets(chunk), snapshot.utilities(chunk)
        for id, key in zip(ids[start : start + _BATCH], chunk, strict=True):
            for name, found in (("facets", facets.get(key)), ("utility", utilities.get(key))):
                if found is not None:
                    yield encode_line({"type": name, "memory_id": id, **plain_values(asdict(found))})
    for outcome in snapshot.iterate_outcomes(namespace=namespace):
        yield encode_line({"type": "outcome", **plain_values(asdict(outcome))})


def _missing(snapshot: LedgerSnapshot, parsed: ParsedExport) -> list[MemoryRecord]:
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
    problems += _outcome_clashes(snapshot, parsed)
    problems += item_problems(snapshot, parsed)
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


def _outcome_clashes(snapshot: LedgerSnapshot, parsed: ParsedExport) -> Iterator[str]:
    """Outcomes whose key names another report, here or in the import itself."""
    counted = snapshot.known_outcomes([outcome.id for outcome in parsed.outcomes])
    seen: set[tuple[Namespace, str]] = set()
    for outcome in parsed.outcomes:
        if outcome.key is None or outcome.id in counted:
            continue
        here = snapshot.outcome_by_key(outcome.namespace, outcome.key)
        if here is not None:
            yield f"the outcome {outcome.id} has the key of {here.id}, which is here: {outcome.key[:60]!r}"
        elif (outcome.namespace, outcome.key) in seen:
            yield f"two outcomes have the key {outcome.key[:60]!r}"
        seen.add((outcome.namespace, outcome.key))


def _marks_of(backends: Backends, policy: Policy, record: MemoryRecord, line: MarksLine | None) -> Marks:
    """What the guard finds in an imported text, and what its own ledger knew of it."""
    marks = backends.guard.examine(policy, record)
    if line is None:
        return marks
    taints = tuple(Taint(taint.channel, taint.claimed) for taint in line.taints)
    if class_in(policy, inherit(marks, taints)) is not class_in(policy, marks):
        marks = backends.guard.examine(policy, record, fully=True)
    return replace(inherit(marks, taints), review=line.review)


def _fact_of(record: MemoryRecord, line: FactLine | None) -> Fact | None:
    """What its own ledger was told that a memory is about, else what can be read in it, as exports before facts had none."""
    return fact_in(record) if line is None else make_fact(line.subject, line.attribute, record.text)


def _without_secrets(backends: Backends, policy: Policy, record: MemoryRecord) -> MemoryRecord:
    """What a memory without a guard has kept is not stored here."""
    if not policy.enforced or not policy.write.enabled:
        return record
    verdict = backends.guard.judge(policy, backends.guard.examine(policy, record, only=SECRETS))
    return backends.guard.redacted(policy, record, verdict)[0] if verdict.decision is Decision.REDACT else record


def _differences(here: MemoryRecord, there: MemoryRecord) -> list[str]:
    return [item.name for item in fields(MemoryRecord) if getattr(here, item.name) != getattr(there, item.name)]
