"""The rules: their names, what family each belongs to, and what each says an attack is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class RuleFamily(StrEnum):
    """What a rule is evidence of. A policy asks for families, or for single rules."""

    HIDDEN = "hidden"
    """Content that people do not see: invisible characters, encoded text, look-alike letters. Any language."""
    BACKDOOR = "backdoor"
    """A record that shows a wrong answer or action as the precedent for a trigger."""
    STEERING = "steering"
    """Directives about the reader itself: its answer, its task, its instructions."""
    REQUEST = "request"
    """Directives that have nothing to do with the text they stand in."""
    SECRETS = "secrets"
    """Credentials."""
    PERSONAL = "personal"
    """Personal data."""
    LANGUAGE = "language"
    """Not evidence of anything: the rules in English cannot judge this text."""


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule's name, its family, and in one sentence what it looks for."""

    id: str
    family: RuleFamily
    summary: str


_H, _B, _S, _R = RuleFamily.HIDDEN, RuleFamily.BACKDOOR, RuleFamily.STEERING, RuleFamily.REQUEST
_ALL = (
    RuleInfo("hidden-text", _H, "Direction overrides, tag characters, or zero-width characters inside words."),
    RuleInfo(
        "encoded-payload",
        _H,
        "A long base64, hexadecimal or similar run, or a turned sentence, that decodes to readable text; but for text in "
        "which no rule sees anything, and what stands there in plain sight besides.",
    ),
    RuleInfo("homoglyphs", _H, "Words that mix Latin letters with Cyrillic or Greek look-alikes."),
    RuleInfo("two-answers", _B, "One question is answered with yes and with no (or true and false). English."),
    RuleInfo("anchored-rule", _B, "Words that follow a question return as the condition of a rule. English."),
    RuleInfo("conditional-reversal", _B, "If the input holds something, reverse the answer or destroy data. English."),
    RuleInfo("destructive-mismatch", _B, "A question that only reads is answered with a call that destroys. English."),
    RuleInfo("role-claim", _S, 'Tells the reader what it is: "you are a … model, assistant, agent". English.'),
    RuleInfo(
        "steers-answer", _S, "A directive whose object is the reader's answer. English, and plainly in other languages."
    ),
    RuleInfo("answer-manner", _S, "A directive on the manner or the language of the answer. English."),
    RuleInfo(
        "transforms-message", _S, "A directive to encode, scramble or replace the letters of the answer. English."
    ),
    RuleInfo("steers-instructions", _S, "A directive about the reader's instructions, task or nature. English."),
    RuleInfo(
        "override",
        _S,
        "A directive to ignore what the reader was told before. English, and plainly in other languages.",
    ),
    RuleInfo("chat-markup", _S, "Control tags of a chat protocol before a directive."),
    RuleInfo(
        "offtopic-content", _R, "A self-contained request to produce content that the text is not about. English."
    ),
    RuleInfo(
        "offtopic-action",
        _R,
        "A request that changes state, with an address, file or quotation, off the topic. English.",
    ),
    RuleInfo(
        "offtopic-question", _R, "The only question of an impersonal text, self-contained and off its topic. English."
    ),
    RuleInfo("secret", RuleFamily.SECRETS, "Keys, tokens, passwords and private keys."),
    RuleInfo("personal-data", RuleFamily.PERSONAL, "E-mail addresses, phone numbers, card numbers and IBANs."),
    RuleInfo(
        "other-language", RuleFamily.LANGUAGE, "Sentences in another language than English: not judged by its rules."
    ),
)

RULES: Mapping[str, RuleInfo] = MappingProxyType({rule.id: rule for rule in _ALL})
"""Every rule of the screening by its id."""

LEXICAL = frozenset(
    rule.id for rule in _ALL if rule.family in (RuleFamily.BACKDOOR, RuleFamily.STEERING, RuleFamily.REQUEST)
)
"""The rules that read English and see nothing in other languages."""
