"""The inspector's pages: any address and any form, from the browser that was let in and from others."""

from __future__ import annotations

import re
import shutil
from random import Random
from typing import Any
from urllib.parse import quote_plus, urlencode

import anyio

import mnemic
from mnemic import Memory
from mnemic_mcp.inspector.app import create_app
from mnemic_mcp.inspector.protection import Gate
from tests.fuzz.bounds import bounded, inside_told
from tests.fuzz.surface import Outcome, watched_logs
from tests.fuzz.values import HOSTILE, NUMBERS, damaged, text
from tests.inspector.hostile import plant
from tests.inspector.test_hostile_texts import check
from tests.soak.tally import scratch

_HOST = b"127.0.0.1:8931"
_PER_MEMORY = 400
_MOST_BYTES = 1_000_000
# Every field that a view reads, and some that none does.
_FIELDS = {
    "/": "ns q kind status tag session below before cursor done", "/memory": "ns id part done",
    "/why": "ns q k links deep held below cursor", "/review": "ns waiting lesson before done",
    "/learning": "ns before done", "/sessions": "ns start", "/session": "ns name start", "/message": "ns name number part",
    "/nowhere": "ns", "/static/..%2f..%2fapp.py": "", "/static/": "", "//evil.example/": "", "/open": "token", "/\x00": "",
}  # fmt: skip
_FORMS = {
    "/memory": "id act reason back ns waiting lesson before", "/lesson": "id act reason ns waiting lesson before",
    "/plan": "id act ns", "/": "q", "/open": "token",
}  # fmt: skip
_USUAL = {
    "act": "archive restore release vouch reject heed appeal plan apply undo odd",
    "kind": "semantic episodic procedural lesson",
    "status": "active archived quarantined superseded", "part": "0 1 2 99", "start": "0 1 50 999", "number": "1 2 3 99",
    "k": "1 5 50", "below": "1", "links": "1", "held": "1", "back": "review", "lesson": "0 1 50",
    "done": "applied undone odd",    "q": "lantern Said instructions < what",
}  # fmt: skip
# Of the hostile texts those that a memory may hold.
_PLANTED = [some for some in HOSTILE if some.strip(" .\t\n") and not re.search("[\x00\ud800-\udfff]", some)]


def fuzz_pages(seed: int, count: int) -> Outcome:
    """``count`` requests to the inspector."""
    return anyio.run(_fuzz, seed, count)


async def _fuzz(seed: int, count: int) -> Outcome:
    r, outcome = Random(seed), Outcome()
    with scratch() as base, watched_logs():
        while outcome.cases < count:
            home = base / f"home-{outcome.cases}"
            async with mnemic.open_memory(home, chroma="off", durable=False) as memory:
                known = await _planted(r, memory)
                gate = Gate()
                app = create_app(memory, gate=gate, hosts=[_HOST.decode()])
                for _ in range(min(_PER_MEMORY, count - outcome.cases)):
                    await _one(r, outcome, memory, app, gate, known, f"seed {seed}, case {outcome.cases}")
            shutil.rmtree(home)
    return outcome


async def _planted(r: Random, memory: Memory) -> dict[str, list[str]]:
    """What is there to be asked for, by field, after a hostile text was put in every place."""
    await plant(memory, r.choice(_PLANTED))
    records = await memory.records()
    namespaces = ["default", *sorted({"/".join(record.namespace) for record in records})]
    found = {
        "id": [str(record.id) for record in records], "ns": namespaces, "tag": [tag for one in records for tag in one.tags],
        "name": [record.session for record in records if record.session],
    }  # fmt: skip
    for where in namespaces:
        found["id"] += [str(lesson.id) for lesson in await memory.guard.lessons(namespace=where)]
        found["id"] += [str(plan.id) for plan in await memory.learning.plans(namespace=where)]
    return found | {"session": found["name"], "before": found["id"], "waiting": found["id"]}


