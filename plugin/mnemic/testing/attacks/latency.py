"""What the guard costs: the same calls with it and without it, in turns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mnemic.domain.memory import NewMemory
from mnemic.domain.provenance import Channel, Origin
from mnemic.errors import GuardRefused
from mnemic.memory import Memory
from mnemic.opening import open_memory
from mnemic.testing.attacks.items import LabelledItem, benign_memory, poison_memories, spread
from mnemic.testing.attacks.tally import quantiles

_NAMESPACE = ("latency",)
_WARM_UP = 10


async def measure_latency(
    items: Sequence[LabelledItem], policy: str, without: str, *, seed: int = 7, calls: int = 200, k: int = 10,
    durable: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Milliseconds of ``remember`` and of ``recall`` under ``policy`` and under ``without``, call by call in turns.

    ``added`` is the difference of the quantiles, ``paired`` the quantiles of the differences of the same call. The first
    ten of each are a warm-up. At most ``calls`` of each.
    """
    chosen = spread(items, calls, seed=seed)
    news = [_memory(item, seed) for item in chosen]
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-") as folder:
        on = open_memory(Path(folder) / "on", policy=policy, chroma="off", durable=durable, database="")
        off = open_memory(Path(folder) / "off", policy=without, chroma="off", durable=durable, database="")
        async with on, off:
            wrote: dict[str, list[float]] = {"on": [], "off": []}
            asked: dict[str, list[float]] = {"on": [], "off": []}
            for at, new in enumerate(news):
                for name, memory in _turns(at, on, off):
                    wrote[name].append(await _remember(memory, new))
            for at, item in enumerate(chosen):
                for name, memory in _turns(at, on, off):
                    asked[name].append(await _recall(memory, item, k))
    return {"calls": len(chosen), "remember": _compared(wrote), "recall": _compared(asked)}


def _turns(at: int, on: Memory, off: Memory) -> list[tuple[str, Memory]]:
    """Both, in an order that changes from call to call."""
    both = [("on", on), ("off", off)]
    return both if at % 2 else both[::-1]


def _memory(item: LabelledItem, seed: int) -> NewMemory:
    if item.poison:
        return poison_memories(item, namespace=_NAMESPACE, seed=seed)[0]
    return benign_memory(item, namespace=_NAMESPACE, seed=seed)


async def _remember(memory: Memory, new: NewMemory) -> float:
    began = time.perf_counter()
    with suppress(GuardRefused):  # that takes its time all the same
        await memory.remember_many([new])
    return time.perf_counter() - began


async def _recall(memory: Memory, item: LabelledItem, k: int) -> float:
    origin = Origin(channel=Channel.AGENT, connection=f"victim-{item.number}")
    began = time.perf_counter()
    await memory.recall(item.question[:4_000], k=k, namespace=_NAMESPACE, origin=origin)
    return time.perf_counter() - began


def _compared(taken: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    on, off = taken["on"][_WARM_UP:], taken["off"][_WARM_UP:]
    with_it, without = quantiles(on), quantiles(off)
    return {
        "on_ms": with_it, "off_ms": without, "added_ms": {name: round(with_it[name] - without[name], 3) for name in with_it},
        "paired_ms": quantiles([one - other for one, other in zip(on, off, strict=True)]),
    }  # fmt: skip
