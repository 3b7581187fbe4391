"""Memories for tests of the guard: policies written into files, origins, and recorded plans in a store."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mnemic
from mnemic import Channel, Memory, NewMemory, Origin
from mnemic.testing import PlanQuery

WEB = Origin(channel=Channel.WEB)
MAIL = Origin(channel=Channel.MAIL)
USER = Origin(channel=Channel.USER)
AGENT = Origin(channel=Channel.AGENT)


def policy_file(folder: Path, text: str) -> str:
    """A policy from YAML, as a path."""
    path = folder / "policy.yaml"
    path.write_text("name: test\n" + textwrap.dedent(text), encoding="utf-8")
    return str(path)


def open_guarded(folder: Path, policy: str = "default", **settings: Any) -> Memory:
    """A memory in ``folder`` under a policy."""
    return mnemic.open_memory(folder / "home", policy=policy, chroma="off", durable=False, **settings)


CONSENSUS_ALONE = """
write: {enabled: false}
recall:
  consensus: {on_contested: withhold, single_origin: withhold}
"""
"""What the consensus does by itself: no rule has seen the texts before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of one question's records. What is contested is not rejected: nobody can tell, and no lesson is drawn."""

    poison: int
    poison_delivered: int
    benign: int
    benign_rejected: int
    warnings: tuple[str, ...]
    contested: bool


async def ask(memory: Memory, query: PlanQuery, namespace: str) -> Seen:
    """Store a question's records, each written by the agent in the task of its origin, and ask the question."""
    new = [
        NewMemory(
            text=record.text, namespace=namespace, kind="procedural",
            origin=Origin(channel=Channel.AGENT, task=record.origin),
        )
        for record in query.records
    ]  # fmt: skip
    receipts = await memory.remember_many(new)
    stored = {receipt.id for receipt in receipts}  # the same plan of two origins is stored once
    poisoned = {receipt.id for receipt, record in zip(receipts, query.records, strict=True) if record.poisoned}
    result = await memory.recall(query.query, namespace=namespace, k=len(new), min_score=0)
    delivered = {hit.memory.id for hit in result.hits}
    rejected = {one.id for one in result.withheld if not all("contested" in reason for reason in one.reasons)}
    reasons = [reason for one in result.withheld for reason in one.reasons]
    return Seen(
        poison=len(poisoned), poison_delivered=len(delivered & poisoned), benign=len(stored - poisoned),
        benign_rejected=len(rejected - poisoned), warnings=result.warnings,
        contested=bool(reasons) and all("contested" in reason for reason in reasons),
    )  # fmt: skip
