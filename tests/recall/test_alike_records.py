"""Stores in which most memories are of one wording: numbers and names tell them apart."""

from __future__ import annotations

from pathlib import Path

import mnemic
from mnemic import NewMemory


async def test_what_holds_the_words_of_most_and_the_number_asked_for_comes_before_what_holds_the_number_alone(
    tmp_path: Path,
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember_many([NewMemory(text=f"Crate {at} stands in aisle {at % 7}") for at in range(100)])
        await memory.remember_many([NewMemory(text=f"Barrel {at} is rolled to gate {at}") for at in range(5)])
        for at in range(5):
            for question in (f"crate {at}", f"crate {at} aisle", f"Where is crate {at}?"):
                (hit,) = (await memory.recall(question, k=1)).hits
                assert hit.memory.text == f"Crate {at} stands in aisle {at % 7}"
