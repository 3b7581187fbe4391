"""A Chroma server that is gone, hangs, is slow or talks nonsense: a proxy before a real one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mnemic import Memory
from tests.ports import free_port
from tests.soak import forks, worker
from tests.soak.tally import Tally, scratch

_COUNT = 60
_SLOW_SECONDS = 0.3
_READY_SECONDS = 90.0
FAULTS = ("gone", "closes", "garbage", "not JSON", "truncated", "stalls", "slow", "killed")


def available() -> str | None:
    """Why there is no real Chroma server to be had, None when there is."""
    return None if _chroma().exists() else "the `chroma` command is not installed beside this Python"


def spoil_chroma(*, rounds: int, seed: int, faults: tuple[str, ...] = FAULTS) -> Tally:
    """``rounds`` times each fault, in a random order: recall answers all the while, and Chroma serves again afterwards."""
    with scratch() as base:
        ended = forks.run(lambda to: forks.say(to, asyncio.run(_all(base, rounds, seed, faults))), seconds=600.0)
    if ended.code:
        return Tally("", injected=1, problems=[f"it ended with {ended.code}: {ended.values}"])
    tally = Tally("").add(ended.values[0]["results"])
    tally.figures = ended.values[0]["figures"]
    return tally


def _chroma() -> Path:
    return Path(sys.executable).parent / "chroma"


class _Proxy:
    """Passes everything on to the server behind it, or does what ``fault`` says."""

    def __init__(self, behind: int) -> None:
        self.fault = ""
        self._behind = behind
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._socket.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.fault == "gone":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                return  # a reset
            with socket.create_connection(("127.0.0.1", self._behind)) as server:
                threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()
                self._pass(client, server, True)

    def _pass(self, source: socket.socket, to: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                fault = self.fault
                if fault in ("gone", "closes"):
                    break
                if fault == "stalls":
                    threading.Event().wait(3_600)
                if not asks and fault:
                    data = self._spoilt(data, fault)
                to.sendall(data)
                if not asks and fault == "truncated":
                    break
        for end in (source, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _spoilt(self, data: bytes, fault: str) -> bytes:
        if fault == "slow":
            time.sleep(_SLOW_SECONDS)
        elif fault == "garbage":
            return random.Random(len(data)).randbytes(len(data))
        elif fault == "not JSON":
            return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n<html></>"
        elif fault == "truncated":
            return data[: len(data) // 2]
        return data


@contextlib.contextmanager
def _server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    clean = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    process = subprocess.Popen(
        [str(_chroma()), "run", "--path", str(folder), "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean,
    )  # fmt: skip
    try:
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


async def _all(base: Path, rounds: int, seed: int, faults: tuple[str, ...]) -> dict[str, Any]:
    port = free_port()
    proxy = _Proxy(port)
    order = list(faults) * rounds
    random.Random(seed).shuffle(order)
    results: list[dict[str, Any]] = []
    waits: list[float] = []
    async with worker.open_memory(
        base / "memory", chroma="server", chroma_port=proxy.port, chroma_from_memories=20, chroma_poll_seconds=0.05
    ) as memory:
        texts = [f"Parcel {at} lies in aisle {at % 7} beside crate {at * 13 % 101}" for at in range(_COUNT)]
        await memory.remember_many(texts)
        stack = contextlib.ExitStack()
        server = stack.enter_context(_server(base / "chroma", port))
        with stack:
            if not await _served_by_chroma(memory, texts):
                raise RuntimeError("the real Chroma server never served")
            for number, fault in enumerate(order):
                problems: list[str] = []
                if fault == "killed":
                    server.kill()
                    server.wait()
                else:
                    proxy.fault = fault
                added = f"Late parcel {number} waits at gate {number * 17}"
                await memory.remember(added)
                texts.append(added)
                wrong = 0
                for text in [added, *random.Random(number).sample(texts, 4)]:
                    began = time.perf_counter()
                    hits = (await memory.recall(text, k=1)).hits
                    waits.append(time.perf_counter() - began)
                    if not hits or hits[0].memory.text != text:
                        wrong += 1
                        problems.append(f"asked for {text!r}, got {[hit.memory.text for hit in hits]}")
                proxy.fault = ""
                if fault == "killed":
                    server = stack.enter_context(_server(base / "chroma", port))
                if not await _served_by_chroma(memory, texts):
                    problems.append(f"Chroma did not serve again within {_READY_SECONDS:.0f} s")
                if (missing := len(texts) - (await memory.status()).memories) > 0:
                    problems.append(f"{missing} memories are lost")
                result = {"recovered": not problems, "problems": problems, "case": f"Chroma {fault}"}
                results.append(result | {"acknowledged": len(texts), "lost": max(missing, 0), "wrong": wrong})
            bad = await worker.unhealthy(memory)
            if bad:
                results[-1] |= {"recovered": False, "problems": results[-1]["problems"] + bad}
    waits.sort()
    figures = {
        "median_answer_ms": round(1e3 * waits[len(waits) // 2], 1), "longest_answer_ms": round(1e3 * waits[-1], 1),
    }  # fmt: skip
    return {"results": results, "figures": figures}


async def _served_by_chroma(memory: Memory, texts: list[str]) -> bool:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        await memory.recall(texts[-1], k=1)
        if (await memory.status()).index["served_by"] == "chroma":
            return True
        await asyncio.sleep(0.02)
    return False
