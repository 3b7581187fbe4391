"""Facts that change: what a statement says about one thing that has one value at a time. Pure; nothing here stores."""

from mnemic.domain.facts.fact import Fact, make_fact
from mnemic.domain.facts.reading import read_fact
from mnemic.domain.facts.values import canonical_value

__all__ = ["Fact", "canonical_value", "make_fact", "read_fact"]
