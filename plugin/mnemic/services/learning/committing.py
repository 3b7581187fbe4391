"""Storing what somebody concluded from episodes, as far as the episodes bear it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from mnemic.domain.drafting import check_origin, draft_memory
from mnemic.domain.experience.evidence import Evidence, read_evidence
from mnemic.domain.experience.faithful import coverage, unsupported
from mnemic.domain.experience.forms import Problem, check_form
from mnemic.domain.experience.similarity import same_content, value_difference
from mnemic.domain.language import are_english
from mnemic.domain.learning.facets import CATEGORIES, Facets, NewExperience, check_facets
from mnemic.domain.memory import (
    Kind,
    Link,
    MemoryId,
    MemoryRecord,
    Namespace,
    NewMemory,
    Relation,
    Remembered,
    RowKey,
    Status,
)
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.recall import Hit
from mnemic.domain.text import jaccard, words_of
from mnemic.domain.validation import check_ids, shown
from mnemic.domain.verdict import Decision
from mnemic.errors import GuardRefused, InvalidInput, MnemicError, ModelFailed
from mnemic.guard.guard import SECRETS
from mnemic.guard.policy import OriginClass, Policy, class_of
from mnemic.protocols import LedgerSnapshot, LedgerTransaction
from mnemic.services.backends import Backends, log
from mnemic.services.guarding.admission import examine, without_secrets
from mnemic.services.guarding.standing import is_shown, show, trusted_among
from mnemic.services.learning.experience import store_experiences

MAX_COMMITTED = 50
# Less of its words than this in the evidence, and it is about something else. Paraphrases of one's own episodes share
# far more.
LEAST_COVERAGE = 0.3
# Newer tasks of the same words that failed although this was used: so many speak against it (ReMe's specification,
# methods 4.7).
_CONTRADICTING = 2
_DUPLICATE_COSINE = 0.9
_DUPLICATE_JACCARD = 0.8
_CANDIDATES = 20
_TOLD = 500
_FIELDS = ("when_to_use", "content", "evidence", "keywords", *(item.name for item in fields(Facets)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An experience that was not stored: its place in what was given, and everything that is wrong with it."""

    place: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """An experience that says what another says already, which was confirmed instead."""

    place: int
    by: MemoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReport:
    """What became of each experience. ``stored`` has the receipts in the order given."""

    stored: tuple[Remembered, ...]
    refused: tuple[Refused, ...]
    confirmed: tuple[Confirmed, ...]


@dataclass(slots=True)
class _Offer:
    place: int
    experience: NewExperience
    cited: list[Hit] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def commit(
    backends: Backends, experiences: Sequence[NewExperience | dict[str, Any]], *, namespace: Namespace, origin: Origin,
    templated: bool = False,
) -> CommitReport:  # fmt: skip
    """Store those experiences that are well formed, new, and supported by the memories that they cite.

    All that pass are stored in one transaction; those that do not are named with every reason and leave nothing.
    ``templated`` is that of `store_experiences`. Raises `InvalidInput` when what is given is no list of experiences,
    `StoreUnavailable`; a retry is safe: what was stored before is confirmed.
    """
    if not isinstance(experiences, list | tuple):
        raise InvalidInput(f"The experiences are {type(experiences).__name__}.", hint="Give a list of them.")
    if not experiences or len(experiences) > MAX_COMMITTED:
        raise InvalidInput(
            f"There are {len(experiences)} experiences.", hint=f"Give 1 to {MAX_COMMITTED}, each with its evidence."
        )
    offers = [_Offer(place, _experience(given, place)) for place, given in enumerate(experiences)]
    with backends.ledger.snapshot() as snapshot:
        for offer in offers:
            offer.problems += _form_problems(offer.experience)
            offer.problems += _evidence_problems(backends, snapshot, offer, namespace)
            offer.problems += _support_problems(offer, templated=templated)
            offer.problems += _outcome_problems(snapshot, backends.guard.policy, offer, namespace)
    for offer in offers:
        offer.problems += _guard_problems(backends, offer, namespace, origin)
    passed = [offer for offer in offers if not offer.problems]
    confirmed = _duplicates(backends, passed, namespace, origin)
    again = {one.place: one.by for one in confirmed}
    said_again = {offer.place: offer.experience for offer in passed if offer.place in again}

    def confirm(transaction: LedgerTransaction, _: Sequence[Remembered] = ()) -> None:
        for place, experience in said_again.items():
            _confirm(transaction, again[place], experience, at=backends.clock.now(), origin=origin)

    fresh = [offer.experience for offer in passed if offer.place not in again]
    stored: tuple[Remembered, ...] = ()
    if fresh:
        stored = store_experiences(
            backends, fresh, namespace=namespace, origin=origin, also=confirm, templated=templated
        )
    elif said_again:
        with backends.ledger.transaction() as transaction:
            confirm(transaction)
    return CommitReport(
        stored=stored, confirmed=tuple(confirmed),
        refused=tuple(Refused(place=offer.place, problems=tuple(offer.problems)) for offer in offers if offer.problems),
    )  # fmt: skip


