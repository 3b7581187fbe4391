"""Reusing experiences: what a model may do to them, and what it may not."""

from __future__ import annotations

from pathlib import Path

import mnemic
from mnemic import Channel, Origin
from mnemic.domain.learning.facets import NewExperience
from mnemic.testing import ScriptedModel

USER = Origin(channel=Channel.USER)
WAYS = ("Check the fare rules first.", "Check that insurance covers the reason.", "Ask for the reservation id.")
TASK = "Cancel a booking and refund it"


async def guided(
    folder: Path, answers: list[str] | None, *, k: int = 2, rerank: bool = False, rewrite: bool = False
) -> tuple[list[str], str, tuple[str, ...]]:
    model = None if answers is None else ScriptedModel(answers)
    async with mnemic.open_memory(folder, chroma="off", durable=False, origin=USER, model=model) as memory:
        await memory.learning.store(
            [NewExperience(when_to_use=f"When a booking is to be cancelled and refunded ({at})", content=way)
             for at, way in enumerate(WAYS)]
        )  # fmt: skip
        found = await memory.learning.guidance(TASK, k=k, rerank=rerank, rewrite=rewrite)
        return [hit.memory.text for hit in found.experiences], found.text, found.notes


async def test_without_a_model_the_experiences_are_the_guidance(tmp_path: Path) -> None:
    texts, text, notes = await guided(tmp_path, None, rerank=True, rewrite=True)
    assert len(texts) == 2 and all(f"> {one}" in text for one in texts)
    assert notes == ("There is no model: nothing was reranked or rewritten.",)


async def test_a_model_orders_them_and_what_it_forgets_follows(tmp_path: Path) -> None:
    order, _, _ = await guided(tmp_path / "a", None, k=3)
    texts, _, notes = await guided(tmp_path / "b", ["Sure: [3, 1, 9]"], k=3, rerank=True)
    assert texts == [order[2], order[0], order[1]] and not notes
    texts, _, _ = await guided(tmp_path / "c", ["[3]"], k=1, rerank=True)
    assert texts == [order[2]], "more are retrieved than are asked for"


async def test_a_model_that_gives_no_order_changes_nothing(tmp_path: Path) -> None:
    plain, _, _ = await guided(tmp_path / "a", None)
    texts, _, notes = await guided(tmp_path / "b", ["I like them all."], rerank=True)
    assert texts == plain and "order" in notes[0]


async def test_a_guidance_is_used_only_as_far_as_the_experiences_bear_it(tmp_path: Path) -> None:
    _, text, notes = await guided(tmp_path / "a", ["Check the fare rules and the insurance first."], rewrite=True)
    assert text == "Check the fare rules and the insurance first." and not notes
    _, text, notes = await guided(tmp_path / "b", ["Refund 500 dollars at once."], rewrite=True)
    assert "500" not in text and "500" in notes[0]
