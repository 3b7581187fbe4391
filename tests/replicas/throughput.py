"""What several replicas over one database answer, and whose processor time it takes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import mnemic
from mnemic.testing.corpus import Corpus
from tests.benchmarks.serving import SHARE_OF_REMEMBERS, load
from tests.replicas.quotas import held_to
from tests.replicas.topology import NAMESPACE, Site, site

_WARM_SECONDS = 6.0
_BATCH = 1_000


@dataclass(frozen=True)
class Shares:
    """Processors that each replica may use, and those that the database may use."""

    replica: float
    postgres: float


async def throughput(
    folder: Path, *, replicas: int, clients: int, seconds: float, memories: int, shares: Shares | None = None
) -> dict[str, Any]:
    """Calls per second with so many replicas. The clients keep their connections and are dealt out to the replicas directly:
    what is measured is the servers and not the balancer. All of it shares this machine's processors, as it comes or by
    ``shares``, which hold from after the warming up on.

    Raises:
        Unavailable: If ``shares`` are given and the machine has no control groups for us.
    """
    with site(folder, replicas=replicas, chroma=False) as place:
        known = Corpus().memories(memories)
        async with mnemic.open_memory(folder / "home", namespace=(NAMESPACE,), **place.settings) as memory:
            for at in range(0, memories, _BATCH):
                await memory.remember_many(known[at : at + _BATCH])
        await _load(place, clients, _WARM_SECONDS, 0.0, memories)
        with contextlib.ExitStack() as held:
            if shares is not None:
                held.enter_context(held_to("postgres", _database(place), shares.postgres))
                for one in place.replicas:
                    assert one.process is not None
                    held.enter_context(held_to(one.name, psutil.Process(one.process.pid), shares.replica))
                await _load(place, clients, _WARM_SECONDS, SHARE_OF_REMEMBERS, memories)
            before, idle = _processor_seconds(place), psutil.cpu_times().idle
            rows = await _load(place, clients, seconds, SHARE_OF_REMEMBERS, memories)
            after, rested = _processor_seconds(place), psutil.cpu_times().idle - idle
    found = {
        kind: {
            "per_second": round(sum(row[kind]["per_second"] for row in rows), 1),
            "p50_ms": round(sum(row[kind]["p50_ms"] for row in rows) / len(rows), 1),
            "p95_ms": max(row[kind]["p95_ms"] for row in rows),
        }
        for kind in ("recall", "remember")
    }
    processors = {name: round((after[name] - before[name]) / seconds, 2) for name in before}
    processors["idle"] = round(rested / seconds, 2)
    calls = sum(kind["per_second"] for kind in found.values())
    each = {name: round(processors[name] / calls * 1e3, 2) for name in ("replicas", "postgres")}
    errors = sum(row["errors"] for row in rows)
    return {**found, "errors": errors, "processors_used": processors, "processor_ms_per_call": each}


async def _load(place: Site, clients: int, seconds: float, remembers: float, memories: int) -> list[dict[str, Any]]:
    share = clients // len(place.replicas)
    return await asyncio.gather(
        *(
            load(replica.port, place.token, clients=share, seconds=seconds, remembers=remembers, size=memories)
            for replica in place.replicas
        )
    )


def _processor_seconds(place: Site) -> dict[str, float]:
    replicas = [psutil.Process(one.process.pid) for one in place.replicas if one.process is not None]
    return {
        "replicas": sum(map(_spent, replicas)),
        "postgres": _spent(_database(place)),
        "clients": sum(psutil.Process().cpu_times()[:2]),
    }


def _database(place: Site) -> psutil.Process:
    assert place.database.server.pid is not None
    return psutil.Process(place.database.server.pid)


def _spent(process: psutil.Process) -> float:
    """Of a process and its children, those that have ended included."""
    times = process.cpu_times()
    return sum(times[:4]) + sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True))
