"""Whether a rule that a policy brings itself applies to a text or a recalled memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mnemic.domain.memory import Kind
from mnemic.domain.provenance import Channel
from mnemic.domain.verdict import Finding, Span
from mnemic.guard.policy.matching import find_spans, is_found
from mnemic.guard.policy.own_rules import RecallConditions, RecallRule, WriteRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a rule may ask about. ``effects`` are what the text calls for; ``question`` is what it was recalled for.

    ``when_to_use`` belongs to the text of an experience: a pattern is looked for in both.
    """

    text: str
    kind: Kind
    channel: Channel
    trust: float
    tags: Collection[str] = ()
    effects: Collection[str] = ()
    question: str | None = None
    when_to_use: str | None = None


def apply_rule(rule: WriteRule | RecallRule, facts: Facts) -> Finding | None:
    """The rule's finding, if all of its conditions hold. The phase is for the caller to mind."""
    when = rule.when
    if when.kinds and facts.kind not in when.kinds:
        return None
    if when.channels and facts.channel not in when.channels:
        return None
    if when.trust_below is not None and facts.trust >= when.trust_below:
        return None
    if when.tags and not set(when.tags) & set(facts.tags):
        return None
    if when.effects and not set(when.effects) & set(facts.effects):
        return None
    question = when.question if isinstance(when, RecallConditions) else None
    if question is not None and (facts.question is None or not is_found(question, facts.question)):
        return None
    spans: tuple[Span, ...] = ()
    if when.text is not None:
        found = find_spans(when.text, facts.text)
        if found is None and not (facts.when_to_use and is_found(when.text, facts.when_to_use)):
            return None
        spans = found or ()
    return Finding(rule=rule.id, reason=rule.reason, spans=spans)
