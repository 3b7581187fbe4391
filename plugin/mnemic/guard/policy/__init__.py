"""Policies of the guard: what they say, how they are loaded, and what they decide.

``PolicySource(source).current()`` is the policy in force; ``decide`` says what a finding calls for in a text of a class of
origin; ``origin_key`` says which memories count as one witness.
"""

from mnemic.guard.policy.applying import Facts, apply_rule
from mnemic.guard.policy.deciding import decide, decide_rule
from mnemic.guard.policy.defaults import KNOWN_RULES, Family, OriginClass
from mnemic.guard.policy.loading import load_policy, parse_policy, preset_names
from mnemic.guard.policy.model import Handling, Policy
from mnemic.guard.policy.origins import class_of, origin_key, origin_key_of, source_key, trust_of
from mnemic.guard.policy.own_rules import RecallRule, WriteRule
from mnemic.guard.policy.watching import PolicySource

__all__ = [
    "KNOWN_RULES", "Facts", "Family", "Handling", "OriginClass", "Policy", "PolicySource", "RecallRule", "WriteRule",
    "apply_rule", "class_of", "decide", "decide_rule", "load_policy", "origin_key", "origin_key_of", "parse_policy",
    "preset_names", "source_key", "trust_of",
]  # fmt: skip
