"""Experiences: storing them with their facets, and finding them by the scenario that they are for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mnemic.domain.drafting import check_origin
from mnemic.domain.learning.facets import Facets, NewExperience, check_facets, facet_texts
from mnemic.domain.learning.utility import NO_UTILITY, Utility
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord, Namespace, NewMemory, Outcome, Remembered, RowKey
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import Hit
from mnemic.domain.validation import check_count, check_id, check_text
from mnemic.errors import InvalidInput
from mnemic.guard.policy import OriginClass, Policy, class_of
from mnemic.protocols import LedgerTransaction
from mnemic.services.backends import Backends, require
from mnemic.services.guarding.standing import show, trusted_among
from mnemic.services.storing.facets import clean_facets, embed_facet_texts
from mnemic.services.storing.remember import remember

_BATCH = 256
MAX_LISTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperienceView:
    """A stored experience with what is noted of it and what experience says of it."""

    hit: Hit
    facets: Facets
    utility: Utility


def store_experiences(
    backends: Backends, experiences: Sequence[NewExperience], *, namespace: Namespace, origin: Origin,
    also: Callable[[LedgerTransaction, Sequence[Remembered]], None] | None = None, templated: bool = False,
    handed_in: bool = False,
) -> tuple[Remembered, ...]:  # fmt: skip
    """Store experiences as procedural memories with their facets, all in one transaction or none.

    What is there already in the same words is confirmed, not doubled. ``also`` runs in the same transaction.
    ``templated``: rules of ours worded them out of an agent's own calls, so that what reads like an instruction in them
    is no stranger's and need not be masked, but for what they quote; what they were drawn from taints them all the same.
    Raises what `remember` raises; a retry is safe.
    """
    policy = backends.guard.policy
    experiences = [_checked(policy, one, place) for place, one in enumerate(_listed(experiences))]
    vectors = embed_facet_texts(
        backends, [facet_texts(one.when_to_use, one.content, one.facets) for one in experiences]
    )

    def finish(transaction: LedgerTransaction, receipts: Sequence[Remembered]) -> None:
        entries = transaction.find([receipt.id for receipt in receipts])
        known = transaction.facets([key for key, _ in entries.values()])
        for experience, receipt, found in zip(experiences, receipts, vectors, strict=True):
            key, record = entries[receipt.id]
            fresh = receipt.outcome is not Outcome.CONFIRMED and not receipt.confirmations
            if key not in known and (fresh or _may_describe(transaction, policy, key, experience, origin)):
                transaction.put_facets(key, experience.facets)
                transaction.put_facet_vectors(backends.embedder.id, key, found)
                known[key] = experience.facets
                # What was there before is not of our wording, though it has the same words.
                if templated and fresh:
                    _unmask(backends, transaction, key, record, at=backends.clock.now())
        if also is not None:
            also(transaction, receipts)

    memories = [
        NewMemory(
            text=one.content, kind=Kind.PROCEDURAL, when_to_use=one.when_to_use or None, tags=one.keywords,
            evidence=one.evidence,
        )
        for one in experiences
    ]  # fmt: skip
    return remember(backends, memories, namespace=namespace, origin=origin, finish=finish, handed_in=handed_in)


def _listed(experiences: object) -> Sequence[object]:
    if not isinstance(experiences, list | tuple):
        raise InvalidInput(f"The experiences are {type(experiences).__name__}.", hint="Give a list of them.")
    return experiences


def _checked(policy: Policy, one: object, place: int) -> NewExperience:
    """An experience that can be stored, without secrets in what stands beside its text."""
    if not isinstance(one, NewExperience):
        raise InvalidInput(f"Experience {place} is {type(one).__name__}.", hint="Give NewExperience objects.")
    check_text(one.content, name="content")
    if one.when_to_use:
        check_text(one.when_to_use, name="when_to_use")
    return replace(one, facets=clean_facets(policy, check_facets(one.facets)))


def _may_describe(
    transaction: LedgerTransaction, policy: Policy, key: RowKey, experience: NewExperience, origin: Origin
) -> bool:
    """Whether facets may be put on a memory that was there before: no stranger says by what a trusted one is found."""
    cited = dict(transaction.find([MemoryId(id) for id in experience.evidence]).values())
    own = class_of(policy, check_origin(origin)) is not OriginClass.UNTRUSTED
    trusted = own and len(trusted_among(transaction, policy, cited)) == len(cited)
    return trusted or not trusted_among(transaction, policy, transaction.records([key]))


def _unmask(
    backends: Backends, transaction: LedgerTransaction, key: RowKey, record: MemoryRecord, *, at: datetime
) -> None:
    marks = transaction.marks([key])[key]
    # Where a rule saw more than an imperative, something came along with the agent's calls.
    if not marks.findings:
        told = backends.guard.quoted_directives(record)
        if told != marks.directives:
            transaction.put_marks(key, replace(marks, directives=told), at=at)


def list_experiences(
    backends: Backends, *, namespace: Namespace, limit: int = 50, after: object = None
) -> tuple[ExperienceView, ...]:
    """The active procedural memories of a namespace in the order of writing, at most 1,000; those written after the memory
    ``after``, to page on, whatever became of that one since. Raises `InvalidInput`, `UnknownMemory`.
    """
    check_count(limit, name="limit", low=1, high=MAX_LISTED)
    checked = None if after is None else check_id(after)
    policy = backends.guard.policy
    with backends.ledger.snapshot() as snapshot:
        last = RowKey(0) if checked is None else require(snapshot, [checked])[checked][0]
        found = snapshot.experiences(namespace, after=last, limit=limit)
        keys = [key for key, _ in found]
        facets, utilities = snapshot.facets(keys), snapshot.utilities(keys)
        hits = show(snapshot, backends.guard, policy, found)
    return tuple(
        ExperienceView(hit=hit, facets=facets.get(key, Facets()), utility=utilities.get(key, NO_UTILITY))
        for hit, key in zip(hits, keys, strict=True)
    )
