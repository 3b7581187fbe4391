"""What recalling costs among turns that people said, beside a floor measured in the same run.

    python -m tests.benchmarks.cost_turns --locomo FILE --longmemeval FILE [--sizes 10000 100000] [--json FILE]

All conversations of LoCoMo in one namespace, and around them turns of LongMemEval and what is put together from their
sentences. They have sessions, people, dates and long texts, which the generated memories of `tests.benchmarks.cost` have
not: a question that names a person costs more, and so does a text of many passages. Every question is asked once, after the
process has read ahead; the floor is that of `tests.benchmarks.cost`. Some are asked again with a filter that everything
passes: one that is new for each, and one that was asked with before.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mnemic
from mnemic.testing.recall_bench import load_cases, make_distractors
from mnemic.testing.recall_bench.cases import Case, Question, all_together
from mnemic.testing.recall_bench.distractors import with_distractors
from mnemic.testing.recall_bench.measuring import WARM_UP, asked_when, store
from tests.benchmarks.cost import quantiles, recall_floor, recall_while_reading_ahead, write

SEED = 7
FILTERED = 60
LATER = datetime(2100, 1, 1, tzinfo=UTC)


async def measure(case: Case, around: list[Case], size: int) -> dict[str, Any]:
    """One row: ``case`` among so many turns in all."""
    more = make_distractors(max(size - len(case.turns), 0), seed=SEED, source=around, name="LongMemEval")
    with tempfile.TemporaryDirectory() as folder:
        async with mnemic.open_memory(folder, chroma="off", database="", namespace=case.name) as memory:
            stored = await store(memory, with_distractors(case, more))
            await recall_while_reading_ahead(memory, [WARM_UP])

            async def asked(question: Question, **filter: Any) -> float:
                started = time.perf_counter()
                await memory.recall(question.text, **asked_when(question), **filter)
                return time.perf_counter() - started

            seconds = [await asked(question) for question in case.questions]
            some = case.questions[:FILTERED]
            news = [await asked(one, until=LATER + timedelta(days=at)) for at, one in enumerate(some, 1)]
            await asked(some[0], until=LATER)
            again = [await asked(one, until=LATER) for one in some]
        floor = recall_floor(Path(folder) / "ledger.sqlite3", [question.text for question in case.questions])
    row: dict[str, Any] = {
        "memories": len(set(stored.ids.values())),
        "questions": len(case.questions),
        "recall": quantiles(seconds),
        "recall_new_filter": quantiles(news),
        "recall_same_filter": quantiles(again),
        "recall_floor": quantiles(floor),
    }
    row["recall_ratio"] = round(row["recall"]["p50_ms"] / row["recall_floor"]["p50_ms"], 2)
    return row


async def main(arguments: argparse.Namespace) -> None:
    case = all_together(load_cases(arguments.locomo, "locomo"))
    around = load_cases(arguments.longmemeval, "longmemeval")
    results = []
    for size in arguments.sizes:
        results.append(await measure(case, around, size))
        print(json.dumps(results[-1], indent=2), flush=True)
    if arguments.json:
        write(results, arguments.json)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("--locomo", type=Path, required=True)
    parser.add_argument("--longmemeval", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--json", type=Path)
    asyncio.run(main(parser.parse_args()))
