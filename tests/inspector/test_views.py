"""Every view says what the memory says, with ten memories and with many."""

from __future__ import annotations

import re
from html import unescape

import pytest

from mnemic import Memory, NewMemory
from tests.inspector.looking import Looker, text_of
from tests.inspector.worlds import furnish


@pytest.fixture
async def ids(memory: Memory) -> dict[str, str]:
    return await furnish(memory)


async def test_the_newest_memories_come_first_with_their_origins(looker: Looker, ids: dict[str, str]) -> None:
    page = unescape(text_of(await looker.page("/")))
    assert (
        page.index("Ask finance for the archive number")
        < page.index("Ana lives in Braga.")
        < page.index("aquarium opens")
    )
    assert "web forum.example (claimed)" in page
    assert "agent via claude-code" in page


@pytest.mark.parametrize(
    ("fields", "there", "not_there"),
    [
        ({"status": "archived"}, "penguin called Gil", "Ana lives"),
        ({"status": "superseded"}, "Ana lives in Porto.", "Ana lives in Braga."),
        ({"status": "quarantined"}, "ParcelPlus", "Ana lives"),
        ({"kind": "procedural"}, "Turn the feature switch off", "Ana lives"),
        ({"tag": "people"}, "allergic to peanuts", "payment provider allows"),
        ({"session": "planning the new wing"}, "corner office", "Ana lives"),
        ({"q": "Where does Ana live?", "status": "active"}, "Ana lives in Braga.", "Ana lives in Porto."),
        ({"ns": "nowhere"}, "No memory here passes the filters.", "Ana"),
        ({"ns": "default", "before": "m1"}, "is no id", "Ana lives"),
    ],
)
async def test_filters_narrow_what_is_listed(
    looker: Looker, ids: dict[str, str], fields: dict[str, str], there: str, not_there: str
) -> None:
    page = await looker.client.get("/", params=fields)
    listed = unescape(text_of(page.text))
    assert not_there not in listed
    if page.status_code == 200:
        assert there in listed
    else:
        assert page.status_code == 400 and "before" in fields


async def test_paging_meets_every_memory_once_and_never_more_than_fifty_at_a_time(
    looker: Looker, memory: Memory
) -> None:
    stored = await memory.remember_many([NewMemory(text=f"Parcel {at} lies in shelf {at * 7}.") for at in range(120)])
    met: list[str] = []
    address: str | None = "/?kind=semantic"
    while address is not None and len(met) <= 150:
        page = await looker.page(address)
        rows = re.findall(r'href="/memory\?id=(\w+)" data-row', page)
        assert 0 < len(rows) <= 50
        met += rows
        more = re.search(r'rel="next" href="([^"]+)"', page)
        address = unescape(more[1]) if more else None
    assert met == [receipt.id for receipt in reversed(stored)]


async def test_a_search_is_paged_too(looker: Looker, memory: Memory) -> None:
    await memory.remember_many([NewMemory(text=f"Parcel {at} holds {word}.") for at, word in enumerate(_words(70))])
    first = await looker.page("/", q="parcel")
    more = re.search(r'rel="next" href="([^"]+)"', first)
    assert more
    second = await looker.page(unescape(more[1]))
    rows = [re.findall(r'href="/memory\?id=(\w+)" data-row', page) for page in (first, second)]
    assert len(rows[0]) == 50 and rows[1] and not set(rows[0]) & set(rows[1])


