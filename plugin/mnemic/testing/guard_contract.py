"""What a ledger has to keep for the guard."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mnemic.domain.lesson import Lesson, LessonId, LessonStatus
from mnemic.domain.marks import AuditEntry, GuardAction, Marks, Review, Screened, Taint
from mnemic.domain.memory import Action, MemoryId, Namespace, RowKey, Status
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.verdict import Finding
from mnemic.protocols import Ledger
from mnemic.testing.fakes import make_record

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_LATER = _NOW + timedelta(days=1)
_ID = MemoryId("m" + "0" * 15)


class GuardContract:
    """Tests for any `mnemic.protocols.Ledger`. Subclass it and implement `make_ledger`; pytest runs the rest."""

    def make_ledger(self, folder: Path) -> Ledger:
        """A new ledger in an empty folder."""
        raise NotImplementedError

    def test_marks_come_back_as_they_were_put(self, tmp_path: Path) -> None:
        marks = Marks(
            taints=(Taint(Channel.AGENT), Taint(Channel.WEB), Taint(Channel.USER, True)),
            screened=Screened.FULLY,
            findings=(Finding(rule="a", reason="b", spans=((0, 2), (3, 4)), detail="c"),),
            directives=((1, 3),), path={"w": ["x"], "e": []}, effects=("delete",), english=False,
            review=Review.RELEASED, source=7,
        )  # fmt: skip
        ledger, (key, other) = self._ledger(tmp_path, "one", "two")
        with ledger.snapshot() as snapshot:
            assert snapshot.marks([key])[key] == Marks(taints=(Taint(Channel.AGENT),))
            assert [entry[0] for entry in snapshot.unscreened(limit=10)] == [key, other]
        with ledger.transaction() as transaction:
            transaction.put_marks(key, marks, at=_NOW)
            transaction.put_marks(other, Marks(taints=(Taint(Channel.AGENT),), screened=Screened.BRIEFLY), at=_NOW)
        with ledger.snapshot() as snapshot:
            assert snapshot.marks([key, other])[key] == marks
            assert snapshot.unscreened(limit=10) == []
            assert snapshot.has_untrusted()
            assert snapshot.tainted([key, other]) == {key}
            assert snapshot.written_by(7, since=_NOW) == 1
            assert snapshot.written_by(7, since=_LATER) == snapshot.written_by(8, since=_NOW) == 0
        with ledger.transaction() as transaction:
            transaction.put_marks(key, replace(marks, review=Review.VOUCHED), at=_NOW)
        with ledger.snapshot() as snapshot:
            assert snapshot.tainted([key]) == set()
        ledger.close()

    def test_what_waits_for_a_decision_is_named_latest_first_and_without_what_was_rejected(
        self, tmp_path: Path
    ) -> None:
        ledger, keys = self._ledger(tmp_path, "one", "two", "three", "four")
        with ledger.transaction() as transaction:
            for key in keys[:3]:
                transaction.set_status(
                    key, Status.QUARANTINED, action=Action.QUARANTINED, at=_NOW, detail={},
                    origin=Origin(channel=Channel.WEB),
                )  # fmt: skip
            transaction.put_marks(keys[1], Marks(taints=(Taint(Channel.WEB),), review=Review.REJECTED), at=_NOW)
            transaction.put_marks(keys[2], Marks(taints=(Taint(Channel.WEB),), source=7), at=_NOW)
        with ledger.snapshot() as snapshot:
            (namespace,) = {record.namespace for record in snapshot.records(keys).values()}
            assert snapshot.undecided(namespace, limit=9) == [keys[2], keys[0]]
            assert snapshot.undecided(namespace, limit=1) == [keys[2]]
            assert snapshot.undecided(namespace, limit=9, before=keys[1]) == [keys[0]]
            assert snapshot.undecided((), limit=9, subtree=True) == [keys[2], keys[0]]
            assert snapshot.undecided((), limit=9) == snapshot.undecided(("elsewhere",), limit=9, subtree=True) == []
        ledger.close()

    def test_a_lesson_is_kept_once_in_its_namespace_and_lives_longer_when_it_is_learnt_again(
        self, tmp_path: Path
    ) -> None:
        ledger, _ = self._ledger(tmp_path)
        first = _lesson(("a",))
        with ledger.transaction() as transaction:
            assert transaction.put_lesson(first)
            assert not transaction.put_lesson(replace(first, id=LessonId("l2"), expires_at=_LATER))
            assert transaction.put_lesson(replace(first, id=LessonId("l3"), namespace=("b",)))
            transaction.hit_lessons([first.id], at=_NOW)
        with ledger.snapshot() as snapshot:
            (kept,) = snapshot.lessons(("a",))
            assert kept == replace(first, expires_at=_LATER, hits=1, last_hit_at=_NOW)
            assert [lesson.id for lesson in snapshot.lessons(("b",))] == ["l3"]
            assert snapshot.lessons(("c",)) == []
        with ledger.transaction() as transaction:
            transaction.replace_lesson(replace(kept, status=LessonStatus.RELEASED))
            assert not transaction.put_lesson(first), "what was released stays so, however often it is learnt again"
        with ledger.snapshot() as snapshot:
            assert snapshot.lessons(("a",))[0].status is LessonStatus.RELEASED
        ledger.close()

    def test_erasing_a_memory_erases_what_the_guard_knew_and_learnt(self, tmp_path: Path) -> None:
        ledger, (key,) = self._ledger(tmp_path, "one")
        with ledger.transaction() as transaction:
            record = transaction.records([key])[key]
            transaction.put_lesson(replace(_lesson(("n",)), source=record.id))
            transaction.put_marks(key, Marks(taints=(Taint(Channel.WEB),), source=3), at=_NOW)
            transaction.expose("c", [key], at=_NOW)
            transaction.reject(key, 1, at=_NOW)
            transaction.erase([record.id], at=_NOW)
        with ledger.snapshot() as snapshot:
            assert snapshot.exposures("c", since=_NOW) == []
            assert snapshot.rejections(key) == 0
            assert not snapshot.has_untrusted()
            assert snapshot.lessons(("n",)) == []
        ledger.close()

    def test_exposures_are_by_context_and_rejections_by_question(self, tmp_path: Path) -> None:
        ledger, (one, two) = self._ledger(tmp_path, "one", "two")
        with ledger.transaction() as transaction:
            transaction.expose("a", [one], at=_NOW)
            transaction.expose("a", [two], at=_LATER)
            transaction.expose("a", [one], at=_NOW)
            for question in (1, 1, 2):
                transaction.reject(one, question, at=_NOW)
        with ledger.snapshot() as snapshot:
            assert snapshot.exposures("a", since=_NOW) == [(two, _LATER), (one, _NOW)]
            assert snapshot.exposures("a", since=_LATER) == [(two, _LATER)]
            assert snapshot.exposures("b", since=_NOW) == []
        with ledger.transaction() as transaction:
            transaction.forget_exposures(before=_LATER)
            assert transaction.exposures("a", since=_NOW) == [(two, _LATER)]
            assert (snapshot.rejections(one), snapshot.rejections(two)) == (2, 0)
        ledger.close()

    def test_the_log_is_numbered_chained_and_read_by_namespace_and_memory(self, tmp_path: Path) -> None:
        ledger, _ = self._ledger(tmp_path)
        with ledger.transaction() as transaction:
            for namespace, memory in ((("a",), None), (("b",), _ID), (("a",), _ID)):
                entry = AuditEntry(
                    number=0, at=_NOW, namespace=namespace, action=GuardAction.RELEASED, memory_id=memory,
                    origin=Origin(), policy="p", detail={"x": 1},
                )  # fmt: skip
                transaction.append_audit(entry)
        with ledger.snapshot() as snapshot:
            entries = snapshot.audit()
            assert [entry.number for entry in entries] == [3, 2, 1]
            assert len({entry.hash for entry in entries}) == 3
            assert [entry.number for entry in snapshot.audit(namespace=("a",))] == [3, 1]
            assert [entry.number for entry in snapshot.audit(before=3, limit=1)] == [2]
            assert [entry.number for entry in snapshot.audit(memory=_ID)] == [3, 2]
            assert [entry.number for entry in snapshot.audit(namespace=("b",), memory=_ID)] == [2]
            assert [entry.number for entry in snapshot.audit(namespace=("a",), before=3)] == [1]
            assert snapshot.audit(namespace=("nobody",)) == []
            assert entries[0].detail == {"x": 1}
        ledger.close()

    def _ledger(self, folder: Path, *texts: str) -> tuple[Ledger, list[RowKey]]:
        ledger = self.make_ledger(folder)
        ledger.register_embedder("e", 2)
        with ledger.transaction() as transaction:
            keys = [
                transaction.append(make_record(text, namespace=("n",)), embedder_id="e", vector=None) for text in texts
            ]
        return ledger, keys


def _lesson(namespace: Namespace) -> Lesson:
    return Lesson(
        id=LessonId("l1"), namespace=namespace, trigger_text="t", bad_edges=frozenset({("a", "then", "b")}),
        path_text="p", query="q", source=None, fingerprint=5, created_at=_NOW, expires_at=_NOW,
    )  # fmt: skip
