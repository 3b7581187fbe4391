"""Screening: what a text contains that a memory should not trust, told by rules without a model.

The rules say what an attack *is*: content that people cannot see, a wrong precedent, a directive about the reader, a request
off the topic. `screen` reports what it saw and decides nothing.
"""

from mnemic.guard.screening.rules import RULES, RuleFamily, RuleInfo
from mnemic.guard.screening.screen import Screening, mask, redact, screen

__all__ = ["RULES", "RuleFamily", "RuleInfo", "Screening", "mask", "redact", "screen"]