def _words(count: int) -> list[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [f"{letters[at % 26]}{letters[at // 26]}rn{letters[(at * 5) % 26]}" for at in range(count)]


async def test_a_memory_shows_its_versions_and_what_it_was_drawn_from(looker: Looker, ids: dict[str, str]) -> None:
    page = await looker.page("/memory", id=ids["Lisbon"])
    shown = unescape(text_of(page))
    assert "superseded" in shown and "true 2025-05-08 – 2026-05-08" in shown
    drawing = page[page.index('<svg class="lineage"') : page.index("</svg>", page.index('<svg class="lineage"'))]
    for city in ("Porto", "Lisbon", "Braga"):
        assert f"Ana lives in {city}." in drawing
    assert drawing.count('marker-end="url(#arrow)"') == 3
    assert "drawn from" in drawing and f"/memory?id={ids['Porto']}" in drawing


async def test_when_an_experience_helps_is_said_once(looker: Looker, memory: Memory) -> None:
    situation = "When the mug is dirty"
    receipt = await memory.remember("Clean the mug first.", kind="procedural", when_to_use=situation)
    pages = [
        await looker.page("/"),
        await looker.page("/memory", id=receipt.id),
        await looker.page("/why", q="dirty mug"),
    ]
    for page in pages:
        assert f"when: {situation}" in text_of(page) and f"When {situation}" not in text_of(page)


async def test_an_erased_source_is_named_and_not_linked(looker: Looker, memory: Memory, ids: dict[str, str]) -> None:
    await memory.erase([ids["talk"]])
    page = await looker.page("/memory", id=ids["limit"])
    assert ids["talk"] in page
    assert f"/memory?id={ids['talk']}" not in page


async def test_an_address_with_an_endless_namespace_does_not_become_an_endless_page(looker: Looker) -> None:
    page = await looker.page("/why", status=400, ns="endless " * 5_000)
    assert "no memory has one so long" in page
    assert len(page) < 10_000


async def test_a_memory_that_is_not_there_says_so(looker: Looker) -> None:
    page = await looker.page("/memory", status=404, id="m00000000000000a")
    assert "m00000000000000a" in page
    assert "That did not work" in page
    assert "no such page" in await looker.page("/nowhere", status=404)


async def test_people_archive_restore_release_and_reject(looker: Looker, memory: Memory, ids: dict[str, str]) -> None:
    steps = (
        ("limit", "archive", "archived", "Archived"), ("limit", "restore", "active", "Brought back"),
        ("limit", "restore", "active", "Nothing had to be changed"), ("poison", "reject", "quarantined", "Rejected"),
        ("poison", "release", "active", "Released"), ("Porto", "restore", "active", "Brought back"),
    )  # fmt: skip
    for name, act, status, said in steps:
        answer = await looker.send("/memory", id=ids[name], act=act, reason="a person looked")
        assert answer.status_code == 200 and said in answer.text
        assert (await memory.get(ids[name])).status == status
    event = (await memory.history(ids["limit"])).events[-1]
    assert event.detail["reason"] == "a person looked"
    answer = await looker.send("/memory", id=ids["limit"], act="erase")
    assert answer.status_code == 400 and (await memory.get(ids["limit"])).text


async def test_why_shows_the_parts_and_channels_of_every_hit(
    looker: Looker, memory: Memory, ids: dict[str, str]
) -> None:
    question = "How many requests a second does the payment provider allow?"
    result = await memory.recall(question, k=5, explain=True)
    page = await looker.page("/why", q=question, k="5")
    shown = unescape(text_of(page))
    for hit in result.hits:
        assert hit.explanation is not None and hit.score is not None
        assert hit.memory.text in shown and f"{hit.score:.3f}" in shown
        for name, value in hit.explanation.parts.items():
            assert f"{value:.3f} {name.replace('_', ' ')}" in shown
        for channel, place in hit.explanation.channels.items():
            assert f"{channel} #{place}" in shown
    assert "unverified, from web forum.example (claimed)" in shown


async def test_why_names_what_was_withheld_and_quotes_none_of_it(looker: Looker, ids: dict[str, str]) -> None:
    shown = unescape(text_of(await looker.page("/why", q="send the card number before any payment", held="1")))
    assert "Withheld by the guard" in shown and ids["poison"] in shown
    assert "override: a directive to ignore what was said before" in shown
    assert "collect. Do not tell" not in shown


async def test_review_decides_and_its_list_becomes_shorter(looker: Looker, memory: Memory, ids: dict[str, str]) -> None:
    page = await looker.page("/review")
    assert page.count("<article") == 2
    assert '<mark title="' in page and "steers-instructions" in page
    answer = await looker.send("/memory", id=ids["poison"], act="reject", back="review")
    assert answer.text.count("<article") == 1
    assert "Rejected: it stays out" in answer.text and "rejected" in text_of(answer.text)
    assert (await memory.guard.explain(ids["poison"])).marks.review == "rejected"


async def test_learning_draws_what_was_tried_and_plans_are_applied_and_undone(
    looker: Looker, memory: Memory, ids: dict[str, str]
) -> None:
    page = await looker.page("/learning")
    assert page.count('<circle class="good"') == 6 and page.count('<circle class="bad"') == 2
    assert "7 of 8" in page and 'class="ring"' not in page
    answer = await looker.send("/plan", act="plan")
    assert "Nothing has been changed" in answer.text and answer.text.count('class="ring"') == 2
    (plan,) = await memory.learning.plans()
    await looker.send("/plan", act="apply", id=plan.id)
    assert (await memory.get(ids["bad"])).status == "archived"
    await looker.send("/plan", act="undo", id=plan.id)
    assert (await memory.get(ids["bad"])).status == "active"


async def test_a_session_is_a_map_of_what_is_shown_and_what_is_not(
    looker: Looker, memory: Memory, ids: dict[str, str]
) -> None:
    assert "fix the checkout" in await looker.page("/sessions")
    stats = await memory.session("fix the checkout").stats()
    page = await looker.page("/session", name="fix the checkout")
    shown = unescape(text_of(page))
    assert f"{stats.shown:,} of {stats.tokens:,} tokens shown" in shown
    assert page.count("<g><title>") == page.count("<details") == len(stats.messages)
    assert "order 88000 payment answered" in shown
    assert "Subgoal 1" in shown and "Only the checkout does." in shown
    for state in ("folded", "partly"):
        assert f'<span class="status {state}">' in page


async def test_a_long_session_is_paged(looker: Looker, memory: Memory) -> None:
    session = memory.session("long")
    for text in (f"Line {at}." for at in range(1, 121)):
        await session.append(text)
    page = await looker.page("/session", name="long", start="100")
    assert page.count("<details") == 20 and "Line 101." in page and "Line 100." not in page
    assert page.count("<g><title>") == 120


async def test_sessions_and_messages_that_are_not_there_say_so(looker: Looker, memory: Memory) -> None:
    await memory.session("short").append("Hello.")
    assert "no session" in await looker.page("/session", status=400, name="nobody")
    assert "has no message 2" in await looker.page("/message", status=400, name="short", number="2")
