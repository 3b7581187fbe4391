"""The same messages to real processes: over pipes, and over sockets."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from random import Random

import anyio
import httpx

from mnemic_mcp.http.tokens import TokenFile
from tests.e2e.servers import RawServer, served
from tests.fuzz.messages import Message, Messages
from tests.fuzz.oracle import Crashes, Oracle
from tests.fuzz.surface import INITIALIZE, Outcome, judge
from tests.fuzz.values import Known


def fuzz_process(seed: int, count: int) -> Outcome:
    """``count`` messages to one server process on stdio. It must be there to the end, and end when it is told to."""
    r, outcome, known = Random(seed), Outcome(), Known()
    with tempfile.TemporaryDirectory() as home:
        server = RawServer(Path(home), MNEMIC_CHROMA="off", MNEMIC_DURABLE="false")
        # Read as it comes: a pipe that is full would stop the server.
        errors: list[bytes] = []
        assert server.process.stderr is not None
        reading = threading.Thread(target=errors.extend, args=(server.process.stderr,), daemon=True)
        reading.start()
        server.handshake()
        server.send({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}})
        tools = {tool["name"]: tool for tool in server.answer(2)["result"]["tools"]}
        messages, oracle = Messages(r, tools, known, modern=False), Oracle(tools)
        for at in range(count):
            message = messages.next()
            awaited = 1_000_000 + at if message.id is None else message.id
            server.received.clear()
            server.send(message.wire)
            if message.id is None:
                server.send({"jsonrpc": "2.0", "id": awaited, "method": "ping"})
            try:
                server.answer(awaited)
            except (AssertionError, OSError, ValueError) as error:
                outcome.findings.append(
                    f"seed {seed}: the process ended: {message.wire[:300]!r} {type(error).__name__}"
                )
                return outcome
            outcome.cases += 1
            lines = [line.decode() for line in server.received]
            judge(outcome, oracle, known, message, lines, Crashes(), f"process, seed {seed}")
        assert server.process.stdin is not None
        server.process.stdin.close()
        code = server.process.wait(timeout=30)
        reading.join(timeout=30)
        if code != 0 or any(b"Traceback" in line for line in errors):
            outcome.findings.append(f"process, seed {seed}: it ended with {code}: {b''.join(errors)[-1_500:]!r}")
    return outcome


def fuzz_sockets(seed: int, count: int) -> Outcome:
    """``count`` requests over HTTP to one server process."""
    return anyio.run(_fuzz_sockets, seed, count)


async def _fuzz_sockets(seed: int, count: int) -> Outcome:
    r, outcome, known = Random(seed), Outcome(), Known()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _, token = TokenFile(home / "tokens.json").create("ana", namespaces=["team/ana"], rights=["read", "write"])
        headers = {
            "authorization": f"Bearer {token}", "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }  # fmt: skip
        async with (
            served(home, "--rate", "100000/second", MNEMIC_CHROMA="off", MNEMIC_DURABLE="false") as url,
            httpx.AsyncClient(trust_env=False, timeout=60, headers=headers) as web,
        ):
            begun = await web.post(url, content=json.dumps(INITIALIZE))
            web.headers["mcp-session-id"] = begun.headers["mcp-session-id"]
            await web.post(url, content=json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            listed = await web.post(url, content=json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}))
            tools = {tool["name"]: tool for tool in json.loads(_payload(listed.text))["result"]["tools"]}
            messages, oracle = Messages(r, tools, known, modern=False), Oracle(tools)
            for _ in range(count):
                message: Message = messages.next()
                answer = await web.post(url, content=message.wire)
                outcome.cases += 1
                if answer.status_code >= 500:
                    outcome.findings.append(f"seed {seed}: HTTP {answer.status_code} to {message.wire[:300]!r}")
                text = _payload(answer.text)
                judge(
                    outcome,
                    oracle,
                    known,
                    message,
                    [text] if text[:1] == "{" else [],
                    Crashes(),
                    f"sockets, seed {seed}",
                )
    return outcome


def _payload(text: str) -> str:
    return next((line[6:] for line in text.splitlines() if line.startswith("data: {")), text)
