"""Several processes write one memory and die at random moments; others take their place at once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from mnemic import NewMemory
from tests.soak import forks, worker
from tests.soak.tally import Tally, scratch

_PARTS = ("north", "south", "middle")


def storm(*, rounds: int, kills: int, processes: int, seed: int) -> Tally:
    """``rounds`` memories, each written by so many ``processes``, of which ``kills`` are killed one after the other."""
    return Tally("").add(_one_round(f"{seed} {number}", kills, processes) for number in range(rounds))


def _one_round(seed: str, kills: int, processes: int) -> dict[str, Any]:
    chance = random.Random(seed)
    with scratch() as base:
        home = base / "memory"
        names = iter(range(1_000_000))
        living: list[forks.Child] = []
        said: list[tuple[str, ...]] = []

        def start() -> None:
            # A word that no sheet is called by: what says a word twice may be better than what says it once and another.
            name = f"writer w{next(names)}"
            living.append(forks.Child(lambda to: asyncio.run(_write(home, name, to))))

        for _ in range(processes):
            start()
        for _ in range(kills):
            victim = chance.choice(living)
            wanted = chance.randint(1, 25)
            while len(victim.lines()) < wanted and victim.read_some(10.0):
                pass
            for other in living:
                other.read_some(0.0)
            victim.kill()
            living.remove(victim)
            said.append(victim.wait().lines)
            start()
        for child in living:
            child.kill()
            said.append(child.wait().lines)
        ended = forks.run(lambda to: forks.say(to, asyncio.run(_check(home, said))))
    deaths = kills + processes
    if ended.code:
        return {
            "recovered": False, "injected": deaths, "acknowledged": 0, "lost": 0, "wrong": 0, "case": f"storm {seed}",
            "problems": [f"opening it ended with {ended.code}: {ended.values}"],
        }  # fmt: skip
    return {**ended.values[0], "injected": deaths, "case": f"storm {seed}"}


async def _write(home: Path, name: str, to: int) -> None:
    """Writes until it is killed; each call is said before it is made and after it returned."""
    async with worker.open_memory(home) as memory:
        last: tuple[str, str] | None = None
        for at in range(100_000):
            if at % 9 == 8 and last is not None:
                forks.say(to, {"calls": "archive", "texts": [last[1]]})
                await memory.archive([last[0]])
                last = None
            elif at % 7 == 6 and last is not None:
                text = f"{name} corrected sheet {at} of the logbook"
                forks.say(to, {"calls": "supersede", "texts": [last[1], text]})
                last = ((await memory.supersede(last[0], text)).id, text)
            elif at % 5 == 4:
                texts = [f"{name} filled sheet {at} {part} of the logbook" for part in _PARTS]
                forks.say(to, {"calls": "remember_many", "texts": texts})
                await memory.remember_many([NewMemory(text=text) for text in texts])
            else:
                text = f"{name} filled sheet {at} of the logbook"
                forks.say(to, {"calls": "remember", "texts": [text]})
                last = ((await memory.remember(text)).id, text)
            forks.say(to, {"done": True})


async def _check(home: Path, said: list[tuple[str, ...]]) -> dict[str, Any]:
    import json

    async with worker.open_memory(home) as memory:
        records = await memory.records()
        seen = {record.text: str(record.status) for record in records}
        problems = await worker.unhealthy(memory)
        if len({record.id for record in records}) != len(records):
            problems.append("two memories have one id")
        lost = acknowledged = 0
        allowed: set[str] = set()
        for lines in said:
            before: dict[str, str] = {}
            sent = None
            after: dict[str, str] = {}
            for line in lines:
                value = json.loads(line)
                if "crash" in value:
                    problems.append(f"a writer failed: {value['crash'][-300:]}")
                elif "calls" in value:
                    sent = value
                    after = before | _effect(value)
                else:
                    before, sent = after, None
            now = {text: seen[text] for text in before.keys() | after.keys() if text in seen}
            if now not in (before, after if sent else before):
                lost += sum(text not in seen for text in before)
                problems.append(
                    f"neither before nor after {sent}: {[text for text in before if seen.get(text) != before[text]][:3]}"
                )
            acknowledged += len(before)
            allowed |= before.keys() | after.keys()
        ghosts = seen.keys() - allowed
        if ghosts:
            problems.append(f"{len(ghosts)} memories that nobody sent: {sorted(ghosts)[:3]}")
        active = sorted(text for text, status in seen.items() if status == "active")
        wrong = 0
        for text in random.Random(len(active)).sample(active, min(5, len(active))):
            hits = (await memory.recall(text, k=1)).hits
            if not hits or hits[0].memory.text != text:
                wrong += 1
                problems.append(f"asked for {text!r}, got {[hit.memory.text for hit in hits]}")
    return {
        "recovered": not problems, "acknowledged": acknowledged, "lost": lost, "wrong": wrong, "problems": problems,
    }  # fmt: skip


def _effect(value: dict[str, Any]) -> dict[str, str]:
    texts = value["texts"]
    if value["calls"] == "archive":
        return {texts[0]: "archived"}
    if value["calls"] == "supersede":
        return {texts[0]: "superseded", texts[1]: "active"}
    return dict.fromkeys(texts, "active")
