"""Facts that change, with facts read from texts, named by the caller, and off, in the same run.

    python -m tests.benchmarks.changing_facts [--updates 20] [--json FILE]

*Stream*: PI-LLM's dictionary through the public API, all keys updated in turn, interleaved; then each key is asked for, in
words that say *now* and without them.
*Reading*: how many pairs of recorded texts, taken as semantic memories, one would take the place of another; the pairs are
listed for a person to judge. *Episodes*: LongMemEval's turns as they are, where nothing may be superseded.
*Cost*: one remember of a fact beside the same with facts off, taking turns.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import mnemic
from mnemic import Memory, NewMemory
from mnemic.domain.facts import Fact, read_fact
from mnemic.domain.memory import Status

DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"
FORMS = {
    "dictated": "Remember: {key} is {value}",
    "notation": "current {key}: {value}",
    "named": "Remember: {key} is {value}",
    "off": "Remember: {key} is {value}",
}
_LISTED = 40
_COST_ROUNDS = 900


def load(name: str) -> Any:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file] if name.endswith(".jsonl.gz") else json.load(file)


async def stream(form: str, updates: int) -> dict[str, Any]:
    """Share of keys whose latest value comes first, and is the only one that comes."""
    values: dict[str, list[str]] = load("pi_dict_46x400.json.gz")
    rng = random.Random(7)
    first = alone = absent = unsaid = 0
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        facts = "off" if form == "off" else "auto"
        async with mnemic.open_memory(folder, chroma="off", durable=False, facts=facts) as memory:
            for at in range(updates):
                for key in rng.sample(sorted(values), len(values)):
                    text = FORMS[form].format(key=key, value=values[key][at])
                    subject, attribute = ("stream", key) if form == "named" else (None, None)
                    await memory.remember(text, subject=subject, attribute=attribute)
            for key, known in values.items():
                wanted = FORMS[form].format(key=key, value=known[updates - 1])
                hits = [hit.memory.text for hit in (await memory.recall(f"What is the current {key}?")).hits]
                own = [text for text in hits if text.startswith(FORMS[form].format(key=key, value=""))]
                first += hits[:1] == [wanted]
                alone += own == [wanted]
                absent += wanted not in hits
                (best,) = (await memory.recall(f"What is the {key}?", k=1)).hits or (None,)
                unsaid += best is not None and best.memory.text == wanted
                missed += [key] if hits[:1] != [wanted] else []
            active = len(await memory.list(limit=1000))
            kept = len(await memory.list(limit=1000, statuses=["active", "superseded"]))
    share = {"latest_first": first / len(values), "latest_alone": alone / len(values), "latest_absent": absent}
    share["latest_first_if_now_is_not_said"] = unsaid / len(values)
    return {**share, "active": active, "kept": kept, "not_first": missed[:5]}


def recorded() -> Iterator[tuple[str, str, str | None, str]]:
    """(source, where it belongs, speaker, text) of recorded texts that nobody wrote as facts."""
    for conversation in load("locomo_dev.json.gz"):
        for name, turns in conversation["conversation"].items():
            if name.startswith("session_") and isinstance(turns, list):
                for turn in turns:
                    yield "locomo", conversation["sample_id"], turn["speaker"], turn["text"]
    for row in load("poison_dev.jsonl.gz"):
        if row["label"] == "benign":
            yield "poison_dev", "poison_dev", "user", row["text"]
    for case in load("longmemeval_dev.jsonl.gz"):
        for session in case["sessions"]:
            for message in session["messages"]:
                if message["role"] == "user":
                    yield "longmemeval", case["case_id"], "user", message["content"]


def reading(*, sentences: bool) -> dict[str, Any]:
    """What would be superseded if each text, or each sentence of it, were a semantic memory."""
    said: dict[tuple[str, str], list[tuple[Fact, str]]] = defaultdict(list)
    texts = 0
    for _, place, speaker, text in recorded():
        parts = re.split(r"(?<=[.!?])\s+|\n+", text) if sentences else [text]
        for part in parts:
            texts += 1
            fact = read_fact(part, speaker=speaker)
            if fact is not None:
                said[place, fact.slot()].append((fact, part.strip()))
    pairs = [
        [slot, one[1], other[1]]
        for (_, slot), facts in said.items()
        for one, other in pairwise(facts)
        if not one[0].same_value(other[0])
    ]
    read = sum(len(facts) for facts in said.values())
    return {"texts": texts, "read": read, "superseded": len(pairs), "pairs": pairs[:_LISTED]}


async def episodes() -> dict[str, int]:
    """LongMemEval's turns as an agent would store them; what is superseded must be nothing."""
    stored = superseded = 0
    for case in load("longmemeval_dev.jsonl.gz")[:6]:
        new = [
            NewMemory(text=message["content"][:4000], role=message["role"], session=session["session_id"])
            for session in case["sessions"]
            for message in session["messages"]
            if message["content"].strip()
        ][:400]
        with tempfile.TemporaryDirectory() as folder:
            async with mnemic.open_memory(folder, chroma="off", durable=False) as memory:
                stored += len(await memory.remember_many(new))
                superseded += len(await memory.list(limit=1000, statuses=[Status.SUPERSEDED]))
    assert superseded == 0
    return {"stored": stored, "superseded": superseded}


async def cost() -> dict[str, Any]:
    """Milliseconds of one remember, taking turns: of facts that are new, of facts that supersede, of no facts."""
    seconds: dict[str, list[float]] = {"auto": [], "off": []}
    with tempfile.TemporaryDirectory() as folder:
        memories: dict[str, Memory] = {
            mode: mnemic.open_memory(Path(folder) / mode, chroma="off", durable=False, facts=mode) for mode in seconds
        }
        for memory in memories.values():
            await memory.open()
            await memory.remember_many([f"The port of service s{at} is {at}" for at in range(2_000)])
        for at in range(_COST_ROUNDS):
            text = (
                f"The port of service t{at} is {at}",
                f"The port of service s{at} is {at + 10_000}",
                f"The queue of worker w{at % 50} was looked at {at} times by the people of the night shift",
            )[at % 3]
            for mode in ("auto", "off") if at % 2 else ("off", "auto"):
                started = time.perf_counter()
                await memories[mode].remember(text)
                seconds[mode].append(time.perf_counter() - started)
        for memory in memories.values():
            await memory.close()
    found: dict[str, Any] = {}
    for name, part in (("a_new_fact", 0), ("a_fact_that_supersedes", 1), ("no_fact", 2)):
        p50 = {mode: statistics.median(times[part::3]) * 1e3 for mode, times in seconds.items()}
        found[name] = {f"{mode}_p50_ms": round(value, 3) for mode, value in p50.items()}
        found[name]["added_ms"] = round(p50["auto"] - p50["off"], 3)
    return found


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report = {
        "updates": arguments.updates,
        "stream": {form: await stream(form, arguments.updates) for form in FORMS},
        "reading": {"texts": reading(sentences=False), "sentences": reading(sentences=True)},
        "episodes": await episodes(),
        "cost": await cost(),
    }
    text = json.dumps(report, indent=1, ensure_ascii=False)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    asyncio.run(main())
