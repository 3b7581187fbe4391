"""What a process takes in at once is the same as what it follows, and takes no more room than it needs."""

from __future__ import annotations

import sqlite3
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.numpy
from tokenizers import Tokenizer

from mnemic.domain.memory import RowKey
from mnemic.protocols import FeedRow, LedgerSnapshot
from mnemic.storage.exact_index import ExactIndex
from mnemic.storage.sqlite.connections import SqliteConnections
from mnemic.storage.static_embedder import StaticEmbedder

_DIMENSIONS = 16


class _Feed(NamedTuple):
    """A snapshot of the changes of one namespace."""

    rows: list[FeedRow]

    def last_seq(self) -> int:
        return self.rows[-1].seq

    def feed(self, embedder_id: str, namespace_key: int, *, after: int, limit: int) -> list[FeedRow]:
        return [row for row in self.rows if row.seq > after][:limit]

    def feed_size(self, namespace_key: int, *, after: int) -> int:
        return sum(row.seq > after for row in self.rows)


def _snapshot(rows: list[FeedRow]) -> LedgerSnapshot:
    return _Feed(rows)  # type: ignore[return-value]  # as much of one as is asked for


def _rows(count: int) -> list[FeedRow]:
    vectors = np.random.default_rng(5).normal(size=(count, _DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        FeedRow(RowKey(at), at, recallable=at % 7 != 0, erased=False, vector=None if at % 11 == 0 else row.tobytes())
        for at, row in enumerate(vectors, 1)
    ]


def _nearest(index: ExactIndex, rows: list[FeedRow]) -> list[tuple[RowKey, float]]:
    query = np.full(_DIMENSIONS, 0.25, np.float32)
    return index.search(_snapshot(rows), query, 1, limit=40, among=None)


def test_an_index_read_at_once_answers_as_one_that_followed_every_change() -> None:
    rows = _rows(2_600)
    later = len(rows)
    changes = [
        FeedRow(RowKey(3), later + 1, recallable=False, erased=True, vector=None),
        FeedRow(RowKey(5), later + 2, recallable=False, erased=False, vector=rows[4].vector),
        FeedRow(RowKey(11), later + 3, recallable=True, erased=False, vector=rows[0].vector),
    ]
    following = ExactIndex("fake", _DIMENSIONS)
    for end in [*range(1, 60), 700, 1_900, 2_600]:
        _nearest(following, rows[:end])
    # A change of a memory takes the place of what was there.
    now = [row for row in rows if row.key not in {3, 5, 11}] + changes
    following.refresh(_snapshot(rows + changes), 1)
    assert _nearest(ExactIndex("fake", _DIMENSIONS), now) == _nearest(following, now)


def test_an_index_read_at_once_has_room_for_what_there_is() -> None:
    index = ExactIndex("fake", _DIMENSIONS)
    _nearest(index, _rows(2_600))
    assert index.describe()["bytes"] == 2_600 * _DIMENSIONS * 4


def test_widened_token_vectors_give_the_same_sums_as_single_floats() -> None:
    spec = find_spec("wordllama")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    (table,) = safetensors.numpy.load_file(folder / "weights" / "l2_supercat_256.safetensors").values()
    text = "The harbour closes when the last of the ferries has left for Zürich."
    whole = table.astype(np.float32)[tokenizer.encode(text, add_special_tokens=False).ids].sum(axis=0)
    expected = whole / np.sqrt(np.einsum("i,i->", whole, whole))
    assert np.array_equal(StaticEmbedder().embed([text])[0], expected)


def test_one_reader_always_has_the_same_connection_and_only_that_has_a_large_cache(tmp_path: Path) -> None:
    connections = SqliteConnections(tmp_path / "ledger.sqlite3")

    def cache(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA cache_size").fetchone()[0])

    with connections.reading() as first, connections.reading() as second:
        assert first is not second
        assert -cache(first) > -cache(second)
    for _ in range(3):
        with connections.reading() as alone:
            assert alone is first
    with connections.reading() as one, connections.reading() as other:
        assert (one, other) == (first, second)
    connections.close()
