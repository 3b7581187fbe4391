"""The apps in a host that is made of the official bridge, which refuses messages that are not as its schemas say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mnemic_mcp.apps.extension import REVIEW_TOOL
from tests.apps.hosting import BRIDGE, Host, hosting
from tests.apps.worlds import HELD, QUESTION, fill
from tests.inspector.chromium import chromium_path


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    if not BRIDGE.exists():
        pytest.skip("the official bridge is not installed (make apps-checks)")
    chromium_path()
    home = tmp_path_factory.mktemp("official") / "home"
    fill(home)
    with hosting(home, file="official.html") as opened:
        yield opened


def test_recall_and_review_work_in_an_official_host_and_every_message_is_valid(host: Host) -> None:
    view = host.recalled(QUESTION, theme="dark")
    assert "40 requests a second" in view.locator(".rows.why > li").first.inner_text()
    assert view.locator("html").get_attribute("data-theme") == "dark"
    host.page.wait_for_function("() => document.querySelector('iframe').clientHeight > 300")
    view.get_by_role("searchbox").fill(HELD)
    view.get_by_role("button", name="Ask").click()
    view.locator(".withheld").wait_for()
    view.get_by_role("button", name="Waiting for review").click()
    view.get_by_role("article").first.wait_for()
    assert [call["name"] for call in host.served] == ["recall", REVIEW_TOOL]
    assert host.page.evaluate("() => window.bridge.getAppVersion().name") == "mnemic"
    assert host.page.evaluate("() => window.bridge.teardownResource({})") == {}
    assert host.reviewed().get_by_role("article").count() > 5
    assert host.page.evaluate("() => window.faults") == []
    assert host.complaints == []


def test_the_official_host_does_complain_of_a_message_that_is_not_as_its_schemas_say(host: Host) -> None:
    host.recalled(QUESTION)
    wrong = "{ jsonrpc: '2.0', method: 'ui/notifications/size-changed', params: { height: 'tall' } }"
    host.inner().evaluate(f"() => parent.postMessage({wrong}, '*')")
    host.page.wait_for_function("() => window.faults.length > 0")
