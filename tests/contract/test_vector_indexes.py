from __future__ import annotations

import threading
from pathlib import Path

from mnemic.protocols import Ledger, VectorIndex
from mnemic.storage.chroma_follower import ChromaFollower
from mnemic.storage.chroma_store import ChromaAddress
from mnemic.storage.exact_index import ExactIndex
from mnemic.storage.layered_index import LayeredIndex
from mnemic.storage.leases import FileLease
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing import VectorIndexContract, WordEmbedder, make_record
from tests.waiting import until


class TestExactIndex(VectorIndexContract):
    def make_ledger(self, folder: Path) -> SqliteLedger:
        return SqliteLedger(folder / "ledger.sqlite3")

    def make_index(self, ledger: Ledger, folder: Path) -> VectorIndex:
        return ExactIndex(self.embedder.id, self.embedder.dimensions)


class _ClosingIndex(LayeredIndex):
    """Ends its follower with itself, as an open memory does."""

    follower: ChromaFollower

    def close(self) -> None:
        self.follower.stop()
        super().close()


class TestLayeredIndexOverChroma(VectorIndexContract):
    """The same with a real embedded Chroma that is used from the first memory on."""

    def make_ledger(self, folder: Path) -> SqliteLedger:
        return SqliteLedger(folder / "ledger.sqlite3")

    def make_index(self, ledger: Ledger, folder: Path) -> VectorIndex:
        follower = ChromaFollower(
            ledger, ChromaAddress(folder=folder / "chroma"), embedder_id=self.embedder.id,
            lease=FileLease(folder / "lock"), from_memories=1, poll_seconds=0.05,
        )  # fmt: skip
        index = _ClosingIndex(self.embedder.id, self.embedder.dimensions, follower)
        index.follower = follower
        follower.start()
        return index

    def settle(self, index: VectorIndex, ledger: Ledger) -> None:
        assert isinstance(index, _ClosingIndex)
        with ledger.snapshot() as snapshot:
            seq = snapshot.last_seq()
        assert index.follower.wait_until(seq, timeout_seconds=60)

    def test_chroma_is_what_answers(self, tmp_path: Path) -> None:
        ledger, index, keys = self._prepare(tmp_path, ["red apple", "green apple", "blue whale"])
        assert self._search(ledger, index, "blue whale")[0] == (keys[2], 1.0)
        assert index.describe()["served_by"] == "chroma"
        index.close()
        ledger.close()


async def test_whoever_waits_for_an_index_is_told_when_it_is_closed(tmp_path: Path) -> None:
    embedder, ledger = WordEmbedder(), SqliteLedger(tmp_path / "ledger.sqlite3")
    ledger.register_embedder(embedder.id, embedder.dimensions)
    with ledger.transaction() as transaction:
        transaction.append(make_record("a boat"), embedder_id=embedder.id, vector=None)
    follower = ChromaFollower(
        ledger, ChromaAddress(folder=tmp_path / "chroma"), embedder_id=embedder.id, lease=FileLease(tmp_path / "lock"),
        from_memories=1, poll_seconds=1.0,
    )  # fmt: skip
    told: list[bool] = []
    waiting = threading.Thread(target=lambda: told.append(follower.wait_until(1, timeout_seconds=600)), daemon=True)
    waiting.start()
    await until(lambda: bool(follower._caught_up._waiters))  # type: ignore[attr-defined]
    follower.stop()
    await until(lambda: not waiting.is_alive())
    assert told == [False]
    ledger.close()
