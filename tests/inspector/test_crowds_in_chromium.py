"""Every view in a real browser where there is much of everything, and where every text and name is hostile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import mnemic
from mnemic.testing.corpus import Corpus
from tests.inspector.chromium import browsing, chromium_path, inspecting, new_page
from tests.inspector.crowds import SMALL, TEN, Crowd, every_view, gather
from tests.inspector.hostile import LONG, plant, refused
from tests.inspector.looks import needed_axe, open_page, violations
from tests.inspector.test_in_chromium import Shown
from tests.inspector.worlds import HOSTILE

pytestmark = pytest.mark.slow

NAMESPACE = "bench"
# Each costs a dozen pages; test_hostile_places.py looks at the others, and at the pages as they are sent.
TEXTS = {name: {**HOSTILE, **LONG}[name] for name in ("html", "bidi", "long line")}
WIDTHS = (400, 1180)
CROWDS = {"10 memories": TEN, "2,000 memories": SMALL}


class Peopled(Shown):
    """Pages over a crowd (``views``), and over a namespace for each hostile text (``hostile``)."""

    views: dict[str, str]
    hostile: dict[str, str]

    def overflows(self) -> bool:
        """Whether the page can be moved sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.fixture(scope="module", params=list(CROWDS))
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peopled]:
    chromium_path()
    home = tmp_path_factory.mktemp("peopled") / "home"
    crowd: Crowd = CROWDS[request.param]

    async def fill() -> tuple[dict[str, str], dict[str, str]]:
        async with mnemic.open_memory(home, chroma="off", durable=False, namespace=NAMESPACE) as memory:
            if crowd is SMALL:
                await memory.remember_many(Corpus().memories(2_000 - crowd.memories))
            ids = await gather(memory, crowd)
            assert (await memory.status()).memories == (10 if crowd is TEN else 2_000)
            hostile = dict[str, str]()
            for name, text in TEXTS.items() if crowd is TEN else ():
                hostile |= {f"{name}: {what}": address for what, address in (await plant(memory, text)).items()}
            return ids, hostile

    ids, hostile = asyncio.run(fill())
    with inspecting(home, "--namespace", NAMESPACE) as link, browsing() as browser:
        page = new_page(browser, width=1180, height=820)
        opened = Peopled(page, link.split("/open")[0], ids)
        opened.views, opened.hostile = every_view(ids, crowd=crowd), hostile
        assert page.goto(link).ok
        yield opened


def test_every_view_has_something_to_see_and_axe_finds_nothing(shown: Peopled) -> None:
    axe, found = needed_axe(), []
    for name, address in shown.views.items():
        look = open_page(shown.page, shown.base + address)
        assert look.answered > 0 and 0 < look.size < 300_000, name
        for scheme in ("light", "dark"):
            shown.page.emulate_media(color_scheme=scheme)
            found += [(name, scheme, *one) for one in violations(shown.page, axe)]
    assert not found, "\n".join(map(str, found))
    assert shown.complaints == []


def test_no_view_is_wider_than_the_window(shown: Peopled) -> None:
    wide = []
    for name, address in (shown.views | shown.hostile).items():
        shown.go(address)
        shown.page.evaluate("() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        for width in WIDTHS:
            shown.page.set_viewport_size({"width": width, "height": 820})
            wide += [(name, width)] if shown.overflows() else []
    assert not wide


def test_hostile_texts_run_draw_and_load_nothing_on_any_page(shown: Peopled) -> None:
    errors = [address for text in TEXTS.values() for address in refused(text).values()]
    for address in [*shown.hostile.values(), *errors]:
        shown.page.goto(shown.base + address)
        assert shown.page.title().endswith("· mnemic"), address
        made = "main :is(img, script, iframe, object, style, textarea), main b b, [onerror], [style]"
        assert shown.page.locator(made).count() == 0, address
    refusals = [said for said in shown.complaints if "Failed to load resource" in said and "status of 40" in said]
    assert shown.complaints == refusals, "nothing but our own answers that something is not there"
    shown.complaints.clear()


def test_people_page_through_what_waits_and_appeal_against_a_lesson(shown: Peopled) -> None:
    page, many = shown.page, "lesson=110" in shown.views["review, later"]
    shown.go("/review")
    if many:
        page.get_by_role("navigation", name="Pages of what waits").get_by_role("link", name="Older").click()
        page.wait_for_url("**waiting=*")
        page.get_by_role("navigation", name="Pages of lessons").get_by_role("link", name="Older").click()
        page.wait_for_url("**lesson=50#lessons")
        assert "waiting=" in page.url
    button = page.get_by_role("button", name="Appeal against").first
    id = (button.get_attribute("aria-label") or "").split()[-1]
    button.click()
    status = page.get_by_role("status")
    assert "no longer heeded" in status.inner_text() and status.is_visible()
    assert not many or ("waiting=" in page.url and "lesson=50" in page.url)
    row = page.get_by_role("row").filter(has=page.get_by_role("button", name=f"Heed {id}"))
    assert "released" in row.inner_text() and row.is_visible()
    row.get_by_role("button", name=f"Heed {id}").click()
    assert "heeded again" in page.get_by_role("status").inner_text()
    assert page.get_by_role("button", name=f"Appeal against {id}").is_visible()
    first = page.locator("article").first
    held = first.get_attribute("aria-label")
    first.get_by_role("button", name="Reject").click()
    assert "Rejected" in page.get_by_role("status").inner_text()
    assert page.locator(f"article[aria-label={held}]").count() == 0
    assert not many or "waiting=" in page.url