def _experience(given: NewExperience | dict[str, Any], place: int) -> NewExperience:
    """An experience from loose values. Raises `InvalidInput` for fields and types that are none."""
    if isinstance(given, NewExperience):
        return given
    if not isinstance(given, dict):
        raise InvalidInput(f"Experience {place} is {type(given).__name__}.", hint="Give objects.")
    unknown = sorted(set(given) - set(_FIELDS))
    if unknown:
        raise InvalidInput(
            f"Experience {place} has the unknown fields {', '.join(str(name)[:40] for name in unknown)}.",
            hint=f"Known are: {', '.join(_FIELDS)}.",
        )
    values = {name: value for name, value in given.items() if value is not None}
    for name in ("keywords", "evidence", "tools"):
        found = values.get(name, ())
        found = [found] if isinstance(found, str) else found
        if not isinstance(found, list | tuple) or not all(isinstance(item, str) for item in found):
            raise InvalidInput(f"{name} of experience {place} is {shown(found, 60)}.", hint="Give a list of texts.")
        values[name] = tuple(found)
    for name in ("when_to_use", "content", "category", "task", "generalized_query", "author"):
        if not isinstance(values.get(name, ""), str):
            raise InvalidInput(f"{name} of experience {place} is {shown(values[name], 60)}.", hint="Give a text.")
    confidence = values.get("confidence", 0.5)
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise InvalidInput(
            f"confidence of experience {place} is {shown(confidence, 60)}.", hint="Give a number, 0 to 1."
        )
    facets = {item.name: values[item.name] for item in fields(Facets) if item.name in values}
    return NewExperience(
        when_to_use=values.get("when_to_use", ""), content=values.get("content", ""), keywords=values["keywords"],
        evidence=values["evidence"], facets=Facets(**facets),
    )  # fmt: skip


def _form_problems(experience: NewExperience) -> Sequence[Problem]:
    problems = check_form(
        when_to_use=experience.when_to_use, content=experience.content, keywords=experience.keywords,
        confidence=experience.facets.confidence, query=experience.facets.task or "", tools=experience.facets.tools,
    )  # fmt: skip
    if experience.facets.category not in CATEGORIES:
        wrong = Problem(
            code="category", message=f"category is {shown(experience.facets.category)}.",
            hint=f"Use one of: {', '.join(CATEGORIES)}.",
        )  # fmt: skip
        return (*problems, wrong)
    if not problems:
        try:
            check_facets(experience.facets)
        except InvalidInput as error:
            return [Problem(code="facets", message=error.message, hint=error.hint or "")]
    return problems


def _evidence_problems(
    backends: Backends, snapshot: LedgerSnapshot, offer: _Offer, namespace: Namespace
) -> list[Problem]:
    """Every id must be that of a memory here that may be shown; what it shows is kept for the next check."""
    try:
        ids = check_ids(offer.experience.evidence, name="evidence")
    except MnemicError as error:
        return [Problem(code="evidence", message=error.message, hint=error.hint or "")]
    if not ids:
        return [Problem(code="no-evidence", message="No evidence is cited.", hint="Name the ids of the episodes.")]
    found = snapshot.find(ids)
    problems = []
    for id in ids:
        entry = found.get(id)
        if entry is None or entry[1].namespace != namespace:
            problems.append(_no_evidence(f"There is no memory {id}.", "Cite ids as the packet gives them."))
            continue
        (hit,) = show(snapshot, backends.guard, backends.guard.policy, [entry], question=offer.experience.when_to_use)
        if is_shown(hit):
            offer.cited.append(hit)
        else:
            kept = "in quarantine" if entry[1].status is Status.QUARANTINED else "withheld by the guard"
            problems.append(_no_evidence(f"{id} is {kept}.", "What is withheld is no evidence."))
    return problems


