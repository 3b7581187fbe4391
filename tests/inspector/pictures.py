"""The screenshots of the documentation: ``python -m tests.inspector.pictures docs``. Needs a Chromium."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import mnemic
from tests.apps.hosting import hosting
from tests.inspector.chromium import browsing, inspecting, new_page
from tests.inspector.worlds import furnish

PICTURES = (
    ("inspector-search", "/?q=payment+limit", "light", 640),
    ("inspector-why", "/why?q=How+many+requests+a+second+does+the+payment+provider+allow%3F&k=5", "light", 720),
    ("inspector-review", "/review", "light", 720),
    ("inspector-memory", "/memory?id={Lisbon}", "dark", 860),
    ("inspector-learning", "/learning", "light", 720),
    ("inspector-session", "/session?name=fix+the+checkout#n6", "dark", 760),
)
MAX_BYTES = 150_000


def take(folder: Path) -> list[Path]:
    """Take all pictures into ``folder``; each stays below 150 kB."""
    taken = []
    with tempfile.TemporaryDirectory() as home:

        async def fill() -> dict[str, str]:
            async with mnemic.open_memory(home, chroma="off", durable=False) as memory:
                ids = await furnish(memory)
                await memory.learning.plan()
                return ids

        ids = asyncio.run(fill())
        with inspecting(Path(home)) as link, browsing() as browser:
            page = new_page(browser, width=1040, height=720)
            page.goto(link)
            for name, address, scheme, height in PICTURES:
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": 1040, "height": height})
                page.goto(link.split("/open")[0] + address.format_map(ids))
                page.evaluate("() => { scrollTo(0, 0); document.activeElement.blur(); }")
                path = folder / f"{name}.png"
                page.screenshot(path=path)
                assert path.stat().st_size < MAX_BYTES, path
                taken.append(path)
        with hosting(Path(home), width=720) as host:
            host.recalled("How many requests a second does the payment provider allow?", most=4)
            host.page.wait_for_function("() => document.querySelector('iframe').clientHeight > 400")
            height = host.page.evaluate("() => document.querySelector('iframe').clientHeight")
            host.page.set_viewport_size({"width": 720, "height": height})
            taken.append(folder / "app-recall.png")
            host.page.screenshot(path=taken[-1])
            assert taken[-1].stat().st_size < MAX_BYTES
    return taken


if __name__ == "__main__":
    for picture in take(Path(sys.argv[1])):
        print(picture, picture.stat().st_size)
