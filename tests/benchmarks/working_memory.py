"""What working memory costs: edits in memory and durable, opening a session, and the folding policy, step by step.

    python -m tests.benchmarks.working_memory [--json FILE]

The floor of a durable edit is one bare SQLite commit with synchronous=FULL; that of an edit in memory is counting the
tokens of its marker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import mnemic
from mnemic.domain.memory import Role
from mnemic.domain.working_memory import sculptor
from mnemic.domain.working_memory.auto_folding import FOLDING, AutoFolding
from mnemic.domain.working_memory.fragments import fold_marker
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import Message, MessageId, ToolCall
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.storage.token_counters import HeuristicTokenCounter

LONG = 1_080  # messages, for 200,000 tokens
EDITS = 400
COUNT = HeuristicTokenCounter().count


def quantiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and the longest, in milliseconds."""
    values = np.array(seconds) * 1e3
    shares = (("p50_ms", 0.5), ("p95_ms", 0.95), ("max_ms", 1.0))
    return {name: round(float(np.quantile(values, share)), 4) for name, share in shares}


def conversation(messages: int, words: int) -> list[Message]:
    """A tool-using conversation: every fourth message is the user's, the rest are calls, results and answers."""
    rng = random.Random(7)

    def text(number: int) -> str:
        return "\n".join(
            " ".join(
                rng.choice(("order", "flight", "total", "passenger", "item")) + f"_{rng.randrange(9_999)}"
                for _ in range(6)
            )
            + f" line {number}.{line}"
            for line in range(max(words // 8, 1))
        )

    found: list[Message] = []
    for at in range(messages):
        id = MessageId(f"m{at}")
        if at % 4 == 0:
            found.append(Message(id=id, role=Role.USER, text=f"Please go on with part {at}.\n{text(at)}"))
        elif at % 4 == 1:
            call = ToolCall(id=f"c{at}", name="get_part", arguments=json.dumps({"part": at}))
            found.append(Message(id=id, role=Role.ASSISTANT, text="", calls=(call,)))
        elif at % 4 == 2:
            found.append(Message(id=id, role=Role.TOOL, text=text(at), answers=f"c{at - 1}", name="get_part"))
        else:
            found.append(Message(id=id, role=Role.ASSISTANT, text=f"Part {at} is done."))
    return found


def timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def edits_in_memory() -> dict[str, Any]:
    """Fold and restore fragments of a session of 200,000 tokens."""
    memory = WorkingMemory("bench", count_tokens=COUNT)
    memory.append(conversation(LONG, 100))
    ids = []
    for at in range(0, LONG, 20):
        first = memory.messages[at]
        cut = sculptor.fragment_context(
            memory, start_marker=f"Please go on with part {at}.", end_marker=first.text[-12:], num_fragments=5
        )
        ids += list(cut.ids)
    rng = random.Random(3)
    chosen = rng.sample(ids, min(len(ids), EDITS))
    memory.latest_values()
    folds = [timed(partial(sculptor.fold_fragment, memory, fragment_id=id)) for id in chosen]
    restores = [timed(partial(sculptor.restore_fragment, memory, fragment_id=id)) for id in chosen]
    marker = fold_marker(memory.fragment(chosen[0]).id, 800)
    floor = [timed(lambda: COUNT(marker)) for _ in range(EDITS)]
    return {
        "tokens": memory.raw_tokens(), "messages": len(memory.messages), "fold": quantiles(folds),
        "restore": quantiles(restores), "floor": quantiles(floor),
    }  # fmt: skip


async def durable(home: Path) -> dict[str, Any]:
    """The same through the ledger, and opening a long session in a process that has never seen it."""
    async with mnemic.open_memory(home, chroma="off", token_counter="heuristic") as memory:
        session = memory.session("long")
        await session.append(conversation(LONG, 100))
        cut = await session.fragment_context("Please go on with part 0.", "line 0.9", num_fragments=10)
        seconds = []
        for number in range(200):
            if number % 18 == 0:  # a turn has twenty steps
                await session.append(f"go on, {number}")
            id = cut.ids[number % 10]
            act = session.fold_fragment if number % 20 < 10 else session.restore_fragment
            started = time.perf_counter()
            await act(id)
            seconds.append(time.perf_counter() - started)
        await memory.session("open").append(conversation(5_000, 24))
    async with mnemic.open_memory(home, chroma="off", token_counter="heuristic") as memory:
        started = time.perf_counter()
        count = len(await memory.session("open").view())
        opened = time.perf_counter() - started
    assert count == 5_000
    bare = sqlite3.connect(home / "bare.sqlite3", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE rows (body TEXT)")
    floor = [timed(lambda: bare.execute("INSERT INTO rows VALUES (?)", ("x" * 300,))) for _ in range(200)]
    bare.close()
    return {
        "edit": quantiles(seconds),
        "bare_commit": quantiles(floor),
        "open_5000_messages_ms": round(opened * 1e3, 1),
    }


def policy_steps() -> dict[str, Any]:
    """The folding policy on a session that grows, message by message."""
    memory = WorkingMemory("bench", count_tokens=COUNT)
    memory.record("set_options", [memory.change(Cell.OPTION, FOLDING, "lean")])
    folding = AutoFolding(memory, "lean")
    seconds = []
    for message in conversation(LONG, 100):
        memory.append([message])
        seconds.append(timed(folding.follow))
    half = len(seconds) // 2
    return {
        "mean_ms": round(float(np.mean(seconds)) * 1e3, 3), "first_half_ms": round(float(np.mean(seconds[:half])) * 1e3, 3),
        "second_half_ms": round(float(np.mean(seconds[half:])) * 1e3, 3), "max_ms": round(max(seconds) * 1e3, 2),
        "saved": round(1 - memory.shown_tokens() / memory.raw_tokens(), 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"in_memory": edits_in_memory()}
    with tempfile.TemporaryDirectory() as home:
        result["durable"] = asyncio.run(durable(Path(home)))
    result["policy"] = policy_steps()
    print(json.dumps(result, indent=1))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
