"""The pages in a real browser: they open, nothing in them runs, keys work, and axe finds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import mnemic
from tests.inspector.chromium import browsing, chromium_path, inspecting, new_page
from tests.inspector.looks import needed_axe, violations
from tests.inspector.worlds import HOSTILE, furnish


class Shown:
    """An open page with what it complained of."""

    def __init__(self, page: Any, base: str, ids: dict[str, str]) -> None:
        self.page, self.base, self.ids = page, base, ids
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note)

    def _note(self, request: Any) -> None:
        if not request.url.startswith(self.base):
            self.complaints.append(f"asked for {request.url}")

    def go(self, path: str) -> None:
        assert self.page.goto(self.base + path).ok


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    chromium_path()
    home = tmp_path_factory.mktemp("inspected") / "home"

    async def fill() -> dict[str, str]:
        async with mnemic.open_memory(home, chroma="off", durable=False) as memory:
            ids = await furnish(memory)
            for text in HOSTILE.values():
                await memory.remember(text, namespace="hostile")
                await memory.session("hostile").append(text)
            await memory.learning.plan()
            return ids

    # In a thread of its own: Playwright's synchronous interface runs an event loop in this one.
    ids = asyncio.run(fill())
    with inspecting(home) as link, browsing() as browser:
        page = new_page(browser, width=1180, height=820)
        opened = Shown(page, link.split("/open")[0], ids)
        assert page.goto(link).ok
        yield opened


def views(ids: dict[str, str]) -> list[str]:
    """An address for each view, and some with something special in them."""
    return [
        "/", "/?q=payment+limit", f"/memory?id={ids['limit']}", f"/memory?id={ids['Lisbon']}", f"/memory?id={ids['poison']}",
        "/why", "/why?q=How+many+requests+a+second%3F", "/why?q=send+the+card+number&held=1", "/review", "/learning",
        "/sessions", "/session?name=fix+the+checkout", "/message?name=fix+the+checkout&number=6", "/?ns=hostile",
        "/session?name=hostile",
    ]  # fmt: skip


def test_no_view_runs_loads_or_complains_of_anything(shown: Shown) -> None:
    for path in views(shown.ids):
        shown.go(path)
        assert "mnemic" in shown.page.title()
    shown.go("/?ns=hostile")
    assert shown.page.locator(".rows b, .rows img, .rows script").count() == 0
    assert HOSTILE["html"] in shown.page.locator(".rows").inner_text()
    assert shown.complaints == []


def test_the_link_is_spent_and_scripts_cannot_read_the_cookie(shown: Shown) -> None:
    shown.go("/")
    assert shown.page.evaluate("document.cookie") == ""
    (cookie,) = shown.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_an_inline_script_is_refused_even_if_one_got_in(shown: Shown) -> None:
    shown.go("/")
    before = len(shown.complaints)
    with shown.page.expect_console_message(lambda told: "Content Security Policy" in told.text):
        shown.page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'document.title = \"run\"'; "
            "document.body.append(s); }"
        )
    assert shown.page.title() != "run"
    del shown.complaints[before:]


def test_a_form_archives_and_restores(shown: Shown) -> None:
    shown.go(f"/memory?id={shown.ids['limit']}")
    shown.page.get_by_role("button", name="Archive").click()
    assert "Archived" in shown.page.get_by_role("status").inner_text()
    shown.page.get_by_role("button", name="Restore").click()
    assert "Brought back" in shown.page.get_by_role("status").inner_text()


def test_keys_search_move_open_and_go_back(shown: Shown) -> None:
    page = shown.page
    shown.go("/")
    page.keyboard.press("/")
    page.keyboard.type("payment limit")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?*q=payment+limit*")
    for key in ("j", "j", "k"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.getAttribute('href')")
    assert focused == page.locator("[data-row]").nth(0).get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url("**/memory?*")
    page.keyboard.press("Escape")
    page.wait_for_url("**/?ns=default")


def test_a_message_unfolds_to_its_original_and_what_is_shown(shown: Shown) -> None:
    shown.go("/session?name=fix+the+checkout")
    row = shown.page.locator("#n6 details")
    row.locator("summary").click()
    assert row.get_by_text("What is shown").is_visible() and row.get_by_text("Original").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(shown: Shown, scheme: str) -> None:
    axe = needed_axe()
    shown.page.emulate_media(color_scheme=scheme)
    found = []
    for path in views(shown.ids):
        shown.go(path)
        found += [(path, *one) for one in violations(shown.page, axe)]
    assert not found, "\n".join(map(str, found))
