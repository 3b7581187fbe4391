"""Consolidation through plans: gated, reversible, and never at the cost of its evidence."""

from __future__ import annotations

from typing import Any

import pytest
from tests.learning.stores import exported, told

from mnemic import Channel, Memory, Origin
from mnemic.domain.learning.plan import Plan, PlanId, PlanStatus, PlanStep, StepAction, Upkeep
from mnemic.domain.memory import Link, Relation, Status
from mnemic.services.backends import Backends

USER = Origin(channel=Channel.USER)
HIKES = (
    "I went hiking in the Serra with Rui. The bus was late.",
    "We talked about work.",
    "I love hiking in the Serra when it is cold.",
    "My hiking boots broke in the Serra again!",
)


@pytest.fixture
def writer() -> Origin:
    return USER


async def test_what_three_conversations_say_becomes_a_note_that_cites_them(memory: Memory) -> None:
    ids = await told(memory, HIKES)
    plan = await memory.learning.plan(["consolidate"])
    (step,) = plan.steps
    assert step.action is StepAction.NOTE and set(step.ids) == {ids[0], ids[2], ids[3]}
    applied = await memory.learning.apply(plan.id)
    (note,) = applied.created
    record = await memory.get(note)
    assert set(record.evidence) == set(step.ids) and "I love hiking in the Serra" in record.text
    stayed = [(await memory.get(id)).status for id in ids]
    assert stayed == [Status.ACTIVE] * len(ids), "the episodes stay"
    assert not (await memory.learning.plan(["consolidate"])).steps, "what is noted is not noted again"


async def test_what_episodes_contradict_is_told_and_becomes_no_note(memory: Memory) -> None:
    ids = await told(memory, [f"I live in Porto near the harbour. It is day {at}." for at in range(3)])
    agreed = await memory.learning.plan(["consolidate"])
    assert {id for step in agreed.steps for id in step.ids} == set(ids) and not agreed.kept
    await memory.remember(
        "I live in Lisbon near the harbour.", kind="episodic", speaker="Ana", occurred_at="2026-04-01"
    )
    plan = await memory.learning.plan(["consolidate"])
    assert plan.kept and all("contradict each other about Ana" in reason for reason in plan.kept)
    in_doubt = {id for id in ids for reason in plan.kept if id in reason}
    assert in_doubt and not in_doubt & {id for step in plan.steps for id in step.ids}


async def test_what_a_person_has_vouched_for_is_quoted_as_before(memory: Memory) -> None:
    ids = await told(memory, HIKES)
    (before,) = (await memory.learning.plan(["consolidate"])).steps
    await memory.guard.release([ids[2]], vouch=True)
    (after,) = (await memory.learning.plan(["consolidate"])).steps
    assert ids[2] in after.ids and after.ids == before.ids


async def test_what_is_contested_is_not_quoted_though_another_memory_cites_it(memory: Memory) -> None:
    ids = await told(memory, HIKES)
    against = await memory.remember("Ana has never been to the Serra.", kind="episodic", speaker="Bea")

    def contradict(backends: Backends) -> None:
        with backends.ledger.transaction() as transaction:
            transaction.link(Link(source=against.id, target=ids[2], relation=Relation.CONTRADICTS))

    await memory.run(contradict)
    await memory.remember("Ana spoke of the Serra in cold weather.", evidence=[ids[2]])
    assert not (await memory.learning.plan(["consolidate"])).steps, "two conversations are too few for a note"


async def test_undoing_a_consolidation_restores_the_export_byte_for_byte(memory: Memory) -> None:
    await told(memory, HIKES)
    await memory.remember_many(["The staging database runs on port 5433.", "The staging database is on port 5433 now."])
    before = await exported(memory)
    plan = await memory.learning.plan(["prune", "merge", "consolidate", "link", "expire"])
    assert {step.upkeep for step in plan.steps} >= {Upkeep.CONSOLIDATE}
    applied = await memory.learning.apply(plan.id)
    assert applied.status is PlanStatus.APPLIED and await exported(memory) != before
    await memory.learning.undo(plan.id)
    assert await exported(memory) == before
    found = await memory.recall("hiking in the Serra")
    assert not {hit.memory.id for hit in found.hits} & set(applied.created)
    assert (await memory.doctor()).healthy


