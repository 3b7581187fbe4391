"""From what a rule saw to what happens: a pure function of the policy."""

from __future__ import annotations

from mnemic.domain.verdict import Decision, Finding
from mnemic.guard.policy.defaults import KNOWN_RULES, Family, OriginClass
from mnemic.guard.policy.model import Policy, Withhold
from mnemic.guard.policy.own_rules import WriteRule


def decide(policy: Policy, finding: Finding, origin_class: OriginClass) -> Decision:
    """What ``finding`` calls for in a text of this class of origin. The mode is not looked at: see `Policy.enforced`."""
    return decide_rule(policy, finding.rule, origin_class)


def decide_rule(policy: Policy, rule_id: str, origin_class: OriginClass) -> Decision:
    """What a finding of this rule calls for.

    First what the policy sets under ``write.rules``, then the policy's own rule of that name, then what is built in. A rule
    that nobody has set a decision for withholds, whoever wrote the text.
    """
    setting = policy.write.rules.get(rule_id)
    decision = setting.of_class(origin_class) if setting else None
    if decision is not None:
        return decision
    own = policy.own_rules.get(rule_id)
    if isinstance(own, WriteRule):
        return own.decision
    known = KNOWN_RULES.get(rule_id)
    if known is None:
        return Decision.QUARANTINE
    if known.family is Family.REQUEST and origin_class is OriginClass.UNTRUSTED:
        withheld = policy.write.withhold is Withhold.STEERING_AND_REQUESTS
        return Decision.QUARANTINE if withheld else Decision.ALLOW
    return known.default_for(origin_class)
