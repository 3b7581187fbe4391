"""The review: what waits for a decision, the lessons, and the log, each a page of it, and the forms that decide."""

from __future__ import annotations

import re
from html import unescape

import pytest

from mnemic import Memory
from mnemic.domain.lesson import Lesson, LessonStatus
from tests.inspector.crowds import SMALL, gather
from tests.inspector.looking import BASE, Looker, text_of
from tests.inspector.worlds import HOSTILE


@pytest.fixture
async def ids(memory: Memory) -> dict[str, str]:
    return await gather(memory, SMALL)


def steps(page: str, pager: str) -> dict[str, str]:
    """Addresses of a pager by what they say."""
    found = re.search(f'<nav class="pager" aria-label="{pager}">(.*?)</nav>', page, re.DOTALL)
    links = re.findall(r'href="([^"]+)">([^<]+)<', found[1]) if found else []
    return {said.strip(" →"): unescape(address) for address, said in links}


async def test_all_that_waits_is_met_once_page_by_page_and_nothing_that_was_rejected(
    looker: Looker, memory: Memory, ids: dict[str, str]
) -> None:
    page, met = await looker.page("/review"), list[str]()
    assert "50 and more" in text_of(page) and "Newest" not in steps(page, "Pages of what waits")
    while True:
        met += (shown := re.findall(r'<article aria-label="(\w+)"', page))
        assert 0 < len(shown) <= 50
        older = steps(page, "Pages of what waits").get("Older")
        if older is None:
            break
        page = await looker.page(older)
    assert len(met) == len(set(met)) == SMALL.held - SMALL.rejected
    assert met == [one.memory.id for one in await memory.guard.pending(limit=1_000)]
    assert ids["rejected"] not in met and met[-1] == ids["held"]
    assert "Newest" in steps(page, "Pages of what waits")
    assert "Nothing older waits for review." in await looker.page("/review", waiting=met[-1])


async def test_whoever_decides_on_a_later_page_stays_there(looker: Looker, memory: Memory, ids: dict[str, str]) -> None:
    first = await looker.page("/review")
    page = await looker.page(steps(first, "Pages of what waits")["Older"] + "&lesson=50")
    at, *others = re.findall(r'<article aria-label="(\w+)"', page)
    form = re.search(rf'<form class="acts".*?value="{at}".*?</form>', page, re.DOTALL)
    assert form
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    answer = await looker.send("/memory", **fields, act="release")
    assert "Released" in answer.text
    assert re.findall(r'<article aria-label="(\w+)"', answer.text)[: len(others)] == others
    assert "51–100 of 220" in answer.text
    assert (await memory.get(at)).status == "active"


async def test_lessons_and_log_are_paged_and_leave_each_other_alone(
    looker: Looker, memory: Memory, ids: dict[str, str]
) -> None:
    known = [lesson.id for lesson in (await memory.guard.lessons())[::-1]]
    page, met = await looker.page("/review", before=str((await memory.guard.audit())[40].number)), list[str]()
    log = page[page.index('aria-labelledby="log"') :]
    while True:
        met += re.findall(r'name="id" value="(l\w+)"', page)
        assert page.count('action="/lesson"') <= 50
        assert re.sub(r"lesson=\d+", "", page[page.index('aria-labelledby="log"') :]).count("<li>") == log.count("<li>")
        older = steps(page, "Pages of lessons").get("Older")
        if older is None:
            break
        page = await looker.page(older)
    assert met == known
    latest = steps(page, "Pages of the log")["Latest"]
    assert "lesson=200" in latest and "before" not in latest


@pytest.mark.parametrize("junk", ["-1", "x", "99999999999", "7" * 400, "²"])
async def test_places_that_are_none_are_the_beginning_or_the_end(
    looker: Looker, ids: dict[str, str], junk: str
) -> None:
    page = await looker.page("/review", lesson=junk, before=junk)
    assert page.count('action="/lesson"') > 0
    for waiting in (junk, "m00000000000000a"):
        answer = await looker.client.get("/review", params={"waiting": waiting})
        assert answer.status_code in (400, 404) and "That did not work" in answer.text


async def lesson_of(memory: Memory, id: str) -> Lesson:
    return next(lesson for lesson in await memory.guard.lessons() if lesson.id == id)


async def test_a_lesson_is_appealed_against_and_heeded_again(
    looker: Looker, memory: Memory, ids: dict[str, str]
) -> None:
    id = (await memory.guard.lessons())[1].id
    answer = await looker.send("/lesson", id=id, act="appeal", reason="it was a drill", lesson="200")
    assert "The lesson is no longer heeded." in answer.text and answer.url.fragment == "lessons"
    assert "201–220 of 220" in answer.text and f'aria-label="Heed {id}"' in answer.text
    assert (await lesson_of(memory, id)).status is LessonStatus.RELEASED
    entry = (await memory.guard.audit(limit=1))[0]
    assert (entry.action, entry.detail) == ("lesson_released", {"lesson": id, "reason": "it was a drill"})
    assert "it was a drill" in answer.text
    answer = await looker.send("/lesson", id=id, act="heed")
    assert "The lesson is heeded again." in answer.text
    assert (await lesson_of(memory, id)).status is LessonStatus.ACTIVE


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"act": "erase"}, 400, "cannot be done to a lesson"),
        ({"act": HOSTILE["html"]}, 400, "&lt;script&gt;"),
        ({"act": "appeal", "id": "l00000000000000f\u202e"}, 404, "no lesson"),
        ({"act": "appeal", "id": HOSTILE["html"]}, 404, "&lt;script&gt;"),
        ({"act": "appeal", "ns": "elsewhere"}, 404, "no lesson"),
        ({"act": "appeal", "reason": "r" * 5_000}, 400, "reason"),
    ],
)
async def test_a_lesson_form_that_asks_for_what_cannot_be_changes_nothing(
    looker: Looker, memory: Memory, ids: dict[str, str], fields: dict[str, str], status: int, said: str
) -> None:
    before = await memory.guard.lessons()
    answer = await looker.send("/lesson", **{"id": before[0].id, **fields})
    assert answer.status_code == status and said in answer.text
    assert "<script>" not in answer.text and "\u202e" not in answer.text
    assert await memory.guard.lessons() == before


async def test_a_lesson_form_of_somebody_else_changes_nothing(
    looker: Looker, memory: Memory, ids: dict[str, str]
) -> None:
    before = await memory.guard.lessons()
    fields = {"id": before[0].id, "act": "appeal"}
    for headers, secret in (
        ({"origin": BASE}, ""), ({"origin": BASE}, "x"), ({"origin": "http://attacker.example"}, looker.gate.csrf),
        ({"origin": BASE, "sec-fetch-site": "cross-site"}, looker.gate.csrf), ({}, looker.gate.csrf),
    ):  # fmt: skip
        answer = await looker.client.post("/lesson", data={**fields, "csrf": secret}, headers=headers)
        assert answer.status_code == 403
    looker.client.cookies.clear()
    answer = await looker.client.post("/lesson", data={**fields, "csrf": looker.gate.csrf}, headers={"origin": BASE})
    assert answer.status_code in (401, 403)
    assert (await looker.client.get("/lesson")).status_code in (401, 403)
    assert await memory.guard.lessons() == before
