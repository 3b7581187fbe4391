"""Which of the memories that were found may be delivered, and with what to know about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial

from mnemic.domain.lesson import Lesson, LessonId
from mnemic.domain.memory import Action, MemoryRecord, Namespace, RowKey
from mnemic.domain.text import jaccard
from mnemic.domain.verdict import Finding
from mnemic.guard import consensus, lessons
from mnemic.guard.bounded import run_bounded
from mnemic.guard.contradiction import ClaimTokens, claim_tokens, compare
from mnemic.guard.effects import STEERING
from mnemic.guard.guard import Guard, class_in
from mnemic.guard.paths import Path
from mnemic.guard.policy import Handling, OriginClass, Policy, class_of, origin_key, origin_key_of
from mnemic.protocols import LedgerSnapshot, Recalled, RecallFinding, RecallPhaseRule
from mnemic.services.guarding.standing import (
    CONTESTED,
    Vetted,
    apply_own_rules,
    judge_findings,
    name_disputes,
    vetted_as,
)

# So many origins are as good as any number, and comparing them all would let a flood of confirmations take the time.
_MOST_ORIGINS = 8
_MOST_WITNESSES = 64


@dataclass(slots=True, kw_only=True)
class Vetting:
    """What became of a set of found memories, and what there is to note about it afterwards."""

    vetted: list[Vetted]
    warnings: tuple[str, ...] = ()
    heeded: tuple[LessonId, ...] = ()
    learnt: tuple[Lesson, ...] = ()
    notes: tuple[str, ...] = ()


def vet(
    snapshot: LedgerSnapshot, guard: Guard, policy: Policy, question: str, found: Sequence[tuple[RowKey, MemoryRecord]], *,
    now: datetime, together: bool = True, clock: Callable[[], float] = time.monotonic,
) -> Vetting:  # fmt: skip
    """Judge ``found``, best first, as a set, or each by itself. It withholds and labels; nothing is written."""
    deadline = clock() + policy.recall.deadline_ms / 1000
    marks = snapshot.marks([key for key, _ in found])
    vetted = [vetted_as(guard, policy, key, record, marks[key]) for key, record in found]
    strangers = any(not one.trusted for one in vetted)
    for one in vetted:
        # Who said it matters only where memories are compared.
        if strangers or one.path is not None:
            one.origin_keys = _origin_keys(snapshot, policy, one.record)
    vetting = Vetting(vetted=vetted)
    for one in vetted:
        judge_findings(guard, policy, one)
    # In a search over several namespaces each is judged by itself: what is in one says nothing about another.
    groups = _by_namespace(vetted) if together else [[one] for one in vetted]
    own_rules = partial(apply_own_rules, policy, question, vetted)
    steps: list[Callable[[], None]] = [
        lambda: _consult_lessons(snapshot, policy, vetting, now=now),
        *(partial(_seek_consensus, policy, vetting, group, question, now=now) for group in groups),
        *(partial(_weigh_effects, policy, group) for group in groups),
        *(partial(_compare_claims, policy, question, group) for group in groups),
        partial(name_disputes, snapshot, policy, vetted),
        own_rules,
        lambda: _apply_outside_rules(guard, policy, question, vetted, deadline - clock()),
    ]
    for at, step in enumerate(steps):
        if clock() > deadline:
            # What a policy names itself is found in no time, and held back from whom it trusts as well.
            if own_rules in steps[at:]:
                own_rules()
            for one in vetted:
                handling = policy.recall.consensus.on_contested if one.trusted else Handling.WITHHOLD
                one.mark(handling, "the guard's time was up before it was judged")
            vetting.notes = (f"The guard did not finish within {policy.recall.deadline_ms} ms.",)
            break
        step()
    if not policy.enforced:
        for one in vetted:
            one.handling = Handling.ALLOW
        vetting.learnt = ()
    return vetting


def _by_namespace(vetted: Sequence[Vetted]) -> list[list[Vetted]]:
    groups: dict[Namespace, list[Vetted]] = {}
    for one in vetted:
        groups.setdefault(one.record.namespace, []).append(one)
    return list(groups.values())


def _origin_keys(snapshot: LedgerSnapshot, policy: Policy, record: MemoryRecord) -> tuple[str, ...]:
    """Who said it: what several origins say in the same words is stored once and has as many witnesses."""
    own = origin_key(policy, record)
    if not record.confirmations:
        return (own,)
    confirmed = [event for event in snapshot.events([record.id])[-_MOST_WITNESSES:] if event.action is Action.CONFIRMED]
    trusted = class_of(policy, record.origin) is not OriginClass.UNTRUSTED
    others = [
        origin_key_of(
            policy, event.origin, source=event.detail.get("source", record.source),
            session=event.detail.get("session", record.session),
        )
        for event in confirmed
        # A stranger who repeats what is trusted adds nothing to it.
        if not trusted or class_of(policy, event.origin) is not OriginClass.UNTRUSTED
    ]  # fmt: skip
    return tuple(dict.fromkeys([own, *others]))[:_MOST_ORIGINS]


def _consult_lessons(snapshot: LedgerSnapshot, policy: Policy, vetting: Vetting, *, now: datetime) -> None:
    """Lessons come first: a path that does what a lesson warns of is not delivered, and the agent is warned."""
    settings = policy.recall.lessons
    candidates = [one for one in vetting.vetted if one.path is not None]
    if not settings.enabled or not candidates:
        return
    heeded: dict[LessonId, str] = {}
    known: dict[Namespace, list[Lesson]] = {}
    for one in candidates:
        namespace = one.record.namespace
        if namespace not in known:
            known[namespace] = snapshot.lessons(namespace)
        if not known[namespace]:
            continue
        assert one.path is not None
        for lesson in lessons.triggered(one.path, known[namespace], now=now, limit=settings.per_candidate):
            if not _yields(policy, lesson, one.path, candidates):
                heeded[lesson.id] = lessons.warning(lesson)
                # What strangers had rejected must not take trusted memories away: else they would write it for that.
                strangers = one.trusted and _taught_by_stranger(snapshot, policy, lesson)
                handling = Handling.WARN if strangers else Handling.WITHHOLD
                one.mark(handling, f"lesson {lesson.id}: it does what a rejected memory did")
    vetting.heeded = tuple(heeded)
    vetting.warnings = tuple(heeded.values())


def _taught_by_stranger(snapshot: LedgerSnapshot, policy: Policy, lesson: Lesson) -> bool:
    """Whether the memory that a lesson was drawn from is untrusted; one that is gone counts as trusted."""
    if lesson.source is None:
        return False
    keys = [key for key, _ in snapshot.find([lesson.source]).values()]
    return any(class_in(policy, marks) is OriginClass.UNTRUSTED for marks in snapshot.marks(keys).values())


def _yields(policy: Policy, lesson: Lesson, path: Path, candidates: Sequence[Vetted]) -> bool:
    """Whether a quorum of trusted origins and the policy's explicit leave outweigh a lesson."""
    effects = policy.recall.effects
    if not effects.allow:
        return False
    nearest = 1.0 - policy.recall.consensus.eps
    origins = {
        key
        for other in candidates
        for key in other.origin_keys
        if other.trusted and other.path is not None and jaccard(path.typed_edges, other.path.typed_edges) >= nearest
    }
    return lessons.yields(
        lesson,
        path,
        trusted_origins=len(origins),
        allow=frozenset(effects.allow),
        quorum_origins=effects.quorum_origins,
    )


