"""Recall quality on LoCoMo: one namespace per conversation, one memory per turn, questions of categories 1 to 4.

    python -m tests.benchmarks.locomo ../shared/data/locomo_dev.json.gz [--embedder minilm] [--json FILE] [--abstain]

A question's gold are the turns that its answer is drawn from. R@k is the mean share of them among the first k memories,
hit@k the share of questions with at least one, MRR the mean of 1/rank of the first. ``--abstain`` instead asks every
question of another conversation and prints how often recall says that nothing is relevant.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import mnemic
from mnemic import Memory, NewMemory

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
CUTS = (1, 5, 10, 20, 50)
_DIA_ID = re.compile(r"D:?(\d+):(\d+)")


@dataclass(frozen=True)
class Question:
    text: str
    gold: frozenset[str]
    category: int


@dataclass
class Conversation:
    name: str
    turns: list[tuple[str, NewMemory]] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


def load(path: Path) -> list[Conversation]:
    """The conversations of a LoCoMo file. A shared picture's caption is part of the turn's text."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        samples = json.load(file)
    return [_conversation(sample) for sample in samples]


def _conversation(sample: dict[str, Any]) -> Conversation:
    conversation = Conversation(name=sample["sample_id"])
    sessions = sorted(
        (int(name.split("_")[1]), turns)
        for name, turns in sample["conversation"].items()
        if re.fullmatch(r"session_\d+", name)
    )
    for number, turns in sessions:
        said_at = _date(sample["conversation"][f"session_{number}_date_time"])
        for turn in turns:
            text = turn["text"] + (f" [picture: {turn['blip_caption']}]" if turn.get("blip_caption") else "")
            new = NewMemory(
                text=text or "[picture]", namespace=(conversation.name,), session=f"session {number}",
                speaker=turn["speaker"], occurred_at=said_at, source=turn["dia_id"],
            )  # fmt: skip
            conversation.turns.append((turn["dia_id"], new))
    known = {id for id, _ in conversation.turns}
    for qa in sample["qa"]:
        gold = {f"D{int(a)}:{int(b)}" for evidence in qa.get("evidence", []) for a, b in _DIA_ID.findall(evidence)}
        if qa["category"] in CATEGORIES and gold & known:
            conversation.questions.append(Question(qa["question"], frozenset(gold & known), qa["category"]))
    return conversation


def _date(text: str) -> datetime:
    return datetime.strptime(text, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)


async def run(conversations: list[Conversation], memory: Memory) -> dict[str, Any]:
    """Remember every turn, ask every question, score the answers."""
    ids: dict[str, tuple[str, str]] = {}
    for conversation in conversations:
        receipts = await memory.remember_many([new for _, new in conversation.turns])
        for (dia_id, _), receipt in zip(conversation.turns, receipts, strict=True):
            ids[receipt.id] = (conversation.name, dia_id)
    scores: dict[int, list[list[float]]] = defaultdict(list)
    times: list[float] = []
    for conversation in conversations:
        for question in conversation.questions:
            started = time.perf_counter()
            result = await memory.recall(question.text, namespace=(conversation.name,), k=max(CUTS), min_score=0)
            times.append(time.perf_counter() - started)
            ranked = [ids[hit.memory.id][1] for hit in result.hits]
            scores[question.category].append(_score(ranked, question.gold))
    rows = {CATEGORIES[number]: _mean(found) for number, found in sorted(scores.items())}
    rows["all"] = _mean([score for found in scores.values() for score in found])
    return {
        "questions": sum(len(found) for found in scores.values()),
        "turns": len(ids),
        "quality": rows,
        "recall_ms": {"p50": float(np.median(times) * 1e3), "p95": float(np.quantile(times, 0.95) * 1e3)},
    }


async def abstentions(conversations: list[Conversation], memory: Memory) -> dict[str, float]:
    """How often nothing is relevant when a question is asked of the right and of another conversation."""
    for conversation in conversations:
        await memory.remember_many([new for _, new in conversation.turns])
    silent = {"right conversation": 0, "other conversation": 0}
    asked = 0
    for at, conversation in enumerate(conversations):
        other = conversations[(at + 1) % len(conversations)]
        for question in conversation.questions:
            asked += 1
            for name, where in (("right conversation", conversation), ("other conversation", other)):
                result = await memory.recall(question.text, namespace=(where.name,), k=1)
                silent[name] += not result.hits
    return {name: count / asked for name, count in silent.items()}


def _score(ranked: list[str], gold: frozenset[str]) -> list[float]:
    found = [len(gold & set(ranked[:k])) / len(gold) for k in CUTS]
    first = next((rank for rank, id in enumerate(ranked, 1) if id in gold), None)
    return [*found, float(bool(gold & set(ranked[:10]))), 0.0 if first is None else 1 / first]


def _mean(scores: list[list[float]]) -> dict[str, float]:
    names = [*(f"R@{k}" for k in CUTS), "hit@10", "MRR"]
    values = np.array(scores).mean(axis=0) * 100
    return {"n": len(scores), **{name: round(float(value), 1) for name, value in zip(names, values, strict=True)}}


def show(result: dict[str, Any], console: Console) -> None:
    table = Table(title=f"LoCoMo, {result['questions']} questions over {result['turns']} turns, percent")
    for name in ("category", *result["quality"]["all"]):
        table.add_column(name, justify="left" if name == "category" else "right")
    for category, values in result["quality"].items():
        table.add_row(category, *(str(value) for value in values.values()))
    console.print(table)
    console.print(f"one recall: p50 {result['recall_ms']['p50']:.2f} ms, p95 {result['recall_ms']['p95']:.2f} ms")


async def main(arguments: argparse.Namespace) -> None:
    conversations = load(arguments.data)
    with tempfile.TemporaryDirectory() as folder:
        async with mnemic.open_memory(folder, embedder=arguments.embedder, durable=False) as memory:
            if arguments.abstain:
                result: dict[str, Any] = await abstentions(conversations, memory)
                print(json.dumps(result, indent=2))
            else:
                result = await run(conversations, memory)
                show(result, Console())
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--embedder", choices=["static", "minilm"], default="static")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--abstain", action="store_true")
    asyncio.run(main(parser.parse_args()))
