"""What is lost: two processes that write at once, and kill -9 while one writes. A loss is an acknowledged write that a new
process does not find; what a client was told had failed is counted apart."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.side_by_side.client import Client, SystemFailed
from tests.side_by_side.measures import K, Told
from tests.side_by_side.systems import System

WRITES = 200
KILLS = 10
_SEARCHED = 100
_SECONDS_OF_WRITING = (0.2, 2.0)


@dataclass(slots=True)
class Written:
    """``acknowledged``: texts and the ids they got. ``errors``: what the client was told instead."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Losses:
    """Of acknowledged texts: not in the system's own listing; not among ten results when asked for word by word.
    ``known_missing``: of those that were there before, not in the listing."""

    unlisted: int
    unfound: int
    known_missing: int


def two_writers(system: System, folder: Path, tell: Told) -> dict[str, Any]:
    """Two processes on one store, each writes `WRITES` memories of its own at once; then a third looks for all of them."""
    with system.start(folder) as client:
        client.handshake()
        system.remember(client, "The store is there before the two come.")
    names = ("first", "second")
    texts = {name: [memory_of(name, at) for at in range(WRITES)] for name in names}
    written = {name: Written() for name in names}
    clients = {name: system.start(folder) for name in names}
    together = threading.Barrier(len(names))
    for client in clients.values():
        client.handshake()

    def write(name: str) -> None:
        together.wait()
        write_all(system, clients[name], texts[name], written[name])

    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients.values():
        client.end()
    tell(f"two writers wrote: {system.title}")
    acknowledged = written["first"].acknowledged | written["second"].acknowledged
    losses = find_losses(system, folder, acknowledged, searched=len(acknowledged))
    errors = written["first"].errors + written["second"].errors
    tell(f"two writers looked for: {system.title}")
    return {
        "writes": 2 * WRITES, "acknowledged": len(acknowledged), "errors": len(errors),
        "first_errors": sorted(set(errors))[:3], "unlisted": losses.unlisted, "unfound": losses.unfound,
    }  # fmt: skip


def kills(
    system: System, base: Path, known: Sequence[str], scratch: Path, tell: Told, *, seed: int = 7
) -> dict[str, Any]:
    """`KILLS` times: a process on a copy of the store ``base`` (with the texts ``known``) writes until it is killed at a
    random moment; a new one looks for what was acknowledged, and for what was there before."""
    chance = random.Random(seed)  # moments, not secrets
    total = {"acknowledged": 0, "unlisted": 0, "unfound": 0, "known_missing": 0}
    unusable: list[str] = []
    for number in range(KILLS):
        folder = scratch / f"{system.key}-kill-{number}"
        shutil.copytree(base, folder, symlinks=True)
        written = Written()
        client = system.start(folder)
        client.handshake()
        first = threading.Event()

        def write(client: Client = client, written: Written = written, first: threading.Event = first) -> None:
            texts = [memory_of("killed", at) for at in range(20_000)]
            write_all(system, client, texts, written, begun=first, stop_at_error=True)

        thread = threading.Thread(target=write)
        thread.start()
        first.wait(60)
        time.sleep(chance.uniform(*_SECONDS_OF_WRITING))
        client.kill()
        thread.join()
        total["acknowledged"] += len(written.acknowledged)
        try:
            losses = find_losses(system, folder, written.acknowledged, searched=_SEARCHED, known=known)
            total["unlisted"] += losses.unlisted
            total["unfound"] += losses.unfound
            total["known_missing"] += losses.known_missing
        except SystemFailed as error:
            unusable.append(str(error)[:200])
        shutil.rmtree(folder)
        tell(f"kill -9, {number + 1} of {KILLS}: {system.title}")
    return {"rounds": KILLS, **total, "unusable": len(unusable), "first_failures": unusable[:2]}


def memory_of(name: str, at: int) -> str:
    """A sentence that no other resembles: numbers alone would look the same to an embedder."""
    chance = random.Random(f"{name} {at}")  # words, not secrets
    who, what, where = (chance.choice(words) for words in _WORDS)
    code = "".join(
        chance.choices("bcdfghjklmnprstvz", k=3) + chance.choices("aeiou", k=2) + chance.choices("klmnrst", k=3)
    )
    return f"{who} {what} {where}, and the {name} note {at} calls it {code}."


_WORDS = (
    ("Ana", "The baker", "A pilot", "My neighbour", "The choir", "Doctor Lindt", "An old sailor", "Our gardener"),
    ("painted the shed", "sold a violin", "repaired the boiler", "lost two keys", "planted garlic", "heard the storm",
     "missed the ferry", "counted herons", "fried some trout", "translated a poem"),
    ("in Porto", "behind the station", "on a Tuesday", "for the school", "during the strike", "near the lighthouse",
     "with a borrowed ladder", "after the harvest"),
)  # fmt: skip


def write_all(
    system: System, client: Client, texts: Sequence[str], written: Written, *, begun: threading.Event | None = None,
    stop_at_error: bool = False,
) -> None:  # fmt: skip
    """Remember ``texts`` one after the other, and note what became of each."""
    for text in texts:
        try:
            written.acknowledged[text] = system.remember(client, text)
        except (SystemFailed, ValueError, OSError) as error:
            if stop_at_error:
                break
            written.errors.append(str(error)[:200])
        finally:
            if begun is not None:
                begun.set()


def find_losses(
    system: System, folder: Path, acknowledged: dict[str, str], *, searched: int, known: Sequence[str] = ()
) -> Losses:
    """What a new process has of ``acknowledged``; of the last ``searched`` also whether asking for the text finds it."""
    with system.start(folder) as client:
        client.handshake()
        listed = system.texts(client, folder)
        last = list(acknowledged)[-searched:] if searched else []
        unfound = sum(acknowledged[text] not in system.recall(client, text, K) for text in last)
    return Losses(unlisted=len(acknowledged.keys() - listed), unfound=unfound, known_missing=len(set(known) - listed))
