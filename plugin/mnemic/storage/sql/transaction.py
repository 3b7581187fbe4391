"""Writing the ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mnemic.domain.forms import further_words
from mnemic.domain.marks import Screened
from mnemic.domain.memory import Action, Erasure, Event, Link, MemoryId, MemoryRecord, Namespace, RowKey, Status
from mnemic.domain.moments import from_microseconds, to_microseconds
from mnemic.domain.passages import is_long
from mnemic.domain.provenance import Origin
from mnemic.domain.text import date_words
from mnemic.protocols import FORGOTTEN, WHOLE_INDEX, IndexState
from mnemic.storage.sql.cold import COLD, SqlColdWriter
from mnemic.storage.sql.deferring import Deferring
from mnemic.storage.sql.engine import FullText, Insert
from mnemic.storage.sql.foreseeing import NEAR_KEYS, SqlForeseeing
from mnemic.storage.sql.items import SqlItemWriter
from mnemic.storage.sql.learning import SqlLearningWriter
from mnemic.storage.sql.passages import SqlPassageWriter
from mnemic.storage.sql.rows import encode_json, encode_origin, optional_microseconds, path_of
from mnemic.storage.sql.sessions import SqlSessionWriter
from mnemic.storage.sql.snapshot import near_keys_of

_COLUMNS = (
    "key", "seq", "id", "namespace", "kind", "text", "sameness", "dated", "tags", "session", "speaker", "role", "source",
    "when_to_use", "evidence", "supersedes", "channel", "origin", "occurred_at", "valid_from", "recorded_at", "held",
    "valid_to", "superseded_by", "superseded_at", "confirmations", "confirmed_at", "screened", "passages", "hints",
)  # fmt: skip
_MEMORIES = Insert("memories", _COLUMNS)
_SPEAKERS = Insert("speakers", ("namespace", "speaker"), "ON CONFLICT DO NOTHING")
_EVENTS = Insert("events", ("memory", "action", "at", "origin", "detail"))
_LINKS = Insert("links", ("source", "target", "relation", "score"), "ON CONFLICT DO NOTHING")
_MOST_KEYS = 512


class SqlTransaction(
    SqlForeseeing,
    SqlSessionWriter,
    SqlColdWriter,
    SqlLearningWriter,
    SqlPassageWriter,
    SqlItemWriter,
):
    """Implements `mnemic.protocols.LedgerTransaction`. `finish` must be called before the commit."""

    def __init__(self, connection: Deferring, full_text: FullText) -> None:
        super().__init__(connection, full_text)
        # Of the rows that wait these go first: others refer to them.
        connection.later(_MEMORIES)
        self._seq = self._seq_at_start = super().last_seq()
        self._added = 0
        # Taken for memories to come, as many at a time as came so far, and the last one taken.
        self._keys: deque[int] = deque()
        self._last_key = 0
        # Never deleted, so what was looked up for one memory of a batch holds for the others.
        self._vector_tables: dict[str, str] = {}

    def last_seq(self) -> int:
        return self._seq

    def _look_up(self, namespace: Namespace) -> int | None:
        # The key alone: what the namespace has may change before the end of a transaction.
        row = self._one("SELECT key FROM namespaces WHERE path = ?", path_of(namespace))
        return None if row is None else int(row[0])

    def _vector_table(self, embedder_id: str) -> str:
        if embedder_id not in self._vector_tables:
            self._vector_tables[embedder_id] = super()._vector_table(embedder_id)
        return self._vector_tables[embedder_id]

    def _rows(self) -> int:
        return super()._rows() + self._added

    def append(
        self, record: MemoryRecord, *, embedder_id: str, vector: bytes | None, screened: Screened = Screened.NOT,
        names_speaker: bool = True, about: str = "",
    ) -> RowKey:  # fmt: skip
        held = Status.ACTIVE if record.status is Status.SUPERSEDED else record.status
        key, namespace, origin = self._next_key(), self._make_namespace(record.namespace), encode_origin(record.origin)
        sameness, near = self._foreseen_sameness(record), self._foreseen_near_keys(record, key)
        dated, tags = date_words(record.occurred_at), encode_json(record.tags) if record.tags else "[]"
        hints = f"{about} {further_words(record.text, record.when_to_use, about)}".strip()
        self._deferring.later(
            _MEMORIES,
            (
                key, self._next_seq(), record.id, namespace, record.kind, record.text, sameness, dated, tags,
                record.session, record.speaker, record.role, record.source, record.when_to_use,
                encode_json(record.evidence) if record.evidence else "[]", record.supersedes, record.origin.channel, origin,
                optional_microseconds(record.occurred_at), to_microseconds(record.valid_from),
                to_microseconds(record.recorded_at), held, optional_microseconds(record.valid_to), record.superseded_by,
                optional_microseconds(record.superseded_at), record.confirmations,
                optional_microseconds(record.confirmed_at), int(screened), -int(is_long(record.text)), hints,
            ),
        )  # fmt: skip
        self._added += 1
        self._keys_below.clear()
        if record.speaker is not None and names_speaker:
            self._deferring.later(_SPEAKERS, (namespace, record.speaker))
        if vector is not None:
            self._deferring.later(Insert(self._vector_table(embedder_id), ("key", "vector")), (key, vector))
        self._deferring.later(NEAR_KEYS, *((one, key) for one in dict.fromkeys(near)))
        # As the view `memories_searched` joins them.
        self._full_text.coming(key, namespace, f"{dated} {record.text} {record.when_to_use or ''} {tags} {hints}")
        self._has_come(key, record, sameness=sameness, near=near, screened=int(screened), origin=origin)
        return key

    def confirm(self, key: RowKey, *, at: datetime, origin: Origin, detail: dict[str, Any]) -> int:
        row = self._change(
            key,
            "UPDATE memories SET confirmations = confirmations + 1, confirmed_at = ?, seq = ? WHERE key = ? "
            "RETURNING confirmations, id",
            to_microseconds(at), self._next_seq(), key,
        )  # fmt: skip
        self._add_event(row[1], Action.CONFIRMED, at, origin, detail)
        return int(row[0])

    def set_tags(self, key: RowKey, tags: Sequence[str]) -> None:
        self._reword(key, "tags", encode_json(tags))

    def _reword(self, key: RowKey, column: str, value: str) -> None:
        self._full_text.rewording(key)
        # Whoever has read the old words hears of it through the feed.
        (cold,) = self._one(
            f"UPDATE memories SET {column} = ?, seq = ? WHERE key = ? RETURNING cold", value, self._next_seq(), key
        )
        self._full_text.reworded(key)
        if cold == COLD:
            self._full_text.cooling([key])

    def supersede(
        self, key: RowKey, *, by: MemoryId, at: datetime, valid_to: datetime, origin: Origin,
        detail: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        before = self._end_of(key)
        row = self._change(
            key,
            "UPDATE memories SET superseded_by = ?, superseded_at = ?, valid_to = ?, seq = ? WHERE key = ? RETURNING id",
            by, to_microseconds(at), to_microseconds(valid_to), self._next_seq(), key,
        )  # fmt: skip
        with self._deferring.apart():
            self._end_fact(key, ended=True)
        self._add_event(row[0], Action.SUPERSEDED, at, origin, {"by": by, **before, **(detail or {})})

    def reinstate(self, key: RowKey, *, at: datetime, origin: Origin, detail: dict[str, Any]) -> None:
        before = self._end_of(key)
        row = self._one(
            "UPDATE memories SET superseded_by = NULL, superseded_at = NULL, valid_to = NULL, seq = ? WHERE key = ? "
            "RETURNING id",
            self._next_seq(), key,
        )  # fmt: skip
        self._end_fact(key, ended=False)
        self._add_event(row[0], Action.REINSTATED, at, origin, {**before, **detail})

    def _end_of(self, key: RowKey) -> dict[str, Any]:
        """The end that a memory had until now, for the event that changes it (`mnemic.storage.sql.filters` reads it)."""
        with self._concerning([key]):
            row = self._one("SELECT superseded_by, superseded_at, valid_to FROM memories WHERE key = ?", key)
        if row is None or None in row:
            return {}
        by, learnt, valid_to = row
        moments = {
            "learnt_at": from_microseconds(learnt).isoformat(),
            "valid_to": from_microseconds(valid_to).isoformat(),
        }
        return {"instead_of": {"by": by, **moments}}

    def set_status(
        self, key: RowKey, status: Status, *, action: Action, at: datetime, origin: Origin, detail: dict[str, Any]
    ) -> None:
        held = Status.ACTIVE if status is Status.SUPERSEDED else status
        id, cold = self._change(
            key, "UPDATE memories SET held = ?, seq = ? WHERE key = ? RETURNING id, cold", held, self._next_seq(), key
        )
        if cold == COLD and held is not Status.ARCHIVED:
            self._warm(key)
        self._add_event(id, action, at, origin, detail)

    def link(self, link: Link) -> None:
        self._deferring.later(_LINKS, (link.source, link.target, link.relation, link.score))

    def erase(self, ids: Sequence[MemoryId], *, at: datetime, receipts: bool = True) -> None:
        self._keys_below.clear()
        tables = [f"vectors_{row[0]}" for row in self._all("SELECT key FROM embedders")]
        speakers = set()
        for id, (key, record) in self.find(ids).items():
            namespace = self._make_namespace(record.namespace)
            speakers.add((namespace, record.speaker))
            for table in tables:
                self._connection.execute(f"DELETE FROM {table} WHERE key = ?", (key,))
            self._connection.executemany(
                "DELETE FROM near_keys WHERE near_key = ? AND key = ?", [(near, key) for near in near_keys_of(record)]
            )
            self._connection.execute("DELETE FROM events WHERE memory = ?", (id,))
            self._connection.execute("DELETE FROM links WHERE source = ? OR target = ?", (id, id))
            self._erase_guarded(key, id)
            self._erase_learnt(key)
            self._connection.execute("DELETE FROM facts WHERE key = ?", (key,))
            self._erase_passages(key)
            self._erase_items(key)
            self._full_text.erasing(key)
            self._connection.execute("DELETE FROM memories WHERE key = ?", (key,))
            self._connection.execute(
                "INSERT INTO erasures VALUES (?, ?, ?, ?, ?, ?)",
                (self._next_seq(), key, id, namespace, to_microseconds(at), int(receipts)),
            )
            self._added -= 1
        self._connection.executemany(
            "DELETE FROM speakers WHERE namespace = ?1 AND speaker = ?2 "
            "AND NOT EXISTS (SELECT 1 FROM memories WHERE namespace = ?1 AND speaker = ?2)",
            [entry for entry in speakers if entry[1] is not None],
        )
        if receipts:
            self._erase_from_plans(ids)
            self._connection.execute("UPDATE ledger SET unscrubbed = 1")

    def restore_event(self, event: Event) -> None:
        self._add_event(event.memory_id, event.action, event.at, event.origin, event.detail)

    def restore_erasure(self, erasure: Erasure) -> None:
        self._connection.execute(
            "INSERT INTO erasures VALUES (?, 0, ?, ?, ?, 1)",
            (
                self._next_seq(),
                erasure.memory_id,
                self._make_namespace(erasure.namespace),
                to_microseconds(erasure.erased_at),
            ),
        )

    def put_vectors(self, embedder_id: str, vectors: Sequence[tuple[RowKey, bytes]]) -> None:
        table = self._vector_table(embedder_id)
        for key, vector in vectors:
            # The memory may have been erased, or have become cold, since its text was read.
            if self._connection.execute(
                f"UPDATE memories SET seq = ? WHERE key = ? AND cold != {COLD}", (self._next_seq(), key)
            ).rowcount:
                self._connection.execute(
                    f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET vector = excluded.vector",
                    (key, vector),
                )

    def set_index_state(
        self, index: str, namespace_key: int, state: IndexState, *, instead_of: str | None = None
    ) -> bool:
        if instead_of is not None:
            whole = self.index_state(index, WHOLE_INDEX)
            if whole is None or whole.generation != instead_of:
                return False
        self._connection.execute(
            "INSERT INTO index_states VALUES (?, ?, ?, ?) "
            "ON CONFLICT (name, namespace) DO UPDATE SET generation = excluded.generation, seq = excluded.seq",
            (index, namespace_key, state.generation, state.seq),
        )
        return True

    def drop_index_states(self, index: str) -> None:
        self._connection.execute("DELETE FROM index_states WHERE name = ?", (index,))

    def forget_index_states(self) -> None:
        self._connection.execute("DELETE FROM index_states WHERE namespace != ?", (WHOLE_INDEX,))
        self._connection.execute("UPDATE index_states SET generation = ?, seq = 0", (FORGOTTEN,))

    def finish(self) -> None:
        """Make the numbers given out and the count of memories part of the transaction."""
        self._full_text.finish()
        self._deferring.flush()
        if self._seq != self._seq_at_start:
            self._connection.execute("UPDATE ledger SET seq = ?, memories = memories + ?", (self._seq, self._added))

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _make_namespace(self, namespace: Namespace) -> int:
        key = self.namespace_key(namespace)
        if key is None:
            with self._deferring.apart():
                key = int(self._one("INSERT INTO namespaces (path) VALUES (?) RETURNING key", path_of(namespace))[0])
            self._namespace_keys[namespace] = key
        return key

    def _next_key(self) -> RowKey:
        if not self._keys:
            count = min(max(self._added, 1), _MOST_KEYS)
            self._keys.extend(self._deferring.next_keys("memories", count, after=self._last_key))
        self._last_key = self._keys.popleft()
        return RowKey(self._last_key)

    def _change(self, key: RowKey, sql: str, *values: Any) -> Any:
        """What a statement gives that changes the row of one memory, which is known to be there."""
        self._changing(key)
        with self._deferring.apart():
            return self._one(sql, *values)

    def _add_event(self, id: MemoryId, action: Action, at: datetime, origin: Origin, detail: dict[str, Any]) -> None:
        self._deferring.later(_EVENTS, (id, action, to_microseconds(at), encode_origin(origin), encode_json(detail)))
