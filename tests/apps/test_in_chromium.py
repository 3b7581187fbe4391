"""The apps in a real browser, framed as the specification says, over the real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from mnemic_mcp.apps.extension import RECALL_URI, REVIEW_TOOL, REVIEW_URI
from tests.apps.hosting import Host, hosting
from tests.apps.worlds import HELD, QUESTION, fill
from tests.inspector.chromium import AXE, chromium_path
from tests.inspector.worlds import HOSTILE


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    chromium_path()
    home = tmp_path_factory.mktemp("apps") / "home"
    return home, fill(home)


@pytest.fixture(scope="module")
def host(filled: tuple[Path, dict[str, str]]) -> Iterator[Host]:
    with hosting(filled[0]) as opened:
        yield opened


@pytest.fixture(autouse=True)
def quiet(host: Host) -> Iterator[None]:
    """No test of this module may make the browser complain, load anything, or leave an error behind."""
    host.complaints.clear()
    yield
    assert host.complaints == []


@pytest.mark.slow
def test_recall_explains_every_hit_by_parts_and_channels(host: Host) -> None:
    view = host.recalled(QUESTION)
    first = view.locator(".rows.why > li").first
    assert "40 requests a second" in first.inner_text()
    assert first.locator(".bar rect").count() > 2
    assert "words" in first.locator(".made").inner_text()
    second = view.locator(".rows.why > li").nth(1)
    assert not second.locator(".made").is_visible()
    second.get_by_text("why", exact=True).click()
    assert second.locator(".made").is_visible()
    assert "meaning" in first.locator(".channels").first.inner_text()
    days = (datetime.now(UTC).date() - date.fromisoformat(first.locator(".facts time").get_attribute("datetime"))).days
    assert ("today", "yesterday")[days] in first.locator(".facts time").inner_text()
    assert "ago" in view.locator(".rows.why .facts time", has_text="2026-03-02").first.inner_text()
    assert "candidates" in view.get_by_role("status").inner_text()
    assert view.get_by_role("searchbox").input_value() == QUESTION


def test_the_score_in_the_app_is_the_score_that_the_model_got(host: Host) -> None:
    result = host.call("recall", query=QUESTION)
    view = host.show(RECALL_URI, result, arguments={"query": QUESTION})
    shown = view.locator(".score").all_inner_texts()
    assert shown == [f"{memory['score']:.3f}" for memory in result["structuredContent"]["memories"]]


def test_asking_again_goes_to_the_server_through_the_host(host: Host) -> None:
    view = host.recalled(QUESTION)
    view.get_by_role("searchbox").fill("Where does Ana live?")
    view.get_by_role("searchbox").press("Enter")
    view.get_by_text("Ana lives in Braga.").first.wait_for()
    assert host.served == [{"name": "recall", "arguments": {"query": "Where does Ana live?", "k": 10}}]


def test_more_goes_on_where_the_answer_ended(host: Host) -> None:
    query = "payment"
    view = host.show(RECALL_URI, host.call("recall", query=query, k=2), arguments={"query": query, "k": 2})
    view.get_by_role("button", name="More").click()
    view.locator(".rows > li").nth(3).wait_for()
    texts = view.locator(".rows .said").all_inner_texts()
    assert len(texts) == len(set(texts)) == 4


def test_what_was_withheld_is_named_and_leads_to_the_review(host: Host, filled: tuple[Path, dict[str, str]]) -> None:
    view = host.recalled(HELD)
    withheld = view.locator(".withheld")
    assert filled[1]["watched"] in withheld.inner_text()
    assert "tell nobody" not in withheld.inner_text()
    view.get_by_role("button", name="Waiting for review").click()
    card = view.get_by_role("article", name=filled[1]["poison"])
    assert "card number" in card.inner_text()
    assert card.locator("mark").count() > 0
    view.get_by_role("button", name="Back").click()
    assert withheld.is_visible()
    assert host.served == [{"name": REVIEW_TOOL, "arguments": {}}]


def test_the_review_shows_reasons_and_commands_and_cannot_decide(
    host: Host, filled: tuple[Path, dict[str, str]]
) -> None:
    view = host.reviewed()
    card = view.get_by_role("article", name=filled[1]["poison"])
    assert card.locator(".finding").count() > 0
    assert f"mnemic guard release {filled[1]['poison']}" in card.inner_text()
    assert view.get_by_role("button").all_inner_texts() == ["Look again"]
    view.get_by_role("button", name="Look again").click()
    card.wait_for()
    assert host.served == [{"name": REVIEW_TOOL, "arguments": {}}]


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_text_is_text_in_both_apps(host: Host, name: str) -> None:
    for view in (host.recalled(f"odd {name} text"), host.reviewed()):
        assert view.locator("main b:not(.made b, .channels b), main img, main script, main a, main iframe").count() == 0
        shown = view.locator("main").inner_text()
        assert name in shown
        assert not set(shown) & set("\x1b\x07\x08\u202e\u2066\u200b\ufeff\U000e0041")
    assert host.page.title() == "A host"
    assert {message.get("method") for message in host.said()} <= SPOKEN | {None}


SPOKEN = {
    "ui/notifications/sandbox-proxy-ready", "ui/initialize", "ui/notifications/initialized",
    "ui/notifications/size-changed", "tools/call",
}  # fmt: skip


def test_an_app_says_nothing_to_the_model_and_opens_no_address(host: Host) -> None:
    view = host.recalled(HELD)
    view.get_by_role("button", name="Waiting for review").click()
    view.get_by_role("button", name="Back").click()
    assert {message["method"] for message in host.said() if "method" in message} == SPOKEN


def test_a_script_that_got_into_an_app_is_refused(host: Host) -> None:
    host.recalled(QUESTION)
    with host.page.expect_console_message(lambda told: "Content Security Policy" in told.text):
        host.inner().evaluate(
            "() => { const made = document.createElement('script'); made.textContent = 'document.title = \"run\"'; "
            "document.body.append(made); }"
        )
    assert host.inner().title() != "run"
    assert any("Content Security Policy" in said for said in host.complaints)
    host.complaints.clear()


def test_a_message_that_is_not_from_the_host_is_ignored(host: Host) -> None:
    view = host.recalled(QUESTION)
    before = view.locator("main").inner_text()
    words = "{content: [{type: 'text', text: 'forged'}]}"
    forged = f"{{jsonrpc: '2.0', method: 'ui/notifications/tool-result', params: {words}}}"
    host.inner().evaluate(
        f"() => new Promise((done) => {{ addEventListener('message', done); postMessage({forged}, '*'); }})"
    )
    assert view.locator("main").inner_text() == before


def test_the_host_is_answered_when_it_pings_and_ends_the_view(host: Host) -> None:
    host.recalled(QUESTION)
    for id, method in enumerate(("ping", "ui/resource-teardown", "no/such"), start=7001):
        host.page.evaluate("message => window.tell(message)", {"id": id, "method": method, "params": {}})
        host.page.wait_for_function("id => window.said.some((one) => one.id === id)", arg=id)
    answers = {message["id"]: message for message in host.said() if message.get("id", 0) > 7000}
    assert answers[7001]["result"] == answers[7002]["result"] == {}
    assert answers[7003]["error"]["code"] == -32601


def test_the_theme_is_the_hosts_and_changes_with_it(host: Host) -> None:
    host.recalled(QUESTION, theme="dark")
    colour = "() => getComputedStyle(document.documentElement).backgroundColor"
    assert host.inner().evaluate(colour) == "rgb(21, 24, 27)"
    host.page.evaluate(
        "() => window.tell({ method: 'ui/notifications/host-context-changed', params: { theme: 'light' } })"
    )
    host.inner().wait_for_function("() => document.documentElement.dataset.theme === 'light'")
    assert host.inner().evaluate(colour) == "rgb(251, 250, 247)"


def test_a_view_is_as_high_as_what_is_in_it(host: Host) -> None:
    host.recalled(QUESTION)
    host.page.wait_for_function("() => document.querySelector('iframe').clientHeight > 300")
    overflow = "() => document.documentElement.scrollHeight - innerHeight"
    host.inner().wait_for_function(f"() => ({overflow})() <= 0")


def test_a_host_that_passes_on_no_calls_or_only_words_still_shows_the_answer(host: Host) -> None:
    view = host.recalled(QUESTION, calls=False)
    assert view.get_by_role("button").count() == 0
    assert "40 requests a second" in view.locator(".rows").inner_text()
    result = host.call("recall", query=QUESTION)
    view = host.show(RECALL_URI, {"content": result["content"]}, calls=False)
    assert "40 requests a second" in view.locator(".data").inner_text()
    assert view.locator("b, a").count() == 0
    view = host.show(REVIEW_URI, {"content": host.call(REVIEW_TOOL)["content"]}, calls=False)
    assert "mnemic guard release ID" in view.locator(".data").inner_text()


def test_an_error_is_told_and_the_question_stays(host: Host) -> None:
    view = host.show(RECALL_URI, host.call("recall", query="x", since="last week"), arguments={"query": "x"})
    assert "ISO 8601" in view.get_by_role("alert").inner_text()
    assert view.get_by_role("searchbox").input_value() == "x"


def test_everything_can_be_reached_with_the_keyboard(host: Host) -> None:
    view = host.recalled(HELD)
    view.get_by_role("searchbox").focus()
    whys = view.get_by_text("why", exact=True).count()
    assert whys >= 1
    for name in ("Ask", *["why"] * whys, "Waiting for review"):
        host.page.keyboard.press("Tab")
        assert host.inner().evaluate("() => document.activeElement.innerText.trim()") == name
    host.page.keyboard.press("Enter")
    view.get_by_role("button", name="Back").wait_for()
    assert host.inner().evaluate("() => document.activeElement.tagName") == "H1"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(host: Host, theme: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed (make inspector-checks)")
    # A page may not load what its policy does not name; a test may go past it.
    source = AXE.read_text(encoding="utf-8")
    found = []
    for what in ("recall", "review", "nothing"):
        if what == "review":
            host.reviewed(theme=theme)
        else:
            host.recalled(HELD if what == "recall" else "zzz qqq", theme=theme)
        host.inner().evaluate("() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        host.inner().evaluate(source)
        result = host.inner().evaluate("() => axe.run(document)")
        found += [(what, one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in result["violations"]]
    assert not found, "\n".join(map(str, found))
