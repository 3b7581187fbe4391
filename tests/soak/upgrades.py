"""Ledgers of every released schema are opened by this version, whole, interrupted, and by one that is too old for them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from mnemic.errors import StoreUnavailable
from mnemic.storage.sql.migrations import VERSION
from tests.soak import forks, worker
from tests.soak.faultfs import Calls, Fault, FaultFs
from tests.soak.power import Entry, Moment, images, moments, read_trace
from tests.soak.tally import Tally, scratch

RELEASED = Path(__file__).with_name("released")
_SECRET = b"quillvane"


def released_versions() -> list[int]:
    return sorted(int(path.stem.removeprefix("version_")) for path in RELEASED.glob("version_*.sql"))


def lay_out(version: int, home: Path) -> dict[str, Any]:
    """Make ``home`` a memory as that version left it; what that version showed of it."""
    home.mkdir(parents=True)
    path = home / "ledger.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((RELEASED / f"version_{version}.sql").read_text())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return dict(json.loads((RELEASED / f"version_{version}.json").read_text()))


async def differences(home: Path, shown: dict[str, Any]) -> list[str]:
    """What this version shows otherwise than the one that wrote the memory did. Opens it."""
    problems: list[str] = []
    async with worker.open_memory(home, namespace=("old",)) as memory:
        entries = [json.loads(line) async for line in memory.export()]
        now = {entry["id"]: entry for entry in entries if entry["type"] == "memory"}
        if len(now) != sum(entry["type"] == "memory" for entry in entries):
            problems.append("other memories: some are there twice")
        if now.keys() != shown["memories"].keys():
            problems.append(f"other memories: {sorted(now.keys() ^ shown['memories'].keys())}")
        for id, before in shown["memories"].items():
            changed = {name for name in before if now.get(id, {}).get(name) != before[name]}
            if changed:
                problems.append(f"{id} shows another {', '.join(sorted(changed))}")
            if before["status"] == "active" and before["namespace"] == ["old"]:
                hits = (await memory.recall(before["text"][:200], k=1)).hits
                if not hits or hits[0].memory.id != id:
                    problems.append(f"asked for {before['text'][:60]!r}, got {[hit.memory.text[:60] for hit in hits]}")
        said = [message.text for message in await memory.session("old talk").originals()] if shown["session"] else []
        if said != shown["session"]:
            problems.append(f"its session holds {said}")
        tasks = [entry["task"] for entry in entries if entry["type"] == "outcome"]
        if tasks != shown["outcomes"]:
            problems.append(f"its tasks are {tasks}")
        items = {entry["key"]: json.loads(entry["value"])["text"] for entry in entries if entry["type"] == "item"}
        if items != shown["items"]:
            problems.append(f"its items are {items}")
        problems += await worker.unhealthy(memory)
        late = await memory.remember("A lantern was hung up after the upgrade")
        if not (await memory.recall("lantern after the upgrade", k=1)).hits or not late.id:
            problems.append("what was written after the upgrade is not found")
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            problems.append("it still has its old version")
    for path in home.rglob("*"):
        if path.is_file() and _SECRET in path.read_bytes():
            problems.append(f"an erased text is in {path.name}")
    return problems


def upgrade_all() -> Tally:
    """Every released version, opened and compared."""

    def one(version: int) -> dict[str, Any]:
        with scratch() as base:
            shown = lay_out(version, base / "memory")
            return _compared(base / "memory", shown, case=f"version {version}")

    return Tally("").add(one(version) for version in released_versions())


def kill_upgrades(*, every: int, jobs: int, seed: int, sample: int | None = None) -> Tally:
    """SIGKILL before and within every change that the upgrade of every version makes; then it is opened again."""
    cases = [
        (version, at, fault)
        for version in released_versions()
        if version < VERSION
        for at in range(1, _changes(version) + 1, every)
        for fault in (Fault.KILL_BEFORE, Fault.KILL_TORN)
    ]
    if sample is not None:
        cases = sorted(random.Random(seed).sample(cases, min(sample, len(cases))))

    def one(case: tuple[int, int, Fault]) -> dict[str, Any]:
        version, at, fault = case
        with scratch() as base:
            home = base / "memory"
            shown = lay_out(version, home)

            def work(to: int) -> None:
                FaultFs().arm(base, fault, at=at)
                asyncio.run(_open_and_close(home))

            ended = forks.run(work)
            result = _compared(home, shown, case=f"version {version}, {fault.name} at change {at}")
            if ended.code == forks.HUNG:
                result |= {"recovered": False, "problems": [*result["problems"], "the upgrade hung"]}
            return {**result, "fired": ended.was_killed or ended.code == forks.HUNG}

    return Tally("").add(forks.in_shards(cases, one, jobs=jobs))


def cut_power_in_upgrades(*, every: int, jobs: int, seed: int, sample: int | None = None) -> Tally:
    """The power is cut in the upgrade of every version: before and after each sync and each change of names, and between
    writes; of what was not synced any part may be gone. Then it is opened again: every memory is there, once, upgraded.

    ``sample``: so many moments of each version. An image of a disk that was tried already is not counted again.
    """
    tally = Tally("")
    for version in released_versions():
        if version < VERSION:
            with scratch() as base:
                shown, entries = _traced(version, base)
            # What was there before the upgrade was on the disk: the upgrade begins where that was said.
            found = [moment for moment in moments(entries, every=every) if moment.acknowledged]
            if sample is not None:
                found = random.Random(seed).sample(found, min(sample, len(found)))
            cuts = partial(_cuts, version, shown, base, entries, found, jobs=jobs, seed=seed)
            results = forks.in_shards(range(jobs), partial(_shard, cuts), jobs=jobs)
            tally.add(one for result in results for one in result["results"])
    return tally


def _shard(cuts: Callable[[int], list[dict[str, Any]]], part: int) -> dict[str, Any]:
    return {"results": cuts(part)}


def _cuts(
    version: int, shown: dict[str, Any], base: Path, entries: list[Entry], found: list[Moment], part: int, *, jobs: int,
    seed: int,
) -> list[dict[str, Any]]:  # fmt: skip
    results = []
    for moment, variant, target in images(entries, found, base, part=part, jobs=jobs, seed=seed):
        case = f"version {version}, power cut after entry {moment.entry} of {len(entries)}, {variant}"
        results.append(_compared(target / "memory", shown, case=case))
    return results


def _traced(version: int, base: Path) -> tuple[dict[str, Any], list[Entry]]:
    """What a version showed of its memory, and the trace of laying it out below ``base`` and of upgrading it."""
    log = base.with_name(f"{base.name}.trace")

    def work(to: int) -> None:
        faults = FaultFs()
        faults.trace(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), acknowledged_on=to)
        faults.arm(base, Fault.NOTHING, calls=Calls.CHANGES)
        shown = lay_out(version, base / "memory")
        for path in (base / "memory" / "ledger.sqlite3", base / "memory", base):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        forks.say(to, {"step": 0, "done": True, "shown": shown})
        asyncio.run(_open_and_close(base / "memory"))

    try:
        ended = forks.run(work)
        assert ended.code == 0, ended
        return ended.values[0]["shown"], read_trace(log)
    finally:
        log.unlink(missing_ok=True)


def refuse_newer() -> Tally:
    """A ledger of a version that this code does not know: after a clean end, and with a log that a crash left behind."""

    def one(crashed: bool) -> dict[str, Any]:
        with scratch() as base:
            home = base / "memory"
            lay_out(max(released_versions()), home)
            with closing(sqlite3.connect(home / "ledger.sqlite3", isolation_level=None)) as connection:
                connection.execute(f"PRAGMA user_version = {VERSION + 1}")
                connection.execute("CREATE TABLE of_the_future (key INTEGER PRIMARY KEY)")
                if crashed:
                    shutil.copytree(home, base / "crashed")
            home = base / ("crashed" if crashed else "memory")
            (home / "ledger.sqlite3-shm").unlink(missing_ok=True)
            before = {path.name: path.read_bytes() for path in home.iterdir()}
            ended = forks.run(lambda to: forks.say(to, asyncio.run(_refusal(home))))
            problems = [] if ended.values == [True] else [f"not refused: {ended.values}"]
            problems += [
                f"{name} was changed"
                for name, content in before.items()
                if not (home / name).exists() or (home / name).read_bytes() != content
            ]
        case = "newer, with a log" if crashed else "newer"
        return _result(problems, memories=0, case=case)

    return Tally("").add([one(False), one(True)])


async def _refusal(home: Path) -> bool:
    try:
        await _open_and_close(home)
    except StoreUnavailable as error:
        return "Update mnemic" in str(error)
    return False


async def _open_and_close(home: Path) -> None:
    async with worker.open_memory(home, namespace=("old",)):
        pass


def _changes(version: int) -> int:
    with scratch() as base:
        lay_out(version, base / "memory")

        def work(to: int) -> None:
            faults = FaultFs()
            faults.arm(base, Fault.NOTHING, calls=Calls.CHANGES)
            asyncio.run(_open_and_close(base / "memory"))
            forks.say(to, faults.calls)

        ended = forks.run(work)
        assert ended.code == 0, ended
        return int(ended.values[0])


def _compared(home: Path, shown: dict[str, Any], *, case: str) -> dict[str, Any]:
    ended = forks.run(lambda to: forks.say(to, asyncio.run(differences(home, shown))))
    if ended.code:
        return _result(
            [f"opening it ended with {ended.code}: {ended.values}"], memories=len(shown["memories"]), case=case
        )
    return _result(ended.values[0], memories=len(shown["memories"]), case=case)


def _result(problems: list[str], *, memories: int, case: str) -> dict[str, Any]:
    lost = sum("other memories" in one or "shows another" in one for one in problems)
    wrong = sum("asked for" in one for one in problems)
    return {
        "recovered": not problems, "acknowledged": memories, "lost": lost, "wrong": wrong, "problems": problems,
        "case": case,
    }  # fmt: skip
