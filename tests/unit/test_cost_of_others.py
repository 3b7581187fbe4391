"""What is asked of one namespace costs the same however much others hold: counted in steps of SQLite, which take no time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

import mnemic
from mnemic import Memory, NewMemory, Origin
from mnemic.domain.items import Item, PutItem
from mnemic.domain.marks import AuditEntry, GuardAction, Marks, Taint
from mnemic.domain.memory import Action, MemoryId, Namespace, RowKey, Status
from mnemic.domain.passages import Span
from mnemic.domain.provenance import Channel
from mnemic.domain.recall import MemoryFilter
from mnemic.services.health import embed_missing
from mnemic.storage.sql.deferring import Deferring
from mnemic.storage.sql.items import SqlItemReader
from mnemic.storage.sql.snapshot import SqlSnapshot
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing import make_record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EMBEDDER = "test-embedder"
OWN = ("team", "t1")
BELOW = MemoryFilter(namespace=OWN, subtree=True)
FEW, MANY = 30, 900


def fill(ledger: SqliteLedger, place: Namespace, count: int, *, source: int) -> None:
    """Memories that share their words, some of a stranger, some in quarantine, some long, some that were erased."""
    with ledger.transaction() as transaction:
        for at in range(count):
            record = make_record(f"The heron number {at} of {'/'.join(place)}.", namespace=place, speaker="Ana")
            key = transaction.append(record, embedder_id=EMBEDDER, vector=None)
            if at % 3 == 0:
                marks = Marks(taints=(Taint(Channel.WEB),), source=source)
                transaction.put_marks(key, marks, at=NOW)
            if at % 5 == 0:
                transaction.set_status(
                    key, Status.QUARANTINED, action=Action.QUARANTINED, at=NOW, origin=record.origin, detail={}
                )
            transaction.append_audit(
                AuditEntry(
                    number=0, at=NOW, namespace=place, action=GuardAction.WATCHED, memory_id=MemoryId(f"m{at:015}"),
                    origin=record.origin, policy="p", detail={},
                )
            )  # fmt: skip
            transaction.put_passages(key, [Span(0, 9)], embedder_id=EMBEDDER, vectors=None)
            if at % 7 == 0:
                transaction.erase([record.id], at=NOW)


def steps_of(ledger: SqliteLedger, ask: Callable[[SqlSnapshot], object]) -> int:
    """How many steps SQLite took to answer, in a snapshot of its own."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with ledger.snapshot() as snapshot:
        connection = snapshot._connection
        connection.set_progress_handler(step, 1)  # type: ignore[attr-defined]
        try:
            ask(snapshot)
        finally:
            connection.set_progress_handler(None, 1)  # type: ignore[attr-defined]
    return steps


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> tuple[SqliteLedger, SqliteLedger]:
    """The same in a namespace and below it, and few or many memories of others, written before and after."""
    made = []
    for others in (FEW, MANY):
        ledger = SqliteLedger(tmp_path_factory.mktemp("ledger") / "ledger.sqlite3", durable=False)
        ledger.register_embedder(EMBEDDER, 4)
        fill(ledger, ("team", "t0"), others // 2, source=8)
        fill(ledger, OWN, 12, source=7)
        fill(ledger, (*OWN, "notes"), 12, source=7)
        fill(ledger, ("team", "t2"), others // 2, source=8)
        made.append(ledger)
    return made[0], made[1]


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda one: one.matching_keys(BELOW), id="matching_keys"),
        pytest.param(lambda one: one.count(BELOW), id="count"),
        pytest.param(lambda one: one.select(BELOW, limit=5), id="select"),
        pytest.param(lambda one: one.select(BELOW, limit=5, before=RowKey(40)), id="select before"),
        pytest.param(lambda one: one.select(MemoryFilter(namespace=OWN), limit=5), id="select of one"),
        pytest.param(lambda one: list(one.iterate(namespace=OWN)), id="iterate"),
        pytest.param(lambda one: one.namespaces(OWN), id="namespaces"),
        pytest.param(lambda one: one.namespace_keys(OWN), id="namespace_keys"),
        pytest.param(lambda one: one.lexical(["heron"], BELOW, limit=9), id="lexical"),
        pytest.param(lambda one: one.postings(["heron", "walrus"], BELOW, limit=99), id="postings"),
        pytest.param(lambda one: one.lexical_passages(["heron"], BELOW, limit=9), id="lexical_passages"),
        pytest.param(lambda one: one.undecided(OWN, subtree=True, limit=50), id="undecided"),
        pytest.param(lambda one: one.erasures(namespace=OWN), id="erasures"),
        pytest.param(lambda one: one.audit(namespace=OWN, limit=50), id="audit"),
        pytest.param(lambda one: one.audit(namespace=OWN, limit=3, before=40), id="audit before"),
        pytest.param(
            lambda one: one.audit(namespace=OWN, memory=MemoryId("m" + "0" * 14 + "1")), id="audit of one memory"
        ),
        pytest.param(lambda one: one.audit(limit=3), id="audit of all"),
        pytest.param(lambda one: one.speakers(OWN, subtree=True), id="speakers"),
        pytest.param(lambda one: one.written_by(7, since=NOW), id="written_by"),
        pytest.param(lambda one: one.large_namespaces(20_000), id="large_namespaces"),
        pytest.param(
            lambda one: one.without_passages(EMBEDDER, limit=9, after=RowKey(MANY + 24)), id="without_passages"
        ),
    ],
)
def test_what_others_hold_costs_nothing(
    ledgers: tuple[SqliteLedger, SqliteLedger], ask: Callable[[SqlSnapshot], object]
) -> None:
    few, many = (steps_of(ledger, ask) for ledger in ledgers)
    # A look at the latest of the ledger may take some steps more, and so does FTS5 when it counts who holds a word.
    assert many < 2.5 * few + 250, f"{few} steps beside {FEW} memories, {many} beside {MANY}"


