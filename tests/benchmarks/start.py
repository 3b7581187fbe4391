"""How long a host waits: from the start of the process to the first answer to ``tools/list``.

    python -m tests.benchmarks.start [--json FILE]

Beside it, taking turns, a bare ``MCPServer`` of the SDK that has the same five tools with nothing behind them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 11
TOOLS = 5
BARE = """
from mcp.server import MCPServer
server = MCPServer("bare")
@server.tool()
def remember(text: str, kind: str | None = None, namespace: str | None = None, tags: list[str] | None = None,
             session: str | None = None, speaker: str | None = None, role: str | None = None,
             occurred_at: str | None = None, channel: str | None = None, source: str | None = None,
             when_to_use: str | None = None, evidence: list[str] | None = None, supersedes: str | None = None,
             more: list[dict[str, str]] | None = None) -> dict[str, str]:
    return {}
@server.tool()
def recall(query: str, namespace: str | None = None, k: int = 10, kinds: list[str] | None = None,
           tags: list[str] | None = None, session: str | None = None, channels: list[str] | None = None,
           since: str | None = None, until: str | None = None, as_of: str | None = None,
           min_score: float | None = None, budget_tokens: int = 2000, cursor: str | None = None) -> dict[str, str]:
    return {}
@server.tool()
def reflect(mode: str, task: str | None = None, reward: float | None = None, used: list[str] | None = None,
            episodes: list[str] | None = None, experiences: list[dict[str, str]] | None = None, plan: str | None = None,
            undo: bool = False, namespace: str | None = None, budget_tokens: int = 4_000) -> dict[str, str]:
    return {}
@server.tool()
def sculpt_context(action: str, session: str = "default", text: str | None = None, role: str | None = None,
                   messages: list[dict[str, str]] | None = None, folding: str | None = None,
                   start_marker: str | None = None, end_marker: str | None = None, num_fragments: int | None = None,
                   fragment_id: str | None = None, focus: str | None = None, query: str | None = None,
                   max_results: int | None = None, context_size: int | None = None, search_id: str | None = None,
                   extended_context: int | None = None, memory: str | None = None, delete_ids: list[str] | None = None,
                   id: str | None = None, ids: list[str] | None = None, status: str | None = None,
                   satisfied: bool | None = None, budget_tokens: int = 2000, cursor: int | None = None) -> dict[str, str]:
    return {}
@server.tool()
def forget(ids: list[str], action: str = "archive", reason: str | None = None, confirm: bool = False) -> dict[str, str]:
    return {}
server.run()
"""
_MESSAGES = (
    {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
)  # fmt: skip


def seconds_to_tools(command: list[str]) -> float:
    """Start, ask at once, read both answers."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("".join(json.dumps(message) + "\n" for message in _MESSAGES).encode())
    process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for _ in range(2)]
    took = time.perf_counter() - started
    assert len(answers[1]["result"]["tools"]) == TOOLS
    process.stdin.close()
    process.stdout.close()
    process.wait()
    return took


def main(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as home:
        commands = {
            "bare": [sys.executable, "-c", BARE],
            "mnemic": [sys.executable, "-m", "mnemic_mcp.main", "serve", "--home", home],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                times[name].append(seconds_to_tools(command))
    median = {name: statistics.median(found) for name, found in times.items()}
    result = {
        "bare_seconds": round(median["bare"], 3),
        "mnemic_seconds": round(median["mnemic"], 3),
        "ratio": round(median["mnemic"] / median["bare"], 2),
        "rounds": ROUNDS,
    }
    print(json.dumps(result, indent=2))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    main(parser.parse_args())
