"""Runs of the whole benchmark on small data: what is stored, what is compared, what comes out."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

import mnemic
from mnemic.domain.memory import NewMemory
from mnemic.errors import InvalidInput
from mnemic.storage.static_embedder import StaticEmbedder
from mnemic.testing.recall_bench import (
    RIVALS,
    Case,
    Question,
    RecallBench,
    bench_abstention,
    bench_recall,
    load_cases,
    make_distractors,
)
from mnemic.testing.recall_bench.distractors import with_distractors
from mnemic.testing.recall_bench.measuring import asked_when
from mnemic.testing.recall_bench.rivals import plain_text, why_missing
from mnemic.testing.recall_bench.surroundings import commit
from tests.conftest import ROOT

CASES = load_cases(ROOT / "docs" / "recall-example.jsonl", "jsonl")
EMBEDDER = StaticEmbedder()


def row(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = (row for row in found["rows"] if row["name"] == name)
    return one  # type: ignore[no-any-return]


def what_must_not_vary(found: dict[str, Any]) -> Any:
    # Chroma's approximate index is not the same in every run.
    return [{**row, "latency_ms": None} for row in found["rows"] if row["name"] != "Chroma"]


async def test_a_run_gives_every_figure_with_an_interval_overall_and_by_category() -> None:
    found = await bench_recall(CASES, EMBEDDER, RecallBench(cuts=(5, 1)))
    assert (found["cases"], found["turns"], found["memories"], found["questions"]) == (2, 10, 10, 6)
    ours = row(found, "mnemic")
    assert set(ours["quality"]) == {"all", "single-hop", "temporal", "multi-hop", "notes"}
    assert sum(values["n"] for name, values in ours["quality"].items() if name != "all") == 6
    assert set(ours["quality"]["all"]) == {"n", "R@1", "R@5", "hit@1", "hit@5", "hit@10", "MRR", "S@5"}
    for one in (values for row in found["rows"] if "quality" in row for values in row["quality"]["all"].items()):
        name, value = one
        assert name == "n" or (
            len(value["interval"]) == 2 and value["interval"][0] <= value["mean"] <= value["interval"][1]
        )
    assert ours["quality"]["all"]["R@5"]["mean"] == 100
    assert set(ours["latency_ms"]) == {"p50", "p95", "first"}
    assert "S@5" not in ours["quality"]["notes"], "notes have no session"
    assert found["versions"]["mnemic"] == mnemic.__version__ and found["versions"]["chromadb"]
    assert found["options"]["cuts"] == [1, 5] and found["seed"] == 7
    json.dumps(found)


async def test_the_same_run_again_gives_the_same_figures() -> None:
    options = RecallBench(together=True, limit=4, distractors=make_distractors(30, seed=3))
    one, other = [await bench_recall(CASES, EMBEDDER, options) for _ in range(2)]
    assert what_must_not_vary(one) == what_must_not_vary(other)
    assert one["turns"] == 40 and one["questions"] == 4 and one["cases"] == 1
    assert one["options"]["distractors_are"] == "30 generated texts"


class _KnowsNothing:
    """Everything answers as well, so that deep mode leaves the order as it is."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    def rerank(self, question: str, texts: Sequence[str]) -> list[float]:
        self.questions.append(question)
        return [0.5] * len(texts)


async def test_deep_mode_is_measured_beside_the_default_on_the_same_questions() -> None:
    reranker = _KnowsNothing()
    found = await bench_recall(CASES, EMBEDDER, RecallBench(compare=False), reranker=reranker)
    ours, deep = found["rows"]
    assert (ours["name"], deep["name"]) == ("mnemic", "mnemic deep")
    assert deep["quality"] == ours["quality"]
    assert {value["mean"] for value in deep["mnemic_is_ahead_by"].values()} == {0.0}
    assert set(reranker.questions) >= {question.text for case in CASES for question in case.questions}
    assert set(deep["latency_ms"]) == {"p50", "p95", "first"}


async def test_rivals_run_on_the_same_questions_and_say_how_far_they_are_behind() -> None:
    told: list[tuple[str, int, int]] = []
    found = await bench_recall(CASES, EMBEDDER, progress=lambda *now: told.append(now))
    ran = [row["name"] for row in found["rows"] if "missing" not in row]
    assert ran[:4] == ["mnemic", "Chroma", "BM25 (FTS5)", "RRF of cosine and BM25"]
    assert [row["name"] for row in found["rows"]][1:] == list(RIVALS)
    ours = row(found, "mnemic")["quality"]["all"]
    for name in ran[1:]:
        theirs = row(found, name)
        assert theirs["quality"]["all"]["n"] == 6
        ahead = ours["MRR"]["mean"] - theirs["quality"]["all"]["MRR"]["mean"]
        assert theirs["mnemic_is_ahead_by"]["MRR"]["mean"] == pytest.approx(ahead, abs=0.02)
    assert [now for now in told if now[1] == 6] == [(name, 6, 6) for name in ran]


async def test_without_comparison_there_is_one_row() -> None:
    found = await bench_recall(CASES, EMBEDDER, RecallBench(compare=False))
    assert [row["name"] for row in found["rows"]] == ["mnemic"]


