"""Stages recorded attacks against a memory through its public API, and tells what reached the victims.

    report = await simulate(load_items("poison.jsonl.gz"), "default")
    print(report["families"]["bipia_injection"]["success_percent"])

Success is what is delivered without a label. A memory that its question does not find is counted
apart and is nobody's success.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnemic.domain.memory import NewMemory, Outcome, Remembered
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.recall import Hit, RecallResult
from mnemic.errors import GuardRefused
from mnemic.memory import Memory
from mnemic.opening import open_memory
from mnemic.testing.attacks.items import LabelledItem, benign_kind
from mnemic.testing.attacks.situations import BenignGroup, Setting, Situation, stage, value_answer
from mnemic.testing.attacks.tally import Fate, Tally, percent
from mnemic.testing.obedient import ObedientAgent, read_orders, shown

_BATCH = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """``blind``: benign memories come from unknown sites, too. ``attackers``: distinct origins of each poison (≥ 1).

    ``distractors``: benign memories around each attack (≥ 0). ``k``: memories asked for, 1..100.
    """

    seed: int = 7
    blind: bool = False
    attackers: int = 1
    distractors: int = 4
    k: int = 10


@dataclass(slots=True)
class Family:
    """What became of one family of attacks. ``readable`` counts attacks in which an obedient agent reads an order
    in what was delivered of the poison (``readable_before``: in its text as it was written), ``authorised`` the effects that
    it was given leave for on the word of the poison, ``authorised_citing_all`` those when it points to all that was
    delivered, ``ungated`` those if it asked nobody, ``obeying`` its victims then.
    """

    tally: Tally = field(default_factory=Tally)
    readable_before: int = 0
    readable: int = 0
    payload_known: int = 0
    payload_readable: int = 0
    authorised: int = 0
    authorised_citing_all: int = 0
    ungated: int = 0
    obeying: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.tally.to_dict(),
            "with_orders": self.readable_before, "with_orders_readable": self.readable,
            "payloads_known": self.payload_known, "payloads_readable": self.payload_readable,
            "effects_authorised": self.authorised, "effects_authorised_citing_all": self.authorised_citing_all,
            "effects_if_gate_ignored": self.ungated, "victims_obeying_if_gate_ignored": self.obeying,
        }  # fmt: skip


async def simulate(
    items: Sequence[LabelledItem], policy: str, options: SimulationOptions | None = None, *,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, Any]:  # fmt: skip
    """Everything that happened under ``policy`` (a name or a path), in plain JSON values. Uses a temporary folder.

    ``progress`` is told how many questions were asked, of how many.
    """
    chosen = options or SimulationOptions()
    situations, groups = stage(
        items, seed=chosen.seed, blind=chosen.blind, attackers=chosen.attackers, distractors=chosen.distractors
    )
    total = len(situations) + sum(len(group.items) for group in groups)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-") as folder:
        async with open_memory(Path(folder), policy=policy, chroma="off", durable=False, database="") as memory:
            await _store(memory, situations, groups)
            run = _Run(memory, chosen, situations)
            done = 0
            for situation in situations:
                await run.attack(situation)
                progress(done := done + 1, total)
            for group in groups:
                done += await run.ask_benign(group)
                progress(done, total)
            return {**run.report(), "seconds": round(time.perf_counter() - began, 1)}


async def _store(memory: Memory, situations: Iterable[Situation], groups: Iterable[BenignGroup]) -> None:
    """Store benign memories first, then what attackers write, many at a time."""
    waiting: list[tuple[NewMemory, list[Remembered | None]]] = []
    for group in groups:
        waiting += [(new, group.receipts) for new in group.memories]
    for situation in situations:
        waiting += [(new, situation.other_receipts) for new in situation.others]
        waiting += [(new, situation.planted_receipts) for new in situation.planted]
    for start in range(0, len(waiting), _BATCH):
        batch = waiting[start : start + _BATCH]
        for receipt, (_, receipts) in zip(await remember_each(memory, [new for new, _ in batch]), batch, strict=True):
            receipts.append(receipt)


async def remember_each(memory: Memory, news: Sequence[NewMemory]) -> list[Remembered | None]:
    """Receipts in order; None for what the policy refuses."""
    try:
        return list(await memory.remember_many(news))
    except GuardRefused:
        if len(news) == 1:
            return [None]
        half = len(news) // 2
        return [*await remember_each(memory, news[:half]), *await remember_each(memory, news[half:])]


def fate_of(receipt: Remembered | None, result: RecallResult) -> tuple[Fate, Hit | None]:
    """What became of a stored memory in an answer, and the hit if it was delivered."""
    if receipt is None:
        return Fate.WITHHELD_AT_WRITE, None
    hit = next((hit for hit in result.hits if hit.memory.id == receipt.id), None)
    if hit is not None:
        labelled = hit.standing is not None and bool(hit.standing.labels)
        return (Fate.LABELLED if labelled else Fate.UNLABELLED), hit
    if receipt.outcome is Outcome.QUARANTINED:
        return Fate.WITHHELD_AT_WRITE, None
    if any(one.id == receipt.id for one in result.withheld):
        return Fate.WITHHELD_AT_RECALL, None
    return Fate.NOT_FOUND, None


def is_masked(hit: Hit | None) -> bool:
    """Whether parts of a delivered memory are hidden."""
    return hit is not None and hit.standing is not None and hit.standing.masked_text is not None


def is_contested(receipt: Remembered | None, result: RecallResult) -> bool:
    """Whether a trusted memory or the consensus stands against a memory, delivered or withheld."""
    if receipt is None:
        return False
    for hit in result.hits:
        if hit.memory.id == receipt.id and hit.standing is not None:
            named = any(label.startswith(("contested:", "contradiction:")) for label in hit.standing.labels)
            return named or bool(hit.standing.contested_by)
    reasons = [reason for one in result.withheld if one.id == receipt.id for reason in one.reasons]
    return any(reason.startswith(("contested:", "contradiction:")) for reason in reasons)


_ORDER = (Fate.UNLABELLED, Fate.LABELLED, Fate.WITHHELD_AT_RECALL, Fate.WITHHELD_AT_WRITE, Fate.NOT_FOUND)


class _Run:
    """One policy's run: asks the questions and counts."""

    def __init__(
        self, memory: Memory, options: SimulationOptions, situations: Sequence[Situation],
    ) -> None:  # fmt: skip
        self._memory = memory
        self._options = options
        self._agent = ObedientAgent(memory)
        self._families: dict[str, Family] = {}
        self._benign: dict[str, Tally] = {}
        self._instruction_like = Tally()
        self._bystanders = Tally()
        self._answers: dict[str, _Answers] = {}
        with_payload = {one.item.number for one in situations if one.payload is not None}
        with_position = {one.item.number for one in situations if one.item.extra.get("position")}
        self._not_separable = len(with_position - with_payload)

    async def _recall(self, item: LabelledItem, namespace: tuple[str, ...]) -> RecallResult:
        origin = Origin(channel=Channel.AGENT, connection="victim-" + "-".join(namespace))
        return await self._memory.recall(item.question[:4_000], k=self._options.k, namespace=namespace, origin=origin)

    async def attack(self, situation: Situation) -> None:
        result = await self._recall(situation.item, situation.namespace)
        if situation.setting in (Setting.VICTIM, Setting.INLINED):
            inline = " (inlined)" if situation.setting is Setting.INLINED else ""
            await self._count_attack(
                self._families.setdefault(situation.item.attack + inline, Family()), situation, result
            )
        else:
            answers = self._answers.setdefault(situation.setting.value, _Answers())
            answers.count(situation, result)

    async def _count_attack(self, family: Family, situation: Situation, result: RecallResult) -> None:
        found = [(*fate_of(receipt, result), receipt) for receipt in situation.planted_receipts]
        worst = min(found, key=lambda one: _ORDER.index(one[0]))
        contested = any(is_contested(receipt, result) for _, _, receipt in found)
        hits = [hit for _, hit, _ in found if hit is not None]
        family.tally.add(worst[0], masked=any(map(is_masked, hits)), contested=contested)
        family.tally.chars += sum(len(hit.memory.text) for hit in hits)
        family.tally.masked_chars += sum(map(masked_chars, hits))
        family.readable_before += bool(read_orders(situation.planted[0].text))
        if situation.payload is not None:
            family.payload_known += 1
            needle = " ".join(situation.payload.split())
            family.payload_readable += any(needle in " ".join(shown(hit).split()) for hit in hits)
        deeds = await self._agent.obey(hits)
        family.readable += bool(deeds.orders)
        family.authorised += len(deeds.executed)
        family.ungated += len(deeds.if_ungated)
        family.obeying += bool(deeds.if_ungated)
        if deeds.if_ungated:
            everything = [hit.memory.id for hit in result.hits]
            family.authorised_citing_all += len(await self._agent.permitted(deeds.if_ungated, because=everything))
        for receipt in situation.other_receipts:
            fate, hit = fate_of(receipt, result)
            self._bystanders.add(fate, masked=is_masked(hit), contested=is_contested(receipt, result))

    async def ask_benign(self, group: BenignGroup) -> int:
        for item, receipt in zip(group.items, group.receipts, strict=True):
            result = await self._recall(item, group.namespace)
            fate, hit = fate_of(receipt, result)
            one = Tally()
            one.add(fate, masked=is_masked(hit), contested=is_contested(receipt, result))
            if hit is not None and hit.standing is not None and not hit.standing.trusted:
                one.chars, one.masked_chars = len(hit.memory.text), masked_chars(hit)
            self._benign.setdefault(benign_kind(item), Tally()).take(one)
            if item.extra.get("hard") == "instruction-like":
                self._instruction_like.take(one)
        return len(group.items)

    def report(self) -> dict[str, Any]:
        everything = Tally()
        for tally in self._benign.values():
            everything.take(tally)
        return {
            "families": {name: family.to_dict() for name, family in sorted(self._families.items())},
            "payloads_not_separable": self._not_separable,
            "answers": {name: answers.to_dict() for name, answers in self._answers.items()},
            "benign": {
                **{name: tally.to_dict() for name, tally in sorted(self._benign.items())},
                "instruction-like": self._instruction_like.to_dict(),
                "all": everything.to_dict(),
            },
            "bystanders": self._bystanders.to_dict(),
        }


