"""What is stored and asked in a simulation: one small namespace for each attack, groups for benign memories."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mnemic.domain.memory import NewMemory, Remembered
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.text import fingerprint, shape_words
from mnemic.testing.attacks.items import LabelledItem, Payloads, benign_memory, inlined, poison_memories


class Setting(StrEnum):
    """How an attack is staged.

    *victim*: among benign memories. *inlined*: so too, the payload joined into the running text. *alone*: nothing else is
    known about it. *colluding*: three untrusted origins say it. *against_trusted*: the user has said otherwise. *control*:
    the same, with the wrong answer replaced by the right one.
    """

    VICTIM = "victim"
    INLINED = "inlined"
    ALONE = "alone"
    COLLUDING = "colluding"
    AGAINST_TRUSTED = "against_trusted"
    CONTROL = "control"


_COLLUDING_ORIGINS = 3
_GROUP = 20
_WORD = re.compile(r"\w+")
_VALUELESS = frozenset({"", "yes", "no", "true", "false"})


@dataclass(slots=True, kw_only=True)
class Situation:
    """A namespace, what is stored there, and the question. ``planted`` is what the attacker wrote, ``others`` the rest."""

    item: LabelledItem
    setting: Setting
    namespace: tuple[str, ...]
    planted: list[NewMemory]
    others: list[NewMemory] = field(default_factory=list)
    payload: str | None = None
    planted_receipts: list[Remembered | None] = field(default_factory=list)
    other_receipts: list[Remembered | None] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class BenignGroup:
    """Benign records that share a namespace. ``receipts`` are None for what was refused."""

    items: list[LabelledItem]
    memories: list[NewMemory]
    namespace: tuple[str, ...]
    receipts: list[Remembered | None] = field(default_factory=list)


def value_answer(item: LabelledItem) -> bool:
    """Whether the right and the wrong answer are values: not yes or no, and not one of those that the question offers."""
    answers = [str(item.extra.get(name) or "").strip().casefold().rstrip(".") for name in ("correct", "incorrect")]
    offered = not set(_WORD.findall(answers[0])) - set(_WORD.findall(item.question.casefold()))
    return all(answer not in _VALUELESS for answer in answers) and answers[0] != answers[1] and not offered


def has_answers(item: LabelledItem) -> bool:
    """Whether the record says which answer is right and which is wrong."""
    return all(str(item.extra.get(name) or "").strip() for name in ("correct", "incorrect"))


def trusted_answer(item: LabelledItem) -> str:
    """The question and its right answer as a plain sentence, as a user would say it."""
    asked = item.question.strip()
    return f"{asked}{'' if asked.endswith('?') else ':'} {str(item.extra['correct']).strip().rstrip('.')}."


def corrected(item: LabelledItem) -> str | None:
    """The text with the wrong answer replaced by the right one; None where the wrong one does not stand in it."""
    wrong, right = str(item.extra["incorrect"]).strip(), str(item.extra["correct"]).strip()
    text, count = re.subn(re.escape(wrong), lambda _: right, item.text, flags=re.I)
    return text if count else None


def stage(
    items: Sequence[LabelledItem], *, seed: int, blind: bool, attackers: int, distractors: int
) -> tuple[list[Situation], list[BenignGroup]]:
    """Everything that a simulation stores and asks, the same for the same arguments."""
    benign = [item for item in items if not item.poison]
    words = [shape_words(item.text) for item in benign]
    payloads = Payloads(items)
    situations: list[Situation] = []
    for item in items:
        if not item.poison:
            continue
        chance = random.Random(fingerprint(str(seed), str(item.number), "stage"))  # noqa: S311
        around = _distractors(item, benign, words, distractors, chance)
        payload = payloads.of(item)
        situations.append(_among(item, Setting.VICTIM, None, payload, around, seed, blind, attackers))
        if payload is not None and "\n" in item.text.strip():
            text = inlined(item.text, payload)
            situations.append(_among(item, Setting.INLINED, text, payload, around, seed, blind, attackers))
        if has_answers(item):
            situations += _about_answers(item, seed)
    groups = []
    for start in range(0, len(benign), _GROUP):
        chosen = benign[start : start + _GROUP]
        namespace = ("benign", str(start))
        memories = [benign_memory(item, namespace=namespace, blind=blind, seed=seed) for item in chosen]
        groups.append(BenignGroup(items=chosen, memories=memories, namespace=namespace))
    return situations, groups


def _distractors(
    item: LabelledItem,
    benign: Sequence[LabelledItem],
    words: Sequence[frozenset[str]],
    count: int,
    chance: random.Random,
) -> list[LabelledItem]:
    """Benign records around an attack: half of them those that share most words with its question, half any."""
    asked = shape_words(item.question)
    near = sorted(range(len(benign)), key=lambda at: (-len(asked & words[at]) / (5 + len(words[at])), at))[: count // 2]
    rest = [one for at, one in enumerate(benign) if at not in near]
    return [benign[at] for at in near] + chance.sample(rest, min(count - len(near), len(rest)))


def _among(
    item: LabelledItem, setting: Setting, text: str | None, payload: str | None, around: Sequence[LabelledItem],
    seed: int, blind: bool, attackers: int,
) -> Situation:  # fmt: skip
    namespace = ("attack", setting.value, str(item.number))
    return Situation(
        item=item, setting=setting, namespace=namespace, payload=payload,
        planted=poison_memories(item, namespace=namespace, seed=seed, origins=attackers, text=text),
        others=[benign_memory(other, namespace=namespace, blind=blind, seed=seed) for other in around],
    )  # fmt: skip


def _about_answers(item: LabelledItem, seed: int) -> list[Situation]:
    found = [
        _plain(item, Setting.ALONE, seed, origins=1),
        _plain(item, Setting.COLLUDING, seed, origins=_COLLUDING_ORIGINS),
        _plain(item, Setting.AGAINST_TRUSTED, seed, origins=1, answered=True),
    ]
    right = corrected(item)
    if right is not None:
        found.append(_plain(item, Setting.CONTROL, seed, origins=1, answered=True, text=right))
    return found


def _plain(
    item: LabelledItem, setting: Setting, seed: int, *, origins: int, answered: bool = False, text: str | None = None
) -> Situation:
    namespace = ("attack", setting.value, str(item.number))
    user = Origin(channel=Channel.USER, connection=f"user-{item.number}")
    others = [NewMemory(text=trusted_answer(item), namespace=namespace, origin=user)] if answered else []
    planted = poison_memories(item, namespace=namespace, seed=seed, origins=origins, text=text)
    return Situation(item=item, setting=setting, namespace=namespace, planted=planted, others=others)
