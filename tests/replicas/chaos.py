"""Clients that remember and recall while processes die, and a checker that knows what was acknowledged to whom."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mnemic
from tests.replicas.topology import NAMESPACE, Part, Program, Site, site
from tests.serving.clients import CallFailed, FastClient

_CALL_SECONDS = 40.0
_PATIENCE_SECONDS = 90.0
_FAILURES = (CallFailed, OSError, asyncio.IncompleteReadError, TimeoutError)
FILLED = 120


@dataclass
class Kept:
    """A memory that was acknowledged. ``busy`` while a call changes it."""

    id: str
    word: str
    state: str = "active"
    busy: bool = False


@dataclass
class Seen:
    """What the clients and the checker have seen. ``wrong`` must stay empty."""

    kept: dict[str, Kept] = field(default_factory=dict)
    attempted: set[str] = field(default_factory=set)
    answered: int = 0
    looks: int = 0
    wrong: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    answered_at: float = 0.0


def text_of(word: str) -> str:
    return f"The code word of crate {word} is {word}."


class Client:
    """One that tries again what failed, as clients do."""

    def __init__(self, site: Site, seen: Seen, number: int, *, seed: int) -> None:
        self._site = site
        self._seen = seen
        self._number = number
        self._chance = random.Random(f"{seed} {number}")  # a load, no secret

    async def work(self, until: asyncio.Event) -> None:
        while not until.is_set():
            what = self._chance.random()
            if what < 0.4:
                await self._remember(until)
            elif what < 0.46:
                await self._change("archive", "archived")
            elif what < 0.5:
                await self._change("erase", "erased")
            else:
                await self._look()

    async def call(self, tool: str, port: int | None = None, **arguments: Any) -> dict[str, Any]:
        """One call on a connection of its own, so that each goes to another replica."""
        client = FastClient("127.0.0.1", port or self._site.balancer.port, self._site.token)
        try:
            found = await asyncio.wait_for(client.call(tool, **arguments), _CALL_SECONDS)
        except _FAILURES as error:
            self._seen.failures[_kind(error)] += 1
            raise
        finally:
            client.close()
        self._seen.answered += 1
        self._seen.answered_at = time.monotonic()
        return found

    async def insist(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The same call until it is answered: every one that is used here may be repeated."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return await self.call(tool, **arguments)
            except _FAILURES:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(self._chance.uniform(0.02, 0.2))

    async def _remember(self, until: asyncio.Event) -> None:
        word = f"zq{self._number}x{self._chance.getrandbits(40):x}"
        self._seen.attempted.add(word)
        told = await self.insist("remember", text=text_of(word))
        kept = Kept(id=told["results"][0]["id"], word=word, busy=True)
        self._seen.kept[word] = kept
        await asyncio.gather(*(self._visible(kept, replica) for replica in self._site.replicas))
        kept.busy = False

    async def _change(self, action: str, state: str) -> None:
        kept = self._some()
        if kept is None or kept.state != "active":
            return
        kept.busy = True
        await self.insist("forget", ids=[kept.id], action=action, confirm=True)
        kept.state = state
        await asyncio.gather(*(self._visible(kept, replica) for replica in self._site.replicas))
        kept.busy = False

    async def _look(self) -> None:
        kept = self._some()
        if kept is None:
            return
        kept.busy = True
        await self._visible(kept, None)
        kept.busy = False

    async def _visible(self, kept: Kept, replica: Program | None) -> None:
        """Whoever answers must have it, or must not, as it was last acknowledged. Who is dead just now cannot answer."""
        try:
            port = None if replica is None else replica.port
            told = await self.call("recall", port, query=f"code word of crate {kept.word}", k=3)
        except _FAILURES:
            return
        self._seen.looks += 1
        found = kept.id in [hit["id"] for hit in told["memories"]]
        if found is not (kept.state == "active"):
            by = "the balancer" if replica is None else replica.name
            self._seen.wrong.append(f"{by}: {kept.word} is {kept.state} and was {'' if found else 'not '}found")

    def _some(self) -> Kept | None:
        free = [kept for kept in self._seen.kept.values() if not kept.busy]
        return self._chance.choice(free) if free else None


def _kind(error: Exception) -> str:
    if isinstance(error, CallFailed):
        text = str(error)
        for name in ("StoreUnavailable", "503", "401", "429"):
            if name in text:
                return name
        return text[:160]
    return type(error).__name__


@dataclass
class Blow:
    """A kill. ``outage``: seconds until any call was answered again; ``back``: until what was killed served again."""

    victims: list[str]
    outage: float
    back: float


async def recover(site: Site, seen: Seen, victims: list[Part], killed: float) -> Blow:
    answered = asyncio.create_task(_answered_after(seen, killed))
    await asyncio.gather(*(asyncio.to_thread(site.until_ready, victim) for victim in victims))
    back = time.monotonic() - killed
    return Blow([victim.name for victim in victims], await answered - killed, back)


async def _answered_after(seen: Seen, moment: float) -> float:
    end = moment + _PATIENCE_SECONDS
    while seen.answered_at <= moment:
        if time.monotonic() > end:
            raise TimeoutError("nothing was answered any more")
        await asyncio.sleep(0.01)
    return seen.answered_at


def order_of_kills(site: Site, kills: int, chance: random.Random) -> list[list[Part]]:
    """Every part equally often, in a random order; one blow in eight takes two at once."""
    bag: list[Part] = []
    while len(bag) < kills:
        bag += chance.sample(site.parts, len(site.parts))
    bag = bag[:kills]
    blows: list[list[Part]] = []
    while bag:
        two = len(bag) > 1 and bag[-1] is not bag[-2] and chance.random() < 1 / 8
        blows.append([bag.pop() for _ in range(2 if two else 1)])
    return blows


async def chaos(
    folder: Path, *, replicas: int, kills: int, clients: int, seed: int, told: Callable[[str], object] = str
) -> dict[str, Any]:
    """Kill, check, and tell what was found; ``told`` hears of each blow."""
    chance = random.Random(seed)
    with site(folder, replicas=replicas) as place:
        seen = Seen()
        workers = [Client(place, seen, number, seed=seed) for number in range(clients)]
        filling = [{"text": f"parcel {at} lies beside crate {at * 13 % 101}"} for at in range(1, FILLED)]
        await workers[0].insist("remember", text="parcel 0 lies beside crate 0", more=filling)
        until = asyncio.Event()
        tasks = [asyncio.create_task(worker.work(until)) for worker in workers]
        began, blows, healing = time.monotonic(), [], dict[asyncio.Task[Blow], list[Part]]()

        async def healed(most: int, needed: list[Part]) -> None:
            """Wait until few are still on their way back, and whoever is to be killed is not."""
            while len(healing) > most or any(part in down for down in healing.values() for part in needed):
                done, _ = await asyncio.wait([*healing, *tasks], return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    blow = one.result()
                    if blow is not None:
                        blows.append(blow)
                        told(f"{blow}, {len(seen.kept)} acknowledged, {len(seen.wrong)} wrong")
                    healing.pop(one, None)  # type: ignore[arg-type]

        for victims in order_of_kills(place, kills, chance):
            await asyncio.sleep(chance.uniform(0.0, 0.8))
            await healed(1, victims)
            await asyncio.gather(*(asyncio.to_thread(place.supervisor.kill, victim) for victim in victims))
            healing[asyncio.create_task(recover(place, seen, victims, time.monotonic()))] = victims
        await healed(0, [])
        until.set()
        await asyncio.gather(*tasks)
        seconds = time.monotonic() - began
        return {
            "replicas": replicas, "clients": clients, "seed": seed, "kills": sum(len(blow.victims) for blow in blows),
            "seconds": round(seconds, 1), "calls_answered": seen.answered, "calls_failed": dict(seen.failures.most_common()),
            "acknowledged": len(seen.kept), "looks": seen.looks, "wrong": len(seen.wrong), "first_wrong": seen.wrong[:5],
            "recovery": recovery(blows), **await final(place, seen),
        }  # fmt: skip


def recovery(blows: list[Blow]) -> dict[str, Any]:
    """Seconds, by what was killed. Two at once stand apart."""
    by_victim: dict[str, list[Blow]] = {}
    for blow in blows:
        name = "two at once" if len(blow.victims) > 1 else blow.victims[0].split(" ")[0]
        by_victim.setdefault(name, []).append(blow)
    return {
        name: {
            "kills": len(some),
            "outage_p50": _middle([blow.outage for blow in some]),
            "outage_max": round(max(blow.outage for blow in some), 2),
            "back_p50": _middle([blow.back for blow in some]),
            "back_max": round(max(blow.back for blow in some), 2),
        }
        for name, some in sorted(by_victim.items())
    }


def _middle(values: list[float]) -> float:
    return round(sorted(values)[len(values) // 2], 2)


async def final(place: Site, seen: Seen) -> dict[str, Any]:
    """What the database, its full text and Chroma hold at the end, read by a process that took no part."""
    async with mnemic.open_memory(place.folder / "home", namespace=(NAMESPACE,), **place.settings) as memory:
        follower = memory._opened().follower
        assert follower is not None
        seq = (await memory.status()).last_seq
        fed = await memory.run(lambda _: follower.wait_until(seq, timeout_seconds=60))
        held = {record.id: record for record in await memory.records()}
        diagnosis = await memory.doctor()
    texts = Counter(record.text for record in held.values())
    found = {str(id): (record.text, record.status.value) for id, record in held.items()}
    owed = [kept for kept in seen.kept.values() if kept.state != "erased"]
    lost = [kept.word for kept in owed if found.get(kept.id) != (text_of(kept.word), kept.state)]
    erased = {kept.word for kept in seen.kept.values() if kept.state == "erased"}
    ours = {text_of(word) for word in seen.attempted - erased}
    ghosts = [text for text in texts if text not in ours and not text.startswith("parcel ")]
    return {
        "lost": len(lost), "first_lost": lost[:5], "ghosts": len(ghosts), "first_ghosts": ghosts[:5],
        "doubled": sum(count > 1 for count in texts.values()), "chroma_caught_up": fed, "healthy": diagnosis.healthy,
        "findings": [f"{one.check}: {one.detail}" for one in diagnosis.findings if not one.ok],
    }  # fmt: skip