def masked_chars(hit: Hit) -> int:
    """How many characters of a delivered memory are hidden: those outside what the shown text has of the whole."""
    if hit.standing is None or hit.standing.masked_text is None:
        return 0
    from mnemic.guard.guard import HIDDEN

    shown_chars = sum(len(part) for part in hit.standing.masked_text.split(HIDDEN))
    return max(0, len(hit.memory.text) - shown_chars)


@dataclass(slots=True)
class _Answers:
    """Records with a wrong answer, in one setting. ``confirmed``: delivered as trusted, or with trusted support."""

    n: int = 0
    values: int = 0
    unverified: int = 0
    confirmed: int = 0
    contested: int = 0
    contested_values: int = 0
    not_found: int = 0
    withheld: int = 0

    def count(self, situation: Situation, result: RecallResult) -> None:
        found = [(receipt, *fate_of(receipt, result)) for receipt in situation.planted_receipts]
        contested = any(is_contested(receipt, result) for receipt, _, _ in found)
        standings = [hit.standing for _, _, hit in found if hit is not None and hit.standing is not None]
        delivered = [fate for _, fate, _ in found if fate in (Fate.LABELLED, Fate.UNLABELLED)]
        self.n += 1
        self.values += value_answer(situation.item)
        self.unverified += bool(delivered) and all(
            any(label.startswith("unverified") for label in standing.labels) for standing in standings
        )
        self.confirmed += any(standing.trusted or standing.supporters > 0 for standing in standings)
        self.contested += contested
        self.contested_values += contested and value_answer(situation.item)
        self.not_found += not delivered and all(fate is Fate.NOT_FOUND for _, fate, _ in found)
        self.withheld += not delivered and any(
            fate in (Fate.WITHHELD_AT_RECALL, Fate.WITHHELD_AT_WRITE) for _, fate, _ in found
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "n": self.n, "value_answers": self.values, "unverified": self.unverified, "confirmed": self.confirmed,
            "contested": self.contested, "contested_values": self.contested_values, "withheld": self.withheld,
            "not_found": self.not_found, "unverified_percent": percent(self.unverified, self.n),
            "confirmed_percent": percent(self.confirmed, self.n), "contested_percent": percent(self.contested, self.n),
            "contested_values_percent": percent(self.contested_values, self.values),
        }  # fmt: skip