def test_the_newest_of_a_namespace_that_holds_almost_all_cost_the_same_in_a_large_ledger(
    ledgers: tuple[SqliteLedger, SqliteLedger],
) -> None:
    filters = MemoryFilter(namespace=("team", "t2")), MemoryFilter(namespace=("team",), subtree=True)
    for filter in filters:
        few, many = (steps_of(ledger, partial(SqlSnapshot.select, filter=filter, limit=5)) for ledger in ledgers)
        assert many < 1.5 * few + 250, f"{few} steps of {FEW} memories, {many} of {MANY}"


async def test_an_export_of_a_namespace_looks_at_no_items_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[Namespace] = []
    iterate = SqlItemReader.iterate_items

    def noted(self: SqlItemReader, root: Namespace, prefix: tuple[str, ...] = ()) -> object:
        looked_at.append(root)
        return iterate(self, root, prefix)

    monkeypatch.setattr(SqlItemReader, "iterate_items", noted)
    async with mnemic.open_memory(tmp_path) as memory:
        for root in (("a",), ("a", "b"), ("a", "b", "c"), ("a", "bc"), ("d",)):
            await memory.items.run([PutItem(path=("x",), key="k", value={"text": f"at {root}"})], root=root)
        lines = [line async for line in memory.export(namespace=("a", "b"))]
    assert looked_at == [("a",), ("a", "b"), ("a", "b", "c")]
    assert sum('"type":"item"' in line for line in lines) == 2


def test_going_through_twice_as_many_items_costs_twice_as_much(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", durable=False)
    with ledger.transaction() as transaction:
        for root, count in ((("a",), 400), (("b",), 800)):
            for at in range(count):
                item = Item(
                    root=root, path=("x",), key=f"k{at}", value={}, created_at=NOW, updated_at=NOW, origin=Origin()
                )
                transaction.put_item(item)
    less, more = (steps_of(ledger, lambda one, of=root: list(one.iterate_items(of))) for root in (("a",), ("b",)))  # type: ignore[misc]
    assert more < 2.2 * less


async def test_passages_that_were_found_complete_are_not_looked_for_again(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path) as memory:
        backends = await memory.run(lambda backends: backends)
        await _long(memory, "walrus")
        await memory.run(embed_missing, only_new=True)
        with backends.ledger.snapshot() as snapshot:
            ((last, _),) = snapshot.select(MemoryFilter(namespace=(), subtree=True), limit=1)
        assert backends.housekeeping.cut_to == last
        later = await _long(memory, "heron")
        # As when the embedder failed.
        with backends.ledger.transaction() as transaction:
            ((key, _),) = transaction.find([later.id]).values()
            spans = transaction.passages([key])[key]
            transaction.put_passages(key, [], embedder_id=backends.embedder.id, vectors=None)
            transaction.put_passages(key, spans, embedder_id=backends.embedder.id, vectors=None)
        await memory.run(embed_missing, only_new=True)
        with backends.ledger.snapshot() as snapshot:
            assert snapshot.without_passages(backends.embedder.id, limit=9) == []
        assert backends.housekeeping.cut_to == key


async def _long(memory: Memory, of: str) -> mnemic.Remembered:
    (receipt,) = await memory.remember_many([NewMemory(text=f"The {of} sleeps on its stone. " * 120)])
    return receipt


async def test_what_was_delivered_to_the_writer_of_a_batch_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    execute = Deferring.execute

    def noted(self: Deferring, sql: str, values: Sequence[object] = (), /) -> object:
        read.append(sql)
        return execute(self, sql, values)

    async with mnemic.open_memory(tmp_path) as memory:
        for at in range(4):
            page = f"A page says that heron number {at} fishes at noon."
            await memory.remember(page, origin=Origin(channel=Channel.WEB), source="https://a.example")
        assert (await memory.recall("When does the heron fish?")).hits
        monkeypatch.setattr(Deferring, "execute", noted)
        asked = []
        for count in (5, 40):
            read.clear()
            batch = [NewMemory(text=f"Room {at} of house {count} has {at + 7} lamps.") for at in range(count)]
            receipts = await memory.remember_many(batch)
            assert all(receipt.outcome == "stored" for receipt in receipts)
            asked.append(sum("WHERE m.key IN" in sql for sql in read))
    assert max(asked) <= 3, asked
