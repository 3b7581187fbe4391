"""What waits for a person: quarantine, lessons, and the guard's log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from mnemic.domain.lesson import Lesson
from mnemic.domain.memory import MemoryRecord
from mnemic.errors import InvalidInput
from mnemic.services.reviewing.review import GuardReport
from mnemic_mcp.inspector.memory_view import marks_of
from mnemic_mcp.inspector.pages import asked, back_to_review
from mnemic_mcp.inspector.showing import Marked

PENDING = 50
_LOG = 30
_LESSONS = 50
_TEXT_CHARS = 1_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A memory in quarantine: the beginning of its text with what was found there. ``rest`` counts the characters left."""

    memory: MemoryRecord
    found: GuardReport
    text: str
    rest: int
    marked: list[Marked]


async def review(request: Request) -> Response:
    """What waits in quarantine, the lessons, and the log, each newest first and a page of it.

    ``waiting`` is the last id of the page before, ``lesson`` counts the lessons before this page, ``before`` is the
    last number of the log's page before. Each pager leaves the places of the others alone.
    """
    page = await asked(request)
    desk = page.memory.guard
    waiting = page.given("waiting")
    found = await desk.pending(namespace=page.namespace, limit=PENDING + 1, before=waiting)
    lessons = await desk.lessons(namespace=page.namespace)
    start = page.count("lesson", default=0, high=max(0, len(lessons) - 1))
    before = page.count("before", default=0, high=2**31)
    log = await desk.audit(namespace=page.namespace, limit=_LOG + 1, before=before)
    policy = await desk.policy()
    now = datetime.now(UTC)
    return await page.page(
        "review.html", view="review", title=f"Review of {page.namespace}", waiting=_waiting(found[:PENDING]),
        here={"waiting": waiting, "lesson": start, "before": before}, later=waiting is not None,
        next=found[PENDING - 1].memory.id if len(found) > PENDING else None,
        lessons=[(lesson, _standing(lesson, now)) for lesson in lessons[::-1][start : start + _LESSONS]],
        lessons_known=len(lessons), start=start, next_lesson=start + _LESSONS if start + _LESSONS < len(lessons) else 0,
        log=log[:_LOG], before=before, older=log[_LOG - 1].number if len(log) > _LOG else 0, policy=policy.name,
    )  # fmt: skip


async def act_on_lesson(request: Request) -> Response:
    """Heed a lesson or appeal against it."""
    page = await asked(request)
    act = page.form("act")
    if act not in ("heed", "appeal"):
        raise InvalidInput(f"{act[:40]!r} cannot be done to a lesson.", hint="Use the buttons of the page.")
    await page.memory.guard.set_lesson(
        page.form("id"), heeded=act == "heed", reason=page.form_or_none("reason"), namespace=page.namespace
    )
    return back_to_review(page, done="heeded" if act == "heed" else "appealed", at="lessons")


def _waiting(found: Sequence[GuardReport]) -> list[Waiting]:
    return [
        Waiting(
            memory=one.memory, found=one, text=one.memory.text[:_TEXT_CHARS],
            rest=max(0, len(one.memory.text) - _TEXT_CHARS), marked=marks_of(one),
        )
        for one in found
    ]  # fmt: skip


def _standing(lesson: Lesson, now: datetime) -> str:
    if lesson.heeded_at(now):
        return "active"
    return "expired" if lesson.status == "active" else "released"
