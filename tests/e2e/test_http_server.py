"""HTTP: on loopback for everybody on this machine, elsewhere only with a token."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client

from tests.e2e.servers import INITIALIZE, SERVE, served, without_signals
from tests.ports import free_port

ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_it_remembers_and_recalls(tmp_path: Path, era: str) -> None:
    async with served(tmp_path) as url, Client(url, mode=era) as client:
        await client.call_tool("remember", {"text": "Ana moved to Lisbon."})
        result = await client.call_tool("recall", {"query": "Where does Ana live?"})
        answer: Any = result.structured_content
        assert answer["memories"][0]["text"] == "Ana moved to Lisbon."


async def test_foreign_hosts_and_origins_are_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as url, httpx.AsyncClient(trust_env=False, timeout=60) as web:
        good = await web.post(url, headers=ACCEPT, content=json.dumps(INITIALIZE))
        assert good.status_code == 200
        rebound = await web.post(url, headers={**ACCEPT, "host": "evil.example"}, content=json.dumps(INITIALIZE))
        assert rebound.status_code in (403, 421)
        foreign = await web.post(
            url, headers={**ACCEPT, "origin": "https://evil.example"}, content=json.dumps(INITIALIZE)
        )
        assert foreign.status_code == 403


async def test_a_token_once_set_is_required_of_everybody(tmp_path: Path) -> None:
    token = "correct horse battery staple"
    async with served(tmp_path, MNEMIC_TOKEN=token) as url, httpx.AsyncClient(trust_env=False, timeout=60) as web:
        for header in ({}, {"authorization": "Bearer wrong"}, {"authorization": token}, {"authorization": "bearer"}):
            answer = await web.post(url, headers={**ACCEPT, **header}, content=json.dumps(INITIALIZE))
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
        authorised = httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=60)
        answer = await authorised.post(url, headers=ACCEPT, content=json.dumps(INITIALIZE))
        assert answer.status_code == 200
        await authorised.aclose()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org"])
def test_other_addresses_are_refused_without_a_token(tmp_path: Path, host: str) -> None:
    done = subprocess.run(
        [*SERVE, "--http", "--host", host, "--home", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "MNEMIC_TOKEN" in done.stderr
    assert not (tmp_path / "ledger.sqlite3").exists()


async def test_a_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    async with served(tmp_path) as url:
        port = url.split(":")[2].split("/")[0]
        done = subprocess.run(
            [*SERVE, "--http", "--port", port, "--home", str(tmp_path)], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert "Choose another with --port" in done.stderr
    assert "Traceback" not in done.stderr


async def test_an_interrupt_closes_the_memory_where_the_event_loop_knows_no_signals(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        without_signals(tmp_path, "--http", "--port", str(port)), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None and "mnemic serves" in process.stderr.readline()
    async with Client(f"http://127.0.0.1:{port}/mcp") as client:
        await client.call_tool("remember", {"text": "Ana moved to Lisbon."})
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (0, "")
    assert not (tmp_path / "ledger.sqlite3-wal").exists(), "the memory was closed"


async def test_many_clients_at_once_see_each_others_memories(tmp_path: Path) -> None:
    async with served(tmp_path) as url:

        async def work(number: int) -> None:
            async with Client(url) as client:
                for at in range(10):
                    await client.call_tool(
                        "remember", {"text": f"Client {number} keeps item {at} in box {number * 10 + at}."}
                    )

        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(work, number)
        async with Client(url) as client:
            for number in range(8):
                result = await client.call_tool("recall", {"query": f"client {number} item 7", "k": 3})
                answer: Any = result.structured_content
                expected = f"Client {number} keeps item 7 in box {number * 10 + 7}."
                assert expected in [memory["text"] for memory in answer["memories"]]
