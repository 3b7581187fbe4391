"""Deep recall: the best candidates are looked at once more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import mnemic
from mnemic.domain.memory import RowKey
from mnemic.domain.recall import PARTS
from mnemic.errors import InvalidInput, ModelFailed
from mnemic.retrieval.deep import RERANKED, deepen
from mnemic.retrieval.fusion import Candidate
from mnemic.testing import WordReranker
from mnemic_mcp.cli.app import app
from tests.contract.test_embedders import make_tiny_model

_NOTES = ("Ana keeps bees on the roof.", "Ana sold her bees.", "Bees sleep in winter.", "Ben paints boats.")


class _Last:
    """The last text answers the question, and no other does."""

    def rerank(self, question: str, texts: Sequence[str]) -> list[float]:
        return [0.0] * (len(texts) - 1) + [1.0]


class _Gives:
    def __init__(self, *scores: float) -> None:
        self.scores = scores

    def rerank(self, question: str, texts: Sequence[str]) -> list[float]:
        return list(self.scores)


def _candidate(key: int, score: float) -> Candidate:
    return Candidate(RowKey(key), None, None, score, np.array([score, *(0.0 for _ in PARTS[1:])]))


def test_a_closer_look_moves_what_it_finds_and_scores_stay_between_nothing_and_one() -> None:
    ranked = [_candidate(1, 1.0), _candidate(2, 0.6), _candidate(3, 0.5)]
    found = deepen(ranked, {RowKey(1): 1.0, RowKey(2): 0.1, RowKey(3): 0.6})
    assert [entry.key for entry in found] == [1, 3, 2]
    assert found[0].score == 1.0
    for entry in found:
        assert len(entry.parts) == len(PARTS) + 1
        assert sum(entry.parts) == pytest.approx(entry.score, abs=1e-5)


def test_what_was_not_looked_at_keeps_its_order_and_equals_go_by_key() -> None:
    ranked = [_candidate(4, 0.9), _candidate(1, 0.5), _candidate(3, 0.4), _candidate(2, 0.4)]
    found = deepen(ranked, {RowKey(1): 0.9})
    assert [entry.key for entry in found] == [1, 4, 2, 3]
    one_way, other_way = (deepen(order, {}) for order in (ranked, ranked[::-1]))
    assert [(entry.key, entry.score) for entry in one_way] == [(entry.key, entry.score) for entry in other_way]


async def test_deep_recall_looks_at_the_best_again_and_the_default_does_not(tmp_path: Path) -> None:
    reranker = WordReranker()
    async with mnemic.open_memory(tmp_path, chroma="off", reranker=reranker) as memory:
        await memory.remember_many([mnemic.NewMemory(text=text) for text in _NOTES])
        await memory.remember("I have bees too.", speaker="Ben")
        await memory.remember("Smoke them first.", kind="procedural", when_to_use="Bees are angry.")
        await memory.recall("Who has bees?")
        assert reranker.asked == []
        found = await memory.recall("Who has bees?", mode="deep")
    ((question, seen),) = reranker.asked
    assert question == "Who has bees?"
    assert {"Ben: I have bees too.", "Bees are angry. Smoke them first.", _NOTES[0]} <= set(seen)
    assert found.hits[0].memory.text == "I have bees too."
    assert found.notes == ()


async def test_a_turn_is_read_after_the_end_of_what_somebody_else_said_before_it(tmp_path: Path) -> None:
    reranker = WordReranker()
    long = " ".join(f"word{at}" for at in range(100))
    said = [
        ("Ana", f"{long} do you keep bees?"),
        ("Ben", "Yes, two hives."),
        ("Ben", "Bees are calm here."),
        (None, "Hm."),
    ]
    async with mnemic.open_memory(tmp_path, chroma="off", reranker=reranker) as memory:
        for speaker, text in said:
            await memory.remember(text, speaker=speaker, session="roof")
        await memory.remember("Bees need water.", speaker="Ana", session="garden")
        await memory.recall("bees hives", mode="deep", min_score=0)
    seen = reranker.asked[0][1]
    (answer,) = (text for text in seen if text.endswith("Ben: Yes, two hives."))
    assert answer.startswith("word")
    assert "word99 do you keep bees? Ben: Yes" in answer
    assert len(answer) < 200
    assert {"Ben: Bees are calm here.", "Ana: Bees need water."} <= set(seen)


@pytest.mark.parametrize("asked", ["你把书放在桌子上了吗" * 12, "Куда ты положил мои старые книги? " * 12])
async def test_what_was_said_before_leaves_room_for_the_answer_in_any_script(tmp_path: Path, asked: str) -> None:
    reranker = WordReranker()
    async with mnemic.open_memory(tmp_path, chroma="off", reranker=reranker) as memory:
        await memory.remember(asked, speaker="Ana", session="roof")
        await memory.remember("On the shelf.", speaker="Ben", session="roof")
        await memory.recall("shelf", mode="deep")
    (answer,) = (text for text in reranker.asked[0][1] if text.endswith("Ben: On the shelf."))
    before = answer.removesuffix(" Ben: On the shelf.")
    assert asked.rstrip().endswith(before)
    assert 5 < len(before) < 25


async def test_of_a_long_text_the_passage_that_answers_is_read(tmp_path: Path) -> None:
    reranker = WordReranker()
    chapters = [f"In year {year} " + "the harbour was quiet and the ships were few. " * 12 for year in range(40, 48)]
    chapters[5] += "A beekeeper came ashore."
    async with mnemic.open_memory(tmp_path, chroma="off", reranker=reranker) as memory:
        await memory.remember("\n\n".join(chapters), speaker="Ana")
        found = await memory.recall("When did the beekeeper come?", mode="deep")
    ((_, (seen,)),) = reranker.asked
    passage = found.hits[0].passage
    assert passage is not None and "beekeeper" in passage.text
    assert seen == f"Ana: {passage.text}"


async def test_what_a_filter_hides_is_not_read_before_what_it_shows(tmp_path: Path) -> None:
    reranker = WordReranker()
    async with mnemic.open_memory(tmp_path, chroma="off", reranker=reranker) as memory:
        await memory.remember("Do you keep bees?", speaker="Ana", session="roof")
        await memory.remember("Yes, bees.", speaker="Ben", session="roof", tags=["told"])
        await memory.recall("bees", mode="deep", tags=["told"])
        await memory.recall("bees", mode="deep")
    filtered, free = ([text for text in seen if text.endswith("Yes, bees.")] for _, seen in reranker.asked)
    assert filtered == ["Ben: Yes, bees."]
    assert free == ["Ana: Do you keep bees? Ben: Yes, bees."]


async def test_a_reranker_changes_the_order_and_only_the_best_are_shown_to_it(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", reranker=_Last()) as memory:
        await memory.remember_many([f"Bees number {at} live here." for at in range(RERANKED + 20)])
        plain = await memory.recall("bees", k=RERANKED + 10, min_score=0)
        deep = await memory.recall("bees", k=RERANKED + 10, min_score=0, mode="deep")
        again = await memory.recall("bees", k=RERANKED + 10, min_score=0, mode="deep")
    moved = plain.hits[RERANKED - 1].memory.id
    assert deep.hits[0].memory.id == moved
    rest = [hit.memory.id for hit in plain.hits if hit.memory.id != moved]
    assert [hit.memory.id for hit in deep.hits[1:]] == rest
    assert again == deep


async def test_a_deep_question_pages_on_by_its_own_cursor(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", reranker=WordReranker()) as memory:
        await memory.remember_many(list(_NOTES))
        first = await memory.recall("bees", k=1, mode="deep")
        second = await memory.recall("bees", k=1, mode="deep", cursor=first.cursor)
        assert first.hits[0].memory.id != second.hits[0].memory.id
        with pytest.raises(InvalidInput, match="cursor"):
            await memory.recall("bees", k=1, cursor=first.cursor)


@pytest.mark.parametrize("reranker", [WordReranker(failing=True), _Gives(), _Gives(1.5), _Gives(float("nan"))])
async def test_when_the_model_fails_the_default_ranking_stays_and_a_note_says_so(
    tmp_path: Path, reranker: WordReranker | _Gives
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", reranker=reranker) as memory:
        await memory.remember("Ana keeps bees.")
        plain = await memory.recall("bees")
        deep = await memory.recall("bees", mode="deep")
    assert deep.hits == plain.hits
    assert len(deep.notes) == 1
    assert deep.notes[0].startswith("Ranked without a deeper look: The reranker")


async def test_without_the_model_deep_recall_says_how_to_get_it(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember("Ana keeps bees.")
        with pytest.raises(ModelFailed, match="mnemic models fetch minilm"):
            await memory.recall("bees", mode="deep")
        with pytest.raises(InvalidInput, match="deep"):
            await memory.recall("bees", mode="deeper")  # type: ignore[arg-type]
        assert (await memory.recall("bees")).hits
    with pytest.raises(ModelFailed, match="mnemic models fetch minilm"):
        await mnemic.open_memory(tmp_path, chroma="off", recall_mode="deep").open()


async def test_the_settings_can_make_every_recall_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMIC_RECALL_MODE", "deep")
    reranker = WordReranker()
    async with mnemic.open_memory(tmp_path, chroma="off", reranker=reranker) as memory:
        await memory.remember("Ana keeps bees.")
        await memory.recall("bees")
        await memory.recall("bees", mode="default")
    assert len(reranker.asked) == 1


def test_the_command_looks_deeper_with_the_model_in_the_models_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path))
    monkeypatch.setenv("MNEMIC_CHROMA", "off")
    runner = CliRunner()
    assert runner.invoke(app, ["remember", "a cat sat on the mat"]).exit_code == 0
    refused = runner.invoke(app, ["recall", "cat", "--deep"])
    assert refused.exit_code != 0
    assert "mnemic models fetch minilm" in refused.stderr
    make_tiny_model(tmp_path / "models" / "minilm")
    assert "a cat sat on the mat" in runner.invoke(app, ["recall", "cat", "--deep"]).stdout
