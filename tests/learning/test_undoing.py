"""Taking a plan back when something else has happened since it was drawn up or applied."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.learning.stores import exported, told

import mnemic
from mnemic import Channel, Memory, Origin
from mnemic.domain.learning.plan import Plan, PlanId, PlanStatus, PlanStep, StepAction, Upkeep
from mnemic.domain.memory import Status
from mnemic.errors import InvalidInput
from mnemic.services.backends import Backends

USER = Origin(channel=Channel.USER)
HIKES = (
    "I went hiking in the Serra with Rui. The bus was late.",
    "I love hiking in the Serra when it is cold.",
    "My hiking boots broke in the Serra again!",
)
OPENING = ("The office in Porto opens at 9 on weekdays.", "The office in Porto opens at 9 on weekdays!!")


@pytest.fixture
def writer() -> Origin:
    return USER


async def copies(memory: Memory) -> tuple[str, str]:
    """Two wordings of one fact, and which a merge would archive; the kept one last."""
    ids = [(await memory.remember(text, session=f"s{at}")).id for at, text in enumerate(OPENING)]
    (step,) = (await memory.learning.plan(["merge"])).steps
    return step.ids[0], next(id for id in ids if id != step.ids[0])


async def plan_row(memory: Memory, id: str) -> str:
    def read(backends: Backends) -> str:
        with backends.ledger.snapshot() as snapshot:
            return repr(snapshot.plan(PlanId(id)))

    return await memory.run(read)


async def test_a_note_that_somebody_wrote_already_is_left_out_and_leaves_no_trace(memory: Memory) -> None:
    await told(memory, HIKES)
    plan = await memory.learning.plan(["consolidate"])
    known = await memory.remember(plan.steps[0].detail["text"])
    before = await exported(memory)
    applied = await memory.learning.apply(plan.id)
    assert applied.created == () and applied.skipped == (f"{known.id} says a note already",)
    await memory.learning.undo(plan.id)
    assert await exported(memory) == before


async def test_a_plan_whose_evidence_was_erased_can_be_undone_and_quotes_it_no_more(memory: Memory) -> None:
    ids = await told(memory, HIKES)
    applied = await memory.learning.apply((await memory.learning.plan(["consolidate"])).id)
    await memory.erase([ids[0]])
    assert ids[0] not in await plan_row(memory, applied.id) and "bus" not in await plan_row(memory, applied.id)
    assert (await memory.learning.undo(applied.id)).skipped == ()
    left = [json.loads(line) for line in await exported(memory)]
    assert [line["id"] for line in left if line["type"] == "memory"] == ids[1:]


async def test_a_copy_comes_back_although_what_stood_for_it_was_erased(memory: Memory) -> None:
    archived, kept = await copies(memory)
    applied = await memory.learning.apply((await memory.learning.plan(["merge"])).id)
    await memory.erase([kept])
    assert kept not in await plan_row(memory, applied.id)
    assert (await memory.learning.undo(applied.id)).skipped == ()
    assert (await memory.get(archived)).status is Status.ACTIVE


async def test_a_copy_is_not_archived_when_what_stood_for_it_is_gone(memory: Memory) -> None:
    archived, kept = await copies(memory)
    plan = await memory.learning.plan(["merge"])
    await memory.archive([kept])
    assert (await memory.learning.apply(plan.id)).done == ()
    assert (await memory.get(archived)).status is Status.ACTIVE


async def test_what_has_become_evidence_since_the_plan_is_not_archived(memory: Memory) -> None:
    archived, _ = await copies(memory)
    plan = await memory.learning.plan(["merge"])
    await memory.remember("Meet at ten.", evidence=[archived])
    assert (await memory.learning.apply(plan.id)).done == ()


async def test_a_note_does_not_quote_what_was_taken_out_of_recall_since(memory: Memory) -> None:
    ids = await told(memory, HIKES)
    plan = await memory.learning.plan(["consolidate"])
    await memory.archive([ids[1]])
    applied = await memory.learning.apply(plan.id)
    assert applied.created == () and applied.skipped == (f"a note rests on {ids[1]}, which is no longer active",)


async def test_what_comes_back_contradicts_what_was_said_meanwhile(memory: Memory) -> None:
    """A value that was archived while another was written is not silently in force beside it."""
    old = (await memory.remember("The api.port = 8080.")).id
    step = PlanStep(action=StepAction.ARCHIVE, upkeep=Upkeep.EXPIRE, ids=(old,), reason="not used")
    plan = Plan(
        id=PlanId("pfact"), namespace=("default",), upkeep=(Upkeep.EXPIRE,), rule="default", steps=(step,),
        status=PlanStatus.PLANNED, created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip

    def keep(backends: Backends) -> None:
        with backends.ledger.transaction() as transaction:
            transaction.put_plan(plan)

    await memory.run(keep)
    await memory.learning.apply(plan.id)
    new = (await memory.remember("The api.port = 9090.")).id
    await memory.learning.undo(plan.id)
    links = [json.loads(line) for line in await exported(memory)]
    assert [(one["source"], one["target"]) for one in links if one.get("relation") == "contradicts"] == [(old, new)]


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '{"steps": [{"action": "zap", "upkeep": "prune", "ids": ["x"], "reason": ""}]}',
        '{"steps": [{"action": "archive", "upkeep": "prune", "ids": [], "reason": ""}]}',
        '{"steps": [{"action": "note", "upkeep": "consolidate", "ids": ["x"], "reason": ""}]}',
        '{"steps": [{"action": "link", "upkeep": "link", "ids": ["x"], "reason": ""}]}',
    ],
)
async def test_a_plan_that_was_changed_by_hand_is_refused_by_name(tmp_path: Path, body: str) -> None:
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False, origin=USER) as memory:
        plan = await memory.learning.plan()
        with sqlite3.connect(tmp_path / "home" / "ledger.sqlite3") as file:
            file.execute("UPDATE plans SET body = ?", (body,))
        file.close()
        with pytest.raises(InvalidInput, match=plan.id):
            await memory.learning.apply(plan.id)
