"""What a ledger has to keep of facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mnemic.domain.facts import Fact
from mnemic.domain.memory import Action, Link, MemoryId, MemoryRecord, Relation, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols import Ledger, LedgerTransaction
from mnemic.testing.fakes import make_record

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PORT = Fact(subject="api", attribute="port", value="80")


class FactContract:
    """Tests for any `mnemic.protocols.Ledger`. Subclass it and implement `make_ledger`; pytest runs the rest."""

    def make_ledger(self, folder: Path) -> Ledger:
        """A new ledger in an empty folder."""
        raise NotImplementedError

    def test_a_fact_comes_back_as_it_was_put(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        facts = [
            _PORT,
            Fact(subject="", attribute="Zażółć 東京", value="x", positive=False, previous="y", explicit=True),
        ]
        keys = _store(ledger, *[(make_record("text"), fact, 0) for fact in facts])
        with ledger.snapshot() as snapshot:
            assert snapshot.facts([*keys, RowKey(999)]) == dict(zip(keys, facts, strict=True))
        ledger.close()

    def test_a_memory_is_found_by_what_its_writer_says_it_is_about(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        ledger.register_embedder("none", 1)
        record, filter = make_record("near the river"), MemoryFilter(namespace=("test",))
        home = Fact(subject="Ana", attribute="homeAddress", value="near the river", explicit=True)
        with ledger.transaction() as transaction:
            key = transaction.append(record, embedder_id="none", vector=None, about="Ana homeAddress")
            transaction.put_fact(key, home, place=5, lane=0)
        with ledger.snapshot() as snapshot:
            for words in (["ana"], ["homeaddress"], ["address"], ["river"]):
                assert [hit.key for hit in snapshot.lexical(words, filter, limit=9)] == [key], words
            assert snapshot.about("Ana", [key]) == {key}
            assert snapshot.about("An", [key]) == set()
            assert snapshot.records([key])[key] == record
        assert all(check.ok for check in ledger.diagnose("none") if check.check in ("full text", "orphans"))
        with ledger.transaction() as transaction:
            transaction.erase([record.id], at=_NOW)
        with ledger.snapshot() as snapshot:
            assert snapshot.lexical(["ana"], filter, limit=9) == []
        ledger.close()

    def test_current_facts_are_those_of_active_memories_in_one_lane_newest_first(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        records = [make_record(f"v{at}", valid_from=_NOW + timedelta(days=at)) for at in range(4)]
        keys = _store(ledger, *[(record, _PORT, lane) for record, lane in zip(records, (0, 0, 0, 7), strict=True)])
        with ledger.transaction() as transaction:
            transaction.set_status(
                keys[1], Status.ARCHIVED, action=Action.ARCHIVED, at=_NOW, origin=Origin(), detail={}
            )
            _supersede(transaction, keys[0], by=records[2].id, valid_to=records[2].valid_from)
        with ledger.snapshot() as snapshot:
            assert [held.key for held in snapshot.current_facts(5, lane=0, limit=9)] == [keys[2]]
            assert [held.key for held in snapshot.current_facts(5, lane=7, limit=9)] == [keys[3]]
            assert [held.key for held in snapshot.strangers_facts(5, limit=9)] == [keys[3]]
            assert snapshot.current_facts(6, lane=0, limit=9) == []
            (held,) = snapshot.current_facts(5, lane=0, limit=9)
            assert (held.record, held.fact) == (records[2], _PORT)
        ledger.close()

    def test_what_was_before_and_what_came_after_a_moment_is_found(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        records = [make_record(f"v{at}", valid_from=_NOW + timedelta(days=at)) for at in (1, 3, 5)]
        keys = _store(ledger, *[(record, _PORT, 0) for record in records])
        with ledger.transaction() as transaction:
            for at in (0, 1):
                successor = records[at + 1]
                _supersede(transaction, keys[at], by=successor.id, valid_to=successor.valid_from)
        with ledger.snapshot() as snapshot:
            for at, before, after in ((0, None, 0), (1, 0, 1), (2, 0, 1), (3, 1, 2), (4, 1, 2), (5, 1, None)):
                moment = _NOW + timedelta(days=at)
                found = (
                    snapshot.fact_before(5, moment, lane=0),
                    snapshot.fact_after(5, moment, lane=0),
                )
                expected = (None if before is None else keys[before], None if after is None else keys[after])
                assert tuple(None if held is None else held.key for held in found) == expected
        ledger.close()

    def test_an_end_that_is_replaced_is_still_known_as_it_was(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        first, third, second = (make_record(f"v{at}", valid_from=_NOW + timedelta(days=at)) for at in (1, 3, 2))
        keys = _store(ledger, *[(record, _PORT, 0) for record in (first, third)])
        with ledger.transaction() as transaction:
            _supersede(transaction, keys[0], by=third.id, valid_to=third.valid_from, days=10)
            (late,) = _append(transaction, (second, _PORT, 0))
            _supersede(transaction, keys[0], by=second.id, valid_to=second.valid_from, days=20)
            _supersede(transaction, late, by=third.id, valid_to=third.valid_from, days=20)

        def held(as_of: float, known_at: int | None = None) -> list[str]:
            learnt = None if known_at is None else _NOW + timedelta(days=known_at)
            filter = MemoryFilter(namespace=("test",), as_of=_NOW + timedelta(days=as_of), known_at=learnt)
            with ledger.snapshot() as snapshot:
                return [record.text for _, record in snapshot.select(filter, limit=9)]

        assert [held(at) for at in (1.5, 2.5, 3.5)] == [["v1"], ["v2"], ["v3"]]
        # All three are recorded at once here; what is at stake is the end of the first.
        assert "v1" in held(2.5, 15) and "v1" not in held(3.5, 15)
        assert "v1" in held(3.5, 5)
        assert "v1" not in held(2.5, 25)
        with ledger.snapshot() as snapshot:
            chain = [first.id, second.id, third.id]
            assert [[one.id for one in snapshot.chain(id)] for id in chain] == [chain] * 3
            for event in snapshot.events([first.id])[1:]:
                assert event.detail["instead_of"]["by"] == third.id
        ledger.close()

    def test_what_is_reinstated_is_current_again(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        old, new = make_record("old"), make_record("new")
        keys = _store(ledger, (old, _PORT, 0), (new, _PORT, 0))
        with ledger.transaction() as transaction:
            _supersede(transaction, keys[0], by=new.id, valid_to=_NOW)
            seq = transaction.last_seq()
            transaction.reinstate(keys[0], at=_NOW, origin=Origin(), detail={"reason": "r"})
            assert transaction.last_seq() > seq
        with ledger.snapshot() as snapshot:
            assert snapshot.records([keys[0]])[keys[0]] == old
            assert len(snapshot.current_facts(5, lane=0, limit=9)) == 2
            assert snapshot.events([old.id])[-1].action is Action.REINSTATED
        ledger.close()

    def test_what_holds_until_an_announced_change_is_told_with_it(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        records = [make_record(f"v{at}", valid_from=_NOW + timedelta(days=at)) for at in (0, 5, 9)]
        gone, ended, begun = make_record("gone"), make_record("ended"), make_record("begun")
        keys = _store(ledger, *[(record, None, 0) for record in (*records, gone, ended, begun)])
        with ledger.transaction() as transaction:
            _supersede(transaction, keys[0], by=records[1].id, valid_to=records[1].valid_from)
            _supersede(transaction, keys[1], by=records[2].id, valid_to=records[2].valid_from)
            _supersede(transaction, keys[3], by=records[2].id, valid_to=records[2].valid_from)
            _supersede(transaction, keys[4], by=begun.id, valid_to=begun.valid_from)
            transaction.set_status(
                keys[3], Status.ARCHIVED, action=Action.ARCHIVED, at=_NOW, origin=Origin(), detail={}
            )
        with ledger.snapshot() as snapshot:
            assert snapshot.announcements(keys, after=_NOW) == [(keys[0], keys[1]), (keys[1], keys[2])]
            assert snapshot.announcements(keys[:2], after=_NOW) == [(keys[0], keys[1])]
            assert snapshot.announcements(keys, after=_NOW + timedelta(days=6)) == [(keys[1], keys[2])]
            assert snapshot.announcements([], after=_NOW) == []
        ledger.close()

    def test_disputes_name_current_memories_from_either_side(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        one, two, three = make_record("1"), make_record("2"), make_record("3")
        keys = _store(ledger, (one, _PORT, 0), (two, _PORT, 0), (three, _PORT, 0))
        with ledger.transaction() as transaction:
            transaction.link(Link(source=one.id, target=two.id, relation=Relation.CONTRADICTS))
            transaction.link(Link(source=three.id, target=one.id, relation=Relation.NEAR_DUPLICATE))
        with ledger.snapshot() as snapshot:
            assert snapshot.disputes([one.id]) == [(one.id, two.id)]
            assert snapshot.disputes([two.id, three.id]) == [(two.id, one.id)]
        with ledger.transaction() as transaction:
            _supersede(transaction, keys[1], by=three.id, valid_to=_NOW)
        with ledger.snapshot() as snapshot:
            assert snapshot.disputes([one.id]) == []
        ledger.close()

    def test_erasing_a_memory_erases_its_fact(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        record = make_record("gone")
        keys = _store(ledger, (record, _PORT, 0))
        with ledger.transaction() as transaction:
            transaction.erase([record.id], at=_NOW)
        with ledger.snapshot() as snapshot:
            assert snapshot.facts(keys) == {}
            assert snapshot.current_facts(5, lane=0, limit=9) == []
        ledger.close()


def _store(ledger: Ledger, *entries: tuple[MemoryRecord, Fact | None, int]) -> list[RowKey]:
    ledger.register_embedder("none", 1)
    with ledger.transaction() as transaction:
        return _append(transaction, *entries)


def _append(transaction: LedgerTransaction, *entries: tuple[MemoryRecord, Fact | None, int]) -> list[RowKey]:
    keys = []
    for record, fact, lane in entries:
        keys.append(transaction.append(record, embedder_id="none", vector=None))
        if fact is not None:
            transaction.put_fact(keys[-1], fact, place=5, lane=lane)
    return keys


def _supersede(transaction: LedgerTransaction, key: RowKey, *, by: MemoryId, valid_to: datetime, days: int = 0) -> None:
    transaction.supersede(key, by=by, at=_NOW + timedelta(days=days), valid_to=valid_to, origin=Origin())
