"""What a server does for many clients at once over HTTP, and whether it stays right and small all the while.

    python -m tests.benchmarks.serving [--memories 10000] [--clients 32] [--seconds 30] [--workers 1 2] [--json FILE]
    python -m tests.benchmarks.serving --soak 600 --clients 200 [--json FILE]

Load: every client asks without a pause; one call in four remembers, durably, three recall with questions about what is
there. The clients run on the same machine and take their share of it; a bare SDK server with one empty tool shows what HTTP,
MCP and they cost together.

Soak: a checker knows every acknowledged write. Clients remember, archive, restore and look; whoever looks for a memory that
nobody changes meanwhile must find it, or must not, exactly as its last acknowledged change says, by whichever process it is
answered. At the end another process reads the ledger. Resident memory is sampled all the while. The second half is without
writes, but what is looked at for the first time is still taken into bounded caches; after it the same clients go on with a
few memories that every process has seen, so that the slope of that shows what leaks and nothing else.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import asyncio
import json
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import mnemic
from mnemic.testing.corpus import Corpus
from mnemic_mcp.http.tokens import TokenFile
from tests.ports import free_port
from tests.serving.clients import CallFailed, FastClient

NAMESPACE = "bench"
SHARE_OF_REMEMBERS = 0.25
_BATCH = 1_000
_WARM_SECONDS = 8.0
_SAMPLE_SECONDS = 2.0
_REST_SECONDS = 180.0
_LOOKED_AT_IN_REST = 50

BARE = """
import sys, uvicorn
from mcp.server import MCPServer
server = MCPServer("bare")
@server.tool()
def recall(query: str) -> dict[str, list[str]]:
    return {"memories": []}
