"""What a ledger has to keep for learning."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mnemic.domain.learning.facets import CONTENT, WHEN_TO_USE, Facets
from mnemic.domain.learning.outcome import OutcomeId, Tally, TaskOutcome
from mnemic.domain.learning.plan import Plan, PlanId, PlanStatus, PlanStep, StepAction, Upkeep
from mnemic.domain.learning.utility import Utility
from mnemic.domain.memory import Action, Kind, Link, MemoryId, Namespace, Relation, RowKey, Status
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols import Ledger
from mnemic.testing.fakes import make_record

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_SPACE: Namespace = ("test",)
_ORIGIN = Origin(channel=Channel.USER)
_EMBEDDER = "test-embedder"


class LearningContract:
    """Tests for any `mnemic.protocols.Ledger`. Subclass it and implement `make_ledger`; pytest runs the rest."""

    def make_ledger(self, folder: Path) -> Ledger:
        """A new ledger in an empty folder."""
        raise NotImplementedError

    def test_counters_come_back_as_they_were_put(self, tmp_path: Path) -> None:
        ledger, (key, other), _ = self._stored(tmp_path, "one", "two")
        utility = Utility(
            shown=5, shown_successes=4, used=3, used_successes=2, reward_sum=2.5, recent=2.71, recent_successes=1.9,
            q_value=-0.25, doubt=0.125, last_used_at=_NOW,
        )  # fmt: skip
        with ledger.transaction() as transaction:
            transaction.put_utilities({key: Utility(shown=1)})
            transaction.put_utilities({key: utility})
        with ledger.snapshot() as snapshot:
            assert snapshot.utilities([key, other]) == {key: utility}
        ledger.close()

    def test_outcomes_are_counted_for_each_namespace(self, tmp_path: Path) -> None:
        ledger, _, ids = self._stored(tmp_path, "one")
        outcomes = [self._outcome(at, reward=float(at % 3 == 0), used=ids, key=f"k{at}") for at in range(6)]
        elsewhere = replace(self._outcome(9), namespace=("other",))
        with ledger.transaction() as transaction:
            for outcome in (*outcomes, elsewhere):
                transaction.append_outcome(outcome)
        with ledger.snapshot() as snapshot:
            assert snapshot.tally(_SPACE, latest=4) == Tally(finished=6, recent=4, recent_successes=1)
            assert snapshot.tally(("none",), latest=4) == Tally(finished=0, recent=0, recent_successes=0)
            latest = snapshot.outcomes(_SPACE, limit=2)
            assert [outcome for _, outcome in latest] == [outcomes[5], outcomes[4]]
            assert [one for _, one in snapshot.outcomes(_SPACE, limit=9, before=latest[-1][0])] == outcomes[3::-1]
            assert [one for _, one in snapshot.outcomes(_SPACE, task="Task  1")] == [outcomes[1]]
            assert snapshot.outcome_by_key(_SPACE, "k2") == outcomes[2]
            assert snapshot.outcome_by_key(("other",), "k2") is None
            assert list(snapshot.iterate_outcomes(namespace=_SPACE)) == outcomes
            assert snapshot.known_outcomes([outcomes[0].id, OutcomeId("o0")]) == {outcomes[0].id}
        ledger.close()

    def test_facets_are_kept_and_their_words_are_found(self, tmp_path: Path) -> None:
        ledger, (key, other), _ = self._stored(tmp_path, "Boil water.", "Slice bread.", kind=Kind.PROCEDURAL)
        facets = Facets(category="success", confidence=0.75, tools=("kettle",), generalized_query="prepare breakfast")
        with ledger.transaction() as transaction:
            transaction.put_facets(key, facets)
            transaction.put_facet_vectors(_EMBEDDER, key, {WHEN_TO_USE: b"\0" * 16, CONTENT: b"\1" * 16})
        with ledger.snapshot() as snapshot:
            assert snapshot.facets([key, other]) == {key: facets}
            assert snapshot.has_experiences(_SPACE) and not snapshot.has_experiences(("other",))
            assert snapshot.facet_vectors(_EMBEDDER, [key, other]) == {
                key: {WHEN_TO_USE: b"\0" * 16, CONTENT: b"\1" * 16}
            }
            found = snapshot.lexical(["breakfast"], MemoryFilter(namespace=_SPACE), limit=5)
            assert [hit.key for hit in found] == [key]
            assert [entry[0] for entry in snapshot.experiences(_SPACE, after=RowKey(0), limit=9)] == [key, other]
            assert [entry[0] for entry in snapshot.experiences(_SPACE, after=key, limit=9)] == [other]
            assert snapshot.experiences(_SPACE, after=RowKey(0), limit=9, tried=True) == []
            assert snapshot.facets_without_vector(_EMBEDDER, limit=9) == []
            assert [entry[0] for entry in snapshot.facets_without_vector("another", limit=9)] == [key]
        with ledger.transaction() as transaction:
            transaction.put_facets(key, replace(facets, generalized_query="make tea"))
        with ledger.snapshot() as snapshot:
            assert not snapshot.lexical(["breakfast"], MemoryFilter(namespace=_SPACE), limit=5)
            assert snapshot.lexical(["tea"], MemoryFilter(namespace=_SPACE), limit=5)
        assert all(check.ok for check in ledger.diagnose(_EMBEDDER) if "word" in check.check or "text" in check.check)
        ledger.close()

    def test_plans_come_back_as_they_were_put(self, tmp_path: Path) -> None:
        ledger, _, ids = self._stored(tmp_path, "one")
        step = PlanStep(
            action=StepAction.NOTE, upkeep=Upkeep.CONSOLIDATE, ids=tuple(ids), reason="r", detail={"text": "t"}
        )
        plan = self._plan(status=PlanStatus.UNFINISHED, steps=(step,), kept=("k",), cursor={"prune": 7})
        with ledger.transaction() as transaction:
            transaction.put_plan(plan)
            done = replace(
                plan,
                status=PlanStatus.APPLIED,
                applied_at=_NOW,
                done=(0,),
                created=tuple(ids),
                skipped=("s",),
                cursor={},
            )
            transaction.put_plan(done)
        with ledger.snapshot() as snapshot:
            assert snapshot.plan(plan.id) == done
            assert snapshot.plans(_SPACE, limit=5) == [done]
            assert snapshot.plan(PlanId("p1")) is None and snapshot.plans(("other",), limit=5) == []
        ledger.close()

    def test_old_plans_that_nobody_applied_are_let_go(self, tmp_path: Path) -> None:
        ledger, _, _ = self._stored(tmp_path, "one")
        plans = {status: replace(self._plan(status=status), id=PlanId(f"p-{status}")) for status in PlanStatus}
        young = replace(self._plan(), id=PlanId("p-young"), created_at=_NOW + timedelta(days=2))
        with ledger.transaction() as transaction:
            for plan in (*plans.values(), young):
                transaction.put_plan(plan)
            transaction.forget_plans(before=_NOW + timedelta(days=1))
        with ledger.snapshot() as snapshot:
            kept = [plans[PlanStatus.APPLIED], plans[PlanStatus.UNDONE], young]
            assert snapshot.plans(_SPACE, limit=9) == kept[::-1]
        ledger.close()

    def test_what_a_plan_archived_comes_back_without_a_trace(self, tmp_path: Path) -> None:
        ledger, (key, _), (id, other) = self._stored(tmp_path, "one", "two")
        plan = PlanId("p1")
        with ledger.transaction() as transaction:
            transaction.set_status(
                key, Status.ARCHIVED, action=Action.ARCHIVED, at=_NOW, origin=_ORIGIN, detail={"plan": plan}
            )
        with ledger.transaction() as transaction:
            assert transaction.unarchive(PlanId("p2"), [id, other]) == []
            assert transaction.unarchive(plan, [id, other]) == [id]
        with ledger.snapshot() as snapshot:
            assert snapshot.find([id])[id][1].status is Status.ACTIVE
            assert snapshot.events([id]) == []
        ledger.close()

    def test_what_a_plan_wrote_is_withdrawn_and_leaves_no_receipt(self, tmp_path: Path) -> None:
        ledger, (key, _), (id, other) = self._stored(tmp_path, "one", "two")
        with ledger.transaction() as transaction:
            transaction.link(Link(source=id, target=other, relation=Relation.RELATED))
            transaction.link(Link(source=other, target=id, relation=Relation.EVIDENCE))
            transaction.unlink(id, other, Relation.RELATED)
        with ledger.snapshot() as snapshot:
            assert [link.relation for link in snapshot.links([id])] == [Relation.EVIDENCE]
            seq, space = snapshot.last_seq(), snapshot.namespace_key(_SPACE)
        with ledger.transaction() as transaction:
            transaction.withdraw([id], at=_NOW)
        with ledger.snapshot() as snapshot:
            assert not snapshot.find([id]) and snapshot.erasures() == [] and snapshot.erased([id]) == set()
            assert snapshot.count() == 1 and not snapshot.links([other]) and not snapshot.is_unscrubbed()
            assert space is not None
            feed = snapshot.feed(_EMBEDDER, space, after=seq, limit=9)
            assert [(row.key, row.erased) for row in feed] == [(key, True)], "indexes hear of it"
        ledger.close()

    def test_erasing_takes_counters_facets_and_quotes_in_plans(self, tmp_path: Path) -> None:
        ledger, (key, _), (id, other) = self._stored(tmp_path, "one", "two", kind=Kind.PROCEDURAL)
        kept = PlanStep(action=StepAction.ARCHIVE, upkeep=Upkeep.PRUNE, ids=(other,), reason="r")
        gone = PlanStep(
            action=StepAction.NOTE, upkeep=Upkeep.CONSOLIDATE, ids=(id, other), reason="r", detail={"text": "t"}
        )
        with ledger.transaction() as transaction:
            transaction.put_utilities({key: Utility(shown=1)})
            transaction.put_facets(key, Facets())
            transaction.put_facet_vectors(_EMBEDDER, key, {CONTENT: b"\0" * 16})
            transaction.put_plan(self._plan(steps=(kept, gone)))
        with ledger.transaction() as transaction:
            transaction.erase([id], at=_NOW)
        with ledger.snapshot() as snapshot:
            assert not snapshot.utilities([key]) and not snapshot.facets([key])
            assert not snapshot.facet_vectors(_EMBEDDER, [key])
            (plan,) = snapshot.plans(_SPACE, limit=5)
            assert plan.steps == (kept,)
        ledger.close()

    def _stored(
        self, folder: Path, *texts: str, kind: Kind = Kind.SEMANTIC
    ) -> tuple[Ledger, list[RowKey], list[MemoryId]]:
        ledger = self.make_ledger(folder)
        ledger.register_embedder(_EMBEDDER, 4)
        records = [make_record(text, kind=kind) for text in texts]
        with ledger.transaction() as transaction:
            keys = [transaction.append(record, embedder_id=_EMBEDDER, vector=b"\0" * 16) for record in records]
        return ledger, keys, [record.id for record in records]

    def _outcome(
        self, at: int, *, reward: float = 1.0, used: list[MemoryId] | None = None, key: str | None = None
    ) -> TaskOutcome:
        return TaskOutcome(
            id=OutcomeId(f"o{at:016}"), namespace=_SPACE, task=f"task {at}", reward=reward, at=_NOW, origin=_ORIGIN,
            used=tuple(used or ()), attributed=used is not None, key=key,
        )  # fmt: skip

    def _plan(
        self, *, status: PlanStatus = PlanStatus.PLANNED, steps: tuple[PlanStep, ...] = (), kept: tuple[str, ...] = (),
        cursor: dict[str, int] | None = None,
    ) -> Plan:  # fmt: skip
        return Plan(
            id=PlanId("p0"), namespace=_SPACE, upkeep=(Upkeep.PRUNE,), rule="default", status=status, created_at=_NOW,
            steps=steps, examined=3, kept=kept, cursor=cursor or {},
        )  # fmt: skip
