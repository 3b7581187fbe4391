"""How long a person waits for the first useful view of the inspector, and whether its views are accessible.

    python -m tests.benchmarks.inspector [--sizes 10 100000] [--store FOLDER] [--json FILE]

A store of each size is made (or ``--store`` is copied and added to), with thousands in quarantine, lessons, experiences and
sessions among them where it is large. Measured is

- the first list of memories over HTTP: `mnemic inspect` is started anew for every round, and asked from the request with the
  link to the last byte right after the link is printed, while the memory is still being opened (*at once*), and for later
  pages (*again*); *from the start* counts Python's start, too;
- every view in headless Chromium, if there is one: from the beginning of the navigation until the page is there and painted
  (`tests.inspector.looks`), the link itself with a new server in every round, while it is still opening the memory, the
  others with one; and what axe finds in it, light and dark.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
import urllib.request
from dataclasses import asdict
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic.testing.corpus import Corpus
from tests.inspector.chromium import browsing, chromium_path, inspecting
from tests.inspector.crowds import LARGE, SMALL, TEN, Crowd, every_view, gather
from tests.inspector.looks import Look, axe_source, open_page, violations

ROUNDS = 5
BATCH = 1_000
NAMESPACE = "bench"


async def make_store(home: Path, size: int, *, filled: bool) -> tuple[dict[str, str], int]:
    """A crowd upon memories, or upon those that are there if ``filled``. Ids for `every_view`, and how many there are."""
    crowd = crowd_of(size)
    async with mnemic.open_memory(home, chroma="off", durable=False, namespace=NAMESPACE) as memory:
        if not filled:
            memories = Corpus().memories(size - crowd.memories)
            for at in range(0, len(memories), BATCH):
                await memory.remember_many(memories[at : at + BATCH])
        ids = await gather(memory, crowd)
        return ids, (await memory.status()).memories


def crowd_of(size: int) -> Crowd:
    return LARGE if size > 2 * LARGE.memories else SMALL if size > 2 * SMALL.memories else TEN


def one_round(home: Path) -> dict[str, float]:
    """Milliseconds by what was done."""
    started = time.perf_counter()
    with inspecting(home, "--namespace", NAMESPACE) as link:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        printed = time.perf_counter()
        base = link.split("/open")[0]

        def fetch(address: str, expected: str) -> float:
            begun = time.perf_counter()
            with opener.open(address) as answer:
                assert expected in answer.read().decode()
            return (time.perf_counter() - begun) * 1e3

        first = fetch(link, "data-row")
        found = {"at_once_ms": first, "from_the_start_ms": (printed - started) * 1e3 + first}
        time.sleep(3)  # what is read ahead after the first page is done by then
        return found | {
            "again_ms": fetch(base + "/", "data-row"),
            "filtered_ms": fetch(base + "/?kind=lesson", "No memory here"),
            "search_ms": fetch(base + "/?q=network+year", "mnemic"),
            "why_ms": fetch(base + "/why?q=network+year", "candidates in"),
        }


def in_chromium(home: Path, views: dict[str, str]) -> dict[str, Any]:
    """By view: times, bytes and what axe finds. Empty where there is no Chromium."""
    try:
        chromium_path()
    except pytest.skip.Exception as reason:
        print(f"not looked at in a browser: {reason}")
        return {}
    axe, looks, found = axe_source(), dict[str, list[Look]](), dict[str, int]()
    with browsing() as browser:
        for _ in range(ROUNDS):
            # The person's browser is open already, and shows something else.
            context = browser.new_context()
            page = context.new_page()
            page.goto("data:text/html,<h1>Another page</h1>")
            with inspecting(home, "--namespace", NAMESPACE) as link:
                looks.setdefault("the link", []).append(open_page(page, link))
            context.close()
        with inspecting(home, "--namespace", NAMESPACE) as link:
            page = browser.new_context().new_page()
            open_page(page, link)
            time.sleep(3)
            for name, address in views.items():
                looks[name] = [open_page(page, link.split("/open")[0] + address) for _ in range(ROUNDS)]
                if axe is None:
                    continue
                for scheme in ("light", "dark"):
                    page.emulate_media(color_scheme=scheme)
                    found[name] = found.get(name, 0) + len(violations(page, axe))
    return {name: _told(some, found.get(name)) for name, some in looks.items()}


def _told(looks: list[Look], violations: int | None) -> dict[str, Any]:
    return {
        "useful_ms": _spread([look.useful for look in looks]),
        "answered_ms": _spread([look.answered for look in looks]),
        "bytes": looks[-1].size,
        "axe_violations": violations,
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 1), "worst": round(max(values), 1)}


def measure(size: int, store: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        if store is not None:
            shutil.copytree(store, home)
        ids, count = asyncio.run(make_store(home, size, filled=store is not None))
        rounds = [one_round(home) for _ in range(ROUNDS)]
        views = in_chromium(home, every_view(ids, crowd=crowd_of(size)))
    return {
        "memories": count, "crowd": asdict(crowd_of(size)),
        "http": {name: _spread([one[name] for one in rounds]) for name in rounds[0]}, "chromium": views,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100_000])
    parser.add_argument("--store", type=Path, help="A folder that holds a store of the largest size.")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = [measure(size, given.store if size == max(given.sizes) else None) for size in given.sizes]
    for result in results:
        print(f"{result['memories']:,} memories")
        for name, value in result["http"].items():
            print(f"  {name:<26} median {value['median']:>8.1f}  worst {value['worst']:>8.1f}")
        for name, told in result["chromium"].items():
            value, found = told["useful_ms"], told["axe_violations"]
            axe = "" if found is None else f"  axe: {found}"
            print(
                f"  {name:<26} median {value['median']:>8.1f}  worst {value['worst']:>8.1f}  {told['bytes']:>9,} bytes{axe}"
            )
    if given.json:
        given.json.write_text(json.dumps({"rounds": ROUNDS, "results": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
