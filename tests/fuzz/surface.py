"""The MCP surface under fire: the server in this process, behind its own stdio transport or its own HTTP application."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import anyio

from mnemic import Status, load_settings
from mnemic.domain.recall import MemoryFilter
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.http.app import HttpOptions, HttpServer
from mnemic_mcp.http.tokens import TokenFile
from mnemic_mcp.server import create_server
from mnemic_mcp.stdio import run_stdio
from tests.fuzz.messages import LEGACY, MODERN, Message, Messages
from tests.fuzz.oracle import Crashes, Oracle, is_refusal
from tests.fuzz.values import Known, text

# A machine that others use as well may stand still for a while: that is no silence of the server.
PATIENCE_SECONDS = 120
PER_CONNECTION = 400
_REST_SECONDS = 2.0
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"}},
}  # fmt: skip
_NAMES = re.compile(r"\bm[0-9a-z]{15}\b|\b(?:msg|frag|search|plan|s)[-_]?[0-9a-f]{1,12}\b")


@dataclass(slots=True)
class Outcome:
    """What came of some cases."""

    cases: int = 0
    answered: int = 0
    refused: int = 0
    unanswered: int = 0
    findings: list[str] = field(default_factory=list)


class _Lines:
    """Standard input as the SDK reads it: lines, one after the other."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        try:
            found: str = await self._receive.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None
        return found


class _Written:
    """Standard output as the SDK writes it."""

    def __init__(self, send: Any) -> None:
        self._send = send

    async def write(self, line: str) -> None:
        await self._send.send(line)

    async def flush(self) -> None:
        """Nothing is held back."""


class Connection:
    """Lines to the server and lines from it."""

    def __init__(self, send: Any, receive: Any) -> None:
        self._send = send
        self._receive = receive

    async def ask(self, message: Message, pings: int) -> tuple[list[str], bool]:
        """Everything that came until the answer, or until the answer to a ping that follows; and whether it came."""
        await self._send.send(message.wire.decode("utf-8", "replace") + "\n")
        awaited = message.id
        if awaited is None:
            awaited = f"ping-{pings}"
            await self._send.send(json.dumps({"jsonrpc": "2.0", "id": awaited, "method": "ping"}) + "\n")
        came: list[str] = []
        with anyio.move_on_after(PATIENCE_SECONDS):
            while True:
                line = await self._receive.receive()
                came.append(line)
                answer = json.loads(line)
                if answer.get("id") == awaited and "method" not in answer:
                    return came, True
        return came, False


@asynccontextmanager
async def connected(holder: MemoryHolder) -> AsyncIterator[Connection]:
    """The server of the product, on the SDK's own stdio transport, over streams in memory."""
    to_server, from_client = anyio.create_memory_object_stream[str](64)
    to_client, from_server = anyio.create_memory_object_stream[str](4_096)
    server = create_server(holder)

    async def serve() -> None:
        stdin: Any = _Lines(from_client)
        stdout: Any = _Written(to_client)
        await run_stdio(server, stdin=stdin, stdout=stdout)

    async with to_server, from_client, to_client, from_server, anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        yield Connection(to_server, from_server)
        tasks.cancel_scope.cancel()


@contextmanager
def watched_logs() -> Iterator[Crashes]:
    """Logs go nowhere but to whoever counts crashes."""
    crashes, root = Crashes(), logging.getLogger()
    before = root.handlers, root.level
    root.handlers = [crashes]
    try:
        yield crashes
    finally:
        root.handlers, root.level = before