def _seek_consensus(policy: Policy, vetting: Vetting, among: Sequence[Vetted], question: str, *, now: datetime) -> None:
    """Whether the paths agree, counted by independent origins; what the others rule out teaches a lesson."""
    settings = policy.recall.consensus
    candidates = [one for one in among if one.path is not None and not one.withheld][: settings.k]
    if not settings.enabled or len(candidates) < 2:
        return
    by_id = {str(one.record.id): one for one in candidates}
    records = {
        id if not at else f"{id} again {at}": consensus.PathRecord(
            id=id if not at else f"{id} again {at}", path=one.path, origin_key=key,
            trusted=one.trusted or settings.quorum_of == "any",
        )
        for id, one in by_id.items()
        for at, key in enumerate(one.origin_keys)
        if one.path is not None
    }  # fmt: skip
    counted = consensus.ConsensusSettings(
        k=settings.k, eps=settings.eps, min_samples=settings.min_samples, quorum_origins=settings.quorum_origins,
        count=settings.count, method=settings.method,
    )  # fmt: skip
    verdicts = consensus.judge(list(records.values()), counted)
    single = len({record.origin_key for record in records.values()}) == 1
    kept = [records[id] for id, verdict in verdicts.items() if verdict.decision == "keep"]
    learnt: list[Lesson] = []
    for id, one in by_id.items():
        verdict = verdicts[id]
        if verdict.decision == "reject":
            one.rejected = not _is_users(one, policy)
            one.mark(_at_most(one, policy, Handling.WITHHOLD), f"consensus: {'; '.join(verdict.reasons)}")
            # A stranger's memory is never trusted anyway: a lesson from it would only hit those who are.
            if policy.recall.lessons.enabled and records[id].trusted:
                lesson = lessons.distil(
                    records[id], kept, namespace=one.record.namespace, query=question, now=now,
                    ttl=timedelta(days=policy.recall.lessons.ttl_days),
                )  # fmt: skip
                learnt += [lesson] if lesson is not None else []
        elif verdict.decision == "contested":
            handling = settings.single_origin if single else settings.on_contested
            one.mark(handling, f"{CONTESTED}{'; '.join(verdict.reasons)}")
            one.contested = one.doubtful = True
    vetting.learnt += tuple(learnt)


