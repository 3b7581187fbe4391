"""What is held of namespaces is bounded, and whatever went is read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnemic
import mnemic.retrieval.turns as turns
import mnemic.storage.exact_index as exact_index
from mnemic import NewMemory
from mnemic.domain.memory import RowKey
from mnemic.domain.shelves import Shelves
from mnemic.storage.exact_index import ExactIndex
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing import WordEmbedder, make_record


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(0, 5))
def test_shelves_hold_what_was_used_last(used: list[int], most: int) -> None:
    shelves = Shelves(lambda namespace: [namespace], size=len, most=most)
    for namespace in used:
        assert shelves.use(namespace) == [namespace]
    latest = list(dict.fromkeys(reversed(used)))
    # The one that is made comes beyond what there is room for.
    assert all(shelves.get(namespace) is not None for namespace in latest[: max(most, 1)])
    assert len(list(shelves)) <= most + 1


def test_an_index_that_let_a_namespace_go_answers_about_it_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact_index, "_MOST_BYTES", 100)
    embedder = WordEmbedder()
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
    ledger.register_embedder(embedder.id, embedder.dimensions)
    texts = ["red apple", "blue whale", "green tea"]
    with ledger.transaction() as transaction:
        for number in range(3):
            for text in texts:
                record = make_record(text, namespace=(f"n{number}",))
                transaction.append(record, embedder_id=embedder.id, vector=embedder.embed([text])[0].tobytes())
    index = ExactIndex(embedder.id, embedder.dimensions)
    query = embedder.embed(["blue whale"])[0]

    def ask() -> list[list[tuple[RowKey, float]]]:
        with ledger.snapshot() as snapshot:
            keys = [snapshot.namespace_key((f"n{number}",)) for number in range(3)]
            return [index.search(snapshot, query, key, limit=2, among=None) for key in keys if key is not None]

    first = ask()
    assert [len(found) for found in first] == [2, 2, 2]
    assert index.describe()["vectors"] < 9
    assert ask() == first
    ledger.close()


async def test_the_turns_of_a_namespace_that_was_let_go_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_MOST_BYTES", 1)
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        said = [("Ana", "Shall we go by boat or by train?"), ("Ben", "By boat, the harbour is near.")]
        await memory.remember_many(
            [
                NewMemory(text=text, namespace=f"n{number}", session="s", speaker=who)
                for number in range(4)
                for who, text in said
            ]
        )

        async def asked(namespace: str) -> list[tuple[str, float | None]]:
            found = await memory.recall("What did Ben say to Ana?", namespace=namespace)
            return [(hit.memory.text, hit.score) for hit in found.hits]

        first = [await asked(f"n{number}") for number in range(4)]
        assert [await asked(f"n{number}") for number in range(4)] == first
        index = memory._opened().backends.turns
        assert len(list(index._shelves)) == 1
