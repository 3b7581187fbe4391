"""What is measured of processes that behave: starting, asking, remembering, memory, tokens, syncs. Systems take turns."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from mnemic.domain.memory import NewMemory
from mnemic.storage.token_counters import HeuristicTokenCounter, TiktokenCounter, is_encoding_cached
from mnemic.testing.corpus import Corpus
from tests.side_by_side.client import Client
from tests.side_by_side.systems import System

K = 10
SMALL, LARGE = 1_000, 10_000
QUESTIONS = 200
REMEMBERS = 100
ROUNDS = 5
_WARM_UP = 5
_SYNC_CALLS = 10

Told = Callable[[str], None]
"""Told of every step, for a progress bar."""


def quantiles(seconds: Sequence[float]) -> dict[str, Any]:
    """p50 and p95 in milliseconds, and of how many."""
    return {
        "p50_ms": round(float(np.median(seconds)) * 1e3, 2),
        "p95_ms": round(float(np.quantile(seconds, 0.95)) * 1e3, 2),
        "calls": len(seconds),
    }


def texts_and_questions(count: int, asked: int, *, seed: int = 7) -> tuple[list[str], list[str]]:
    """Distinct made-up texts, and questions about ``asked`` of them."""
    corpus = Corpus(seed)
    texts = list(dict.fromkeys(f"{corpus.text()} ({at})" for at in range(count)))
    return texts, [corpus.question(texts[at * (len(texts) // asked)]) for at in range(asked)]


def fill(system: System, folder: Path, texts: Sequence[str]) -> float:
    """Store ``texts`` in a process of its own and let it end; the seconds that the storing took."""
    with system.start(folder) as client:
        client.handshake()
        started = time.perf_counter()
        system.remember_turns(client, [NewMemory(text=text) for text in texts])
        return time.perf_counter() - started


def measure_start(system: System, folder: Path, question: str, found: dict[str, list[float]]) -> list[dict[str, Any]]:
    """One start on a full store: adds seconds to ``found``; the tools that it lists."""
    with system.start(folder) as client:
        tools = client.handshake()
        found["handshake"].append(time.perf_counter() - client.started)
        system.recall(client, question, K)
        found["first_recall"].append(time.perf_counter() - client.started)
    return tools


def starts(
    systems: Sequence[System], stores: Mapping[str, Path], questions: Sequence[str], tell: Told
) -> dict[str, dict[str, Any]]:
    """Medians over `ROUNDS` starts after one that is not counted, and what the tool definitions cost a model."""
    seconds: dict[str, dict[str, list[float]]] = {one.key: {"handshake": [], "first_recall": []} for one in systems}
    tools: dict[str, list[dict[str, Any]]] = {}
    for number in range(ROUNDS + 1):
        for system in systems:
            counted = seconds[system.key] if number else {"handshake": [], "first_recall": []}
            tools[system.key] = measure_start(system, stores[system.key], questions[number], counted)
            tell(f"start: {system.title}")
    return {
        key: {
            "handshake_seconds": round(statistics.median(found["handshake"]), 3),
            "first_recall_seconds": round(statistics.median(found["first_recall"]), 3),
            "tools": len(tools[key]),
            **tool_tokens(tools[key]),
        }
        for key, found in seconds.items()
    }


def tool_tokens(tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Tokens of the tool definitions as they go over the wire, by o200k where its encoding is here."""
    text = json.dumps(tools, separators=(",", ":"))
    counter = TiktokenCounter() if is_encoding_cached() else HeuristicTokenCounter()
    return {"tool_tokens": counter.count(text) if tools else None, "token_counter": counter.name}


def costs(
    systems: Sequence[System], stores: Mapping[str, Path], questions: Sequence[str], fresh: Sequence[str], tell: Told
) -> dict[str, dict[str, Any]]:
    """Every question and every remember, call by call in turns, one client each; then the memory of the process tree."""
    clients: dict[str, Client] = {}
    recalls: dict[str, list[float]] = {one.key: [] for one in systems}
    remembers: dict[str, list[float]] = {one.key: [] for one in systems}
    try:
        for system in systems:
            clients[system.key] = system.start(stores[system.key])
            clients[system.key].handshake()
            for question in questions[:_WARM_UP]:
                system.recall(clients[system.key], question, K)
            system.remember(clients[system.key], f"A first memory of {len(questions)} questions.")
            tell(f"ready: {system.title}")
        for question in questions:
            for system in systems:
                started = time.perf_counter()
                system.recall(clients[system.key], question, K)
                recalls[system.key].append(time.perf_counter() - started)
            tell("recall, in turns")
        for text in fresh:
            for system in systems:
                started = time.perf_counter()
                system.remember(clients[system.key], text)
                remembers[system.key].append(time.perf_counter() - started)
            tell("remember, in turns")
        return {
            one.key: {
                "recall": quantiles(recalls[one.key]),
                "remember": quantiles(remembers[one.key]),
                "resident_mb": resident_mb(clients[one.key].process.pid),
            }
            for one in systems
        }
    finally:
        for client in clients.values():
            client.end()


def resident_mb(pid: int) -> float:
    """Megabytes of a process and its children: proportional set size where the system tells it, else resident."""
    total = 0
    parent = psutil.Process(pid)
    for process in [parent, *parent.children(recursive=True)]:
        memory = process.memory_full_info()
        total += getattr(memory, "pss", 0) or memory.rss
    return round(total / 1e6, 1)


def syncs_per_remember(system: System, base: Path) -> float | None:
    """How often the system tells the disk to write through in one remember, by strace; None where there is no strace."""
    if shutil.which("strace") is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "store"
        shutil.copytree(base, folder, symlinks=True)
        trace = Path(scratch) / "trace"
        command = ("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", str(trace))
        with system.start(folder, before=command) as client:
            client.handshake()
            system.remember(client, "The first write opens files.")
            before = _calls(trace)
            for at in range(_SYNC_CALLS):
                system.remember(client, f"Write number {at} of those that are counted.")
            return (_calls(trace) - before) / _SYNC_CALLS


def _calls(trace: Path) -> int:
    # A call that another thread's line interrupts is written twice: as unfinished and as resumed.
    return sum("sync(" in line for line in trace.read_text(errors="replace").splitlines())


def over_the_limit(thousand_seconds: float, count: int, limit_seconds: float) -> str | None:
    """Why ``count`` more memories are not stored: what they would take at the rate of the first thousand; else None."""
    expected = thousand_seconds / SMALL * count
    if expected <= limit_seconds:
        return None
    return f"storing {count:,} more would take {expected / 60:.0f} min, and the limit is {limit_seconds / 60:.0f}"
