"""What every index of vectors must do. Tests, not documentation, are the definition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from mnemic.domain.memory import Action, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.protocols import Ledger, VectorIndex
from mnemic.testing.fakes import WordEmbedder, make_record

_LATER = datetime(2026, 6, 1, tzinfo=UTC)


class VectorIndexContract:
    """Implement ``make_ledger`` and ``make_index``. ``settle`` may wait until an index in the background has caught up."""

    embedder = WordEmbedder()

    def make_ledger(self, folder: Path) -> Ledger:
        raise NotImplementedError

    def make_index(self, ledger: Ledger, folder: Path) -> VectorIndex:
        raise NotImplementedError

    def settle(self, index: VectorIndex, ledger: Ledger) -> None:
        """Nothing to wait for by default."""

    def _prepare(self, folder: Path, texts: list[str]) -> tuple[Ledger, VectorIndex, list[RowKey]]:
        ledger = self.make_ledger(folder)
        ledger.register_embedder(self.embedder.id, self.embedder.dimensions)
        keys = [self._write(ledger, text) for text in texts]
        index = self.make_index(ledger, folder)
        self.settle(index, ledger)
        return ledger, index, keys

    def _write(self, ledger: Ledger, text: str) -> RowKey:
        with ledger.transaction() as transaction:
            vector = self.embedder.embed([text])[0].tobytes()
            return transaction.append(make_record(text), embedder_id=self.embedder.id, vector=vector)

    def _search(self, ledger: Ledger, index: VectorIndex, text: str, **options: Any) -> list[tuple[RowKey, float]]:
        with ledger.snapshot() as snapshot:
            namespace = snapshot.namespace_key(("test",))
            assert namespace is not None
            arguments: dict[str, Any] = {"limit": 3, "among": None, **options}
            return index.search(snapshot, self.embedder.embed([text])[0], namespace, **arguments)

    def test_the_nearest_come_first_with_their_cosine(self, tmp_path: Path) -> None:
        ledger, index, keys = self._prepare(tmp_path, ["red apple", "green apple", "blue whale"])
        found = self._search(ledger, index, "red apple")
        assert found[0] == (keys[0], 1.0)
        assert [key for key, _ in found[:2]] == keys[:2]
        index.close()
        ledger.close()

    def test_what_was_written_a_moment_ago_is_found(self, tmp_path: Path) -> None:
        ledger, index, _ = self._prepare(tmp_path, ["red apple", "green apple"])
        fresh = self._write(ledger, "purple plum")
        assert self._search(ledger, index, "purple plum")[0] == (fresh, 1.0)
        index.close()
        ledger.close()

    def test_archived_and_erased_memories_are_not_found(self, tmp_path: Path) -> None:
        ledger, index, keys = self._prepare(tmp_path, ["red apple", "green apple", "blue whale"])
        with ledger.snapshot() as snapshot:
            erased = snapshot.records([keys[1]])[keys[1]].id
        with ledger.transaction() as transaction:
            transaction.set_status(
                keys[0], Status.ARCHIVED, action=Action.ARCHIVED, at=_LATER, origin=Origin(), detail={}
            )
            transaction.erase([erased], at=_LATER)
        assert {key for key, _ in self._search(ledger, index, "red green apple")} <= {keys[2]}
        self.settle(index, ledger)
        assert {key for key, _ in self._search(ledger, index, "red green apple")} <= {keys[2]}
        index.close()
        ledger.close()

    def test_what_becomes_cold_is_not_found_before_it_comes_back(self, tmp_path: Path) -> None:
        ledger, index, keys = self._prepare(tmp_path, ["red apple", "green apple", "blue whale"])
        assert {key for key, _ in self._search(ledger, index, "red apple")} == set(keys)
        for status in (Status.ARCHIVED, Status.ACTIVE):
            with ledger.transaction() as transaction:
                transaction.set_status(keys[0], status, action=Action.ARCHIVED, at=_LATER, origin=Origin(), detail={})
                transaction.cool(keys, untouched_since=_LATER + timedelta(days=1))
            everything = np.array(sorted(keys))
            assert {key for key, _ in self._search(ledger, index, "red apple", among=everything)} == set(keys[1:])
            assert {key for key, _ in self._search(ledger, index, "red apple")} == set(keys[1:])
            with ledger.snapshot() as snapshot:
                namespace = snapshot.namespace_key(("test",))
                assert namespace is not None
                assert set(index.vectors(snapshot, namespace, keys)[0]) == set(keys[1:])
            self.settle(index, ledger)
            assert {key for key, _ in self._search(ledger, index, "red apple")} == set(keys[1:])
        with ledger.transaction() as transaction:
            transaction.put_vectors(self.embedder.id, [(keys[0], self.embedder.embed(["red apple"])[0].tobytes())])
        assert self._search(ledger, index, "red apple")[0] == (keys[0], 1.0)
        self.settle(index, ledger)
        assert self._search(ledger, index, "red apple")[0] == (keys[0], 1.0)
        index.close()
        ledger.close()

    def test_a_search_among_keys_sees_only_them_whatever_their_status(self, tmp_path: Path) -> None:
        ledger, index, keys = self._prepare(tmp_path, ["red apple", "green apple", "blue whale"])
        with ledger.transaction() as transaction:
            transaction.set_status(
                keys[1], Status.ARCHIVED, action=Action.ARCHIVED, at=_LATER, origin=Origin(), detail={}
            )
        found = self._search(ledger, index, "red apple", among=np.array(sorted(keys[1:])))
        assert {key for key, _ in found} == set(keys[1:])
        index.close()
        ledger.close()

    def test_vectors_give_the_similarities_of_the_search(self, tmp_path: Path) -> None:
        ledger, index, keys = self._prepare(tmp_path, ["red apple", "green apple", "blue whale"])
        found = dict(self._search(ledger, index, "green apple pie"))
        with ledger.snapshot() as snapshot:
            namespace = snapshot.namespace_key(("test",))
            assert namespace is not None
            query = self.embedder.embed(["green apple pie"])[0]
            held, matrix = index.vectors(snapshot, namespace, [*keys, RowKey(999)])
        again = dict(zip(held, (matrix @ query).tolist(), strict=True))
        assert again.keys() == set(keys)
        assert all(abs(again[key] - value) < 1e-5 for key, value in found.items())
        index.close()
        ledger.close()

    def test_it_agrees_with_the_ledger(self, tmp_path: Path) -> None:
        ledger, index, _ = self._prepare(tmp_path, ["red apple", "green apple"])
        with ledger.snapshot() as snapshot:
            assert all(finding.ok for finding in index.diagnose(snapshot))
        index.close()
        ledger.close()
