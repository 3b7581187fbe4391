"""How far a memory can be relied on, and what to say and to hide when it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mnemic.domain.counting import counted
from mnemic.domain.marks import Marks, Review, Screened
from mnemic.domain.memory import MemoryId, MemoryRecord, RowKey, Status
from mnemic.domain.recall import Hit, Passage, Standing, Withheld
from mnemic.domain.verdict import Decision
from mnemic.guard.guard import (
    Guard,
    class_in,
    masked_place,
    masked_text,
    masked_when_to_use,
    path_in,
    touched_labels,
    trust_in,
)
from mnemic.guard.paths import Path
from mnemic.guard.policy import Facts, Handling, OriginClass, Policy, RecallRule, apply_rule
from mnemic.protocols import LedgerSnapshot
from mnemic.services.guarding.naming import names_hidden, origin_label

WITHHELD_TEXT = "[withheld by the guard; a person can read it with `mnemic guard explain`]"
_ALL_LABELS = ("tags", "session", "speaker", "source", "when_to_use")
_NAMES = ("origin",)
UNVERIFIED = "unverified"
CONTESTED = "contested: "


@dataclass(slots=True, kw_only=True)
class Vetted:
    """One found memory on its way out.

    ``handling`` only becomes stricter, but where a model settles what was contested; ``handlings`` are those that the
    ``reasons`` called for, in their order. ``origin_keys``: its own origin's, then those of whoever said the same again.
    """

    key: RowKey
    record: MemoryRecord
    marks: Marks
    trust: float
    trusted: bool
    path: Path | None
    origin_keys: tuple[str, ...] = ()
    handling: Handling = Handling.ALLOW
    reasons: list[str] = field(default_factory=list)
    handlings: list[Handling] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    contested_by: list[MemoryRecord] = field(default_factory=list)
    supporters: int = 0
    contested: bool = False
    rejected: bool = False
    doubtful: bool = False

    def mark(self, handling: Handling, reason: str) -> None:
        """Deal with it no milder than this, for this reason."""
        if handling.strictness > self.handling.strictness:
            self.handling = handling
        self.reasons.append(reason)
        self.handlings.append(handling)

    def settle(self, *, keep: bool, reason: str) -> None:
        """What a model has said about a contested memory."""
        self.contested = False
        self.rejected = not keep
        if not keep:
            self.mark(Handling.WITHHOLD, reason)
            return
        # It settles what the consensus left open. What any other rule said stands.
        said = [(other, how) for other, how in zip(self.reasons, self.handlings, strict=True)]
        self.reasons, self.handlings, self.handling = [], [], Handling.ALLOW
        for other, how in said:
            if not other.startswith(CONTESTED):
                self.mark(how, other)
        self.doubtful = bool(self.contested_by)
        self.labels.append(reason)

    @property
    def withheld(self) -> bool:
        return self.handling is Handling.WITHHOLD


def vetted_as(guard: Guard, policy: Policy, key: RowKey, record: MemoryRecord, marks: Marks) -> Vetted:
    """A memory as the policy sees it, before anything is compared."""
    untrusted = class_in(policy, marks) is OriginClass.UNTRUSTED
    wanted = Screened.FULLY if untrusted else Screened.BRIEFLY
    if marks.screened < wanted and policy.write.enabled:
        # Written before this policy, or by an older mnemic: looked at now, kept by the housekeeper.
        again = guard.examine(policy, record, fully=untrusted)
        marks = replace(again, taints=marks.taints, review=marks.review)
    return Vetted(
        key=key, record=record, marks=marks, trust=trust_in(policy, marks), path=path_in(marks),
        trusted=not untrusted and record.status is not Status.QUARANTINED,
    )  # fmt: skip


def standing(policy: Policy, one: Vetted) -> Standing:
    """What to know about a delivered memory."""
    mask = _masks(policy, one)
    return Standing(
        trust=one.trust, trusted=one.trusted, labels=tuple(dict.fromkeys(_labels(policy, one))),
        supporters=one.supporters, contested_by=tuple(other.id for other in one.contested_by),
        masked_text=masked_text(one.record, one.marks) if mask else None,
        masked_when_to_use=masked_when_to_use(one.record, one.marks) if mask else None,
        hidden_labels=(touched_labels(one.record, one.marks) if mask else ()) + _hidden_names(policy, one.record),
        doubtful=one.doubtful or one.handling is not Handling.ALLOW,
    )  # fmt: skip


def _masks(policy: Policy, one: Vetted) -> bool:
    return policy.recall.mask_directives and not one.trusted and policy.enforced


def _hidden_names(policy: Policy, record: MemoryRecord) -> tuple[str, ...]:
    return _NAMES if names_hidden(policy, record.origin) else ()


def with_standing(hit: Hit, policy: Policy, one: Vetted, *, alike: tuple[MemoryId, ...] = ()) -> Hit:
    """A found memory with what to know about it, and those that are ``alike``.

    Its passage is a part of what may be shown, and of nothing else.
    """
    known = standing(policy, one)
    passage = hit.passage
    if passage is not None and known.masked_text is not None:
        start, end = masked_place(one.record, one.marks, (passage.start, passage.end))
        passage = Passage(start, end, known.masked_text[start:end])
    return replace(hit, standing=known, passage=passage, alike=alike)


def name_disputes(snapshot: LedgerSnapshot, policy: Policy, vetted: Sequence[Vetted]) -> None:
    """Say of memories that are marked as contradicting another current one that it says otherwise.

    Of a stranger and a trusted memory, only the stranger's is contested: else whoever writes could weaken what is trusted.
    """
    disputes = snapshot.disputes([one.record.id for one in vetted])
    if not disputes:
        return
    found = snapshot.find({other for _, other in disputes})
    marks = snapshot.marks([key for key, _ in found.values()])
    by_id = {one.record.id: one for one in vetted}
    for id, other_id in disputes:
        one, (key, other) = by_id[id], found[other_id]
        trusted = class_in(policy, marks[key]) is not OriginClass.UNTRUSTED
        if (one.trusted and not trusted) or other in one.contested_by or one.record.status is not Status.ACTIVE:
            continue
        if trusted:
            one.contested_by.append(other)
        if trusted and not one.trusted:
            one.doubtful = True
            reason = f"contradiction: {other.id}, which is trusted, says otherwise"
            one.mark(policy.recall.contradiction.decision, reason)
        else:
            one.labels.append(f"another memory says otherwise: {other.id}")


def trusted_among(
    snapshot: LedgerSnapshot, policy: Policy, records: Mapping[RowKey, MemoryRecord]
) -> dict[RowKey, MemoryRecord]:
    """Those of these memories that are no stranger's, nor drawn from one's."""
    marks = snapshot.marks(list(records))
    return {key: one for key, one in records.items() if class_in(policy, marks[key]) is not OriginClass.UNTRUSTED}


def withheld_view(policy: Policy, one: Vetted) -> Withheld:
    """What is said of a memory that is not delivered. No word of it is repeated."""
    return Withheld(
        id=one.record.id, origin=origin_label(policy, one.record.origin), reasons=tuple(dict.fromkeys(one.reasons)),
        contested=one.contested,
    )  # fmt: skip


def judge_findings(guard: Guard, policy: Policy, one: Vetted) -> None:
    """Withhold it for what was found when it was written, by the policy of today, unless a person has looked at it."""
    if not one.marks.findings or one.marks.review is not None:
        return
    verdict = guard.judge(policy, one.marks)
    if verdict.decision.strictness >= Decision.QUARANTINE.strictness:
        for reason in verdict.reasons:
            one.mark(Handling.WITHHOLD, reason)


def apply_own_rules(policy: Policy, question: str, vetted: Sequence[Vetted]) -> None:
    """Mark what the policy's own rules for recall find; they may ask about the ``question``."""
    rules = [rule for rule in policy.rules if isinstance(rule, RecallRule)]
    if not rules:
        return
    for one in vetted:
        record = one.record
        facts = Facts(
            text=record.text, kind=record.kind, channel=record.origin.channel, trust=one.trust, tags=record.tags,
            effects=one.marks.effects, question=question, when_to_use=record.when_to_use,
        )  # fmt: skip
        for rule in rules:
            if apply_rule(rule, facts) is not None:
                one.mark(Handling(rule.decision), f"{rule.id}: {rule.reason}")


