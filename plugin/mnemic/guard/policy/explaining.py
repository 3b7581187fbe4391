"""A policy in sentences, for whoever has to answer for it."""

from __future__ import annotations

from dataclasses import dataclass

from mnemic.domain.counting import counted
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.verdict import Decision
from mnemic.guard.policy.deciding import decide_rule
from mnemic.guard.policy.defaults import KNOWN_RULES, Family, OriginClass
from mnemic.guard.policy.model import Claims, Handling, Independence, Messages, Mode, Policy
from mnemic.guard.policy.origins import class_of, trust_of
from mnemic.guard.policy.own_rules import WriteConditions, WriteRule

_HANDLED = {
    Handling.ALLOW: "are given as they are",
    Handling.WARN: "are given with a warning",
    Handling.WITHHOLD: "are withheld, and the answer says so",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelExplained:
    """How text of one channel is treated. ``claimed``: when only the caller says that it came that way."""

    channel: Channel
    trust: float
    treated_as: OriginClass
    claimed: OriginClass


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplained:
    """What follows when a rule finds something, by whose text it is."""

    id: str
    family: str
    sees: str
    user: Decision
    agent: Decision
    untrusted: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that a policy means."""

    name: str
    digest: str
    description: str
    summary: tuple[str, ...]
    channels: tuple[ChannelExplained, ...]
    rules: tuple[RuleExplained, ...]
    storing: tuple[str, ...]
    recalling: tuple[str, ...]
    own_rules: tuple[str, ...]


def explain(policy: Policy) -> Explanation:
    """What ``policy`` means, in tables and sentences."""
    return Explanation(
        name=policy.name,
        digest=policy.digest,
        description=policy.description,
        summary=_summary(policy),
        channels=tuple(_channel(policy, channel) for channel in Channel),
        rules=_rules(policy),
        storing=_storing(policy),
        recalling=_recalling(policy),
        own_rules=_own_rules(policy),
    )


def _channel(policy: Policy, channel: Channel) -> ChannelExplained:
    seen, claimed = Origin(channel=channel), Origin(channel=channel, claimed=True)
    return ChannelExplained(
        channel=channel,
        trust=trust_of(policy, seen),
        treated_as=class_of(policy, seen),
        claimed=class_of(policy, claimed),
    )


def _rules(policy: Policy) -> tuple[RuleExplained, ...]:
    if not policy.write.enabled:
        return ()
    described = {rule_id: (rule.family.value, f"{rule.sees}") for rule_id, rule in KNOWN_RULES.items()}
    others = sorted(set(policy.write.rules) - set(described) - set(policy.own_rules))
    described |= dict.fromkeys(others, ("added", "by a rule that was added"))
    described |= {rule.id: ("own", rule.reason) for rule in policy.rules if isinstance(rule, WriteRule)}
    return tuple(
        RuleExplained(
            id=rule_id, family=family, sees=sees,
            user=decide_rule(policy, rule_id, OriginClass.USER),
            agent=decide_rule(policy, rule_id, OriginClass.AGENT),
            untrusted=decide_rule(policy, rule_id, OriginClass.UNTRUSTED),
        )
        for rule_id, (family, sees) in described.items()
    )  # fmt: skip


def _summary(policy: Policy) -> tuple[str, ...]:
    trust = policy.trust
    untrusted = [channel.value for channel in Channel if class_of(policy, Origin(channel=channel)) is _UNTRUSTED]
    watching = "It only watches: everything below is judged and reported, and nothing is changed."
    return (
        watching if policy.mode is Mode.WATCH else "It is enforced.",
        f"Untrusted are: {_listed(untrusted)} (trust below {trust.trusted_from:g})."
        if untrusted
        else "Everything is trusted.",
        "What a caller claims about its channel can lower trust, and never raise it above the agent's."
        if trust.claims is Claims.LOWER_ONLY
        else "What a caller claims about its channel is believed.",
    )


def _storing(policy: Policy) -> tuple[str, ...]:
    write = policy.write
    if not write.enabled:
        return ("Nothing is screened when it is stored.",)
    flood = write.flooding
    requests = [
        rule_id for rule_id, rule in KNOWN_RULES.items()
        if rule.family is Family.REQUEST and decide_rule(policy, rule_id, _UNTRUSTED) is not Decision.ALLOW
    ]  # fmt: skip
    return (
        f"Unrelated requests in untrusted text are held back ({_listed(requests)})."
        if requests
        else "Unrelated requests in untrusted text are kept, labelled.",
        f"Longer than {write.max_chars:,} characters is too long.",
        "Messages of sessions are kept as they came, secrets included."
        if write.messages is Messages.AS_GIVEN
        else "Secrets are taken out of the messages of sessions.",
        f"It is a flood when one untrusted origin stores more than {flood.max_untrusted:,} memories in "
        f"{counted(flood.window_minutes, 'minute')}, or more than {flood.max_alike:,} almost alike.",
        f"A rule that needs more than {write.rule_timeout_ms:,} ms has failed, which is a finding of its own (rule-failed).",
    )


def _recalling(policy: Policy) -> tuple[str, ...]:
    recall = policy.recall
    labels = [
        "carry their origin and the number of their supporters" * recall.label_untrusted,
        "have their instructions masked" * recall.mask_directives,
    ]
    sentences = [
        f"Untrusted memories {_listed([label for label in labels if label]) or 'are given like any other'}.",
        f"Untrusted memories that contradict a trusted one {_HANDLED[recall.contradiction.decision]}.",
        *_consensus(policy),
    ]
    effects = recall.effects
    if effects.deny:
        sentences.append(f"Memories that call for these are withheld: {_listed(effects.deny)}.")
    if effects.review:
        needed = counted(effects.quorum_origins, "independent trusted origin")
        sentences.append(f"Memories that call for these need {needed}: {_listed(effects.review)}.")
    lessons = recall.lessons
    if lessons.enabled:
        after = counted(lessons.quarantine_after, "time")
        held = f"a memory rejected {after} is" if lessons.counts_rejections else "no memory that was rejected is"
        sentences.append(
            f"Lessons from rejected memories warn for {counted(lessons.ttl_days, 'day')}; {held} quarantined."
        )
        if effects.allow:
            sentences.append(f"A quorum of trusted origins overrules lessons against: {_listed(effects.allow)}.")
    else:
        sentences.append("No lessons are kept.")
    judge = policy.judge
    asked = {"never": "No model is asked.", "contested": "A model is asked about contested memories"}
    sentences.append(
        asked["never"]
        if judge.when == "never"
        else f"{asked.get(judge.when, 'A model is asked about every recall')}, at most "
        f"{counted(judge.max_calls_per_hour, 'time')} an hour."
    )
    sentences.append(f"What is not judged within {recall.deadline_ms:,} ms is contested.")
    return tuple(sentences)


def _consensus(policy: Policy) -> list[str]:
    consensus = policy.recall.consensus
    if not consensus.enabled:
        return ["Memories are not compared with each other."]
    if consensus.method == "clustering":
        who = "records" if consensus.count == "records" else "origins"
        return [f"Of {consensus.k} candidates the largest group of {who} that agree is given; the others are withheld."]
    unit = "origin" if consensus.count == "origins" else "record"
    of_whom = f"trusted {unit}" if consensus.quorum_of == "trusted" else unit
    independent = "independent " if unit == "origin" else ""
    needed = counted(consensus.quorum_origins, independent + of_whom)
    sentences = [
        f"A memory is confirmed by {needed} that agree and are the majority.",
        f"Contested memories {_HANDLED[consensus.on_contested]}.",
        f"Memories that all have one origin {_HANDLED[consensus.single_origin]}.",
    ]
    if unit == "origin":
        sentences.append(_independence(policy.independence))
    return sentences


def _independence(independence: Independence) -> str:
    trusted, untrusted = (
        " or ".join(part.value for part in parts) for parts in (independence.trusted, independence.untrusted)
    )
    return f"Two trusted memories are independent when they differ in {trusted}; two untrusted ones in {untrusted}."


def _own_rules(policy: Policy) -> tuple[str, ...]:
    sentences = []
    for rule in policy.rules:
        when = "stored" if isinstance(rule, WriteRule) else "recalled"
        conditions = " and ".join(_conditions(rule.when))
        sentences.append(f"{rule.id}: when {when} and {conditions} → {rule.decision}. {rule.reason}")
    return tuple(sentences)


def _conditions(when: WriteConditions) -> list[str]:
    named = {
        "kinds": "the kind is", "channels": "it came by", "trust_below": "trust is below", "tags": "it is tagged",
        "text": "the text matches", "effects": "it calls for", "question": "the question matches",
    }  # fmt: skip
    found = []
    for name, words in named.items():
        value = getattr(when, name, None)
        if value not in (None, ()):
            found.append(f"{words} {' or '.join(map(str, value)) if isinstance(value, tuple) else value}")
    return found


_UNTRUSTED = OriginClass.UNTRUSTED


def _listed(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)
