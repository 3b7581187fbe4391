"""Whether memories may authorise an action: what it would do, to what, and which trusted memories say so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mnemic.domain.language import is_foreign
from mnemic.guard.effect_words import CALL_FORMS, READING, READING_COMMANDS
from mnemic.guard.effects import (
    READ_CHARS,
    STEERING,
    call_effects,
    calls_in,
    find_effects,
    plain_head,
    supported_effects,
    unknown_calls,
)
from mnemic.guard.operands import Operands, destinations_in, operands_in

EffectDecision = Literal["allowed", "review", "denied"]

_READS = READING | READING_COMMANDS
_FIRST_WORD = re.compile(
    r"(?:^|[.;!?]\s|\n)[\s\"'*-]{0,8}(?:(?:please|kindly|then|and|now|also|to|(?:can|could|would|will) you)[ ,]{1,3}){0,3}"
    r"([^\W\d_]{1,40})(?![^\W\d_])",
    re.I,
)
_CMDLET = re.compile(r"(?:^|[|;\n])\s{0,8}([A-Z][a-z]{2,12})-[A-Z]\w")
_WORD = re.compile(r"[^\W_]{2,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A memory that was in the context when an action was proposed.

    ``origin_key`` names its independent origin: two memories with one key are one witness. ``effects`` are those that
    the memory itself names, by `supported_effects`. ``names`` are its `operands_in`, ``words`` its words in small letters;
    None where they are not known, and then nothing is said about them.
    """

    memory: str
    trusted: bool
    origin_key: str
    effects: frozenset[str] = frozenset()
    contested: bool = False
    names: frozenset[str] | None = None
    words: frozenset[str] | None = None

    @property
    def counts(self) -> bool:
        """Whether it supports anything at all."""
        return self.trusted and not self.contested


def support_of(memory: str, text: str, *, trusted: bool, origin_key: str, contested: bool) -> Support:
    """The support that a memory with this text gives."""
    head = plain_head(text)
    return Support(
        memory=memory, trusted=trusted, origin_key=origin_key, contested=contested, effects=supported_effects(text),
        names=_operands(text, head).all(), words=frozenset(word.lower() for word in _WORD.findall(head)),
    )  # fmt: skip