async def test_a_note_that_is_in_use_stays_when_its_plan_is_undone(memory: Memory) -> None:
    await told(memory, HIKES)
    applied = await memory.learning.apply((await memory.learning.plan(["consolidate"])).id)
    (note,) = applied.created
    await memory.learning.outcome("Plan a hike", 1.0, used=[note])
    undone = await memory.learning.undo(applied.id)
    assert undone.skipped == (f"{note} is in use by now",)
    assert (await memory.get(note)).status is Status.ACTIVE


async def test_a_plan_that_loses_an_answer_is_taken_back_at_once(memory: Memory) -> None:
    """A bad plan by hand: a note that leaves out what others said, and they are archived."""
    ids = await told(memory, HIKES)
    before = await exported(memory)
    steps = (
        PlanStep(
            action=StepAction.NOTE, upkeep=Upkeep.CONSOLIDATE, ids=(ids[1],), reason="bad",
            detail={"text": "Ana talks about the weather."},
        ),
        *(
            PlanStep(action=StepAction.ARCHIVE, upkeep=Upkeep.MERGE, ids=(id,), reason="bad", detail={})
            for id in ids if id != ids[1]
        ),
    )  # fmt: skip
    plan = await _planned(memory, steps)
    applied = await memory.learning.apply(plan.id)
    assert applied.status is PlanStatus.UNDONE
    assert applied.skipped and all("no longer answered" in text for text in applied.skipped)
    assert await exported(memory) == before


async def test_two_wordings_of_one_fact_are_merged_unless_one_is_cited(memory: Memory) -> None:
    wordings = ("The office in Porto opens at 9 on weekdays.", "The office in Porto opens at 9 on weekdays!!")
    ids = [(await memory.remember(text, session=f"s{at}")).id for at, text in enumerate(wordings)]
    assert ids[0] != ids[1]
    (step,) = (await memory.learning.plan(["merge"])).steps
    assert step.action is StepAction.ARCHIVE and step.ids[0] in ids
    await memory.remember("Meet at the office in Porto at ten.", evidence=ids)
    assert not (await memory.learning.plan(["merge"])).steps


async def test_links_are_made_and_taken_back(memory: Memory) -> None:
    texts = [
        f"Zephyrine repaired the {part} of the Quillback telescope." for part in ("mirror", "mount", "finder", "dome")
    ] + [
        f"Lunch on day {day} was {dish}." for day, dish in enumerate(("soup", "rice", "fish", "bread", "beans", "eggs"))
    ]
    await memory.remember_many(texts)
    before = await exported(memory)
    plan = await memory.learning.plan(["link"])
    assert plan.steps
    await memory.learning.apply(plan.id)
    links = (await memory.history(plan.steps[0].ids[0])).links
    assert Relation.RELATED in {link.relation for link in links}
    await memory.learning.undo(plan.id)
    assert await exported(memory) == before


async def test_erasing_evidence_takes_its_quotes_out_of_plans(memory: Memory) -> None:
    ids = await told(memory, HIKES)
    plan = await memory.learning.plan(["consolidate"])
    await memory.erase([ids[2]])
    (kept,) = await memory.learning.plans()
    assert kept.id == plan.id and not kept.steps


async def _planned(memory: Memory, steps: tuple[PlanStep, ...]) -> Plan:
    plan = Plan(
        id=PlanId("pbad"), namespace=("default",), upkeep=(Upkeep.MERGE,), rule="default", status=PlanStatus.PLANNED,
        created_at=(await memory.list(limit=1))[0].recorded_at, steps=steps,
    )  # fmt: skip

    def keep(backends: Backends) -> Any:
        with backends.ledger.transaction() as transaction:
            transaction.put_plan(plan)

    await memory.run(keep)
    return plan
