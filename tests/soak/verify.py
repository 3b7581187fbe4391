"""Opening a memory after a fault, in a new process, as anybody would: is everything there that was acknowledged?"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.soak import forks, worker
from tests.soak.plan import SECRET, State, Step, states


def verify(
    home: Path, steps: list[Step], acknowledged: int, *, seed: int = 0, sent: int | None = None
) -> dict[str, Any]:
    """How a memory is after ``acknowledged`` steps were; the next one, if it was ``sent``, is there whole or not at all."""
    ended = forks.run(lambda to: forks.say(to, asyncio.run(_verify(home, steps, acknowledged, seed))))
    if ended.code or len(ended.values) != 1 or "crash" in ended.values[0]:
        return {
            "recovered": False, "acknowledged": acknowledged, "lost": 0, "wrong": 0,
            "problems": [f"opening it again ended with {ended.code}: {ended.values}"],
        }  # fmt: skip
    return dict(ended.values[0])


async def _verify(home: Path, steps: list[Step], acknowledged: int, seed: int) -> dict[str, Any]:
    expected = states(steps)
    allowed = [expected[acknowledged], *expected[acknowledged + 1 : acknowledged + 2]]
    problems: list[str] = []
    wrong = 0
    async with worker.open_memory(home) as memory:
        seen = await worker.observe(memory)
        lost, ghosts = _differences(seen, allowed)
        if not any(seen == replace(state, erased=False) for state in allowed):
            problems.append(f"neither the state before nor after the call in flight: lost {lost}, not sent {ghosts}")
        active = sorted(text for text, status in seen.texts.items() if status == "active")
        for text in random.Random(seed).sample(active, min(2, len(active))):
            # The words of items are memories in a namespace of their own.
            where = "soak/shelf" if text in seen.items.values() else "soak"
            hits = (await memory.recall(text, k=1, namespace=where)).hits
            if not hits or text != hits[0].memory.text:
                wrong += 1
                problems.append(f"asked for {text!r}, got {[hit.memory.text for hit in hits]}")
        for text, status in seen.texts.items():
            if status != "active":
                hits = (await memory.recall(text, k=3)).hits
                if any(hit.memory.text == text for hit in hits):
                    wrong += 1
                    problems.append(f"{status} {text!r} was given as an answer")
        problems += await worker.unhealthy(memory)
        late = f"What was written after the recovery {seed} lies beside the harbour"
        receipt = await memory.remember(late)
        if (await memory.get(receipt.id)).text != late or not (await memory.recall(late, k=1)).hits:
            wrong += 1
            problems.append("a memory written after the recovery was not there")
    if SECRET not in " ".join(seen.texts) and allowed[-1].erased:
        for path in home.rglob("*"):
            if path.is_file() and SECRET.encode() in path.read_bytes():
                problems.append(f"an erased text is still in {path.name}")
    return {
        "recovered": not problems and not lost, "acknowledged": len(allowed[0].texts), "lost": lost, "wrong": wrong,
        "problems": problems,
    }  # fmt: skip


def _differences(seen: State, allowed: list[State]) -> tuple[int, list[str]]:
    """How many acknowledged things are not there, and what is there that was never sent."""
    lost = sum(all(seen.texts.get(text) != state.texts.get(text) for state in allowed) for text in allowed[0].texts)
    lost += seen.messages[: len(allowed[0].messages)] != allowed[0].messages
    lost += allowed[0].folded and not seen.folded
    lost += len(allowed[0].tasks - seen.tasks)
    lost += sum(seen.items.get(key) != text for key, text in allowed[0].items.items())
    ghosts = [text for text in seen.texts if all(text not in state.texts for state in allowed)]
    return int(lost), ghosts