def sight_of(memory: str, text: str, *, trusted: bool, origin_key: str, contested: bool) -> Support:
    """What can be told of a memory that was merely in view: it names things, and supports no effect."""
    head = plain_head(text)
    return Support(
        memory=memory, trusted=trusted, origin_key=origin_key, contested=contested, names=_operands(text, head).all(),
        words=frozenset(word.lower() for word in _WORD.findall(head)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRules:
    """What a policy says about effects. ``deny``: nobody may. ``review``: a quorum of trusted origins, or a person.

    All others need one trusted memory that names the effect. ``quorum_origins`` ≥ 1.
    """

    deny: frozenset[str] = frozenset()
    review: frozenset[str] = frozenset({"delete", "transfer", "grant", "disable"})
    quorum_origins: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectVerdict:
    """Whether an action may go ahead: ``denied`` > ``review`` (ask a person) > ``allowed``. ``reasons`` repeat no
    payload.
    """

    decision: EffectDecision
    effects: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = field(default=())


_SEVERITY: dict[EffectDecision, int] = {"allowed": 0, "review": 1, "denied": 2}


def authorise(
    action: str, supports: Sequence[Support], rules: EffectRules, *, by_user: bool = False,
    in_view: Callable[[], Sequence[Support]] = tuple,
) -> EffectVerdict:  # fmt: skip
    """Whether ``action`` may be done on the strength of ``supports``; ``by_user``: a person asked for it or confirmed
    it.

    An untrusted or contested memory supports nothing. An effect that no trusted memory names is denied; one that is to
    be reviewed and has fewer trusted origins than the quorum waits for a person; what ``rules`` deny stays denied even
    then. What nobody can judge waits for a person: a call about which nothing is known, a command in another language, an
    action of more than `READ_CHARS` characters. With untrusted or contested memories among the supports, so does a
    sentence whose command no trusted memory holds, and an action that names a place or a private path (an action with an
    effect: an account or any path as well) that no trusted memory names, and an effect on somebody or something that only an
    untrusted one names. Any other action without an effect is allowed.
    """
    head = plain_head(action)
    commands = [] if calls_in(head) else _commands(head)
    effects = find_effects(action) | {CALL_FORMS[word] for word in commands if word in CALL_FORMS}
    for name in calls_in(head):
        effects |= call_effects(name)
    verdict = authorise_effects(effects, supports, rules, by_user=by_user)
    effective = bool(effects - STEERING)
    if by_user:
        return verdict
    names = _names_in(action, head, effective)
    doubts = tuple(_doubts(action, head, commands, effective, names, supports))
    doubts = doubts or tuple(_carried(names, supports, in_view))
    if not doubts:
        return verdict
    decision: EffectDecision = "denied" if verdict.decision == "denied" else "review"
    return EffectVerdict(decision=decision, effects=verdict.effects, reasons=(*verdict.reasons, *doubts))


class _Names(NamedTuple):
    """What an action names that must be known: ``operands``, of what only reads the delicate ones, and whom or what an
    effect is done to.
    """

    operands: frozenset[str]
    destinations: tuple[str, ...]


def _names_in(action: str, head: str, effective: bool) -> _Names:
    operands = _operands(action, head)
    return _Names(operands.all(), destinations_in(head)) if effective else _Names(operands.delicate(), ())


def _commands(head: str) -> list[str]:
    """The first words of the sentences of an action that is told in words: ``Email the report`` commands to email."""
    words = [match[1].lower() for match in _FIRST_WORD.finditer(head) if not head.startswith((".", "_"), match.end())]
    return words + [match[1].lower() for match in _CMDLET.finditer(head)]


def _doubts(
    action: str, head: str, commands: Sequence[str], effective: bool, names: _Names, supports: Sequence[Support]
) -> Iterable[str]:
    """Why a person should look at an action, whatever is known about its effects."""
    if len(action) > READ_CHARS:
        yield f"it is longer than {READ_CHARS} characters, and the rest was not read"
    unknown = unknown_calls(action)
    if unknown:
        yield f"nothing is known about what {len(unknown)} call(s) of the action do"
    elif not effective and (any(not word.isascii() for word in commands) or is_foreign(head)):
        yield "it is not told in English, so nothing is known about what it does"
    if all(one.counts for one in supports):
        return
    trusted = [one for one in supports if one.counts]
    strange = [word for word in commands if word not in CALL_FORMS and word not in _READS]
    if strange and not unknown and not _told(strange, trusted):
        yield "nothing is known about what it does, and no trusted memory speaks for it"
    unfounded = _unfounded(names.operands, trusted)
    if unfounded:
        yield f"{unfounded} address(es), account(s) or path(s) that it names stand in no trusted memory"
    strangers = [one for one in supports if not one.trusted]
    if any(_told_by_strangers_alone(found, strangers, trusted) for found in names.destinations):
        yield "only a stranger's memory names whom or what it is done to"


def _carried(names: _Names, supports: Sequence[Support], in_view: Callable[[], Sequence[Support]]) -> Iterable[str]:
    """What an action takes from a stranger's memory that nobody has named as its reason."""
    if not any(names):
        return
    shown = in_view()
    strangers = [one for one in shown if not one.trusted]
    if not strangers:
        return
    trusted = [one for one in (*supports, *shown) if one.counts]
    theirs: frozenset[str] = frozenset().union(*(one.names or () for one in strangers))
    carried = _unfounded(names.operands & theirs, trusted)
    if carried:
        yield (
            f"{carried} address(es), account(s) or path(s) that it names stand in a stranger's memory that was delivered"
            " here, and in no trusted one"
        )
    if any(_told_by_strangers_alone(found, strangers, trusted) for found in names.destinations):
        yield "only a stranger's memory that was delivered here names whom or what it is done to"


def _operands(text: str, head: str) -> Operands:
    """What a text names as it is read, and as it is written: look-alike letters make another address."""
    return operands_in(head) | operands_in(text[:READ_CHARS])


def _told_by_strangers_alone(name: str, strangers: Sequence[Support], trusted: Sequence[Support]) -> bool:
    """Whether a name stands in a stranger's memory and in no trusted one. What is known by no words tells nothing."""
    words = frozenset(word.lower() for word in _WORD.findall(name))
    if not words or any(one.words is None for one in trusted):
        return False
    return any(words <= (one.words or frozenset()) for one in strangers) and not any(
        words <= (one.words or frozenset()) for one in trusted
    )


def _told(words: Sequence[str], trusted: Sequence[Support]) -> bool:
    """Whether some trusted memory holds one of the words, or is not known by its words."""
    return any(one.words is None or not one.words.isdisjoint(words) for one in trusted)


def _unfounded(wanted: frozenset[str], trusted: Sequence[Support]) -> int:
    """How many of the operands no trusted memory names."""
    if not wanted or any(one.names is None for one in trusted):
        return 0
    return len(wanted.difference(*(one.names for one in trusted if one.names is not None)))


def authorise_effects(
    effects: frozenset[str], supports: Sequence[Support], rules: EffectRules, *, by_user: bool = False
) -> EffectVerdict:
    """As `authorise`, for an action whose effects are known, such as those of a path."""
    wanted = effects - STEERING
    judged = [_judge(effect, supports, rules, by_user=by_user) for effect in sorted(wanted)]
    decisions: list[EffectDecision] = ["allowed", *(decision for decision, _ in judged)]
    worst = max(decisions, key=_SEVERITY.__getitem__)
    return EffectVerdict(decision=worst, effects=wanted, reasons=tuple(reason for _, reason in judged))


def _judge(
    effect: str, supports: Iterable[Support], rules: EffectRules, *, by_user: bool
) -> tuple[EffectDecision, str]:
    if effect in rules.deny:
        return "denied", f"{effect}: the policy denies it"
    if by_user:
        return "allowed", f"{effect}: asked for by a person"
    origins = {s.origin_key for s in supports if s.counts and effect in s.effects}
    if not origins:
        return "denied", f"{effect}: no trusted memory names it"
    if effect in rules.review and len(origins) < rules.quorum_origins:
        return "review", f"{effect}: {len(origins)} trusted origin(s), {rules.quorum_origins} needed"
    return "allowed", f"{effect}: named by {len(origins)} trusted origin(s)"
