"""What tasks have shown: experiences with their worth, and maintenance plans."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mnemic.domain.learning.plan import Plan, PlanStatus
from mnemic.domain.learning.utility import NO_UTILITY
from mnemic.domain.memory import Kind
from mnemic.errors import InvalidInput
from mnemic_mcp.inspector.browse_view import ROWS
from mnemic_mcp.inspector.pages import asked, back
from mnemic_mcp.inspector.utility_drawing import HEIGHT, WIDTH, draw_utility, mood_of

DRAWN = 1_000
_PLANS = 10
_STEPS = 100


async def learning(request: Request) -> Response:
    """Experiences, newest first and fifty to a page; a plot of the newest thousand; the latest plans."""
    page = await asked(request)
    memory, where = page.memory, page.namespace
    newest = await memory.list(namespace=where, kinds=[Kind.PROCEDURAL], limit=DRAWN)
    before = page.given("before")
    records = newest
    if before is not None:
        records = await memory.list(namespace=where, kinds=[Kind.PROCEDURAL], limit=ROWS + 1, before=before)
    plans = await memory.learning.plans(namespace=where, limit=_PLANS)
    utilities = await memory.learning.utilities([record.id for record in (*newest, *records[:ROWS])])
    rows = [(record, utilities.get(record.id, NO_UTILITY)) for record in records[:ROWS]]
    return await page.page(
        "learning.html", view="learning", title=f"Learning in {where}", rows=rows, mood_of=mood_of, later=before is not None,
        next=records[ROWS - 1].id if len(records) > ROWS else None, plot=draw_utility(newest, utilities, proposed(plans)),
        width=WIDTH, height=HEIGHT, drawn=len(newest), plans=plans, steps_shown=_STEPS,
    )  # fmt: skip


def proposed(plans: tuple[Plan, ...]) -> set[str]:
    """What plans that were not applied would change."""
    return {id for plan in plans if plan.status is PlanStatus.PLANNED for step in plan.steps for id in step.ids}


async def act_on_plan(request: Request) -> Response:
    """Draw up a plan, apply one or undo one."""
    page = await asked(request)
    act, plan, desk = page.form("act"), page.form("id"), page.memory.learning
    if act == "plan":
        await desk.plan(namespace=page.namespace)
        done = "planned"
    elif act == "apply":
        await desk.apply(plan, namespace=page.namespace)
        done = "applied"
    elif act == "undo":
        await desk.undo(plan, namespace=page.namespace)
        done = "undone"
    else:
        raise InvalidInput(f"{act[:40]!r} cannot be done to a plan.", hint="Use the buttons of the page.")
    return back("/learning", ns=page.namespace, done=done)
