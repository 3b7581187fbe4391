"""What `doctor` checks of a ledger on any engine, and what of it can be mended."""

from __future__ import annotations

from mnemic.protocols import HealthCheck
from mnemic.storage.sql.cold import COLD
from mnemic.storage.sql.engine import Connection, vector_table
from mnemic.storage.sql.guard import broken_audit
from mnemic.storage.sql.passages import PLACES, UNCUT, UNEMBEDDED

_Errors = type[Exception] | tuple[type[Exception], ...]

# Not NOT IN: PostgreSQL would compare everything with everything once a table is large.
_NO = "NOT EXISTS (SELECT 1 FROM {} p WHERE p.{} = {})"
_ORPHANS = {
    "events": "FROM events WHERE " + _NO.format("memories", "id", "events.memory"),
    "links": "FROM links WHERE "
    + " OR ".join(_NO.format("memories", "id", f"links.{end}") for end in ("source", "target")),
    "session messages": "FROM session_messages WHERE " + _NO.format("sessions", "key", "session_messages.session"),
    "session edits": "FROM session_edits WHERE " + _NO.format("sessions", "key", "session_edits.session"),
    "marks": "FROM guard_marks WHERE " + _NO.format("memories", "key", "guard_marks.key"),
    "near-duplicate keys": "FROM near_keys WHERE " + _NO.format("memories", "key", "near_keys.key"),
    "passages": "FROM passages WHERE " + _NO.format("memories", "key", f"passages.place / {PLACES}"),
    "items' memories": "FROM item_memories WHERE "
    + " OR ".join(
        _NO.format(table, "key", f"item_memories.{end}") for table, end in (("memories", "memory"), ("items", "item"))
    ),
    "vectors of facets": "FROM facet_vectors WHERE " + _NO.format("memories", "key", "facet_vectors.key"),
}


# Vectors of what is cold.
_LEFT = f"FROM {{0}} WHERE key IN (SELECT key FROM memories WHERE cold = {COLD})"


def check_tables(connection: Connection, embedder_id: str, *, unreadable: _Errors = ()) -> list[HealthCheck]:
    """Whether the tables agree with each other. ``unreadable`` is what the engine raises for a damaged table."""
    return [
        _orphans(connection), _count(connection), _audit(connection, unreadable),
        *_vectors(connection, embedder_id, unreadable), _passages(connection, embedder_id), _cold(connection, unreadable),
    ]  # fmt: skip


def mend_tables(connection: Connection) -> list[str]:
    """Remove what nothing refers to any more, count again, and say what was done."""
    done: list[str] = []
    for name, sql in _ORPHANS.items():
        removed = connection.execute(f"DELETE {sql}").rowcount
        if removed:
            done.append(f"removed {removed} orphaned {name}")
    for table, _ in _vector_tables(connection):
        removed = connection.execute(
            f"DELETE FROM {table} WHERE {_NO.format('memories', 'key', f'{table}.key')}"
        ).rowcount
        if removed:
            done.append(f"removed {removed} orphaned vectors")
    for table in (*(table for table, _ in _vector_tables(connection)), "facet_vectors"):
        removed = connection.execute(f"DELETE {_LEFT.format(table)}").rowcount
        if removed:
            done.append(f"removed {removed} vectors of cold memories")
    if not _count(connection).ok:
        connection.execute("UPDATE ledger SET memories = (SELECT count(*) FROM memories)")
        done.append("counted the memories again")
    return done


def _orphans(connection: Connection) -> HealthCheck:
    found = {name: connection.execute(f"SELECT count(*) {sql}").fetchone()[0] for name, sql in _ORPHANS.items()}
    present = {name: count for name, count in found.items() if count}
    detail = ", ".join(f"{count} orphaned {name}" for name, count in present.items()) or "none"
    return HealthCheck(check="orphans", ok=not present, detail=detail, repairable=bool(present))


def _count(connection: Connection) -> HealthCheck:
    kept, counted = connection.execute("SELECT memories, (SELECT count(*) FROM memories) FROM ledger").fetchone()
    ok = kept == counted
    return HealthCheck(
        check="count", ok=ok, detail=f"{counted:,} memories" + ("" if ok else f", {kept:,} noted"), repairable=not ok
    )


def _audit(connection: Connection, unreadable: _Errors) -> HealthCheck:
    """Every entry of the guard's log covers all before it, so a changed or missing one shows."""
    try:
        entries, broken = broken_audit(connection)
    except unreadable as error:
        return HealthCheck(check="audit log", ok=False, detail=str(error))
    detail = f"{entries:,} entries, unbroken" if broken is None else f"broken at entry {broken:,}: changed or removed"
    return HealthCheck(check="audit log", ok=broken is None, detail=detail)


def _vectors(connection: Connection, embedder_id: str, unreadable: _Errors) -> list[HealthCheck]:
    findings = []
    for table, id in _vector_tables(connection, unreadable):
        missing, orphaned = connection.execute(
            f"SELECT (SELECT count(*) FROM memories m WHERE m.cold != {COLD} "
            f"AND NOT EXISTS (SELECT 1 FROM {table} v WHERE v.key = m.key)), "
            f"(SELECT count(*) FROM {table} v WHERE NOT EXISTS (SELECT 1 FROM memories m WHERE m.key = v.key))"
        ).fetchone()
        detail = f"{missing} memories without a vector, {orphaned} vectors without a memory"
        # Another embedder's vectors need not be complete: whoever uses it fills in what is missing.
        ok = not orphaned and (not missing or id != embedder_id)
        findings.append(
            HealthCheck(
                check=f"vectors of {id}",
                ok=ok,
                detail=detail if missing or orphaned else "complete",
                repairable=not ok,
            )
        )
    return findings


def _passages(connection: Connection, embedder_id: str) -> HealthCheck:
    """Whether every long text is cut, and its passages have vectors, one each."""
    uncut, incomplete = connection.execute(
        f"SELECT (SELECT count(*) FROM memories m WHERE {UNCUT}), (SELECT count(*) FROM memories m WHERE {UNEMBEDDED})",
        (embedder_id,),
    ).fetchone()
    ok = not uncut and not incomplete
    detail = f"{uncut} long texts that are not cut yet, {incomplete} whose passages have no vectors"
    return HealthCheck(check="passages", ok=ok, detail="complete" if ok else detail, repairable=not ok)


def _cold(connection: Connection, unreadable: _Errors) -> HealthCheck:
    """Whether what is cold is archived, and holds nothing that it could do without."""
    count, odd = connection.execute(
        "SELECT count(*), coalesce(sum(CASE WHEN held != 'archived' THEN 1 ELSE 0 END), 0) FROM memories "
        f"WHERE cold = {COLD}"
    ).fetchone()
    tables = [*(table for table, _ in _vector_tables(connection, unreadable)), "facet_vectors"]
    left = sum(connection.execute(f"SELECT count(*) {_LEFT.format(table)}").fetchone()[0] for table in tables)
    detail = f"{count:,} archived memories" if count else "nothing"
    if odd or left:
        detail = f"{odd} cold memories that are not archived, {left} vectors of cold memories"
    return HealthCheck(check="cold", ok=not odd and not left, detail=detail, repairable=bool(left) and not odd)


def _vector_tables(connection: Connection, unreadable: _Errors = ()) -> list[tuple[str, str]]:
    try:
        rows = connection.execute("SELECT key, id FROM embedders ORDER BY key").fetchall()
    except unreadable:
        return []
    return [(vector_table(key), id) for key, id in rows]
