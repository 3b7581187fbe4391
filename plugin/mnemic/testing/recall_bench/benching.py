"""A whole run: recall and its rivals on one data set, as plain JSON values."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import numpy as np

from mnemic.domain.recall import Mode
from mnemic.errors import InvalidInput
from mnemic.memory import Memory
from mnemic.opening import open_memory
from mnemic.protocols import Embedder, Reranker
from mnemic.testing.recall_bench.cases import Case, all_together, take_questions
from mnemic.testing.recall_bench.distractors import NO_DISTRACTORS, Distractors, with_distractors
from mnemic.testing.recall_bench.measuring import Answers, Stored, ask, ask_rival, store
from mnemic.testing.recall_bench.metrics import HIT_CUT, RESAMPLES, Scores, latencies, metric_names, summarise
from mnemic.testing.recall_bench.rivals import RIVALS, why_missing
from mnemic.testing.recall_bench.surroundings import commit, versions

DEFAULT_CUTS = (1, 5, 10, 20, 50)

MAX_CUT = 100
"""The most that one recall returns."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many questions were asked of how many."""

_SETTINGS = ("policy", "facts", "chroma", "chroma_from_memories")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallBench:
    """What to measure. ``cuts``: the k of R@k, each 1..100. ``limit``: at most so many questions, drawn with ``seed``.

    ``together`` puts all cases into one namespace instead of one each. Every namespace gets all ``distractors``.
    ``database``: the memory is in a schema of its own there, which is dropped afterwards, and not in a folder.
    """

    cuts: tuple[int, ...] = DEFAULT_CUTS
    together: bool = False
    distractors: Distractors = NO_DISTRACTORS
    limit: int | None = None
    seed: int = 7
    compare: bool = True
    database: str | None = field(default=None, repr=False)