def _no_evidence(message: str, hint: str) -> Problem:
    return Problem(code="evidence", message=message, hint=hint)


def _support_problems(offer: _Offer, *, templated: bool) -> list[Problem]:
    """Every value in the text must stand in the evidence, and many of its words unless they are those of our rules."""
    if not offer.cited:
        return []
    evidence = _read(offer.cited, whole=templated)
    problems = []
    one = offer.experience
    for name, text in (("content", one.content), ("when_to_use", one.when_to_use)):
        for missing in unsupported(text, evidence):
            nearest = f" Did you mean {missing.nearest!r}?" if missing.nearest else ""
            problems.append(
                Problem(
                    code="unsupported", message=f"{name} says {missing.text!r}, which no cited memory says.{nearest}",
                    hint="Cite the memory that says it, or leave it out.",
                )
            )  # fmt: skip
    if not templated and coverage(one.content, evidence) < LEAST_COVERAGE:
        problems.append(
            Problem(
                code="off-evidence", message="content is about something else than the cited memories.",
                hint="Cite the episodes that it was drawn from.",
            )
        )  # fmt: skip
    return problems


def _read(cited: Sequence[Hit], *, whole: bool) -> Evidence:
    """What the evidence shows: a refusal must not tell what is masked, nor whether it was guessed.

    ``whole``: also what is masked, for our own rules, whose conclusions are masked in turn.
    """
    texts = []
    for hit in cited:
        record = hit.memory if whole else hit.shown_memory
        said = (hit.memory.text, hit.memory.when_to_use) if whole else (hit.whole_text, hit.shown_when_to_use)
        moment = "" if record.occurred_at is None else record.occurred_at.date().isoformat()
        texts.append(" ".join((said[0], said[1] or "", record.speaker or "", *record.tags, moment)))
    return read_evidence(texts)


def _outcome_problems(snapshot: LedgerSnapshot, policy: Policy, offer: _Offer, namespace: Namespace) -> list[Problem]:
    """What is said to have worked must not have failed since in the same task."""
    if offer.experience.facets.category != "success":
        return []
    cited = {hit.memory.id for hit in offer.cited}
    told = [outcome for _, outcome in snapshot.outcomes(namespace, limit=_TOLD) if cited & set(outcome.episodes)]
    if told and not any(outcome.success for outcome in told):
        hint = 'Cite an episode that succeeded, or make it a "failure".'
        return [Problem(code="no-success", message="Every cited episode with an outcome failed.", hint=hint)]
    task = offer.experience.facets.task
    if not task:
        return []
    task = without_secrets(policy, task)
    against: list[str] = []
    for _, outcome in snapshot.outcomes(namespace, task=task, limit=_CANDIDATES):
        if outcome.success:
            break
        if not cited & set(outcome.episodes):
            against.append(outcome.id)
    if len(against) < _CONTRADICTING:
        return []
    return [
        Problem(
            code="contradicted", message=f"The task has failed {len(against)} times since it last succeeded.",
            hint="Say what has changed, as a failure, and cite the newer episodes.",
        )
    ]  # fmt: skip


