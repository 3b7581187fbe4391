"""What every ledger must do. Tests, not documentation, are the definition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mnemic.domain.memory import Action, Erasure, Link, MemoryId, MemoryRecord, Relation, RowKey, Status
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols import FORGOTTEN, WHOLE_INDEX, IndexState, Ledger, LedgerSnapshot
from mnemic.testing.fakes import WordEmbedder, make_record

_HERE = MemoryFilter(namespace=("test",))
_LATER = datetime(2026, 6, 1, tzinfo=UTC)


def _first(snapshot: LedgerSnapshot) -> int:
    """The key of the namespace of the tests."""
    key = snapshot.namespace_key(("test",))
    assert key is not None
    return key


class LedgerContract:
    """Implement ``make_ledger``; called again with the same folder, it must open the same ledger."""

    embedder = WordEmbedder()

    def make_ledger(self, folder: Path) -> Ledger:
        raise NotImplementedError

    def open(self, folder: Path) -> Ledger:
        ledger = self.make_ledger(folder)
        ledger.register_embedder(self.embedder.id, self.embedder.dimensions)
        return ledger

    def add(self, ledger: Ledger, *records: MemoryRecord) -> list[RowKey]:
        vectors = self.embedder.embed([record.text for record in records])
        with ledger.transaction() as transaction:
            return [
                transaction.append(record, embedder_id=self.embedder.id, vector=vector.tobytes())
                for record, vector in zip(records, vectors, strict=True)
            ]

    def test_labels_are_kept_as_they_are_written_and_found_however_they_are(self, tmp_path: Path) -> None:
        composed, apart = "Jos\u00e9", "Jose\u0301"
        ledger = self.open(tmp_path)
        (key, _) = self.add(
            ledger,
            make_record("a kettle", tags=(apart,), session=composed, speaker=apart, source=composed),
            make_record("a pot", tags=("Jose",), session="Jose", speaker="Jose", source="Jose"),
        )
        with ledger.snapshot() as snapshot:
            for name in (composed, apart):
                conditions: tuple[dict[str, Any], ...] = (
                    {"tags": (name,)}, {"session": name}, {"speaker": name}, {"source": name},
                )  # fmt: skip
                for condition in conditions:
                    filter = MemoryFilter(namespace=("test",), **condition)
                    ((found, record),) = snapshot.select(filter, limit=9)
                    assert (found, record.tags, record.session) == (key, (apart,), composed)
                    assert list(snapshot.matching_keys(filter)) == [key]
                    assert [hit.key for hit in snapshot.lexical(["kettle", "pot"], filter, limit=9)] == [key]
        ledger.close()

    def test_a_memory_comes_back_exactly_as_it_was_written(self, tmp_path: Path) -> None:
        record = make_record(
            "Zażółć 東京 😀\nline\ttab", tags=("a", "b"), session="s", speaker="Ana", source="mail 7",
            when_to_use="when lost", occurred_at=datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            origin=Origin(channel=Channel.WEB, actor="x", client="c", transport="t", connection="1", task="k", claimed=True),
        )  # fmt: skip
        ledger = self.open(tmp_path)
        (key,) = self.add(ledger, record)
        ledger.close()
        again = self.open(tmp_path)
        with again.snapshot() as snapshot:
            assert snapshot.find([record.id]) == {record.id: (key, record)}
        again.close()

    def test_a_failed_transaction_leaves_nothing(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        record = make_record("never")
        try:
            with ledger.transaction() as transaction:
                transaction.append(record, embedder_id=self.embedder.id, vector=None)
                raise RuntimeError("stop")
        except RuntimeError:
            pass
        with ledger.snapshot() as snapshot:
            assert snapshot.count() == 0
            assert snapshot.last_seq() == 0
            assert snapshot.lexical(["never"], _HERE, limit=5) == []
        ledger.close()

    def test_what_was_foreseen_is_answered_as_it_is_now(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        old, new, other = (make_record(f"the red cat sat on floor {floor}") for floor in (1, 1, 2))
        (key,) = self.add(ledger, old)
        with ledger.transaction() as transaction:
            transaction.foresee([new, other], limit=6, any_kind=False)
            assert [found for found, _ in transaction.twins(new)] == [key]
            transaction.confirm(key, at=_LATER, origin=Origin(), detail={})
            ((_, twin),) = transaction.twins(new)
            assert twin.confirmations == 1
            added = transaction.append(new, embedder_id=self.embedder.id, vector=None)
            assert [found.key for found in transaction.neighbours(other, limit=6)] == [added, key]
            transaction.supersede(added, by=old.id, at=_LATER, valid_to=_LATER, origin=Origin())
            assert [found for found, _ in transaction.twins(new)] == [key]
            statuses = [found.status for found in transaction.neighbours(other, limit=6)]
            assert statuses == [Status.SUPERSEDED, Status.ACTIVE]
        ledger.close()

    def test_memories_that_are_asked_for_come_in_the_order_of_writing_whatever_has_changed(
        self, tmp_path: Path
    ) -> None:
        ledger = self.open(tmp_path)
        records = [make_record(text) for text in ("one", "two", "three")]
        keys = self.add(ledger, *records)
        for key in keys[1::-1]:
            with ledger.transaction() as transaction:
                transaction.confirm(key, at=_LATER, origin=Origin(), detail={})
        with ledger.snapshot() as snapshot:
            assert list(snapshot.records(keys[::-1])) == keys
            assert [key for key, _ in snapshot.find([record.id for record in records[::-1]]).values()] == keys
        ledger.close()

    def test_the_links_of_any_number_of_memories_are_read(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        first, second = make_record("one"), make_record("two")
        self.add(ledger, first, second)
        link = Link(source=first.id, target=second.id, relation=Relation.RELATED, score=0.5)
        with ledger.transaction() as transaction:
            transaction.link(link)
        others = [MemoryId(f"m{number:015d}") for number in range(130_000)]
        with ledger.snapshot() as snapshot:
            assert snapshot.links([first.id, *others, second.id]) == [link]
        ledger.close()

    def test_every_change_enters_the_feed_once_with_a_higher_number(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        first, second = make_record("one"), make_record("two")
        keys = self.add(ledger, first, second)
        with ledger.snapshot() as snapshot:
            rows = snapshot.feed(self.embedder.id, _first(snapshot), after=0, limit=10)
            seen = snapshot.last_seq()
        assert [row.key for row in rows] == keys
        assert [row.seq for row in rows] == sorted({row.seq for row in rows})
        with ledger.snapshot() as snapshot:
            sizes = [snapshot.feed_size(_first(snapshot), after=after) for after in (0, rows[0].seq, seen)]
        assert sizes == [2, 1, 0]
        with ledger.transaction() as transaction:
            transaction.set_status(
                keys[0], Status.ARCHIVED, action=Action.ARCHIVED, at=_LATER, origin=Origin(), detail={}
            )
        with ledger.snapshot() as snapshot:
            (row,) = snapshot.feed(self.embedder.id, _first(snapshot), after=seen, limit=10)
        assert (row.key, row.recallable) == (keys[0], False)
        ledger.close()

    def test_words_are_found_stemmed_and_only_in_their_namespace(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        running, other = make_record("She was running home"), make_record("running", namespace=("test", "deeper"))
        key, other_key = self.add(ledger, running, other)
        with ledger.snapshot() as snapshot:
            assert [hit.key for hit in snapshot.lexical(["runs"], _HERE, limit=5)] == [key]
            below = MemoryFilter(namespace=("test",), subtree=True)
            assert {hit.key for hit in snapshot.lexical(["runs"], below, limit=5)} == {key, other_key}
            assert snapshot.postings(["runs", "unheard", "home"], _HERE, limit=5) == {
                "runs": [key], "unheard": [], "home": [key],
            }  # fmt: skip
            assert set(snapshot.postings(["runs"], below, limit=2)["runs"]) == {key, other_key}
            assert snapshot.postings(["runs", "home"], below, limit=1) == {"home": [key]}
            assert snapshot.postings([], _HERE, limit=5) == {}
            assert snapshot.occurs("runs", _HERE)
            assert not snapshot.occurs("unheard", _HERE)
            assert not snapshot.occurs("runs", MemoryFilter(namespace=("elsewhere",)))
        ledger.close()

    def test_superseding_bounds_the_old_version_in_time(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        old = make_record("the code is 1")
        (key,) = self.add(ledger, old)
        new = make_record("the code is 2", supersedes=old.id, recorded_at=_LATER, valid_from=_LATER)
        self.add(ledger, new)
        with ledger.transaction() as transaction:
            transaction.supersede(key, by=new.id, at=_LATER, valid_to=_LATER, origin=Origin())
        with ledger.snapshot() as snapshot:
            assert [record.id for record in snapshot.chain(new.id)] == [old.id, new.id]
            assert snapshot.chain(old.id) == snapshot.chain(new.id)
            assert snapshot.find([old.id])[old.id][1].status is Status.SUPERSEDED
            assert [record.id for _, record in snapshot.select(_HERE, limit=5)] == [new.id]
            before = MemoryFilter(namespace=("test",), as_of=_LATER - timedelta(days=1))
            assert [record.id for _, record in snapshot.select(before, limit=5)] == [old.id]
            known = MemoryFilter(namespace=("test",), known_at=_LATER - timedelta(days=1))
            assert [record.id for _, record in snapshot.select(known, limit=5)] == [old.id]
            (event,) = snapshot.events([old.id])
            assert event.action is Action.SUPERSEDED
        ledger.close()

    def test_erasing_destroys_all_but_a_receipt(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        doomed, kept = make_record("the secret word is swordfish"), make_record("kept")
        key, _ = self.add(ledger, doomed, kept)
        with ledger.transaction() as transaction:
            transaction.confirm(key, at=_LATER, origin=Origin(), detail={})
            transaction.link(Link(source=kept.id, target=doomed.id, relation=Relation.EVIDENCE))
            transaction.erase([doomed.id], at=_LATER)
        with ledger.snapshot() as snapshot:
            assert snapshot.find([doomed.id]) == {}
            assert snapshot.lexical(["swordfish"], _HERE, limit=5) == []
            assert snapshot.vectors(self.embedder.id, [key]) == {}
            assert snapshot.events([doomed.id]) == []
            assert snapshot.links([kept.id]) == []
            assert snapshot.erasures() == [Erasure(memory_id=doomed.id, namespace=("test",), erased_at=_LATER)]
            assert [
                row.erased
                for row in snapshot.feed(self.embedder.id, _first(snapshot), after=0, limit=9)
                if row.key == key
            ] == [True]
        assert all(finding.ok for finding in ledger.diagnose(self.embedder.id)), ledger.diagnose(self.embedder.id)
        ledger.close()

    def test_filters_join_by_and(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        web = Origin(channel=Channel.WEB)
        records = [
            make_record("a", tags=("x", "y"), session="s1", source="here", origin=web),
            make_record("b", tags=("x",), session="s1"),
            make_record("c", tags=("x_y",), occurred_at=_LATER),
        ]
        first, *later = self.add(ledger, *records)

        def texts(**conditions: Any) -> set[str]:
            with ledger.snapshot() as snapshot:
                filter = MemoryFilter(namespace=("test",), **conditions)
                found = snapshot.select(filter, limit=9)
                keys = snapshot.matching_keys(filter)
                some = snapshot.matching_keys(filter, among=[*later, RowKey(1_000)])
            assert sorted(key for key, _ in found) == keys.tolist()
            assert some.tolist() == [key for key in keys.tolist() if key != first]
            return {record.text for _, record in found}

        assert texts(tags=("x",)) == {"a", "b"}
        assert texts(tags=("x", "y")) == {"a"}
        assert texts(session="s1", channels=(Channel.WEB,)) == {"a"}
        assert texts(source="here") == {"a"}
        assert texts(since=_LATER) == {"c"}
        assert texts(until=_LATER) == {"a", "b"}
        assert texts(kinds=(records[0].kind,), tags=("none",)) == set()
        ledger.close()

    def test_vectors_that_come_later_re_enter_the_feed(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        record = make_record("later")
        with ledger.transaction() as transaction:
            key = transaction.append(record, embedder_id=self.embedder.id, vector=None)
        with ledger.snapshot() as snapshot:
            seen = snapshot.last_seq()
            assert [row.vector for row in snapshot.feed(self.embedder.id, _first(snapshot), after=0, limit=9)] == [None]
            assert snapshot.texts_without_vector(self.embedder.id, limit=9) == [(key, record)]
        vector = self.embedder.embed([record.text])[0].tobytes()
        with ledger.transaction() as transaction:
            transaction.put_vectors(self.embedder.id, [(key, vector), (RowKey(999), vector)])
        with ledger.snapshot() as snapshot:
            assert [row.vector for row in snapshot.feed(self.embedder.id, _first(snapshot), after=seen, limit=9)] == [
                vector
            ]
            assert snapshot.texts_without_vector(self.embedder.id, limit=9) == []
        assert all(finding.ok for finding in ledger.diagnose(self.embedder.id))
        ledger.close()

    def test_an_index_that_was_told_to_start_anew_does_not_come_back(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        whole, followed = IndexState(generation="g1", seq=0), IndexState(generation="g1", seq=7)
        with ledger.transaction() as transaction:
            assert transaction.set_index_state("chroma", WHOLE_INDEX, whole)
            assert transaction.set_index_state("chroma", 1, followed, instead_of="g1")
        with ledger.snapshot() as snapshot:
            assert snapshot.index_state("chroma", 1) == followed
            assert snapshot.index_names() == ["chroma"]
        with ledger.transaction() as transaction:
            transaction.forget_index_states()
        with ledger.transaction() as transaction:
            assert not transaction.set_index_state("chroma", 1, followed, instead_of="g1")
        with ledger.snapshot() as snapshot:
            assert snapshot.index_state("chroma", 1) is None
            assert snapshot.index_state("chroma", WHOLE_INDEX) == IndexState(generation=FORGOTTEN, seq=0)
        with ledger.transaction() as transaction:
            transaction.drop_index_states("chroma")
        with ledger.snapshot() as snapshot:
            assert snapshot.index_names() == []
        ledger.close()

    def test_files_count_as_unscrubbed_from_an_erasure_until_they_are_scrubbed(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        record = make_record("secret")
        self.add(ledger, record)
        with ledger.transaction() as transaction:
            transaction.erase([record.id], at=_LATER)
        with ledger.snapshot() as snapshot:
            assert snapshot.is_unscrubbed()
            assert snapshot.erased([record.id]) == {record.id}
            assert snapshot.erasures_of([record.id, MemoryId("m" + "0" * 15)]) == snapshot.erasures()
            assert snapshot.erasures_of([]) == []
        assert ledger.scrub()
        with ledger.snapshot() as snapshot:
            assert not snapshot.is_unscrubbed()
        ledger.close()

    def test_new_tags_can_be_searched_and_old_ones_cannot(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        (key,) = self.add(ledger, make_record("plain", tags=("before",)))
        with ledger.transaction() as transaction:
            transaction.set_tags(key, ("after",))
        with ledger.snapshot() as snapshot:
            assert snapshot.records([key])[key].tags == ("after",)
            assert snapshot.lexical(["before"], _HERE, limit=5) == []
            assert [hit.key for hit in snapshot.lexical(["after"], _HERE, limit=5)] == [key]
        assert all(finding.ok for finding in ledger.diagnose(self.embedder.id))
        ledger.close()

    def test_asking_what_was_known_then_ignores_what_was_learnt_later(self, tmp_path: Path) -> None:
        """The move to Lisbon in 2022 was only learnt in June 2026: until then Porto was believed true for 2023."""
        ledger = self.open(tmp_path)
        porto = make_record("Ana lives in Porto", valid_from=datetime(2020, 1, 1, tzinfo=UTC))
        moved = datetime(2022, 1, 1, tzinfo=UTC)
        (key,) = self.add(ledger, porto)
        lisbon = make_record("Ana lives in Lisbon", supersedes=porto.id, recorded_at=_LATER, valid_from=moved)
        self.add(ledger, lisbon)
        with ledger.transaction() as transaction:
            transaction.supersede(key, by=lisbon.id, at=_LATER, valid_to=moved, origin=Origin())

        def answer(as_of: int, known_at: datetime) -> list[str]:
            then = datetime(as_of, 6, 1, tzinfo=UTC)
            with ledger.snapshot() as snapshot:
                filter = MemoryFilter(namespace=("test",), as_of=then, known_at=known_at)
                return [record.text for _, record in snapshot.select(filter, limit=5)]

        before, after = _LATER - timedelta(days=1), _LATER + timedelta(days=1)
        assert answer(2023, before) == ["Ana lives in Porto"]
        assert answer(2023, after) == ["Ana lives in Lisbon"]
        assert answer(2021, before) == answer(2021, after) == ["Ana lives in Porto"]
        ledger.close()

    def test_a_snapshot_does_not_see_what_is_written_after_it(self, tmp_path: Path) -> None:
        ledger = self.open(tmp_path)
        other = self.open(tmp_path)
        self.add(ledger, make_record("before"))
        with ledger.snapshot() as snapshot:
            assert snapshot.count() == 1
            self.add(other, make_record("after"))
            assert snapshot.count() == 1
        with ledger.snapshot() as snapshot:
            assert snapshot.count() == 2
        ledger.close()
        other.close()