async def fuzz_stdio(seed: int, count: int) -> Outcome:
    """``count`` messages to servers on stdio, from ``seed`` alone."""
    r, outcome, known = Random(seed), Outcome(), Known()
    with tempfile.TemporaryDirectory() as home, watched_logs() as crashes:
        holder = MemoryHolder(load_settings(home=Path(home), chroma="off", durable=False), transport="stdio")
        pings = 0
        while outcome.cases < count:
            modern = r.random() < 0.4
            async with connected(holder) as connection:
                tools = await _tools(connection, modern=modern)
                messages, oracle = Messages(r, tools, known, modern=modern), Oracle(tools)
                at_rest = len(asyncio.all_tasks())
                for _ in range(min(PER_CONNECTION, count - outcome.cases)):
                    message, pings = messages.next(), pings + 1
                    # What was sent without waiting for it may be at work still, and must not be taken for what follows.
                    settled = await _rests(at_rest)
                    before = await _stored(holder)
                    came, done = await connection.ask(message, pings)
                    outcome.cases += 1
                    judge(outcome, oracle, known, message, came, crashes, f"seed {seed}")
                    if not done:
                        outcome.findings.append(f"seed {seed}: no answer to {message.wire[:300]!r}")
                        break
                    answer = json.loads(came[-1])
                    answered = message.id is not None and message.tool
                    if settled and answered and is_refusal(answer) and await _stored(holder) != before:
                        outcome.findings.append(f"seed {seed}: refused and yet stored: {message.wire[:300]!r}")
        await anyio.to_thread.run_sync(holder.close_now)
    return outcome


async def _rests(tasks: int) -> bool:
    """Wait until the server has no more tasks than that. False when a call does not end, such as one that waits for us."""
    with anyio.move_on_after(_REST_SECONDS):
        while len(asyncio.all_tasks()) > tasks:  # noqa: ASYNC110 - the tasks are the SDK's and tell us nothing
            await anyio.sleep(0.001)
        return True
    return False


def judge(
    outcome: Outcome, oracle: Oracle, known: Known, message: Message, came: list[str], crashes: Crashes, where: str
) -> None:
    for line in came:
        answer = json.loads(line)
        tool = message.tool if answer.get("id") == message.id else None
        wrong = oracle.wrong_with(answer, line, tool)
        if wrong is not None:
            outcome.findings.append(f"{where}: {wrong} | {message.wire[:300]!r} | {line[:400]}")
    known.take(_NAMES.findall(came[-1])[:6] if came else [])
    outcome.findings += [f"{where}: crash | {message.wire[:300]!r} | {told}" for told in crashes.take()]
    if message.id is None:
        outcome.unanswered += 1
    elif came:
        outcome.answered += 1
        outcome.refused += is_refusal(json.loads(came[-1]))


async def _tools(connection: Connection, *, modern: bool) -> dict[str, dict[str, Any]]:
    params: dict[str, Any] = {}
    if modern:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "fuzz", "version": "1"},
        }  # fmt: skip
    else:
        await connection.ask(Message(json.dumps(INITIALIZE).encode(), 1), 0)
        await connection.ask(Message(b'{"jsonrpc":"2.0","method":"notifications/initialized"}'), -1)
    asked = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": params}
    came, _ = await connection.ask(Message(json.dumps(asked).encode(), 2), 0)
    return {tool["name"]: tool for tool in json.loads(came[-1])["result"]["tools"]}


_ALL = MemoryFilter(namespace=(), subtree=True, statuses=tuple(Status))


async def _stored(holder: MemoryHolder) -> tuple[int, ...]:
    """Grows with whatever a call stores; not with what housekeeping does meanwhile, which is counted as a change as well."""
    memory = await holder.whole()

    def read() -> tuple[int, ...]:
        with memory._opened().backends.ledger.snapshot() as snapshot:
            newest = snapshot.select(_ALL, limit=1)
            outcomes = sum(1 for _ in snapshot.iterate_outcomes())
            return newest[0][0] if newest else 0, snapshot.count(), outcomes, len(snapshot.erasures())

    return read()


