"""Storing cases and asking their questions: of a memory by its public API, and of its rivals."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mnemic.domain.recall import Mode
from mnemic.domain.validation import MAX_BATCH
from mnemic.memory import Memory
from mnemic.protocols import Embedder
from mnemic.testing.recall_bench.cases import Case, Question
from mnemic.testing.recall_bench.metrics import Scores, score
from mnemic.testing.recall_bench.rivals import Rival, plain_text

Tick = Callable[[], None]
"""Called after each question."""

WARM_UP = "What happened?"
"""Asked once of every namespace before its questions, so that loading it is counted once and by itself."""

_SETTLING_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A case in a memory: under which memory id each of its turns is kept. Turns that say the same share one."""

    case: Case
    ids: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Answers:
    """What came of asking: one row of metrics and one time in seconds for each question, in the order of the cases."""

    rows: list[list[float]] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    first_seconds: list[float] = field(default_factory=list)

    @property
    def scores(self) -> Scores:
        return np.array(self.rows, np.float64)


def asked_when(question: Question) -> dict[str, Any]:
    """How recall is told when a question was asked: by ``asked_at``, if that is known."""
    return {} if question.asked_at is None else {"asked_at": question.asked_at}


async def store(memory: Memory, case: Case) -> Stored:
    """Remember every turn of a case, and wait until the index that will serve it has settled."""
    ids: dict[str, str] = {}
    for start in range(0, len(case.turns), MAX_BATCH):
        batch = case.turns[start : start + MAX_BATCH]
        receipts = await memory.remember_many([replace(new, namespace=case.name) for _, new in batch])
        ids |= {id: receipt.id for (id, _), receipt in zip(batch, receipts, strict=True)}
    if memory.settings.chroma != "off" and len(case.turns) >= memory.settings.chroma_from_memories:
        await memory.reindex(timeout_seconds=_SETTLING_SECONDS)
    return Stored(case=case, ids=ids)


async def ask(
    memory: Memory, stored: Stored, answers: Answers, *, cuts: Sequence[int], depth: int, tick: Tick,
    mode: Mode = "default",
) -> None:  # fmt: skip
    """Recall ``depth`` memories for every question of a case and add what was found to ``answers``."""
    started = time.perf_counter()
    await memory.recall(WARM_UP, namespace=stored.case.name, k=depth, min_score=0, mode=mode)
    answers.first_seconds.append(time.perf_counter() - started)
    for question in stored.case.questions:
        when = asked_when(question)
        started = time.perf_counter()
        result = await memory.recall(question.text, namespace=stored.case.name, k=depth, min_score=0, mode=mode, **when)
        answers.seconds.append(time.perf_counter() - started)
        ranked = [str(hit.memory.id) for hit in result.hits]
        _count(answers, stored, question, ranked, [hit.memory.session for hit in result.hits], cuts)
        tick()


def ask_rival(
    rival: Rival, embedder: Embedder, stored: Stored, answers: Answers, *, cuts: Sequence[int], depth: int, tick: Tick
) -> None:
    """The same for a rival, which gets the `plain_text` of every turn.

    Turns that the memory keeps as one count as one here too: the best of them takes the place.
    """
    turns = stored.case.turns
    texts = [plain_text(new) for _, new in turns]
    rival.fill(texts, embedder.embed(texts))
    doubled = len(turns) - len(set(stored.ids.values()))
    rival.search(WARM_UP, depth)
    for question in stored.case.questions:
        started = time.perf_counter()
        found = rival.search(question.text, min(depth + doubled, len(turns)))
        answers.seconds.append(time.perf_counter() - started)
        places: dict[str, int] = {}
        for at in found:
            places.setdefault(stored.ids[turns[at][0]], at)
        ranked = list(places)[:depth]
        _count(answers, stored, question, ranked, [turns[places[id]][1].session for id in ranked], cuts)
        tick()


def _count(
    answers: Answers, stored: Stored, question: Question, ranked: Sequence[str], sessions: Sequence[str | None],
    cuts: Sequence[int],
) -> None:  # fmt: skip
    session_of = {id: new.session for id, new in stored.case.turns if id in question.gold}
    answers.rows.append(
        score(
            ranked, sessions, gold={stored.ids[id] for id in question.gold},
            gold_sessions={session for session in session_of.values() if session is not None}, cuts=cuts,
        )
    )  # fmt: skip
    answers.categories.append(question.category)
