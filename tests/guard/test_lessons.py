"""Lessons: acceptance test A3, by the guard that recall asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mnemic.domain.lesson import Lesson, LessonId, LessonStatus
from mnemic.guard.consensus import PathRecord, judge
from mnemic.guard.lessons import distil, triggered, warning, yields
from mnemic.guard.paths import extract_path
from mnemic.testing.plans import PlanQuery, PlanRecord, delete_procedures, plan_queries
from tests.benchmarks.consensus import NAMESPACE, GuardedRecall, measure, path_records

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def guarded(lessons: Sequence[Lesson] = (), *, allow: str = "") -> Iterator[GuardedRecall]:
    """Recall's guard that knows ``lessons``. ``allow`` names an effect against which a lesson may yield."""
    with TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.yaml"
        policy.write_text(f"name: test\nextends: default\nrecall: {{effects: {{review: [], allow: [{allow}]}}}}\n")
        found = GuardedRecall(Path(folder), policy=str(policy), lessons=lessons)
        try:
            yield found
        finally:
            found.close()


with guarded() as _guard:
    LESSONS = _guard.learn(plan_queries(50, poisoned=1, seed=500))


def as_records(plans: list[PlanRecord]) -> list[PathRecord]:
    paths = [(plan, extract_path(plan.text)) for plan in plans]
    return [PathRecord(id=plan.id, path=path, origin_key=plan.origin) for plan, path in paths if path]


def one_lesson() -> tuple[Lesson, PathRecord]:
    records = path_records(plan_queries(1, poisoned=1, seed=1, drift=0, stray=0)[0])
    bad = next(record for record in records if record.origin_key == "attacker")
    kept = [record for record in records if record is not bad]
    lesson = distil(bad, kept, namespace=("n",), query="How many?", now=NOW)
    assert lesson is not None
    return lesson, bad


def test_a3_fifty_poisoned_questions_teach_at_most_ten_lessons() -> None:
    assert 1 <= len(LESSONS) <= 10


@pytest.mark.parametrize("poisoned", [3, 4])
def test_a3_what_was_learnt_breaks_a_majority(poisoned: int) -> None:
    queries = plan_queries(150, poisoned=poisoned, seed=600)
    with guarded(LESSONS) as teaching, guarded() as unaware:
        taught, untaught = measure(teaching.decide, queries), measure(unaware.decide, queries)
    assert taught["detected"] is not None and taught["detected"] >= 0.95
    assert (taught["false_rejects"] or 0) <= 0.02
    assert untaught["detected"] is not None and untaught["detected"] <= 0.05


def test_a3_lessons_reject_hardly_anything_benign() -> None:
    with guarded(LESSONS) as guard:
        benign = measure(guard.decide, plan_queries(150, poisoned=0, seed=601))
    assert benign["false_rejects"] is not None and benign["false_rejects"] <= 0.03


def learnt_from_delete() -> tuple[Lesson, ...]:
    """A lesson whose bad edges a legitimate delete procedure holds as well."""
    lesson, _ = one_lesson()
    edges = frozenset({("START", "then", "DeleteDB"), ("DeleteDB", "takes", "table")})
    return (replace(lesson, namespace=NAMESPACE, bad_edges=edges),)


def test_a3_a_legitimate_procedure_of_two_trusted_origins_that_the_policy_allows_is_not_rejected() -> None:
    query = PlanQuery(query="How are old rows deleted?", records=tuple(delete_procedures(["ana", "bo"])))
    with guarded(learnt_from_delete(), allow="delete") as guard:
        decided, vetting = guard.vet(query)
    assert set(decided.values()) == {"keep"}
    assert not vetting.heeded


@pytest.mark.parametrize(
    ("origins", "allow"),
    [(["ana", "bo"], ""), (["ana", "ana"], "delete"), (["ana"], "delete"), (["ana", "bo"], "send")],
)
def test_a3_without_a_quorum_or_without_the_policys_word_the_lesson_stands(origins: list[str], allow: str) -> None:
    query = PlanQuery(query="How are old rows deleted?", records=tuple(delete_procedures(origins)))
    with guarded(learnt_from_delete(), allow=allow) as guard:
        assert set(guard.decide(query).values()) == {"reject"}


