"""What a policy would do with labelled records when they are stored: screening and judging alone, without a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mnemic.domain.drafting import draft_memory
from mnemic.domain.marks import Marks
from mnemic.domain.memory import MemoryRecord, NewMemory
from mnemic.domain.provenance import Origin
from mnemic.domain.verdict import Decision
from mnemic.guard.guard import Guard, class_in, trust_in
from mnemic.guard.policy import OriginClass, Policy
from mnemic.guard.policy.applying import Facts, apply_rule
from mnemic.guard.policy.own_rules import RecallRule
from mnemic.protocols import Vectors
from mnemic.storage.system import SystemClock, new_memory_id
from mnemic.testing.attacks.items import LabelledItem, benign_kind, benign_memory, poison_memories
from mnemic.testing.attacks.tally import percent, upper_bound

_NAMESPACE = ("replay",)


@dataclass(slots=True)
class Replayed:
    """One group of records. ``rules``: which rules had a finding, in how many. Characters are those of untrusted text."""

    n: int = 0
    decisions: Counter[Decision] = field(default_factory=Counter)
    at_recall: int = 0
    labelled: int = 0
    masked: int = 0
    chars: int = 0
    masked_chars: int = 0
    rules: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        withheld = self.decisions[Decision.QUARANTINE] + self.decisions[Decision.BLOCK]
        return {
            "n": self.n, "quarantined": self.decisions[Decision.QUARANTINE], "blocked": self.decisions[Decision.BLOCK],
            "redacted": self.decisions[Decision.REDACT], "withheld_by_own_recall_rules": self.at_recall,
            "labelled": self.labelled, "masked": self.masked, "withheld_percent": percent(withheld, self.n),
            "withheld_upper_percent": round(100 * upper_bound(withheld, self.n), 2),
            "masked_chars_percent": percent(self.masked_chars, self.chars), "rules": dict(self.rules.most_common()),
        }  # fmt: skip


def replay(
    items: Sequence[LabelledItem], policy: Policy, *, embed: Callable[[Sequence[str]], Vectors] | None = None,
    blind: bool = False, seed: int = 7, progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, Any]:  # fmt: skip
    """Per family of attacks and per kind of benign record, what ``policy`` would catch and what that would cost.

    ``embed`` gives vectors of sentences as in an open memory. What only a store knows (floods, copies, consensus,
    contradictions) is not judged here: ``mnemic bench guard`` does that.
    """
    guard = Guard(lambda: policy, embed=embed)
    clock = SystemClock()
    families: dict[str, Replayed] = {}
    benign: dict[str, Replayed] = {}
    everything = Replayed()
    for at, item in enumerate(items, 1):
        if item.poison:
            new = poison_memories(item, namespace=_NAMESPACE, seed=seed)[0]
            groups = [families.setdefault(item.attack, Replayed())]
        else:
            new = benign_memory(item, namespace=_NAMESPACE, blind=blind, seed=seed)
            groups = [benign.setdefault(benign_kind(item), Replayed()), everything]
            if item.extra.get("hard"):
                groups.append(benign.setdefault(str(item.extra["hard"]), Replayed()))
        record = _record(new, clock)
        marks = guard.examine(policy, record)
        for group in groups:
            _count(group, guard, policy, record, marks, item.question)
        progress(at, len(items))
    return {
        "policy": {"name": policy.name, "digest": policy.digest, "mode": policy.mode.value},
        "families": {name: group.to_dict() for name, group in sorted(families.items())},
        "benign": {**{name: group.to_dict() for name, group in sorted(benign.items())}, "all": everything.to_dict()},
    }


def _record(new: NewMemory, clock: SystemClock) -> MemoryRecord:
    return draft_memory(new, id=new_memory_id(), namespace=_NAMESPACE, origin=Origin(), recorded_at=clock.now())


def _count(group: Replayed, guard: Guard, policy: Policy, record: MemoryRecord, marks: Marks, question: str) -> None:
    verdict = guard.judge(policy, marks)
    untrusted = class_in(policy, marks) is OriginClass.UNTRUSTED
    group.n += 1
    group.decisions[verdict.decision] += 1
    group.rules.update({finding.rule for finding in marks.findings})
    held = verdict.decision.strictness >= Decision.QUARANTINE.strictness
    facts = Facts(
        text=record.text, kind=record.kind, channel=record.origin.channel, trust=trust_in(policy, marks),
        tags=record.tags, effects=marks.effects, question=question,
    )  # fmt: skip
    own = [rule for rule in policy.rules if isinstance(rule, RecallRule) and apply_rule(rule, facts) is not None]
    group.at_recall += not held and any(rule.decision == "withhold" for rule in own)
    group.labelled += not held and untrusted and policy.recall.label_untrusted
    if untrusted and not held:
        spans = [(start, min(end, len(record.text))) for start, end in marks.directives if start < len(record.text)]
        masked = sum(end - start for start, end in spans) if policy.recall.mask_directives else 0
        group.masked += masked > 0
        group.chars += len(record.text)
        group.masked_chars += masked