async def bench_recall(
    cases: Sequence[Case],
    embedder: Embedder,
    options: RecallBench | None = None,
    *,
    reranker: Reranker | None = None,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Store every case in a namespace of one new memory, ask every question by the public API, and count what was found.

    ``rows`` has mnemic first, then its deep mode if there is a ``reranker``, then every rival, each with ``quality``
    (``all`` and every category, see `metrics.summarise`) and ``latency_ms``. ``mnemic_is_ahead_by`` is the mean of the
    differences question by question, in percentage points, with its interval; of rivals that cannot run, ``missing`` says
    why. The same arguments give the same quality, but for Chroma's, whose index differs from run to run. Raises
    `InvalidInput`.
    """
    chosen = options or RecallBench()
    cuts = _check_cuts(chosen.cuts)
    depth = max(*cuts, HIT_CUT)
    prepared = _prepare(cases, chosen)
    names = metric_names(cuts)
    total = sum(len(case.questions) for case in prepared)

    def ticking(name: str) -> Callable[[], None]:
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            progress(name, done, total)

        return tick

    rows: list[dict[str, Any]] = []
    ours: Scores | None = None

    def add(name: str, answers: Answers) -> None:
        row = _row(name, answers, names, chosen.seed)
        if ours is not None:
            row["mnemic_is_ahead_by"] = _differences(ours - answers.scores, names, chosen.seed)
        rows.append(row)

    modes: dict[str, Mode] = {"mnemic": "default"} if reranker is None else {"mnemic": "default", "mnemic deep": "deep"}
    progress("mnemic", 0, total)
    async with _scratch_memory(embedder, chosen.database, reranker) as memory:
        # All of it before the first question: namespaces share a ledger, and none should be asked while it is emptier.
        stored = [await store(memory, case) for case in prepared]
        settings = {name: getattr(memory.settings, name) for name in _SETTINGS}
        for name, mode in modes.items():
            answers, tick = Answers(), ticking(name)
            for one in stored:
                await ask(memory, one, answers, cuts=cuts, depth=depth, tick=tick, mode=mode)
            add(name, answers)
            rows[-1]["latency_ms"]["first"] = latencies(answers.first_seconds, seed=chosen.seed)["p50"]
            ours = answers.scores if ours is None else ours
    for name in RIVALS if chosen.compare else ():
        if (why := why_missing(name)) is not None:
            rows.append({"name": name, "missing": why})
            continue
        progress(name, 0, total)
        add(name, await anyio.to_thread.run_sync(_ask_everything, name, embedder, stored, cuts, depth, ticking(name)))
    return {
        "commit": commit(),
        "versions": versions(),
        "embedder": embedder.id,
        "settings": settings,
        "seed": chosen.seed,
        "resamples": RESAMPLES,
        "options": {
            "cuts": list(cuts), "together": chosen.together, "limit": chosen.limit,
            "distractors": len(chosen.distractors.turns), "distractors_are": chosen.distractors.what,
        },
        "cases": len(prepared),
        "turns": sum(len(one.case.turns) for one in stored),
        "memories": sum(len(set(one.ids.values())) for one in stored),
        "questions": total,
        "rows": rows,
    }  # fmt: skip


async def bench_abstention(
    cases: Sequence[Case],
    embedder: Embedder,
    options: RecallBench | None = None,
    *,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """How often recall, with its own threshold, says that nothing is relevant: to questions of the namespace that knows, and
    to those of the case before, which it cannot know. Percent with intervals. Raises `InvalidInput`.
    """
    chosen = options or RecallBench()
    if len(cases) < 2 or chosen.together:
        raise InvalidInput(
            "Silence is measured with the questions of another case, and here is only one.",
            hint="Give data with two namespaces or more, and do not put them together.",
        )
    prepared = _prepare(cases, chosen, keep_empty=True)
    total = sum(len(case.questions) for case in prepared)
    rows: list[tuple[float, float]] = []
    async with _scratch_memory(embedder, chosen.database) as memory:
        for case in prepared:
            await store(memory, case)
        for at, case in enumerate(prepared):
            elsewhere = prepared[(at + 1) % len(prepared)]
            for question in case.questions:
                silent = [
                    not (await memory.recall(question.text, namespace=place.name, k=1)).hits
                    for place in (case, elsewhere)
                ]
                rows.append((float(silent[0]), float(silent[1])))
                progress("mnemic", len(rows), total)
    found = summarise(np.array(rows), ("right case", "other case"), seed=chosen.seed)
    return {
        "commit": commit(), "versions": versions(), "embedder": embedder.id, "seed": chosen.seed, "resamples": RESAMPLES,
        "questions": total, "silent": found,
    }  # fmt: skip


def _check_cuts(cuts: Sequence[int]) -> tuple[int, ...]:
    wrong = [k for k in cuts if not 1 <= k <= MAX_CUT]
    if wrong or not cuts:
        raise InvalidInput(f"k is {wrong[0] if wrong else 'missing'}.", hint=f"Give numbers from 1 to {MAX_CUT}.")
    return tuple(sorted(set(cuts)))


def _prepare(cases: Sequence[Case], options: RecallBench, *, keep_empty: bool = False) -> list[Case]:
    taken = take_questions(cases, options.limit, seed=options.seed)
    joined = [all_together(taken)] if options.together else taken
    asked = joined if keep_empty else [case for case in joined if case.questions]
    if not any(case.questions for case in asked):
        raise InvalidInput("There is no question to ask.", hint="Give cases with questions, or a higher limit.")
    return [with_distractors(case, options.distractors) for case in asked]


@asynccontextmanager
async def _scratch_memory(
    embedder: Embedder, database: str | None, reranker: Reranker | None = None
) -> AsyncIterator[Memory]:
    """A memory that is gone afterwards, wherever the environment says that memories are."""
    schema = f"bench_{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-", ignore_cleanup_errors=True) as folder:
        try:
            async with open_memory(
                folder, embedder=embedder, reranker=reranker, durable=False, database=database or "",
                database_schema=schema,
            ) as memory:  # fmt: skip
                yield memory
        finally:
            if database is not None:
                from mnemic.storage.postgres.ledger import drop_ledger

                drop_ledger(database, schema)


def _ask_everything(
    name: str, embedder: Embedder, stored: Sequence[Stored], cuts: Sequence[int], depth: int, tick: Callable[[], None]
) -> Answers:
    answers = Answers()
    for one in stored:
        rival = RIVALS[name](embedder)
        try:
            ask_rival(rival, embedder, one, answers, cuts=cuts, depth=depth, tick=tick)
        finally:
            rival.close()
    return answers


def _row(name: str, answers: Answers, names: Sequence[str], seed: int) -> dict[str, Any]:
    categories = np.array(answers.categories)
    groups = dict.fromkeys(answers.categories)
    quality = {
        "all": summarise(answers.scores, names, seed=seed),
        **{
            category: summarise(answers.scores[categories == category], names, seed=seed) for category in sorted(groups)
        },
    }
    return {"name": name, "quality": quality, "latency_ms": latencies(answers.seconds, seed=seed)}


def _differences(scores: Scores, names: Sequence[str], seed: int) -> dict[str, Any]:
    found = summarise(scores, names, seed=seed)
    del found["n"]
    return found
