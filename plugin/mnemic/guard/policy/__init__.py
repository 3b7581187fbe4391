"""Policies of the guard: what they say, how they are loaded, and what they decide."""

from mnemic.guard.policy.deciding import decide, decide_rule
from mnemic.guard.policy.defaults import KNOWN_RULES, Family, OriginClass
from mnemic.guard.policy.model import Handling, Policy
from mnemic.guard.policy.origins import class_of, origin_key, origin_key_of, trust_of

__all__ = [
    "KNOWN_RULES", "Family", "Handling", "OriginClass", "Policy",
    "class_of", "decide", "decide_rule", "origin_key", "origin_key_of", "trust_of",
]  # fmt: skip
