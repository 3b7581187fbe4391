"""JSON-RPC messages to a server: calls made from the tools' own schemas, and what no client should send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from mnemic_mcp.sculpt_tool import _TAKES
from tests.fuzz.values import HOSTILE, NUMBERS, TOO_LARGE, Known, anything, as_json, damaged, of_schema, text

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
_VERSIONS = (LEGACY, "2025-06-18", "2024-11-05", MODERN, "1999-01-01", "", "latest", 5, None)
_METHODS = (
    "tools/list", "resources/list", "resources/templates/list", "resources/read", "prompts/list", "prompts/get", "ping",
    "completion/complete", "logging/setLevel", "server/discover", "initialize", "resources/subscribe", "tasks/get", "nope",
    "notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/roots/list_changed",
    "tools/call/", "__init__", "rpc.discover", "",
)  # fmt: skip
_URIS = (
    "memory://status", "memory://guard", "memory://sessions", "memory://memories/{}", "memory://memories/{}/history",
    "memory://sessions/{}", "memory://sessions/{}/fragments", "memory://sessions/{}/log", "memory://memories/../status",
    "memory://memories/%2e%2e%2fx", "file:///etc/shadow", "ui://mnemic/review", "ui://mnemic/recall", "http://127.0.0.1/",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``id`` is set when an answer to it is due; ``tool`` when it calls one."""

    wire: bytes
    id: Any = None
    tool: str | None = None
    method: str = ""


class Messages:
    """Messages for one connection. ``modern`` is the era in which every request says for itself what a client is."""

    def __init__(self, r: Random, tools: Mapping[str, Mapping[str, Any]], known: Known, *, modern: bool) -> None:
        self._r = r
        self._tools = tools
        self._known = known
        self._modern = modern
        self._id = 10

    def next(self) -> Message:
        """One more. Two of three are calls of tools."""
        roll = self._r.random()
        if roll < 0.68:
            return self._call()
        if roll < 0.84:
            return self._request()
        return self._odd()

    def _call(self) -> Message:
        r = self._r
        name = r.choice(list(self._tools))
        params = {"name": name, "arguments": self._arguments(name)}
        return self._message("tools/call", params, tool=name)

    def _arguments(self, name: str) -> dict[str, Any]:
        r, schema = self._r, self._tools[name]["inputSchema"]
        fields: Mapping[str, Any] = schema.get("properties", {})
        needed = schema.get("required", [])
        chosen = [field for field in fields if field in needed or r.random() < 0.2]
        action = None
        if name == "sculpt_context" and r.random() < 0.85:
            action = r.choice(list(_TAKES))
            chosen = [
                "action",
                *(field for field, to in _TAKES[action].items() if to.endswith("!") or r.random() < 0.6),
            ]
            chosen += ["session"] if r.random() < 0.5 else []
        found = {field: of_schema(r, field, fields[field], self._known) for field in chosen}
        if action is not None:
            found["action"] = action
            if action == "append" and "text" in found and "messages" in found:
                del found[r.choice(("text", "messages"))]
        roll = r.random()
        if roll < 0.3 and fields:
            found[r.choice(list(fields))] = anything(r)
        elif roll < 0.36:
            found[r.choice(("limit", "top_k", "content", "__class__", "self", "ctx", "consent", *HOSTILE))] = anything(
                r, 1
            )
        elif roll < 0.42 and found:
            del found[r.choice(list(found))]
        return found

    def _request(self) -> Message:
        r = self._r
        method = r.choice(_METHODS)
        params: Any = {}
        if method == "resources/read":
            params = {"uri": r.choice(_URIS).format(r.choice((*self._known.names, text(r)[:60])))}
        elif method == "prompts/get":
            params = {
                "name": r.choice(("what_do_you_know", "save_conversation", "odd")),
                "arguments": {"topic": text(r)[:200]},
            }
        elif method == "completion/complete":
            reference = {"type": "ref/resource", "uri": "memory://memories/{id}"}
            params = {"ref": reference, "argument": {"name": "id", "value": text(r)[:30]}}
        elif method == "initialize":
            params = {"protocolVersion": r.choice(_VERSIONS), "capabilities": anything(r, 2),
                      "clientInfo": {"name": text(r)[:80], "version": "1"}}  # fmt: skip
        if r.random() < 0.3:
            params = anything(r)
        return self._message(method, params)

    def _odd(self) -> Message:
        """No proper message: another shape, an odd id, a batch, or bytes changed."""
        r = self._r
        whole: Any = {"jsonrpc": "2.0", "id": self._next_id(), "method": "tools/list", "params": {}}
        roll = r.random()
        if roll < 0.3:
            whole["id"] = r.choice((None, 1.5, True, [], {}, "", -1, 10**400, TOO_LARGE, *HOSTILE[:12], *NUMBERS[:8]))
        elif roll < 0.4:
            whole["jsonrpc"] = r.choice(("1.0", 2, None, "2.00", []))
        elif roll < 0.5:
            whole = [whole, *([whole] * r.choice((0, 1, 20)))]
        elif roll < 0.6:
            whole = anything(r)
        elif roll < 0.7:
            whole[r.choice(("id", "jsonrpc", "method", "params", "result", "error"))] = anything(r)
        elif roll < 0.75:
            del whole[r.choice(list(whole))]
        if roll < 0.75:
            return Message(_line(as_json(whole, r).encode("utf-8", "replace")))
        return Message(_line(damaged(r, self._call().wire)))

    def _message(self, method: str, params: Any, tool: str | None = None) -> Message:
        r = self._r
        whole: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if not method.startswith("notifications/") or r.random() < 0.1:
            whole["id"] = self._next_id()
        if self._modern and isinstance(params, dict):
            params = {**params, "_meta": self._meta()}
        elif isinstance(params, dict) and r.random() < 0.05:
            params = {**params, "_meta": anything(r, 2)}
        if params is not None or r.random() < 0.5:
            whole["params"] = params
        raw = as_json(whole, r)
        due = "id" in whole and method and isinstance(params, dict)
        if method == "initialize":
            due = False  # a second one may end the connection
        return Message(_line(raw.encode("utf-8", "replace")), whole["id"] if due else None, tool, method)

    def _meta(self) -> dict[str, Any]:
        r, prefix = self._r, "io.modelcontextprotocol/"
        meta: dict[str, Any] = {
            f"{prefix}protocolVersion": MODERN, f"{prefix}clientInfo": {"name": "fuzz", "version": "1"},
            f"{prefix}clientCapabilities": {},
        }  # fmt: skip
        if r.random() < 0.1:
            meta[r.choice(list(meta))] = anything(r, 2)
        return meta

    def _next_id(self) -> int:
        self._id += 1
        return self._id


def _line(raw: bytes) -> bytes:
    return raw.replace(b"\n", b" ").replace(b"\r", b" ")