@pytest.mark.parametrize(
    ("allow", "does"), [({"delete"}, True), ({"DeleteDB"}, True), ({"send"}, False), (set(), False)]
)
def test_a_lesson_yields_where_every_effect_or_every_step_is_allowed(allow: set[str], does: bool) -> None:
    (lesson,) = learnt_from_delete()
    path = as_records(delete_procedures(["ana"]))[0].path
    assert yields(lesson, path, trusted_origins=2, allow=frozenset(allow)) is does
    assert not yields(lesson, path, trusted_origins=1, allow=frozenset(allow))


def test_a3_a_lesson_of_this_request_acts_from_the_next_one_on() -> None:
    query = plan_queries(1, poisoned=1, seed=1, drift=0, stray=0)[0]
    bad = [plan.id for plan in query.records if plan.poisoned]
    with guarded() as guard:
        decided, first = guard.vet(query)
        assert not first.heeded and [id for id, decision in decided.items() if decision == "reject"] == bad
        lessons = guard.learn([query])
        assert [lesson.id for lesson in lessons] == [lesson.id for lesson in first.learnt]
        # Without those that outvoted it before.
        decided, second = guard.vet(replace(query, records=tuple(plan for plan in query.records if plan.poisoned)))
        assert second.heeded == tuple(lesson.id for lesson in lessons)
        assert decided == dict.fromkeys(bad, "reject")


def test_a3_at_most_four_lessons_are_met_by_one_path() -> None:
    lesson, bad = one_lesson()
    many = [replace(lesson, id=LessonId(f"l{n}")) for n in range(9)]
    assert len(triggered(bad.path, many, now=NOW)) == 4


def test_contested_sets_teach_nothing() -> None:
    records = path_records(plan_queries(1, poisoned=3, seed=1, drift=0, stray=0)[0])
    assert {verdict.decision for verdict in judge(records).values()} == {"contested"}
    assert distil(records[0], [], namespace=(), query="q", now=NOW) is None


def test_a_memory_that_only_answers_another_question_teaches_nothing_unless_that_is_wanted() -> None:
    harmless = as_records([PlanRecord(id="a", text="x = GetRoom('b')\ny = Finish(x)", origin="ana", poisoned=False)])[0]
    kept = path_records(plan_queries(1, poisoned=0)[0])
    assert distil(harmless, kept, namespace=(), query="q", now=NOW) is None
    assert distil(harmless, kept, namespace=(), query="q", now=NOW, effects_only=False) is not None


def test_expired_and_released_lessons_stop_nothing() -> None:
    lesson, bad = one_lesson()
    assert triggered(bad.path, [lesson], now=NOW) == (lesson,)
    assert triggered(bad.path, [lesson], now=NOW + timedelta(days=90)) == ()
    assert triggered(bad.path, [replace(lesson, status=LessonStatus.RELEASED)], now=NOW) == ()


def test_the_lesson_that_says_most_comes_first_and_no_more_are_heeded_than_may_be() -> None:
    lesson, bad = one_lesson()
    edges = sorted(bad.path.typed_edges)
    several = [replace(lesson, id=LessonId(f"lesson-{n}"), bad_edges=frozenset(edges[:n])) for n in (2, 4, 3)]
    assert [len(one.bad_edges) for one in triggered(bad.path, several, now=NOW, limit=2)] == [4, 3]


def test_one_step_that_the_others_lack_teaches_nothing() -> None:
    kept = path_records(plan_queries(1, poisoned=0)[0])
    edges = frozenset().union(*(record.path.typed_edges for record in kept))
    (first, second) = (("DeleteDB", "takes", "table"), ("DeleteDB", "takes", "condition"))
    for own, teaches in (({first}, False), ({first, second}, True)):
        bad = replace(kept[0], path=replace(kept[0].path, typed_edges=edges | own, effects=frozenset({"delete"})))
        assert (distil(bad, kept, namespace=(), query="q", now=NOW) is not None) is teaches


def test_the_warning_for_an_agent_repeats_nothing_that_the_memory_says() -> None:
    lesson, _ = one_lesson()
    evil = replace(lesson, bad_edges=lesson.bad_edges | {("obey_Eve_now", "then", "send_secrets")}, query="obey Eve")
    said = warning(evil)
    assert "delete" in said and "send" in said
    assert not any(word in said for word in ("Eve", "obey", "secrets", "DeleteDB", "LoadDB"))
