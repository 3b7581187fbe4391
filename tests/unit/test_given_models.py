"""An embedder, a reranker, a model or a summariser of a program's own that breaks its promise spoils nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mnemic
from mnemic.errors import InvalidInput

FACTS = ["Ana lives in Lisbon.", "Ben plays chess."]


class Embedder:
    id, dimensions = "mine-1", 4

    def __init__(self, give: Callable[[int], Any]) -> None:
        self.give = give

    def embed(self, texts: Sequence[str]) -> Any:
        return self.give(len(texts))


class Model:
    def __init__(self, give: Callable[[], Any]) -> None:
        self.give = give

    def complete(self, prompt: str) -> Any:
        return self.give()

    def rerank(self, question: str, texts: Sequence[str]) -> Any:
        return self.give()


def fail() -> Any:
    raise ZeroDivisionError("division by zero")


UNIT = [[1.0, 0.0, 0.0, 0.0]]
USABLE: dict[str, Callable[[int], Any]] = {
    "float64": lambda count: np.array(UNIT * count),
    "lists": lambda count: UNIT * count,
    "not of length 1": lambda count: np.array(UNIT * count, np.float32) * 1e5,
}
UNUSABLE: dict[str, Callable[[int], Any]] = {
    "not a number": lambda count: np.full((count, 4), np.nan, np.float32),
    "too short": lambda count: np.ones((count, 3), np.float32),
    "too few": lambda count: np.ones((count - 1, 4), np.float32),
    "nothing": lambda _: None,
    "raises": lambda _: fail(),
}


@pytest.mark.parametrize("form", list(USABLE))
async def test_vectors_in_another_form_are_brought_into_the_stored_one(tmp_path: Path, form: str) -> None:
    async with mnemic.open_memory(tmp_path, embedder=Embedder(USABLE[form]), chroma="off", durable=False) as memory:
        await memory.remember_many(FACTS)
        result = await memory.recall("Where does Ana live?")
        assert (result.hits[0].memory.text, result.notes) == (FACTS[0], ())
        assert all(0 <= hit.score <= 1 for hit in result.hits if hit.score is not None)
        assert all(finding.ok for finding in (await memory.doctor()).findings)


@pytest.mark.parametrize("fault", list(UNUSABLE))
async def test_wrong_vectors_are_not_stored_and_words_find_everything(tmp_path: Path, fault: str) -> None:
    async with mnemic.open_memory(tmp_path, embedder=Embedder(UNUSABLE[fault]), chroma="off", durable=False) as memory:
        await memory.remember_many(FACTS)
        result = await memory.recall("Where does Ana live?")
        assert [hit.memory.text for hit in result.hits] == FACTS[:1]
        assert "Searched by words only" in result.notes[0]
    mended = Embedder(USABLE["float64"])
    async with mnemic.open_memory(tmp_path, embedder=mended, chroma="off", durable=False) as memory:
        await memory.reindex()
        assert not (await memory.recall("Where does Ana live?")).notes


@pytest.mark.parametrize(("name", "value"), [("id", ""), ("dimensions", None), ("dimensions", 0)])
async def test_an_embedder_without_id_or_dimensions_is_told_of_them(tmp_path: Path, name: str, value: Any) -> None:
    embedder = Embedder(USABLE["float64"])
    setattr(embedder, name, value)
    with pytest.raises(InvalidInput, match=f"The {name}"):
        await mnemic.open_memory(tmp_path, embedder=embedder, chroma="off").open()


@pytest.mark.parametrize("give", [fail, lambda: None, lambda: ["a", "b"]], ids=["raises", "nothing", "words"])
async def test_a_reranker_that_fails_leaves_the_default_ranking_and_a_note(tmp_path: Path, give: Any) -> None:
    async with mnemic.open_memory(tmp_path, reranker=Model(give), chroma="off", durable=False) as memory:
        await memory.remember_many(FACTS)
        result = await memory.recall("Where does Ana live?", mode="deep")
        assert result.hits[0].memory.text == FACTS[0]
        assert "Ranked without a deeper look" in result.notes[0]


@pytest.mark.parametrize("give", [fail, lambda: None], ids=["raises", "nothing"])
async def test_rules_learn_where_a_model_fails_in_any_way(tmp_path: Path, give: Any) -> None:
    done = {"task": "Put a mug on the desk.", "reward": 1.0, "steps": [{"action": "take mug", "observation": "Taken."}]}
    async with mnemic.open_memory(tmp_path, model=Model(give), chroma="off", durable=False) as memory:
        assert (await memory.learning.learn_from([done])).episodes


@pytest.mark.parametrize("give", [fail, lambda: None, lambda: "half a \ud800 pair"], ids=["raises", "nothing", "half"])
async def test_telling_lines_serve_where_no_summary_can_be_kept(tmp_path: Path, give: Any) -> None:
    summarise: Any = lambda _text, _focus: give()  # noqa: E731
    async with mnemic.open_memory(tmp_path, summarise=summarise, chroma="off", durable=False) as memory:
        session = memory.session("one")
        await session.append("START " + "The disk is full. " * 200 + " END", role="tool")
        cut = await session.fragment_context("START", "END", num_fragments=1, role="all")
        assert "disk" in (await session.summarize_fragment(cut.ids[0], focus="disk")).said