def _guard_problems(backends: Backends, offer: _Offer, namespace: Namespace, origin: Origin) -> list[Problem]:
    """What the guard would hold back from a stranger, and secrets, do not get in as a conclusion.

    What an agent concludes may repeat what a stranger planted in its evidence, so the agent's own trust does not count. (Of
    the 631 recorded experiences of ReMe's authors this refuses one.)
    """
    one, policy = offer.experience, backends.guard.policy
    origin = replace(origin, channel=Channel.TOOL)
    try:
        draft = draft_memory(
            NewMemory(
                text=one.content, kind=Kind.PROCEDURAL, when_to_use=one.when_to_use or None, tags=one.keywords
            ),
            id=backends.new_id(), namespace=namespace, origin=origin, recorded_at=backends.clock.now(),
        )  # fmt: skip
        (candidate,) = examine(backends, policy, [draft])
    except GuardRefused as refused:
        return [Problem(code="guard", message=refused.message, hint="Nothing of it was stored.")]
    except MnemicError as error:
        return [Problem(code="form", message=error.message, hint=error.hint or "")]
    rules = {found.rule for found in candidate.marks.findings}
    if candidate.redacted or rules & set(SECRETS):
        return [Problem(code="secret", message="It holds a secret.", hint="Leave keys, tokens and passwords out.")]
    if policy.enforced and candidate.verdict.decision.strictness >= Decision.QUARANTINE.strictness:
        reasons = "; ".join(candidate.verdict.reasons)
        return [Problem(code="guard", message=f"The guard would hold it back: {reasons}.", hint="Say it plainly.")]
    return []


def _duplicates(backends: Backends, offers: Sequence[_Offer], namespace: Namespace, origin: Origin) -> list[Confirmed]:
    """Those that say what a stored experience says: the same words, or nearly, and the same values, on both sides.

    What a stranger wrote first does not stand in for a conclusion from trusted evidence. While the embedder fails none is
    found: what is stored twice can be merged later, and what is lost cannot be got back.
    """
    confirmed: list[Confirmed] = []
    if not offers:
        return confirmed
    texts = [f"{offer.experience.when_to_use} {offer.experience.content}" for offer in offers]
    try:
        vectors = backends.embedder.embed(texts)
    except ModelFailed as error:
        log.warning("embedder.failed", error=str(error), texts=len(texts))
        return confirmed
    with backends.ledger.snapshot() as snapshot:
        space = snapshot.namespace_key(namespace)
        for offer, vector, text in zip(offers, vectors, texts, strict=True):
            if space is None:
                break
            near = dict(backends.index.search(snapshot, vector, space, limit=_CANDIDATES, among=None))
            records = snapshot.records(list(near))
            if _is_trusted(snapshot, backends.guard.policy, offer, origin):
                records = trusted_among(snapshot, backends.guard.policy, records)
            for key, record in records.items():
                if record.kind is Kind.PROCEDURAL and record.status is Status.ACTIVE:
                    other = f"{record.when_to_use or ''} {record.text}"
                    if _same(offer.experience, record) or (
                        are_english(offer.experience.content, record.text) and _nearly(near, key, text, other)
                    ):
                        confirmed.append(Confirmed(place=offer.place, by=record.id))
                        break
    return confirmed


def _is_trusted(snapshot: LedgerSnapshot, policy: Policy, offer: _Offer, origin: Origin) -> bool:
    """Whether neither who concludes nor anything it is concluded from is a stranger."""
    cited = dict(snapshot.find([hit.memory.id for hit in offer.cited]).values())
    own = class_of(policy, check_origin(origin)) is not OriginClass.UNTRUSTED
    return own and len(trusted_among(snapshot, policy, cited)) == len(offer.cited)


def _confirm(
    transaction: LedgerTransaction, id: MemoryId, experience: NewExperience, *, at: datetime, origin: Origin
) -> None:
    """Count that it was concluded again, keep the wording, and what it was concluded from this time."""
    entry = transaction.find([id]).get(id)
    if entry is None:
        return
    detail: dict[str, Any] = {"text": experience.content, "evidence": list(experience.evidence)}
    transaction.confirm(entry[0], at=at, origin=origin, detail=detail)
    for source in experience.evidence:
        transaction.link(Link(source=id, target=MemoryId(source), relation=Relation.EVIDENCE))


def _same(experience: NewExperience, record: MemoryRecord) -> bool:
    same = same_content(experience.content, record.text)
    return same and same_content(experience.when_to_use, record.when_to_use or "")


def _nearly(near: dict[RowKey, float], key: RowKey, text: str, other: str) -> bool:
    return (
        near[key] >= _DUPLICATE_COSINE
        and jaccard(frozenset(words_of(text)), frozenset(words_of(other))) >= _DUPLICATE_JACCARD
        and value_difference(text, other) is None
    )