async def fuzz_http(seed: int, count: int) -> Outcome:
    """``count`` requests to the HTTP application, most of them with a token, from ``seed`` alone."""
    r, outcome, known = Random(seed), Outcome(), Known()
    with tempfile.TemporaryDirectory() as folder, watched_logs() as crashes:
        home = Path(folder)
        _, token = TokenFile(home / "tokens.json").create("ana", namespaces=["team/ana"], rights=["read", "write"])
        settings = load_settings(home=home, chroma="off", durable=False)
        server = HttpServer(settings, HttpOptions(rate=None, stateless=True))
        async with _lifespan(server.app):
            asked = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}
            sent = _headers(r, token, Message(json.dumps(asked).encode()), odd=False)
            _, listed = await _post(server.app, sent, json.dumps(asked).encode())
            tools = {tool["name"]: tool for tool in json.loads(listed)["result"]["tools"]}
            messages, oracle = Messages(r, tools, known, modern=False), Oracle(tools)
            modern = Messages(r, tools, known, modern=True)
            while outcome.cases < count:
                message = (modern if r.random() < 0.4 else messages).next()
                headers = _headers(r, token, message, odd=r.random() < 0.2)
                status, body = 0, b""
                with anyio.move_on_after(PATIENCE_SECONDS):
                    status, body = await _post(
                        server.app, headers, message.wire, r.choice(("POST",) * 12 + ("GET", "PUT"))
                    )
                outcome.cases += 1
                lines = [part.decode("utf-8", "replace") for part in [_payload(body)] if part]
                if status == 0:
                    outcome.findings.append(f"seed {seed}: no answer to {message.wire[:300]!r} {headers}")
                elif status >= 500:
                    outcome.findings.append(
                        f"seed {seed}: HTTP {status} to {message.wire[:300]!r} {headers} {body[:200]!r}"
                    )
                try:
                    judge(
                        outcome,
                        oracle,
                        known,
                        message,
                        [line for line in lines if line[:1] == "{"],
                        crashes,
                        f"seed {seed}",
                    )
                except ValueError:
                    outcome.findings.append(f"seed {seed}: no JSON: {body[:300]!r}")
        await anyio.to_thread.run_sync(server.holder.close_now)
    return outcome


def _headers(r: Random, token: str, message: Message, *, odd: bool) -> list[tuple[bytes, bytes]]:
    found = {
        b"host": b"127.0.0.1:8765", b"content-type": b"application/json", b"authorization": f"Bearer {token}".encode(),
        b"accept": b"application/json, text/event-stream",
    }  # fmt: skip
    if b"io.modelcontextprotocol/protocolVersion" in message.wire:
        found |= {b"mcp-protocol-version": MODERN.encode(), b"mcp-method": message.method.encode()[:200]}
        if message.tool:
            found[b"mcp-name"] = message.tool.encode()
    if odd:
        name = r.choice(
            (*found, b"mcp-session-id", b"mcp-protocol-version", b"last-event-id", b"origin", b"mcp-name", b"x")
        )
        value = text(r).encode("utf-8", "surrogatepass")[:300].replace(b"\n", b"").replace(b"\r", b"")
        found[name] = r.choice((value, b"", b"null", b"Bearer", b"Bearer mnemic_a_b", b"*/*", b"0", MODERN.encode()))
    return list(found.items())


def _payload(body: bytes) -> bytes:
    """The message in an answer: the body, or what its one event holds."""
    for line in body.split(b"\n"):
        if line.startswith(b"data: "):
            return line[6:].strip()
    return body


async def _post(app: Any, headers: list[tuple[bytes, bytes]], body: bytes, method: str = "POST") -> tuple[int, bytes]:
    """One request to an ASGI application, with headers as they are."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": "/mcp",
        "raw_path": b"/mcp", "query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
    }  # fmt: skip
    status, parts, given = 0, [], False
    gone = anyio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal given
        if given:
            await gone.wait()
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            if method == "GET" and status == 200:
                gone.set()  # a stream that stays open: what it says first is enough
        else:
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                gone.set()

    await app(scope, receive, send)
    return status, b"".join(parts)


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    begun, ending = anyio.Event(), anyio.Event()
    steps = iter(("lifespan.startup", "lifespan.shutdown"))

    async def receive() -> dict[str, Any]:
        step = next(steps)
        if step == "lifespan.shutdown":
            await ending.wait()
        return {"type": step}

    async def send(_: Any) -> None:
        begun.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
        await begun.wait()
        yield
        ending.set()