async def _one(
    r: Random, outcome: Outcome, memory: Memory, app: Any, gate: Gate, known: dict[str, list[str]], where: str
) -> None:
    posting = r.random() < 0.35
    # Of ten, nine to pages that are there.
    usual = ("/memory", "/memory", "/lesson", "/plan") if posting else tuple(_FIELDS)[:8]
    path = r.choice(usual) if r.random() < 0.9 else r.choice(list(_FORMS if posting else _FIELDS))
    names = (_FORMS if posting else _FIELDS)[path].split()
    fields = [
        (name, _value(r, name, known)) for name in names if name in ("id", "act", "ns", "name") or r.random() < 0.4
    ]
    if r.random() < 0.1 and fields:
        del fields[r.randrange(len(fields))]
    if r.random() < 0.05:
        fields += r.choice(([("x", "1")] * 60, fields, [("id", "z" * 70_000)]))
    coded = _coded(r, fields)
    headers = {b"host": _HOST, b"cookie": f"{gate.cookie}={gate._session}".encode()}
    body = b""
    if posting:
        body = f"csrf={quote_plus(gate.csrf)}&".encode() + coded if r.random() < 0.93 else coded
        headers[b"origin"] = b"http://" + _HOST
        headers[b"content-type"] = b"application/x-www-form-urlencoded"
    if odd := r.random() < 0.12:
        name = r.choice((b"host", b"cookie", b"origin", b"sec-fetch-site", b"content-type", b"x"))
        headers[name] = r.choice((b"", b"null", b"evil.example", b"\xff\xfe", text(r).encode("utf-8", "replace")[:300]))
    method = r.choice(("GET", "HEAD", "PUT", "OPTIONS", "\x00")) if r.random() < 0.04 else "POST" if posting else "GET"
    what = f"{where}: {method} {path} {fields!r:.300} {'odd headers' if odd else ''}"
    before = _seq(memory)
    status, page = 0, b""
    with bounded(outcome, what):
        with anyio.fail_after(60):
            status, page = await _asked(app, method, path, b"" if posting else coded, list(headers.items()), body)
        shown = page.decode("utf-8", "replace")
        # What this machine has no model for is said with 503.
        if status == 0 or (status >= 500 and "needs a model" not in shown):
            outcome.findings.append(f"{what}: HTTP {status} {shown[-300:]}")
        if len(page) > _MOST_BYTES:
            outcome.findings.append(f"{what}: a page of {len(page):,} bytes")
        if method != "HEAD" and shown.startswith("<!doctype html>"):
            check(shown)
        elif status >= 400 and (word := inside_told(shown)) is not None:
            outcome.findings.append(f"{what}: inside told ({word}): {shown[:300]}")
    outcome.refused += status >= 400
    if (method != "POST" or status >= 400) and _seq(memory) != before:
        outcome.findings.append(f"{what}: HTTP {status} and yet something was stored")


def _value(r: Random, name: str, known: dict[str, list[str]]) -> str:
    roll = r.random()
    if roll < 0.8 and (usual := _USUAL.get(name, "").split() or known.get(name)):
        return r.choice(usual)
    if roll < 0.88:
        return str(r.choice(NUMBERS))[:400]
    return r.choice(known["id"]) if roll < 0.92 else text(r)


def _coded(r: Random, fields: list[tuple[str, str]]) -> bytes:
    found = urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in fields]).encode()
    roll = r.random()
    if roll < 0.08:
        return damaged(r, found)
    return found + r.choice((b"&%", b"&%ff=%fe", b"&=&=&", b";a=b", b"&q=%00")) if roll < 0.14 else found


async def _asked(
    app: Any, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> tuple[int, bytes]:
    """One request to the application, with everything in it as it is."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": query, "root_path": "", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8931),
    }  # fmt: skip
    status, parts = 0, []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts)


def _seq(memory: Memory) -> int:
    with memory._opened().backends.ledger.snapshot() as snapshot:
        return snapshot.last_seq()