uvicorn.run(server.streamable_http_app(), port=int(sys.argv[1]), http="h11", log_level="error", access_log=False)
"""


@contextmanager
def running(command: list[str], port: int) -> Iterator[psutil.Process]:
    """A server that answers, ended by a signal."""
    environment = {**os.environ, "MNEMIC_CHROMA": "off"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def serve_command(home: Path, port: int, workers: int) -> list[str]:
    return [
        sys.executable, "-m", "mnemic_mcp.main", "serve", "--http", "--port", str(port), "--home", str(home),
        "--workers", str(workers), "--rate", "off",
    ]  # fmt: skip


async def fill(home: Path, size: int) -> None:
    memories = Corpus().memories(size)
    async with mnemic.open_memory(home, chroma="off", namespace=(NAMESPACE,)) as memory:
        for at in range(0, size, _BATCH):
            await memory.remember_many(memories[at : at + _BATCH])


def resident_mb(server: psutil.Process) -> float:
    return sum(one.memory_info().rss for one in [server, *server.children(recursive=True)]) / 1e6


@dataclass
class Seen:
    """What the clients met: seconds of each call by kind, and everything that went wrong."""

    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {"recall": [], "remember": [], "archive": [], "look": []}
    )
    errors: list[str] = field(default_factory=list)

    async def timed(self, kind: str, call: Callable[[], Awaitable[Any]]) -> Any:
        started = time.perf_counter()
        try:
            answer = await call()
        except (CallFailed, OSError, asyncio.IncompleteReadError) as error:
            self.errors.append(f"{kind}: {type(error).__name__} {error}"[:200])
            return None
        self.seconds[kind].append(time.perf_counter() - started)
        return answer

    def summary(self, elapsed: float) -> dict[str, Any]:
        return {
            kind: {
                "per_second": round(len(times) / elapsed, 1),
                "p50_ms": round(float(np.median(times)) * 1e3, 1),
                "p95_ms": round(float(np.quantile(times, 0.95)) * 1e3, 1),
            }
            for kind, times in self.seconds.items()
            if times
        }


async def load(port: int, token: str, *, clients: int, seconds: float, remembers: float, size: int) -> dict[str, Any]:
    """Clients that ask without a pause."""
    corpus = Corpus()
    memories = corpus.memories(size)
    seen, end = Seen(), time.perf_counter() + seconds

    async def work(number: int) -> None:
        chance = random.Random(number)  # a load, no secret
        client = FastClient("127.0.0.1", port, token)
        at = 0
        while time.perf_counter() < end:
            at += 1
            text = chance.choice(memories).text
            if chance.random() < remembers:
                new = f"{text} Noted by client {number} as entry {at} of {chance.random():.9f}."
                await seen.timed("remember", lambda new=new: client.call("remember", text=new))  # type: ignore[misc]
            else:
                question = corpus.question(text)
                await seen.timed("recall", lambda asked=question: client.call("recall", query=asked))  # type: ignore[misc]
        client.close()

    started = time.perf_counter()
    await asyncio.gather(*(work(number) for number in range(clients)))
    return {**seen.summary(time.perf_counter() - started), "errors": len(seen.errors), "first_errors": seen.errors[:3]}


@dataclass
class Kept:
    """A memory as the checker knows it. ``changes`` counts the calls that began to change it, ``busy`` those that run."""

    id: str
    word: str
    present: bool = True
    changes: int = 0
    busy: int = 0


@dataclass
class Checker:
    """Knows every acknowledged write, and what a reader may find."""

    kept: list[Kept] = field(default_factory=list)
    unsure: int = 0
    looked: int = 0
    wrong: list[str] = field(default_factory=list)

    def settled(self, chance: random.Random, *, few: bool) -> Kept | None:
        if not self.kept:
            return None
        found = chance.choice(self.kept[:_LOOKED_AT_IN_REST] if few else self.kept)
        return None if found.busy else found


async def soak_client(
    client: FastClient, checker: Checker, seen: Seen, chance: random.Random, number: int, *, writing: bool, few: bool
) -> None:
    """One thing that a client does; when not ``writing`` it looks, at ``few`` memories or at any."""
    what = chance.random()
    if writing and what < 0.2:
        word = f"zq{number}x{chance.getrandbits(40):x}"
        told = await seen.timed(
            "remember", lambda: client.call("remember", text=f"The code word of entry {word} is {word}.")
        )
        if told is None:
            checker.unsure += 1
        else:
            checker.kept.append(Kept(id=told["results"][0]["id"], word=word))
        return
    kept = checker.settled(chance, few=few)
    if kept is None:
        return
    if writing and what < 0.3:
        kept.busy += 1
        kept.changes += 1
        action = "archive" if kept.present else "restore"
        told = await seen.timed("archive", lambda: client.call("forget", ids=[kept.id], action=action))
        if told is None:
            checker.kept.remove(kept)  # nobody knows whether it was done
            checker.unsure += 1
        else:
            kept.present = not kept.present
        kept.busy -= 1
        return
    before = kept.changes
    told = await seen.timed("look", lambda: client.call("recall", query=f"code word {kept.word}", k=3))
    if told is not None and kept.changes == before and not kept.busy:
        checker.looked += 1
        found = kept.id in [hit["id"] for hit in told["memories"]]
        if found is not kept.present:
            checker.wrong.append(f"{kept.id} should {'' if kept.present else 'not '}have been found")


async def soak(server: psutil.Process, port: int, token: str, *, clients: int, seconds: float) -> dict[str, Any]:
    seen, checker = Seen(), Checker()
    began = time.perf_counter()
    samples: list[tuple[float, float]] = []

    async def work(number: int) -> None:
        chance = random.Random(number)  # a load, no secret
        client = FastClient("127.0.0.1", port, token)
        while (passed := time.perf_counter() - began) < seconds + _REST_SECONDS:
            await soak_client(
                client, checker, seen, chance, number, writing=passed < seconds / 2, few=passed >= seconds
            )  # fmt: skip
        client.close()

    async def sample() -> None:
        with Progress(transient=True) as progress:
            task = progress.add_task("soak", total=seconds + _REST_SECONDS)
            while (passed := time.perf_counter() - began) < seconds + _REST_SECONDS:
                samples.append((passed, resident_mb(server)))
                progress.update(task, completed=passed)
                await asyncio.sleep(_SAMPLE_SECONDS)

    await asyncio.gather(sample(), *(work(number) for number in range(clients)))
    # What is still filling right after a change of what is asked is no leak.
    filling = slope([(at, size) for at, size in samples if seconds * 0.6 < at <= seconds])
    late = [(at, size) for at, size in samples if at > seconds + _REST_SECONDS / 3]
    return {
        **seen.summary(time.perf_counter() - began), "errors": len(seen.errors), "first_errors": seen.errors[:3],
        "acknowledged": len(checker.kept), "unsure": checker.unsure, "checked_looks": checker.looked,
        "wrong": len(checker.wrong), "first_wrong": checker.wrong[:3], "_kept": checker.kept,
        "resident_mb": [round(samples[0][1]), round(max(size for _, size in samples)), round(samples[-1][1])],
        "filling_mb_per_minute": round(filling, 3), "slope_mb_per_minute": round(slope(late), 3),
        "noise_mb": round(statistics.stdev(size for _, size in late), 2),
    }  # fmt: skip


def slope(samples: list[tuple[float, float]]) -> float:
    """Of (second, MB) samples, MB a minute."""
    return statistics.linear_regression([at / 60 for at, _ in samples], [size for _, size in samples]).slope


async def lost(home: Path, kept: list[Kept]) -> int:
    """How many acknowledged memories another process does not have as they were left."""
    async with mnemic.open_memory(home, chroma="off", namespace=(NAMESPACE,)) as memory:
        held = {str(record.id): record for record in await memory.records()}
    return sum(
        one.id not in held or one.word not in held[one.id].text or (held[one.id].status == "active") is not one.present
        for one in kept
    )


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {"memories": arguments.memories, "clients": arguments.clients}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        await fill(home, arguments.memories)
        _, token = TokenFile(home / "tokens.json").create("load", namespaces=[NAMESPACE], rights=["read", "write"])
        if arguments.soak:
            port, workers = free_port(), max(arguments.workers)
            with running(serve_command(home, port, workers), port) as server:
                found = await soak(server, port, token, clients=arguments.clients, seconds=arguments.soak)
            found["lost"] = await lost(home, found.pop("_kept"))
            return {**result, "workers": workers, "seconds": arguments.soak, "soak": found}
        result["seconds"] = arguments.seconds
        result["load"] = {}
        for workers in arguments.workers:
            port = free_port()
            options = {"clients": arguments.clients, "size": arguments.memories}
            with running(serve_command(home, port, workers), port) as server:
                await load(port, token, seconds=_WARM_SECONDS, remembers=0.0, **options)
                row = await load(port, token, seconds=arguments.seconds, remembers=SHARE_OF_REMEMBERS, **options)
                row["resident_mb"] = round(resident_mb(server))
            result["load"][str(workers)] = row
        port = free_port()
        with running([sys.executable, "-c", BARE, str(port)], port):
            await load(port, token, seconds=2.0, remembers=0.0, **options)
            result["bare"] = await load(port, token, seconds=arguments.seconds / 2, remembers=0.0, **options)
    return result


def show(result: dict[str, Any]) -> None:
    table = Table("server", "call", "per second", "p50 ms", "p95 ms", "errors", box=None)
    rows = [(f"{workers} processes", row) for workers, row in result.get("load", {}).items()]
    rows += [("bare SDK, empty tool", result["bare"])] if "bare" in result else []
    rows += [(f"soak, {result['workers']} processes", result["soak"])] if "soak" in result else []
    for name, row in rows:
        for kind in ("recall", "remember", "archive", "look"):
            if kind in row:
                cell = row[kind]
                table.add_row(name, kind, f"{cell['per_second']:.0f}", f"{cell['p50_ms']:.1f}", f"{cell['p95_ms']:.1f}",
                              str(row["errors"]))  # fmt: skip
    console = Console()
    console.print(table)
    if "soak" in result:
        console.print({name: value for name, value in result["soak"].items() if not isinstance(value, dict)})


def main() -> None:
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--soak", type=float, default=0.0, help="soak for so many seconds instead")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = asyncio.run(measure(arguments))
    show(result)
    if arguments.json:
        machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "mnemic": mnemic.__version__}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"machine": machine, **result}, indent=2) + "\n")


if __name__ == "__main__":
    main()
