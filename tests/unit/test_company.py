"""What words tell in the company of those whom a question names."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

import mnemic
from mnemic import NewMemory
from mnemic.domain.memory import RowKey
from mnemic.protocols import LedgerSnapshot, SearchedText
from mnemic.retrieval import bm25
from mnemic.retrieval.bags import Bags
from mnemic.testing import WordEmbedder


class _Texts:
    """A snapshot of a few texts whose stems are their words without a final s."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    def last_seq(self) -> int:
        return 0

    def searched_texts(self, keys: list[RowKey]) -> dict[RowKey, SearchedText]:
        return {key: SearchedText("", self._texts[key]) for key in keys}

    def stems(self, words: list[str]) -> list[str]:
        return [word.rstrip("s") for word in words]


def _told(company: list[str], asked: list[str], counts: list[int], rows: int) -> list[float]:
    snapshot: LedgerSnapshot = _Texts(company)  # type: ignore[assignment]  # as much of one as is asked for
    gathered = Bags().gather(snapshot, range(len(company)), asked)
    everywhere = bm25.Frequencies(np.array(counts, np.float64), rows)
    return [float(told) for told in bm25.weights_among(gathered, everywhere)[0].round(6)]


def test_what_is_rare_in_a_large_company_tells_most_there_however_frequent_it_is_elsewhere() -> None:
    one, same, other = _told(
        ["boilers", *["a concert"] * 1_999], ["boiler", "boilers", "concert"], [50_000, 50_000, 2_000], 100_000
    )
    assert one == same > other


def test_a_small_company_borrows_from_all_how_much_a_word_tells() -> None:
    frequent, rare, unknown = _told(
        ["boiler", "concert", "concert"], ["boiler", "concert", "unknown"], [50_000, 2_000, 0], 100_000
    )
    assert frequent < rare < unknown


async def test_a_question_that_names_somebody_goes_by_what_is_rare_in_that_company(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        filler = [first + second for first, second in product("bcdfghklmnprstvwz", repeat=2)]
        others = [NewMemory(text=f"boiler {word}", session="c", speaker="Cleo") for word in filler]
        own = [NewMemory(text=f"concert {word}", session="a", speaker="Ana") for word in filler[:200]]
        [boiler] = await memory.remember_many([NewMemory(text="boiler zzz", session="a", speaker="Ana")])
        await memory.remember_many([*others, *own])
        found = await memory.recall("What did Ana say of the boiler and the concert?", k=3)
        assert found.hits[0].memory.id == boiler.id, "everybody else speaks of boilers, Ana does of concerts"


async def test_who_speaks_with_whom_in_another_namespace_changes_no_answer(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        filler = [first + second for first, second in product("bcdfghklmnprstvwz", repeat=2)]
        said = {"Ana": filler[:20], "Ben": filler[20:40], "Cleo": filler}
        apart = [
            NewMemory(text=f"violin {word}", namespace="here", session=f"with {speaker}", speaker=speaker)
            for speaker, words in said.items()
            for word in words
        ]
        together = [NewMemory(text="violin", namespace="there", session="both", speaker=who) for who in ("Ana", "Ben")]
        await memory.remember_many([*apart, *together])

        async def asked() -> list[tuple[str, float | None]]:
            found = await memory.recall("What did Ana and Ben say about the violin?", namespace="here")
            return [(hit.memory.id, hit.score) for hit in found.hits]

        before = await asked()
        await memory.recall("violin", namespace="there")
        assert await asked() == before
