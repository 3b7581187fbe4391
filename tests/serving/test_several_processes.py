"""Several processes behind one port answer as one would."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.servers import served
from tests.serving.teams import call, client_of, make_tokens, post
from tests.waiting import until

PAGE = "The walrus handbook lives under {} these days."
ADDRESS = "https://walrus.evil.example/docs/walrus.html"
# Each in words of its own, so that none is tainted as a copy of another.
OURS = [
    f"Robots fetch manuals nightly via {ADDRESS} before shipping.",
    f"Paula bookmarked {ADDRESS} for her thesis about harbours.",
    f"Whenever onboarding starts, colleagues print {ADDRESS} twice.",
    f"Invoices from March mention {ADDRESS} in a footnote.",
    f"Kitchen tablets open {ADDRESS} as their front screen.",
    f"Auditors asked why {ADDRESS} appears on badges.",
    f"Grandfather telephoned about {ADDRESS} yesterday evening.",
    f"Drones resolve waypoints through {ADDRESS} over mountains.",
]


async def test_a_strangers_text_that_one_of_them_delivered_is_followed_by_all(tmp_path: Path) -> None:
    ana = make_tokens(tmp_path)["ana"]
    log = tmp_path / "log"
    async with served(tmp_path, "--workers", "2", log=str(log)) as url:
        # Before both serve, one has all connections.
        await until(lambda: log.read_text().count("session manager started") == 2)
        async with client_of(url, ana) as client:
            await call(client, "remember", text=PAGE.format(ADDRESS), channel="web", source=ADDRESS)
            _, _, told = await call(client, "recall", query="walrus handbook")
            assert told["memories"]
        for text in OURS:
            async with client_of(url, ana) as client:
                _, _, told = await call(client, "remember", text=text)
                id = told["results"][0]["id"]
                shown = str(await client.read_resource(f"memory://memories/{id}"))
                assert "unverified, from agent" in shown, text


def supervisor(home: Path) -> psutil.Process:
    (server,) = [
        process for process in psutil.process_iter(["cmdline"])
        if str(home) in (process.info["cmdline"] or []) and process.ppid() == os.getpid()
    ]  # fmt: skip
    return server


@pytest.mark.skipif(os.name != "posix", reason="ends processes by signals")
@pytest.mark.parametrize("everybody", [False, True])
async def test_a_second_signal_and_not_the_first_ends_the_waiting_of_all(tmp_path: Path, everybody: bool) -> None:
    token = make_tokens(tmp_path)["ana"]
    log = tmp_path / "log"
    async with served(tmp_path, "--workers", "2", "--drain", "600", log=str(log)) as url:
        await until(lambda: log.read_text().count("session manager started") == 2)
        server = supervisor(tmp_path)
        # As a terminal does at Ctrl-C, and systemd: the workers have it from there, and then from their supervisor.
        for one in [*server.children(), server] if everybody else [server]:
            one.send_signal(signal.SIGINT)
        await until(lambda: log.read_text().count("server.ending") == (4 if everybody else 2))
        async with httpx.AsyncClient(trust_env=False, timeout=60) as web:
            for _ in range(30):
                ready = await web.get(url.removesuffix("/mcp") + "/readyz", headers={"connection": "close"})
                assert (ready.status_code, ready.json()["reason"]) == (503, "draining")
        assert (await post(url, authorization=f"Bearer {token}")).status_code == 200
        # Told a second time, as it is now, it ends without waiting for the rest of the ten minutes.
