"""Sessions of working memory in the ledger's file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from mnemic.domain.memory import Namespace
from mnemic.domain.moments import from_microseconds, to_microseconds
from mnemic.domain.working_memory.journal import Edit
from mnemic.protocols import SessionInfo, StoredMessage
from mnemic.storage.sql.engine import Connection
from mnemic.storage.sql.session_codec import decode_edit, decode_message, encode_edit, encode_message


class SqlSessionReader:
    """Implements `mnemic.protocols.SessionReader`."""

    _connection: Connection

    def namespace_key(self, namespace: Namespace) -> int | None:
        raise NotImplementedError

    def session_key(self, namespace: Namespace, name: str) -> int | None:
        key = self.namespace_key(namespace)
        row = self._connection.execute(
            "SELECT key FROM sessions WHERE namespace = ? AND name = ?", (key, name)
        ).fetchone()
        return None if row is None else int(row[0])

    def sessions(self, namespace: Namespace) -> list[SessionInfo]:
        rows = self._connection.execute(
            "SELECT name, created_at, (SELECT count(*) FROM session_messages WHERE session = sessions.key), "
            "(SELECT count(*) FROM session_edits WHERE session = sessions.key) "
            "FROM sessions WHERE namespace = ? ORDER BY name",
            (self.namespace_key(namespace),),
        )
        return [
            SessionInfo(
                name=name, namespace=namespace, messages=messages, edits=edits, created_at=from_microseconds(created_at)
            )
            for name, created_at, messages, edits in rows
        ]

    def session_messages(self, session_key: int, *, after: int) -> list[StoredMessage]:
        rows = self._connection.execute(
            "SELECT body, tokens, counter FROM session_messages WHERE session = ? AND position >= ? ORDER BY position",
            (session_key, after),
        )
        return [
            StoredMessage(message=decode_message(body), tokens=tuple(json.loads(tokens)), counter=counter)
            for body, tokens, counter in rows
        ]

    def session_edits(self, session_key: int, *, after: int) -> list[Edit]:
        rows = self._connection.execute(
            "SELECT body FROM session_edits WHERE session = ? AND number > ? ORDER BY number", (session_key, after)
        )
        return [decode_edit(body) for (body,) in rows]


class SqlSessionWriter(SqlSessionReader):
    """Implements `mnemic.protocols.SessionWriter`."""

    def _make_namespace(self, namespace: Namespace) -> int:
        raise NotImplementedError

    def create_session(self, namespace: Namespace, name: str, *, at: datetime) -> int:
        row = self._connection.execute(
            "INSERT INTO sessions (namespace, name, created_at) VALUES (?, ?, ?) RETURNING key",
            (self._make_namespace(namespace), name, to_microseconds(at)),
        ).fetchone()
        return int(row[0])

    def append_messages(self, session_key: int, position: int, messages: Sequence[StoredMessage]) -> None:
        self._connection.executemany(
            "INSERT INTO session_messages VALUES (?, ?, ?, ?, ?)",
            [
                (session_key, at, encode_message(stored.message), json.dumps(stored.tokens), stored.counter)
                for at, stored in enumerate(messages, position)
            ],
        )

    def append_edit(self, session_key: int, edit: Edit) -> None:
        self._connection.execute(
            "INSERT INTO session_edits VALUES (?, ?, ?)", (session_key, edit.number, encode_edit(edit))
        )

    def erase_session(self, session_key: int) -> None:
        for table in ("session_edits", "session_messages"):
            self._connection.execute(f"DELETE FROM {table} WHERE session = ?", (session_key,))
        self._connection.execute("DELETE FROM sessions WHERE key = ?", (session_key,))
        self._connection.execute("UPDATE ledger SET unscrubbed = 1")
