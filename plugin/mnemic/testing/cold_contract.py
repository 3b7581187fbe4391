"""What a ledger does with memories that are archived and left alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mnemic.domain.learning.facets import Facets
from mnemic.domain.learning.utility import Utility
from mnemic.domain.memory import Action, Kind, MemoryRecord, RowKey, Status
from mnemic.domain.passages import passages
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols import Ledger, LedgerSnapshot
from mnemic.testing.fakes import WordEmbedder, make_record

_THEN = datetime(2026, 1, 1, tzinfo=UTC)
_LATER = _THEN + timedelta(days=30)
_NOW = _THEN + timedelta(days=100)
_HERE = MemoryFilter(namespace=("test",))
_ANY = MemoryFilter(namespace=("test",), statuses=tuple(Status))
_OTHER = "another-embedder"
_LONG = " ".join(f"In chapter {at} the keeper counts {at * 31} lamps and writes them down." for at in range(60))
_TEXTS = ("a kettle of copper", "a kettle of tin", "the violin is in the attic", _LONG)


class ColdContract:
    """Tests for any `mnemic.protocols.Ledger`. Subclass it and implement `make_ledger`; pytest runs the rest."""

    _embeds = WordEmbedder()

    def make_ledger(self, folder: Path) -> Ledger:
        """A new ledger in an empty folder; called again with the same folder, the same ledger."""
        raise NotImplementedError

    def test_only_what_is_archived_and_untouched_becomes_cold(self, tmp_path: Path) -> None:
        names = ("active", "superseded", "quarantined", "archived", "confirmed later", "used later", "archived later")
        ledger, keys = self._laid_down(tmp_path, *map(make_record, names))
        active, superseded, quarantined, archived, confirmed, used, late = keys
        with ledger.transaction() as transaction:
            for key, status, at in (
                (quarantined, Status.QUARANTINED, _THEN), (archived, Status.ARCHIVED, _THEN),
                (confirmed, Status.ARCHIVED, _THEN), (used, Status.ARCHIVED, _THEN), (late, Status.ARCHIVED, _LATER),
            ):  # fmt: skip
                _set(transaction, key, status, at=at)
            record = transaction.records([active])[active]
            transaction.supersede(superseded, by=record.id, at=_THEN, valid_to=_THEN, origin=Origin())
            transaction.confirm(confirmed, at=_LATER, origin=Origin(), detail={})
            transaction.put_utilities({used: Utility(last_used_at=_LATER)})
            assert transaction.coolable(untouched_since=_LATER, limit=10) == [archived]
            assert transaction.coolable(untouched_since=_THEN, limit=10) == []
            assert transaction.coolable(untouched_since=_NOW, limit=10) == [archived, confirmed, used, late]
            assert transaction.coolable(untouched_since=_NOW, limit=2) == [archived, confirmed]
            assert transaction.coolable(untouched_since=_NOW, limit=10, after=confirmed) == [used, late]
            assert transaction.cool(keys, untouched_since=_LATER) == [archived]
        with ledger.snapshot() as snapshot:
            assert snapshot.cold(keys) == {archived}
            assert snapshot.count_cold() == 1
            assert snapshot.coolable(untouched_since=_NOW, limit=10) == [confirmed, used, late]
        ledger.close()

    def test_a_cold_memory_keeps_what_was_said_and_loses_what_can_be_derived(self, tmp_path: Path) -> None:
        ledger, keys = self._with_everything(tmp_path)
        before = self._readable(ledger, keys)
        self._made_cold(ledger, keys[1:])
        with ledger.snapshot() as snapshot:
            assert self._readable(ledger, keys) == before
            for embedder in (self._embeds.id, _OTHER):
                assert list(snapshot.vectors(embedder, keys)) == keys[:1]
                assert snapshot.texts_without_vector(embedder, limit=10) == []
                assert snapshot.facets_without_vector(embedder, limit=10) == []
                assert snapshot.facet_vectors(embedder, keys) == {}
            assert snapshot.without_passages(self._embeds.id, limit=10) == []
            namespace = snapshot.namespace_key(("test",))
            assert namespace is not None
            assert [row.vector for row in snapshot.passage_feed(self._embeds.id, namespace, after=0, limit=9)] == [None]
        self._sound(ledger)
        ledger.close()

    def test_a_cold_memory_is_listed_and_counted_but_not_searched(self, tmp_path: Path) -> None:
        ledger, keys = self._with_everything(tmp_path)
        with ledger.snapshot() as snapshot:
            assert {hit.key for hit in snapshot.lexical(["kettle"], _ANY, limit=9)} == set(keys[:2])
        self._made_cold(ledger, keys[1:])
        with ledger.snapshot() as snapshot:
            assert {hit.key for hit in snapshot.lexical(["kettle"], _ANY, limit=9)} == {keys[0]}
            assert snapshot.postings(["kettle", "violin"], _ANY, limit=9) == {"kettle": [keys[0]], "violin": []}
            assert not snapshot.occurs("violin", _ANY)
            assert snapshot.lexical_passages(["lamps"], _ANY, limit=9) == []
            assert [key for key, _ in snapshot.select(_ANY, limit=9)] == keys[::-1]
            assert snapshot.count(_ANY) == len(keys)
        ledger.close()

    def test_what_is_not_cold_scores_as_before(self, tmp_path: Path) -> None:
        ledger, keys = self._with_everything(tmp_path)
        words = ["kettle", "copper", "violin", "attic", "lamps", "keeper", "tea"]

        def told(snapshot: LedgerSnapshot) -> object:
            return (
                snapshot.document_counts(words), snapshot.average_length(), snapshot.count(), snapshot.telling(words),
                snapshot.lexical(words, _HERE, limit=9), snapshot.lexical_passages(words, _HERE, limit=9),
                snapshot.large_namespaces(len(keys)),
            )  # fmt: skip

        with ledger.snapshot() as snapshot:
            before = told(snapshot)
        self._made_cold(ledger, keys[1:])
        with ledger.snapshot() as snapshot:
            assert told(snapshot) == before
        self._sound(ledger)
        ledger.close()

    def test_what_comes_back_is_searched_as_ever_and_embedded_by_every_embedder(self, tmp_path: Path) -> None:
        ledger, keys = self._with_everything(tmp_path)
        self._put_away(ledger, keys[1:], restored=True)
        with ledger.snapshot() as snapshot:
            words = ["kettle", "tin", "violin", "lamps"]
            before = snapshot.lexical(words, _HERE, limit=9), snapshot.lexical_passages(words, _HERE, limit=9)
            spans = snapshot.passages(keys)
        self._put_away(ledger, keys[1:])
        self._made_cold(ledger, keys[1:])
        self._put_away(ledger, keys[1:], restored=True)
        with ledger.snapshot() as snapshot:
            found = snapshot.lexical(words, _HERE, limit=9), snapshot.lexical_passages(words, _HERE, limit=9)
            assert found == before
            assert snapshot.passages(keys) == spans
            assert snapshot.cold(keys) == set()
            newest = keys[-1]
            for embedder in (self._embeds.id, _OTHER):
                # However far the housekeeper of another process has looked.
                missing = snapshot.texts_without_vector(embedder, limit=10, after=newest)
                assert [key for key, _ in missing] == keys[1:]
                assert [key for key, _, _ in snapshot.facets_without_vector(embedder, limit=10)] == [keys[2]]
                assert [key for key, _ in snapshot.without_passages(embedder, limit=10)] == [keys[3]]
        with ledger.transaction() as transaction:
            transaction.put_vectors(_OTHER, [(key, b"\0" * 4) for key in keys[1:3]])
            assert [key for key, _ in transaction.texts_without_vector(_OTHER, limit=10, after=newest)] == keys[3:]
        ledger.close()

    def test_a_plan_that_is_taken_back_brings_its_memories_back_from_the_cold(self, tmp_path: Path) -> None:
        from mnemic.domain.learning.plan import PlanId

        ledger, keys = self._laid_down(tmp_path, make_record("a lamp of brass"))
        with ledger.transaction() as transaction:
            transaction.set_status(
                keys[0], Status.ARCHIVED, action=Action.ARCHIVED, at=_THEN, origin=Origin(), detail={"plan": "p1"}
            )
        self._made_cold(ledger, keys)
        with ledger.transaction() as transaction:
            (record,) = transaction.records(keys).values()
            assert transaction.unarchive(PlanId("p1"), [record.id]) == [record.id]
        with ledger.snapshot() as snapshot:
            assert [hit.key for hit in snapshot.lexical(["brass"], _HERE, limit=9)] == keys
            assert [key for key, _ in snapshot.texts_without_vector(self._embeds.id, limit=9)] == keys
        ledger.close()

    def test_what_was_computed_for_a_memory_that_has_become_cold_is_not_kept(self, tmp_path: Path) -> None:
        ledger, keys = self._with_everything(tmp_path)
        self._made_cold(ledger, keys[1:])
        with ledger.transaction() as transaction:
            vector = self._embeds.embed(["x"])[0].tobytes()
            for key in keys[1:]:
                transaction.put_vectors(self._embeds.id, [(key, vector)])
                transaction.put_facet_vectors(self._embeds.id, key, {"content": vector})
                transaction.put_passages(key, passages(_LONG), embedder_id=self._embeds.id, vectors=None)
        with ledger.snapshot() as snapshot:
            assert list(snapshot.vectors(self._embeds.id, keys)) == keys[:1]
            assert snapshot.facet_vectors(self._embeds.id, keys) == {}
        self._sound(ledger)
        ledger.close()

    def test_a_long_text_that_nobody_has_cut_is_cut_when_it_comes_back(self, tmp_path: Path) -> None:
        ledger, keys = self._laid_down(tmp_path, make_record(_LONG))
        self._put_away(ledger, keys)
        self._made_cold(ledger, keys)
        with ledger.snapshot() as snapshot:
            assert snapshot.without_passages(self._embeds.id, limit=9) == []
        self._sound(ledger)
        self._put_away(ledger, keys, restored=True)
        with ledger.snapshot() as snapshot:
            assert [key for key, _ in snapshot.without_passages(self._embeds.id, limit=9)] == keys
        ledger.close()

    def test_others_hear_of_it_through_the_feed(self, tmp_path: Path) -> None:
        ledger, keys = self._with_everything(tmp_path)
        with ledger.snapshot() as snapshot:
            seen, namespace = snapshot.last_seq(), snapshot.namespace_key(("test",))
            assert namespace is not None
        self._made_cold(ledger, keys[1:])
        with ledger.snapshot() as snapshot:
            rows = snapshot.feed(self._embeds.id, namespace, after=seen, limit=9)
            assert [(row.key, row.recallable, row.erased, row.vector) for row in rows] == [
                (key, False, False, None) for key in keys[1:]
            ]
            assert [row.key for row in snapshot.turns(namespace, after=seen, limit=9)] == keys[1:]
        ledger.close()

    def test_a_cold_memory_meets_its_copies_and_can_be_tagged_and_erased(self, tmp_path: Path) -> None:
        ledger, keys = self._with_everything(tmp_path)
        self._made_cold(ledger, keys[1:])
        copy = make_record("a kettle of tin")
        with ledger.transaction() as transaction:
            near = {neighbour.key: neighbour.status for neighbour in transaction.neighbours(copy, limit=9)}
            assert near[keys[1]] is Status.ARCHIVED
            assert transaction.twins(copy) == []
            transaction.set_tags(keys[1], ["tinware"])
            assert transaction.document_counts(["tinware"]) == [1]
            assert not transaction.occurs("tinware", _ANY)
        self._sound(ledger)
        with ledger.transaction() as transaction:
            records = transaction.records(keys[1:])
            transaction.erase([record.id for record in records.values()], at=_NOW)
        with ledger.snapshot() as snapshot:
            assert snapshot.document_counts(["tinware", "violin", "lamps", "kettle"]) == [0, 0, 0, 1]
            assert snapshot.count() == 1
        self._sound(ledger)
        ledger.close()

    def test_the_full_text_is_built_anew_without_what_is_cold(self, tmp_path: Path) -> None:
        ledger, keys = self._with_everything(tmp_path)
        self._made_cold(ledger, keys[1:])
        with ledger.snapshot() as snapshot:
            before = snapshot.document_counts(["kettle", "violin"]), snapshot.average_length()
        self.lose_words(ledger)
        assert not all(check.ok for check in ledger.diagnose(self._embeds.id))
        assert "rebuilt the full text" in ledger.repair()
        self._sound(ledger)
        with ledger.snapshot() as snapshot:
            assert (snapshot.document_counts(["kettle", "violin"]), snapshot.average_length()) == before
            assert not snapshot.occurs("violin", _ANY)
        ledger.close()

    def lose_words(self, ledger: Ledger) -> None:
        """Damage the full text as a test of `repair`: the words of one memory that is not cold are gone."""
        raise NotImplementedError

    def _laid_down(self, folder: Path, *records: MemoryRecord) -> tuple[Ledger, list[RowKey]]:
        ledger = self.make_ledger(folder)
        for id in (self._embeds.id, _OTHER):
            ledger.register_embedder(id, self._embeds.dimensions if id == self._embeds.id else 1)
        vectors = self._embeds.embed([record.text for record in records])
        with ledger.transaction() as transaction:
            keys = [
                transaction.append(record, embedder_id=self._embeds.id, vector=vector.tobytes())
                for record, vector in zip(records, vectors, strict=True)
            ]
            transaction.put_vectors(_OTHER, [(key, b"\0" * 4) for key in keys])
        return ledger, keys

    def _with_everything(self, folder: Path) -> tuple[Ledger, list[RowKey]]:
        """Four memories with vectors of two embedders: the third is an experience, the last is long. All but the first are
        archived.
        """
        kinds = (Kind.SEMANTIC, Kind.SEMANTIC, Kind.PROCEDURAL, Kind.SEMANTIC)
        ledger, keys = self._laid_down(
            folder, *(make_record(text, kind=kind) for text, kind in zip(_TEXTS, kinds, strict=True))
        )
        spans = passages(_LONG)
        matrix = self._embeds.embed([_LONG[span.start : span.end] for span in spans])
        vector = self._embeds.embed(["attic"])[0].tobytes()
        with ledger.transaction() as transaction:
            transaction.put_passages(keys[3], spans, embedder_id=self._embeds.id, vectors=matrix.tobytes())
            transaction.put_facet_vectors(_OTHER, keys[3], {"passages": b"\0" * 4 * len(spans)})
            transaction.put_facets(keys[2], Facets(generalized_query="where things are"))
            for id, one in ((self._embeds.id, vector), (_OTHER, b"\0" * 4)):
                transaction.put_facet_vectors(id, keys[2], {"content": one})
        self._put_away(ledger, keys[1:])
        return ledger, keys

    def _put_away(self, ledger: Ledger, keys: Sequence[RowKey], *, restored: bool = False) -> None:
        with ledger.transaction() as transaction:
            for key in keys:
                _set(transaction, key, Status.ACTIVE if restored else Status.ARCHIVED, at=_THEN)

    def _made_cold(self, ledger: Ledger, keys: Sequence[RowKey]) -> None:
        with ledger.transaction() as transaction:
            assert transaction.cool(keys, untouched_since=_NOW) == list(keys)
            assert transaction.cool(keys, untouched_since=_NOW) == []

    def _readable(self, ledger: Ledger, keys: Sequence[RowKey]) -> object:
        with ledger.snapshot() as snapshot:
            records = snapshot.records(keys)
            ids = [record.id for record in records.values()]
            return records, snapshot.events(ids), snapshot.facets(keys), snapshot.searched_texts(keys)

    def _sound(self, ledger: Ledger) -> None:
        wrong = [check for check in ledger.diagnose(self._embeds.id) if not check.ok]
        assert wrong == []


def _set(transaction: Any, key: RowKey, status: Status, *, at: datetime) -> None:
    action = Action.RESTORED if status is Status.ACTIVE else Action.ARCHIVED
    transaction.set_status(key, status, action=action, at=at, origin=Origin(), detail={})