def test_a_rival_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    assert "not installed (No module named 'langgraph.store.memory')" in (why_missing("LangGraph InMemoryStore") or "")
    assert why_missing("Chroma") is None


@pytest.mark.parametrize("name", RIVALS)
def test_every_rival_finds_what_says_the_same_and_bears_any_question(name: str) -> None:
    if why := why_missing(name):
        pytest.skip(f"{name}: {why}")
    texts = ["Ana bakes bread.", "The gateway listens on port 8443.", "Ana bakes bread.", "Rui runs in October."]
    rival = RIVALS[name](EMBEDDER)
    rival.fill(texts, EMBEDDER.embed(texts))
    assert rival.search("Which port does the gateway listen on?", 2)[0] == 1
    assert set(rival.search("Who bakes bread?", 2)) == {0, 2}
    for question in ("", "?!", 'x" OR "y NEAR/2 *', "😀"):
        assert len(rival.search(question, 4)) <= 4
    rival.close()


def test_rivals_are_given_name_and_date_of_a_person_and_nothing_of_a_role() -> None:
    said = NewMemory(text="Hi!", speaker="Ana", occurred_at="2023-05-07T23:00:00Z")
    assert plain_text(said) == "[7 May 2023] Ana: Hi!"
    assert plain_text(replace(said, occurred_at=None)) == "Ana: Hi!"
    assert plain_text(replace(said, speaker=None, role="user")) == "Hi!"


async def test_turns_that_are_kept_as_one_memory_count_as_one_for_everybody() -> None:
    turn = NewMemory(text="Yes, in Lisbon!", speaker="Ana", session="s")
    other = NewMemory(text="How is the weather?", speaker="Rui", session="s")
    question = Question(text="In Lisbon?", gold=frozenset({"1", "3"}), category="c")
    case = Case(name="n", turns=(("1", turn), ("2", other), ("3", turn)), questions=(question,))
    found = await bench_recall([case], EMBEDDER, RecallBench(cuts=(1,)))
    assert (found["turns"], found["memories"]) == (3, 2)
    assert {row["quality"]["all"]["R@1"]["mean"] for row in found["rows"] if "quality" in row} == {100.0}


@pytest.mark.parametrize("cuts", [(), (0,), (5, 101)])
async def test_a_cut_that_recall_cannot_give_is_refused(cuts: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match="k is"):
        await bench_recall(CASES, EMBEDDER, RecallBench(cuts=cuts))


async def test_silence_is_counted_for_the_right_and_for_another_case() -> None:
    found = await bench_abstention(CASES, EMBEDDER)
    right, other = found["silent"]["right case"], found["silent"]["other case"]
    assert found["questions"] == found["silent"]["n"] == 6
    assert right["mean"] <= other["mean"] and len(other["interval"]) == 2
    with pytest.raises(InvalidInput, match="only one"):
        await bench_abstention(CASES[:1], EMBEDDER)


def test_generated_distractors_are_the_same_for_the_same_seed() -> None:
    one = make_distractors(50, seed=1)
    assert one == make_distractors(50, seed=1) != make_distractors(50, seed=2)
    assert make_distractors(0, seed=1).turns == ()


def test_distractors_from_another_data_set_are_its_turns_and_then_its_sentences() -> None:
    few = make_distractors(8, seed=1, source=CASES, name="example")
    assert few.what == "8 turns of example"
    assert few.turns[0].text == CASES[0].turns[0][1].text and few.turns[0].session == "distractor default may"
    many = make_distractors(15, seed=1, source=CASES, name="example")
    assert many == make_distractors(15, seed=1, source=CASES, name="example")
    assert many.what == "10 turns of example, then 5 put together from sentences of these"
    texts = [new.text for new in many.turns]
    assert len(set(texts)) == 15
    known = {sentence for text in texts[:10] for sentence in re.split(r"(?<=[.!?])\s+", text)}
    assert all(sentence in known for text in texts[10:] for sentence in re.split(r"(?<=[.!?])\s+", text))
    with pytest.raises(InvalidInput, match="distractors can be made"):
        make_distractors(10_000, seed=1, source=CASES, name="example")


def test_a_distractor_never_says_what_a_turn_of_the_case_says() -> None:
    case = with_distractors(CASES[0], make_distractors(10, seed=1, source=CASES, name="example"))
    texts = [new.text for _, new in case.turns]
    assert len(texts) == len(set(texts)) == 10
    assert texts[-7:] == [new.text for _, new in CASES[0].turns], "they come before what answers"


def test_recall_is_told_when_a_question_was_asked_if_that_is_known() -> None:
    question = Question(text="When?", gold=frozenset({"a"}), category="c", asked_at=datetime(2026, 8, 1, tzinfo=UTC))
    assert asked_when(question) == {"asked_at": question.asked_at}
    assert asked_when(replace(question, asked_at=None)) == {}


def test_the_commit_is_that_of_the_checkout() -> None:
    if not (ROOT / ".git").exists():
        assert commit() is None
        return
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = commit()
    assert found and head.startswith(found.removesuffix("-dirty").rsplit("-g", 1)[-1])
