"""Maintenance: a plan first, one transaction, and back again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.learning.stores import exported

from mnemic import Channel, Memory, Origin
from mnemic.domain.learning.facets import NewExperience
from mnemic.domain.learning.plan import PlanStatus
from mnemic.domain.learning.refinement import REFINEMENTS, Mode
from mnemic.domain.memory import MemoryId, Status
from mnemic.errors import InvalidInput, UnknownMemory

USER = Origin(channel=Channel.USER)
GOOD = NewExperience(when_to_use="When a release is pushed", content="Run the linter, then push the release.")
BAD = NewExperience(when_to_use="When a release is pushed", content="Push the release and never run the linter first.")


@pytest.fixture
def writer() -> Origin:
    return USER


async def pool(memory: Memory) -> tuple[MemoryId, MemoryId]:
    """A good and a bad experience on one topic, each tried eight times."""
    good, bad = [receipt.id for receipt in await memory.learning.store([GOOD, BAD])]
    for at in range(8):
        await memory.learning.outcome(f"release {at}", 1.0, used=[good])
        await memory.learning.outcome(f"hotfix {at}", 0.0, used=[bad])
    return good, bad


async def test_a_plan_changes_nothing_and_says_why(memory: Memory) -> None:
    _, bad = await pool(memory)
    before = await exported(memory)
    plan = await memory.learning.plan()
    assert (plan.status, plan.examined) == (PlanStatus.PLANNED, 2)
    assert [(step.ids, step.action) for step in plan.steps] == [((bad,), "archive")]
    assert "0 of 8 tasks succeeded" in plan.steps[0].reason
    assert await exported(memory) == before


async def test_a_plan_holds_no_more_steps_than_can_be_applied_at_once_and_says_so(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = [replace(BAD, content=f"{BAD.content} Case {word}.") for word in ("one", "two", "three")]
    good, *bad = [receipt.id for receipt in await memory.learning.store([GOOD, *drafts])]
    for at in range(8):
        await memory.learning.outcome(f"release {at}", 1.0, used=[good])
        await memory.learning.outcome(f"hotfix {at}", 0.0, used=bad)
    monkeypatch.setattr("mnemic.services.upkeep.planning.MOST_STEPS", 2)
    first = await memory.learning.plan()
    assert (len(first.steps), first.kept) == (2, ("1 more step to prune: apply this plan and draw up another",))
    await memory.learning.apply(first.id)
    second = await memory.learning.plan()
    assert (len(second.steps), second.kept) == (1, ())
    assert {id for plan in (first, second) for step in plan.steps for id in step.ids} == set(bad)


async def test_r1_what_is_archived_is_not_recalled_and_comes_back_with_its_counters(memory: Memory) -> None:
    good, bad = await pool(memory)
    before, counters = await exported(memory), await memory.learning.utilities([bad])
    applied = await memory.learning.apply((await memory.learning.plan()).id)
    assert (applied.status, applied.skipped) == (PlanStatus.APPLIED, ())
    assert [hit.memory.id for hit in (await memory.recall("push the release")).hits] == [good]
    assert (await memory.history(bad)).events[-1].detail["plan"] == applied.id
    undone = await memory.learning.undo(applied.id)
    assert undone.status is PlanStatus.UNDONE
    assert await exported(memory) == before
    assert await memory.learning.utilities([bad]) == counters
    assert bad in [hit.memory.id for hit in (await memory.recall("push the release")).hits]
    assert (await memory.learning.apply(applied.id)).status is PlanStatus.APPLIED, "it can be applied again"


async def test_what_was_decided_since_stands(memory: Memory) -> None:
    _, bad = await pool(memory)
    applied = await memory.learning.apply((await memory.learning.plan()).id)
    await memory.restore([bad])
    await memory.archive([bad], reason="by hand")
    undone = await memory.learning.undo(applied.id)
    assert undone.skipped == (f"{bad} was changed since",)
    assert (await memory.get(bad)).status is Status.ARCHIVED


async def test_what_is_gone_by_then_is_skipped(memory: Memory) -> None:
    _, bad = await pool(memory)
    plan = await memory.learning.plan()
    await memory.archive([bad])
    applied = await memory.learning.apply(plan.id)
    assert applied.skipped == (f"{bad} is no longer active",)
    await memory.learning.undo(plan.id)
    assert (await memory.get(bad)).status is Status.ARCHIVED


async def test_a_plan_is_applied_once_and_undone_once(memory: Memory) -> None:
    await pool(memory)
    plan = await memory.learning.plan()
    with pytest.raises(InvalidInput, match="planned"):
        await memory.learning.undo(plan.id)
    await memory.learning.apply(plan.id)
    with pytest.raises(InvalidInput, match="applied"):
        await memory.learning.apply(plan.id)
    with pytest.raises(UnknownMemory):
        await memory.learning.apply(plan.id, namespace="others")
    with pytest.raises(UnknownMemory):
        await memory.learning.apply("p0")


async def test_the_only_experience_on_its_topic_stays_while_it_helps_now_and_then(memory: Memory) -> None:
    good, _ = await pool(memory)
    (lonely,) = await memory.learning.store(
        [NewExperience(when_to_use="When the oven smokes", content="Open a window and switch the oven off.")]
    )
    for at in range(6):
        await memory.learning.outcome(f"more {at}", 1.0, used=[good])
    for at in range(14):
        await memory.learning.outcome(f"smoke {at}", float(at in (0, 1, 2, 3)), used=[lonely.id])
    plan = await memory.learning.plan()
    assert lonely.id not in [step.ids[0] for step in plan.steps]
    assert [text for text in plan.kept if text.startswith(lonely.id) and "the only one on its topic" in text]


async def test_the_published_rule_can_delete_and_then_nothing_is_undone(memory: Memory) -> None:
    _, bad = await pool(memory)
    plan = await memory.learning.plan(rule=replace(REFINEMENTS["reme-paper"], mode=Mode.DELETE))
    await memory.learning.apply(plan.id)
    with pytest.raises(UnknownMemory):
        await memory.get(bad)
    with pytest.raises(InvalidInput, match="deleted"):
        await memory.learning.undo(plan.id)


async def test_what_a_plan_deletes_goes_with_its_older_versions(memory: Memory) -> None:
    good, older = [receipt.id for receipt in await memory.learning.store([GOOD, BAD])]
    newer = await memory.supersede(older, "Push the release and never run the linter.", when_to_use=BAD.when_to_use)
    for at in range(8):
        await memory.learning.outcome(f"release {at}", 1.0, used=[good])
        await memory.learning.outcome(f"hotfix {at}", 0.0, used=[newer.id])
    plan = await memory.learning.plan(rule=replace(REFINEMENTS["reme-paper"], mode=Mode.DELETE))
    assert [step.ids for step in plan.steps] == [(newer.id,)]
    await memory.learning.apply(plan.id)
    for gone in (newer.id, older):
        with pytest.raises(UnknownMemory):
            await memory.get(gone)


async def test_an_interrupted_plan_goes_on_where_it_was(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    from mnemic.services.upkeep import planning, pruning

    _, bad = await pool(memory)
    monkeypatch.setattr(pruning, "_BATCH", 1)
    monkeypatch.setattr(planning, "_SAVE_EVERY_SECONDS", 0.0)

    def stop(examined: int) -> None:
        if examined == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await memory.learning.plan(progress=stop)
    (unfinished,) = await memory.learning.plans()
    assert (unfinished.status, unfinished.examined) == (PlanStatus.UNFINISHED, 1)
    with pytest.raises(InvalidInput, match="unfinished"):
        await memory.learning.apply(unfinished.id)
    plan = await memory.learning.plan(resume=unfinished.id)
    assert (plan.status, plan.examined) == (PlanStatus.PLANNED, 2)
    assert [step.ids for step in plan.steps] == [(bad,)]


async def test_unknown_rules_and_upkeep_are_named(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="reme-papr"):
        await memory.learning.plan(rule="reme-papr")
    with pytest.raises(InvalidInput, match="dust"):
        await memory.learning.plan(["dust"])


def test_plans_that_are_drawn_up_at_once_leave_the_turns_of_threads_as_they_were() -> None:
    import sys

    from mnemic.services.upkeep.planning import _giving_way

    before = sys.getswitchinterval()
    first, second = _giving_way(), _giving_way()
    for plan in (first, second):
        plan.__enter__()
        assert sys.getswitchinterval() < before
    for plan in (first, second):
        plan.__exit__(None, None, None)
    assert sys.getswitchinterval() == before