def _is_users(one: Vetted, policy: Policy) -> bool:
    return class_in(policy, one.marks) is OriginClass.USER


def _at_most(one: Vetted, policy: Policy, handling: Handling) -> Handling:
    """A user's own word is never taken away on the word of others: it is given with a warning."""
    return min(handling, Handling.WARN, key=lambda how: how.strictness) if _is_users(one, policy) else handling


def _weigh_effects(policy: Policy, vetted: Sequence[Vetted]) -> None:
    """What a memory's steps would do to the world needs support; an untrusted memory never gives leave to do it."""
    settings = policy.recall.effects
    for one in vetted:
        effects = set(one.marks.effects) - STEERING
        if not effects:
            continue
        if one.path is not None and (denied := effects & set(settings.deny)):
            one.mark(Handling.WITHHOLD, f"effects: the policy denies {', '.join(sorted(denied))}")
        if not one.trusted:
            one.labels.append(f"gives no leave to {', '.join(sorted(effects))}")
        elif one.path is not None and (reviewed := effects & set(settings.review)):
            origins = {
                key for other in vetted for key in other.origin_keys
                if other.trusted and other.path is not None and reviewed <= other.path.effects
            }  # fmt: skip
            if len(origins) < settings.quorum_origins:
                one.labels.append(
                    f"would {', '.join(sorted(reviewed))}: {len(origins)} of {settings.quorum_origins} trusted origins"
                )


def _compare_claims(policy: Policy, question: str, vetted: Sequence[Vetted]) -> None:
    """An untrusted memory that says otherwise than a trusted one is contested; who agrees is counted."""
    trusted = [one for one in vetted if one.trusted and not one.withheld]
    untrusted = [one for one in vetted if not one.trusted and not one.withheld]
    if not trusted or not untrusted or not question:
        return
    settings = policy.recall.contradiction
    asked = _tokens(question)
    for one in untrusted:
        mine = _tokens(one.record.text)
        agreeing: set[str] = set()
        for other in trusted:
            if other.record.namespace != one.record.namespace:
                continue
            theirs = _tokens(other.record.text)
            relation = compare(
                asked, theirs, mine, on_topic=settings.min_topic, agrees=settings.min_answer
            ).relation  # fmt: skip
            if relation == "contradicts":
                one.contested_by.append(other.record)
            elif relation == "agrees":
                agreeing |= {*other.origin_keys}
        one.supporters = len(agreeing)
        if one.contested_by:
            one.doubtful = True
            reason = f"contradiction: {one.contested_by[0].id}, which is trusted, says otherwise"
            one.mark(settings.decision, reason)


def _apply_outside_rules(
    guard: Guard, policy: Policy, question: str, vetted: Sequence[Vetted], seconds_left: float
) -> None:
    """Rules of other packages share the time that is left; one that fails withholds what is not trusted."""
    rules = guard.outside.recall
    if not rules:
        return
    recalled = tuple(
        Recalled(record=one.record, marks=one.marks, trust=one.trust, trusted=one.trusted) for one in vetted
    )
    by_id = {one.record.id: one for one in vetted}
    for rule in rules:
        share = max(seconds_left / len(rules), 0.001)
        answer = run_bounded(rule.id, partial(_check, rule, question, recalled), timeout_seconds=share)
        if isinstance(answer, Finding):
            for one in vetted:
                handling = policy.recall.consensus.on_contested if one.trusted else Handling.WITHHOLD
                one.mark(handling, f"{answer.rule}: {answer.reason}")
            continue
        for found in answer:
            if found.memory_id in by_id:
                handling = Handling.WITHHOLD if found.withhold else Handling.WARN
                by_id[found.memory_id].mark(handling, f"{rule.id}: {found.finding.reason}")


def _check(rule: RecallPhaseRule, question: str, recalled: Sequence[Recalled]) -> list[RecallFinding]:
    found = list(rule.check(question, recalled))
    if not all(isinstance(one, RecallFinding) for one in found):
        raise TypeError("a rule gives findings about what was recalled")
    return found


@lru_cache(maxsize=512)
def _tokens(text: str) -> ClaimTokens:
    return claim_tokens(text)
