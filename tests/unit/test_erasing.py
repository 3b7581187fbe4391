"""What is erased is erased whole, in one transaction, and each thing is looked at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic.domain.items import GetItem, PutItem
from mnemic.errors import StoreUnavailable
from mnemic.storage.sql.snapshot import SqlSnapshot
from mnemic.storage.sql.transaction import SqlTransaction
from mnemic.testing import WordEmbedder

HERS = ("users", "ana")


async def test_an_item_whose_erasure_fails_is_there_with_its_memories_and_a_retry_erases_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        await memory.items.run([PutItem(path=HERS, key="home", value={"text": "Ana keeps zebras in Bergen."})])

        async def known() -> tuple[bool, int]:
            (item,) = await memory.items.run([GetItem(path=HERS, key="home")])
            return item is not None, len(await memory.list(subtree=True))

        with monkeypatch.context() as broken:
            broken.setattr(SqlTransaction, "erase", _fails)
            with pytest.raises(StoreUnavailable):
                await memory.items.erase(HERS, "home")
        assert await known() == (True, 1)
        receipt = await memory.items.erase(HERS, "home")
        assert receipt is not None and len(receipt.erased) == 1
        assert await known() == (False, 0)


def _fails(*_: Any, **__: Any) -> None:
    raise StoreUnavailable("The disk is full.")


async def test_what_was_erased_before_is_named_beside_what_is_erased_now(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        ids = [(await memory.remember(text)).id for text in ("Ana keeps zebras.", "Ben keeps bees.")]
        assert (await memory.erase(ids[:1])).erased == (ids[0],)
        assert set((await memory.erase(ids)).erased) == {*ids}
        assert set((await memory.erase(ids)).erased) == {*ids}


async def test_of_many_versions_of_one_memory_the_history_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        ids = [(await memory.remember("The plan has 0 parts.")).id]
        for number in range(1, 6):
            ids.append((await memory.supersede(ids[-1], f"The plan has {number} parts.")).id)
        read: list[str] = []
        chain = SqlSnapshot.chain

        def counted(self: SqlSnapshot, id: Any) -> Any:
            read.append(id)
            return chain(self, id)

        monkeypatch.setattr(SqlSnapshot, "chain", counted)
        assert set((await memory.erase(ids)).erased) == {*ids}
        assert read == [ids[0]]
