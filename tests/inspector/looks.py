"""What a browser tells about a page that it opened: when there was something to see, and what axe finds in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.inspector.chromium import AXE

_TIMES = """() => new Promise((found) => {
  const look = () => {
    const [navigation] = performance.getEntriesByType("navigation");
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    if (!paint || !navigation.domInteractive) { requestAnimationFrame(look); return; }
    found([navigation.responseEnd, paint.startTime, navigation.domInteractive, navigation.decodedBodySize]);
  };
  look();
})"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Milliseconds since the navigation began, redirects included. ``answered``: the last byte of the page was there.
    ``useful``: it was all there for the reader and something of it was painted, whichever came last. ``size`` in bytes.
    """

    answered: float
    useful: float
    size: int


def open_page(page: Any, address: str) -> Look:
    """Open an address in a Playwright page; the page must say that it has an answer, and have something in it."""
    answer = page.goto(address)
    assert answer.ok, (address, answer.status)
    answered, painted, parsed, size = page.evaluate(_TIMES)
    assert page.locator("main :is(h1, form)").count(), address
    return Look(answered=answered, useful=max(painted, parsed), size=int(size))


def violations(page: Any, axe: str) -> list[tuple[str, list[str]]]:
    """What axe finds in an open page with everything unfolded: (rule, elements). ``axe`` is its source."""
    page.evaluate("() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    page.evaluate(axe)
    found = page.evaluate("() => axe.run(document)")
    return [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found["violations"]]


def axe_source() -> str | None:
    """None where axe-core is not installed (``make inspector-checks``)."""
    return AXE.read_text(encoding="utf-8") if AXE.exists() else None


def needed_axe() -> str:
    """`axe_source`; the test is skipped where there is none."""
    source = axe_source()
    if source is None:
        pytest.skip("axe-core is not installed (make inspector-checks)")
    return source
