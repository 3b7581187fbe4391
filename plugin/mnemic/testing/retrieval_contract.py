"""What a ledger has to tell ranking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from mnemic.domain.memory import Action, MemoryRecord, Role, RowKey, Status
from mnemic.domain.passages import Span
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols import Ledger, SearchedText
from mnemic.testing.fakes import make_record

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_EMBEDDER = "test-embedder"


class RetrievalContract:
    """Tests for any `mnemic.protocols.Ledger`. Subclass it and implement `make_ledger`; pytest runs the rest."""

    def make_ledger(self, folder: Path) -> Ledger:
        """A new ledger in an empty folder."""
        raise NotImplementedError

    def test_turns_follow_every_change_of_a_namespace(self, tmp_path: Path) -> None:
        said = make_record("hello", session="s", speaker="Ana", occurred_at=_NOW)
        replied = make_record("good day", session="s", role=Role.ASSISTANT, occurred_at=_NOW + timedelta(seconds=1))
        ledger, (first, second) = self._holding(tmp_path, said, replied)
        with ledger.snapshot() as snapshot:
            namespace = snapshot.namespace_key(said.namespace)
            assert namespace is not None
            one, two = snapshot.turns(namespace, after=0, limit=10)
            assert (one.key, one.session, one.speaker, one.role, one.present) == (first, "s", "Ana", None, True)
            assert (two.key, two.speaker, two.role, two.at - one.at) == (second, None, "assistant", 1_000_000)
            assert snapshot.turns(namespace, after=0, limit=1) == [one]
            assert snapshot.turns(namespace, after=one.seq, limit=10) == [two]
        with ledger.transaction() as transaction:
            transaction.set_status(
                first, Status.ARCHIVED, action=Action.ARCHIVED, at=_NOW, origin=said.origin, detail={}
            )
            transaction.erase([replied.id], at=_NOW)
        with ledger.snapshot() as snapshot:
            archived, erased = snapshot.turns(namespace, after=two.seq, limit=10)
            assert (archived.key, archived.present, archived.session) == (first, False, "s")
            assert (erased.key, erased.present, erased.session) == (second, False, None)
        ledger.close()

    def test_a_memory_says_whose_words_it_is(self, tmp_path: Path) -> None:
        records = [
            make_record("hello", speaker="Ana"), make_record("good day", role=Role.ASSISTANT),
            make_record("hi", speaker="Tim", role=Role.USER), make_record("a note"),
        ]  # fmt: skip
        ledger, keys = self._holding(tmp_path, *records)
        with ledger.snapshot() as snapshot:
            said = snapshot.said_by([*keys, RowKey(999)])
        assert said == {keys[0]: ("Ana", None), keys[1]: (None, "assistant"), keys[2]: ("Tim", "user")}
        ledger.close()

    def test_searched_texts_are_what_words_are_sought_in(self, tmp_path: Path) -> None:
        dated = make_record(
            "a party", tags=("fun",), when_to_use="in June", occurred_at=datetime(2023, 5, 7, tzinfo=UTC)
        )
        ledger, (key, plain) = self._holding(tmp_path, dated, make_record("no date"))
        with ledger.snapshot() as snapshot:
            found = snapshot.searched_texts([key, plain, RowKey(999)])
            assert set(found) == {key, plain}
            assert found[key].dated == "7 May 2023"
            assert found[key].rest.split() == ["a", "party", "in", "June", '["fun"]']
            assert found[plain] == SearchedText("", found[plain].rest)
            assert found[plain].rest.startswith("no date")
            assert snapshot.average_length() > 1
            seen = snapshot.last_seq()
            namespace = snapshot.namespace_key(dated.namespace)
        with ledger.transaction() as transaction:
            transaction.set_tags(key, ["grim"])
        with ledger.snapshot() as snapshot:
            assert namespace is not None
            assert [row.key for row in snapshot.turns(namespace, after=seen, limit=10)] == [key]
            assert "grim" in snapshot.searched_texts([key])[key].rest
        ledger.close()

    def test_about_somebody_is_what_they_said_and_what_names_them_in_a_word_of_its_own(self, tmp_path: Path) -> None:
        records = [
            make_record("hello", session="s", speaker="Tim"),
            make_record("Tim was here", session="s", speaker="Ana"),
            make_record("a note that TIM likes tea"),
            make_record("what tim's sister said", session="t", role=Role.USER),
            make_record("Sometimes there is no time for sentiment", session="t", role=Role.USER),
            make_record("intimate"),
        ]
        ledger, keys = self._holding(tmp_path, *records)
        with ledger.snapshot() as snapshot:
            assert snapshot.about("Tim", keys) == {keys[0], keys[2], keys[3]}
            assert snapshot.about("Tim", keys[:1]) == {keys[0]}
        ledger.close()

    def test_a_memory_has_the_moment_when_it_happened_else_when_it_was_recorded(self, tmp_path: Path) -> None:
        happened = make_record("a party", occurred_at=datetime(1970, 1, 2, tzinfo=UTC))
        recorded = make_record("a note")
        ledger, (first, second) = self._holding(tmp_path, happened, recorded)
        with ledger.snapshot() as snapshot:
            moments = snapshot.moments([first, second, RowKey(999)])
        assert set(moments) == {first, second}
        assert moments[first] == 24 * 3_600 * 10**6
        assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moments[second]) == recorded.recorded_at
        ledger.close()

    def test_words_are_counted_in_all_their_forms_as_of_now(self, tmp_path: Path) -> None:
        ledger, _ = self._holding(tmp_path, make_record("she runs"), make_record("running late"))
        with ledger.snapshot() as snapshot:
            assert len(set(snapshot.stems(["runs", "running", "late"]))) == 2
            assert snapshot.document_counts(["run", "late", "never"]) == [2, 1, 0]
            assert snapshot.word_statistics(["run"]) == ([2], 2)
        self._add(ledger, make_record("a late run"))
        with ledger.snapshot() as snapshot:
            assert snapshot.document_counts(["run", "late", "never"]) == [3, 2, 0]
            assert snapshot.word_statistics(["run"]) == ([3], 3)
        ledger.close()

    def test_words_of_a_namespace_are_counted_without_those_of_others(self, tmp_path: Path) -> None:
        ledger, keys = self._holding(tmp_path, make_record("she runs"), make_record("running late"))
        elsewhere = [make_record(f"a late run on day {n}", namespace=("elsewhere",)) for n in range(9)]
        self._add(ledger, *elsewhere)
        asked = ["run", "late", "never", "fun"]

        def counted() -> list[int]:
            with ledger.snapshot() as snapshot:
                own = snapshot.namespace_key(make_record("x").namespace)
                found = snapshot.word_statistics(asked, own)
                assert snapshot.word_statistics(asked, own) == found
            with ledger.snapshot() as snapshot:
                assert snapshot.word_statistics(asked, own) == found, "from what is remembered of the snapshot before"
            assert found.memories == len(keys)
            return found.counts

        assert counted() == [2, 1, 0, 0]
        keys.append(self._add(ledger, make_record("a late run"))[0])
        assert counted() == [3, 2, 0, 0]
        with ledger.transaction() as transaction:
            transaction.set_tags(keys[0], ["fun"])
        assert counted() == [3, 2, 0, 1], "an old memory changed"
        self._add(ledger, make_record("late again", namespace=("elsewhere",)))
        assert counted() == [3, 2, 0, 1]
        with ledger.transaction() as transaction:
            transaction.erase([next(iter(transaction.records([keys[1]]).values())).id], at=_NOW)
        keys.pop(1)
        assert counted() == [2, 1, 0, 1]
        with ledger.snapshot() as snapshot:
            other = snapshot.namespace_key(("elsewhere",))
            whole = snapshot.word_statistics(asked)
            assert whole == ([11, 11, 0, 1], 12)
            assert snapshot.word_statistics(asked, other) == whole, "most of the ledger is as good as all of it"
        ledger.close()

    def test_an_empty_ledger_has_an_average_all_the_same(self, tmp_path: Path) -> None:
        ledger, _ = self._holding(tmp_path)
        with ledger.snapshot() as snapshot:
            assert snapshot.average_length() == 1.0
        ledger.close()

    def test_below_a_namespace_is_found_what_is_there_and_nothing_else(self, tmp_path: Path) -> None:
        places = [("team", "t1"), ("team", "t1", "b"), ("team", "t1", "a", "deep"), ("team", "t10"), ("team",), ("z",)]
        records = [make_record(f"a heron number {at}", namespace=place) for at, place in enumerate(places)]
        ledger, keys = self._holding(tmp_path, *records)
        with ledger.transaction() as transaction:
            for key in keys:
                transaction.put_passages(key, [Span(0, 7)], embedder_id=_EMBEDDER, vectors=None)
            transaction.erase([records[2].id, records[3].id], at=_NOW)
        below = MemoryFilter(namespace=("team", "t1"), subtree=True)
        nowhere = MemoryFilter(namespace=("nowhere",), subtree=True)
        with ledger.snapshot() as snapshot:
            assert snapshot.namespaces(("team", "t1")) == [(("team", "t1"), 1), (("team", "t1", "b"), 1)]
            assert snapshot.namespace_keys(("team", "t1")) == [snapshot.namespace_key(place) for place in places[:2]]
            everywhere = [("team",), ("team", "t1"), ("team", "t1", "b"), ("z",)]
            assert snapshot.namespace_keys(()) == [snapshot.namespace_key(place) for place in everywhere]
            assert {hit.key for hit in snapshot.lexical(["heron"], below, limit=9)} == set(keys[:2])
            assert set(snapshot.postings(["heron"], below, limit=9)["heron"]) == set(keys[:2])
            assert set(snapshot.lexical_passages(["heron"], below, limit=9)) == set(keys[:2])
            assert snapshot.occurs("heron", below) and not snapshot.occurs("walrus", below)
            assert snapshot.matching_keys(below).tolist() == keys[:2] and snapshot.count(below) == 2
            assert [key for key, _ in snapshot.select(below, limit=1)] == [keys[1]]
            assert [key for key, _ in snapshot.select(below, limit=9, before=keys[1])] == [keys[0]]
            assert [key for key, _ in snapshot.select(below, limit=999)] == [keys[1], keys[0]]
            assert [key for key, _ in snapshot.iterate(namespace=("team", "t1"))] == keys[:2]
            assert [one.memory_id for one in snapshot.erasures(namespace=("team", "t1"))] == [records[2].id]
            assert {one.memory_id for one in snapshot.erasures()} == {records[2].id, records[3].id}
            assert snapshot.namespace_keys(("nowhere",)) == [] and snapshot.lexical(["heron"], nowhere, limit=9) == []
            assert [key for key, _ in snapshot.without_passages(_EMBEDDER, limit=9, after=keys[1])] == keys[4:]
        with ledger.transaction() as transaction:
            before = transaction.namespace_keys(("team", "t1"))
            more = make_record("another heron", namespace=("team", "t1", "new"))
            transaction.append(more, embedder_id=_EMBEDDER, vector=None)
            assert len(transaction.namespace_keys(("team", "t1"))) == len(before) + 1
            transaction.erase([more.id], at=_NOW)
            assert transaction.namespace_keys(("team", "t1")) == before
        ledger.close()

    def test_passages_are_kept_searched_and_fed_with_their_memory(self, tmp_path: Path) -> None:
        text = "A walrus sleeps. " * 80 + "The heron fishes. " * 80
        spans = (Span(0, 1359), Span(1360, 2799))
        vectors = np.arange(4, dtype=np.float32).tobytes()
        long = make_record(text)
        ledger, (key, short) = self._holding(tmp_path, long, make_record("a heron"))
        filter = MemoryFilter(namespace=long.namespace)
        with ledger.snapshot() as snapshot:
            namespace = snapshot.namespace_key(long.namespace)
            assert namespace is not None
            assert [found for found, _ in snapshot.without_passages(_EMBEDDER, limit=9)] == [key], "nobody has cut it"
            assert snapshot.with_passages([namespace]) == []
            seen = snapshot.last_seq()
        with ledger.transaction() as transaction:
            transaction.put_passages(key, spans, embedder_id=_EMBEDDER, vectors=None)
            transaction.put_passages(RowKey(999), spans, embedder_id=_EMBEDDER, vectors=vectors)
        with ledger.snapshot() as snapshot:
            assert snapshot.with_passages([namespace, namespace + 1]) == [namespace]
            assert snapshot.passages([key, short, RowKey(999)]) == {key: spans}
            assert snapshot.searched_texts([key])[key].passages == spans
            assert snapshot.lexical_passages(["heron"], filter, limit=5) == [key]
            assert snapshot.lexical_passages(["unicorn"], filter, limit=5) == []
            assert snapshot.lexical_passages([], filter, limit=5) == []
            assert [found for found, _ in snapshot.without_passages(_EMBEDDER, limit=9)] == [key], (
                "nobody has embedded it"
            )
            (row,) = snapshot.passage_feed(_EMBEDDER, namespace, after=seen, limit=9)
            assert (row.key, row.recallable, row.vector) == (key, True, None)
            assert [row.key for row in snapshot.turns(namespace, after=seen, limit=9)] == [key]
        with ledger.transaction() as transaction:
            transaction.put_passages(key, spans, embedder_id=_EMBEDDER, vectors=vectors)
        with ledger.snapshot() as snapshot:
            (row,) = snapshot.passage_feed(_EMBEDDER, namespace, after=seen, limit=9)
            assert row.vector == vectors
            assert snapshot.without_passages(_EMBEDDER, limit=9) == []
            assert not snapshot.facet_vectors(_EMBEDDER, [key]), "they are no scenario's"
            seen = snapshot.last_seq()
        with ledger.transaction() as transaction:
            transaction.erase([long.id], at=_NOW)
        with ledger.snapshot() as snapshot:
            assert snapshot.passages([key]) == {} and snapshot.with_passages([namespace]) == []
            assert snapshot.lexical_passages(["heron"], filter, limit=5) == []
            assert [row.erased for row in snapshot.passage_feed(_EMBEDDER, namespace, after=seen, limit=9)] == [True]
        assert all(
            check.ok for check in ledger.diagnose(_EMBEDDER) if check.check in ("full text", "orphans", "passages")
        )
        ledger.close()

    def test_cutting_anew_forgets_the_old_passages_and_their_vectors(self, tmp_path: Path) -> None:
        ledger, (key,) = self._holding(tmp_path, make_record("A walrus sleeps. " * 100))
        with ledger.transaction() as transaction:
            transaction.put_passages(key, [Span(0, 33), Span(34, 1699)], embedder_id=_EMBEDDER, vectors=b"\0" * 16)
        with ledger.transaction() as transaction:
            transaction.put_passages(key, [Span(0, 1699)], embedder_id="another", vectors=None)
        with ledger.snapshot() as snapshot:
            assert snapshot.passages([key]) == {key: (Span(0, 1699),)}
            assert [found for found, _ in snapshot.without_passages(_EMBEDDER, limit=9)] == [key]
        with ledger.transaction() as transaction:
            transaction.put_passages(key, [], embedder_id=_EMBEDDER, vectors=None)
        with ledger.snapshot() as snapshot:
            assert snapshot.passages([key]) == {} and snapshot.without_passages(_EMBEDDER, limit=9) == []
        ledger.close()

    def _holding(self, folder: Path, *records: MemoryRecord) -> tuple[Ledger, list[RowKey]]:
        ledger = self.make_ledger(folder)
        ledger.register_embedder(_EMBEDDER, 2)
        return ledger, self._add(ledger, *records)

    def _add(self, ledger: Ledger, *records: MemoryRecord) -> list[RowKey]:
        with ledger.transaction() as transaction:
            return [transaction.append(record, embedder_id=_EMBEDDER, vector=None) for record in records]
