"""Writes a knowledge graph with the official MCP memory server over stdio, and asks it for the whole graph.

python official_server.py OUT_FOLDER NODE_SCRIPT
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def main(out: Path, script: str) -> None:
    server = subprocess.Popen(
        ["node", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        env={**os.environ, "MEMORY_FILE_PATH": str(out / "memory.jsonl")},
    )  # fmt: skip
    assert server.stdin is not None and server.stdout is not None
    numbers = iter(range(1, 100))

    def call(method: str, params: dict[str, Any]) -> Any:
        assert server.stdin is not None and server.stdout is not None
        number = next(numbers)
        print(
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}),
            file=server.stdin,
            flush=True,
        )
        while True:
            answer = json.loads(server.stdout.readline())
            if answer.get("id") == number:
                return answer["result"]

    def tool(name: str, arguments: dict[str, Any]) -> Any:
        return call("tools/call", {"name": name, "arguments": arguments})

    call(
        "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    )
    print(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}), file=server.stdin, flush=True)
    tool("create_entities", {"entities": [
        {"name": "Ana Müller", "entityType": "person", "observations": ["Lives in Lisbon", "Prefers tea ☕ to coffee"]},
        {"name": "Acme", "entityType": "organisation", "observations": ["Makes anvils\nand \"rockets\""]},
        {"name": "Project/Heron", "entityType": "project", "observations": []},
    ]})  # fmt: skip
    tool("create_relations", {"relations": [
        {"from": "Ana Müller", "to": "Acme", "relationType": "works_at"},
        {"from": "Acme", "to": "Project/Heron", "relationType": "pays for"},
    ]})  # fmt: skip
    tool("add_observations", {"observations": [{"entityName": "Project/Heron", "contents": ["Ships in May 2026"]}]})
    tool("delete_observations", {"deletions": [{"entityName": "Ana Müller", "observations": ["Lives in Lisbon"]}]})
    tool("add_observations", {"observations": [{"entityName": "Ana Müller", "contents": ["Lives in Porto"]}]})
    found = tool("read_graph", {})
    graph = found.get("structuredContent") or json.loads(found["content"][0]["text"])
    (out / "reported.json").write_text(json.dumps(graph, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    server.stdin.close()
    server.wait(timeout=20)


main(Path(sys.argv[1]).resolve(), sys.argv[2])
