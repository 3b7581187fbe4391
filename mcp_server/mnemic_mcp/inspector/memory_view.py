"""One memory: its text, where it came from, what became of it, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from mnemic import Memory, MemoryRecord
from mnemic.domain.learning.utility import NO_UTILITY
from mnemic.domain.memory import MemoryId, Status
from mnemic.errors import InvalidInput, UnknownMemory
from mnemic.services.reviewing.review import GuardReport
from mnemic_mcp.inspector.lineage_drawing import draw_lineage, ties_of
from mnemic_mcp.inspector.pages import Asked, asked, back, back_to_review
from mnemic_mcp.inspector.showing import PART_CHARS, Marked

_TIES_READ = 40
_EVENTS_SHOWN = 100


async def show_memory(request: Request) -> Response:
    """The memory ``id``; of a text longer than a page the part ``part``, from 0."""
    page = await asked(request)
    memory = page.memory
    found = await memory.guard.explain(page.text("id"))
    record = found.memory
    history = await memory.history(record.id)
    ties = ties_of(history)
    known = await _read(memory, [tie.id for tie in ties[:_TIES_READ]])
    parts = max(1, -(-len(record.text) // PART_CHARS))
    part = page.count("part", default=0, high=parts - 1)
    (hit,) = await memory.show([record.id])
    placed = Asked(inspector=page.inspector, request=request, namespace="/".join(record.namespace))
    return await placed.page(
        "memory.html", view="memories", title=f"Memory {record.id}", memory=record, found=found, history=history,
        standing=hit.standing, drawing=draw_lineage(record.id, history.versions, ties[:_TIES_READ], known),
        utility=(await memory.learning.utilities([record.id])).get(record.id, NO_UTILITY),
        text=record.text[part * PART_CHARS : (part + 1) * PART_CHARS], part=part, pages=parts,
        marked=marks_of(found, shift=part * PART_CHARS), events=history.events[-_EVENTS_SHOWN:][::-1],
        ties=[(tie, known.get(tie.id)) for tie in ties[:_TIES_READ]],
        more_ties=max(0, len(ties) - _TIES_READ), acts=acts_on(record, found),
    )  # fmt: skip


def marks_of(found: GuardReport, *, shift: int = 0) -> list[Marked]:
    """Where the guard found something in a text whose first ``shift`` characters are not shown."""
    marked = [
        (start - shift, end - shift, f"{judged.finding.rule}: {judged.finding.reason}")
        for judged in found.verdict.judged
        for start, end in judged.finding.spans
    ]
    marked += [(start - shift, end - shift, "reads like an instruction") for start, end in found.marks.directives]
    return [(start, end, why) for start, end, why in marked if end > 0]


def acts_on(record: MemoryRecord, found: GuardReport) -> list[tuple[str, str]]:
    """What can be done about a memory, as (act, label)."""
    if record.status is Status.QUARANTINED:
        acts = [("release", "Release"), ("vouch", "Release and vouch")]
        return acts if found.marks.review == "rejected" else [*acts, ("reject", "Reject")]
    if record.status is Status.ARCHIVED:
        return [("restore", "Restore")]
    if record.status is Status.SUPERSEDED:
        return [("restore", "Make current again"), ("archive", "Archive")]
    return [("archive", "Archive"), ("reject", "Reject")]


async def act_on_memory(request: Request) -> Response:
    """Archive, restore, release, vouch for or reject the memory ``id``, then show where the form was."""
    page = await asked(request)
    id, reason, desk = page.form("id"), page.form_or_none("reason"), page.memory.guard
    act = page.form("act")
    if act == "archive":
        changed, done = await page.memory.archive([id], reason=reason), "archived"
    elif act == "restore":
        changed, done = await page.memory.bring_back([id], reason=reason), "restored"
    elif act in ("release", "vouch"):
        changed = await desk.release([id], vouch=act == "vouch", reason=reason)
        done = "vouched" if act == "vouch" else "released"
    elif act == "reject":
        changed, done = await desk.reject([id], reason=reason), "rejected"
    else:
        raise InvalidInput(f"{act[:40]!r} cannot be done to a memory.", hint="Use the buttons of the page.")
    said = done if changed else "unchanged"
    if page.form("back") == "review":
        return back_to_review(page, done=said)
    return back("/memory", id=id, done=said)


async def _read(memory: Memory, ids: Sequence[MemoryId]) -> dict[MemoryId, MemoryRecord]:
    """The memories of ``ids`` that are still there."""
    found = {}
    for id in ids:
        with suppress(UnknownMemory):
            found[id] = await memory.get(id)
    return found
