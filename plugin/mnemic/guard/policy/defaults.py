"""Which rules there are, what each of them sees, and what happens by default: change it here and nowhere else.

A policy may set another decision for any of them under ``write.rules``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from mnemic.domain.verdict import Decision


class OriginClass(StrEnum):
    """Whose words a text is, as far as it is trusted."""

    USER = "user"
    AGENT = "agent"
    UNTRUSTED = "untrusted"


class Family(StrEnum):
    """Rules that are decided alike."""

    HIDDEN = "hidden"
    BACKDOOR = "backdoor"
    STEERING = "steering"
    REQUEST = "request"
    PRIVATE = "private"
    LANGUAGE = "language"
    FLOW = "flow"
    FAILURE = "failure"


ByClass = Mapping[OriginClass, Decision]


def _by_class(user: Decision, agent: Decision, untrusted: Decision) -> ByClass:
    return MappingProxyType({OriginClass.USER: user, OriginClass.AGENT: agent, OriginClass.UNTRUSTED: untrusted})


_ALLOW, _REDACT, _QUARANTINE, _BLOCK = Decision.ALLOW, Decision.REDACT, Decision.QUARANTINE, Decision.BLOCK

FAMILY_DEFAULTS: Mapping[Family, ByClass] = {
    # Nobody hides text by accident, whoever sends it.
    Family.HIDDEN: _by_class(_QUARANTINE, _QUARANTINE, _QUARANTINE),
    # A user may state any rule. An agent that writes one down has most likely read it somewhere.
    Family.BACKDOOR: _by_class(_ALLOW, _QUARANTINE, _QUARANTINE),
    # Experiences of agents are full of instructions to themselves: label them, withhold only what strangers wrote.
    Family.STEERING: _by_class(_ALLOW, _ALLOW, _QUARANTINE),
    # Whether a stranger's requests are withheld is for `write.withhold` to say; by default they are masked and labelled.
    Family.REQUEST: _by_class(_ALLOW, _ALLOW, _ALLOW),
    Family.PRIVATE: _by_class(_ALLOW, _ALLOW, _ALLOW),
    Family.LANGUAGE: _by_class(_ALLOW, _ALLOW, _ALLOW),
    Family.FLOW: _by_class(_ALLOW, _QUARANTINE, _QUARANTINE),
    # Fail closed: what could not be judged waits for a person.
    Family.FAILURE: _by_class(_QUARANTINE, _QUARANTINE, _QUARANTINE),
}


@dataclass(frozen=True, slots=True)
class KnownRule:
    """A rule that comes with mnemic. ``sees`` completes the sentence "text that …"."""

    family: Family
    sees: str
    decisions: ByClass | None = None

    def default_for(self, origin_class: OriginClass) -> Decision:
        """What happens if the policy says nothing about this rule."""
        return (self.decisions or FAMILY_DEFAULTS[self.family])[origin_class]


KNOWN_RULES: Mapping[str, KnownRule] = {
    "hidden-text": KnownRule(Family.HIDDEN, "holds invisible or direction-changing characters"),
    "encoded-payload": KnownRule(Family.HIDDEN, "holds readable text in an encoding such as base64"),
    "homoglyphs": KnownRule(Family.HIDDEN, "spells words with look-alike letters of another script"),
    "two-answers": KnownRule(Family.BACKDOOR, "gives two opposite answers at once"),
    "contradicts-itself": KnownRule(Family.BACKDOOR, "contradicts itself"),
    "anchored-rule": KnownRule(Family.BACKDOOR, "ties a rule to a phrase planted in a question"),
    "conditional-reversal": KnownRule(Family.BACKDOOR, "says to reverse or destroy if something is present"),
    "destructive-mismatch": KnownRule(Family.BACKDOOR, "answers a read-only question with a destructive call"),
    "role-claim": KnownRule(Family.STEERING, "tells the reader what it is"),
    "steers-answer": KnownRule(Family.STEERING, "gives orders about the reader's answer"),
    "answer-manner": KnownRule(Family.STEERING, "orders in which manner to answer"),
    "transforms-message": KnownRule(Family.STEERING, "orders the reader to transform its message"),
    "steers-instructions": KnownRule(Family.STEERING, "gives orders about the reader's task or instructions"),
    "override": KnownRule(Family.STEERING, "says to ignore what was said before"),
    "chat-markup": KnownRule(Family.STEERING, "carries role tags of a chat protocol and an order"),
    "offtopic-content": KnownRule(Family.REQUEST, "asks to produce something unrelated to the rest"),
    "offtopic-action": KnownRule(Family.REQUEST, "asks for an action unrelated to the rest"),
    "offtopic-question": KnownRule(Family.REQUEST, "asks a question unrelated to the rest"),
    "secret": KnownRule(Family.PRIVATE, "holds a password, key or token", _by_class(_REDACT, _REDACT, _REDACT)),
    "personal-data": KnownRule(Family.PRIVATE, "holds a phone number, address or card number"),
    "other-language": KnownRule(Family.LANGUAGE, "is in a language that the rules cannot read"),
    "too-long": KnownRule(Family.FLOW, "is longer than `write.max_chars`"),
    "flooding": KnownRule(Family.FLOW, "comes from an origin that writes too much or too much alike"),
    "laundering": KnownRule(Family.FLOW, "was produced while a contested memory or a lesson was in view"),
    "rule-failed": KnownRule(Family.FAILURE, "a rule could not judge because it crashed or ran out of time"),
}