def show(
    snapshot: LedgerSnapshot, guard: Guard, policy: Policy, found: Sequence[tuple[RowKey, MemoryRecord]], *,
    question: str = "",
) -> list[Hit]:  # fmt: skip
    """Memories by themselves, whatever their status, as recall would show them. What is withheld shows no word.

    ``question`` is what they are shown for, if anything: a policy's own rules may ask about it.
    """
    marks = snapshot.marks([key for key, _ in found])
    hits = []
    for key, record in found:
        one = vetted_as(guard, policy, key, record, marks[key])
        withheld = _withholds(guard, policy, question, one)
        name_disputes(snapshot, policy, [one])
        known = standing(policy, one)
        if withheld or record.status is Status.QUARANTINED:
            hidden = (*_ALL_LABELS, *_hidden_names(policy, record))
            known = replace(known, masked_text=WITHHELD_TEXT, hidden_labels=hidden)
        hits.append(Hit(memory=record, score=None, lexical=None, similarity=None, standing=known))
    return hits


def is_shown(hit: Hit) -> bool:
    """Whether `show` shows any word of a memory."""
    return hit.standing is None or hit.standing.masked_text != WITHHELD_TEXT


def _withholds(guard: Guard, policy: Policy, question: str, one: Vetted) -> bool:
    """Whether the policy of today keeps a memory back for what was found in it, or by a rule of its own."""
    judge_findings(guard, policy, one)
    apply_own_rules(policy, question, [one])
    withheld = one.withheld and policy.enforced
    if not policy.enforced:
        one.handling = Handling.ALLOW
    return withheld


def _labels(policy: Policy, one: Vetted) -> list[str]:
    labels: list[str] = []
    if not one.trusted and policy.recall.label_untrusted:
        trusted = f"{counted(one.supporters, 'trusted origin')} agree"
        labels.append(f"{UNVERIFIED}, from {origin_label(policy, one.record.origin)}; {trusted}")
        if one.marks.directives:
            labels.append("contains instructions" + (", hidden here" if _masks(policy, one) else ""))
        if not one.marks.english:
            labels.append("not in English: its content could not be screened")
        rules = dict.fromkeys(found.rule for found in one.marks.findings)
        labels += [f"screening noticed {rule}" for rule in rules]
    if one.record.status is Status.QUARANTINED:
        labels.append("in quarantine")
    if one.marks.review is Review.RELEASED:
        labels.append("released from quarantine by a person")
    if one.handling is Handling.WARN:
        labels += one.reasons
    elif not policy.enforced:
        labels += [f"would be withheld: {reason}" for reason in one.reasons]
    return labels + one.labels
