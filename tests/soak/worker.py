"""A process that does the steps of a plan and says, after each, that it is done: an acknowledgement."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mnemic
from mnemic import Memory, NewMemory
from mnemic.domain.items import GetItem, Item, PutItem
from mnemic.errors import MnemicError
from mnemic.storage.static_embedder import StaticEmbedder
from tests.soak.forks import say
from tests.soak.plan import NAMESPACE, SESSION, State, Step, export_of

_SCRUBBED_SECONDS = 60.0


@functools.cache
def _embedder() -> StaticEmbedder:
    return StaticEmbedder()


def load() -> None:
    """Import what opening a memory imports and read the vectors, so that forked processes have them."""
    import mnemic.guard.creation
    import mnemic.retrieval.maxsim
    import mnemic.services.backends
    import mnemic.services.browse
    import mnemic.services.health
    import mnemic.services.items.operations
    import mnemic.services.learning.outcomes
    import mnemic.services.recalling.recall
    import mnemic.services.reviewing.review
    import mnemic.services.storing.curate
    import mnemic.services.storing.remember
    import mnemic.services.transferring.transfer
    import mnemic.services.warming
    import mnemic.services.working_memory.sculpt
    import mnemic.services.working_memory.sessions
    import mnemic.storage.chroma_follower
    import mnemic.storage.layered_index
    import mnemic.storage.sqlite.ledger
    import mnemic.storage.system
    import mnemic.storage.token_counters  # noqa: F401

    _embedder()


def open_memory(home: Path, **settings: Any) -> Memory:
    options: dict[str, Any] = {"namespace": NAMESPACE, "chroma": "off", "embedder": _embedder(), **settings}
    return mnemic.open_memory(home, **options)


class Worker:
    """``on_error``: called when a call fails, before it is tried once more; without it a failure ends the worker.
    ``each``: called with the number of every step before it. ``settings``: how the memory is opened.
    """

    def __init__(
        self, home: Path, to: int, *, on_error: Callable[[], None] | None = None,
        each: Callable[[int], None] | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        self._home = home
        self._to = to
        self._on_error = on_error
        self._each = each
        self._settings = settings
        self._ids: dict[str, str] = {}
        self._memory: Memory | None = None

    def run(self, steps: list[Step], *, first: int = 0) -> None:
        asyncio.run(self._run(steps, first))

    async def _run(self, steps: list[Step], first: int) -> None:
        await self._try(-1, self._open)
        for number, step in enumerate(steps[first:], first):
            if self._each is not None:
                self._each(number)
            await self._try(number, functools.partial(self._do, step))
        await self._try(len(steps), self._close)

    async def _try(self, number: int, call: Callable[[], Any]) -> None:
        try:
            await call()
        except Exception as error:
            typed = isinstance(error, MnemicError)
            say(self._to, {"step": number, "error": type(error).__name__, "typed": typed, "message": str(error)[:300]})
            if self._on_error is None:
                raise
            if self._memory is not None and number >= 0:
                say(self._to, {"step": number, "seen": sorted(await _texts(self._memory, self._on_error))})
            else:
                self._on_error()
            await call()
        say(self._to, {"step": number, "done": True})

    async def _open(self) -> None:
        self._memory = open_memory(self._home, **self._settings)
        try:
            await self._memory.open()
        except BaseException:
            self._memory = None
            raise

    async def _close(self) -> None:
        if self._memory is not None:
            await self._memory.close()

    async def _do(self, step: Step) -> None:
        if step.does == "reopen":
            await self._close()
            await self._open()
            return
        memory = self._memory
        assert memory is not None
        id = self._ids.get(step.target, "")
        match step.does:
            case "remember":
                self._ids[step.texts[0]] = (await memory.remember(step.texts[0])).id
            case "remember_many":
                await memory.remember_many([NewMemory(text=text) for text in step.texts])
            case "supersede":
                self._ids[step.texts[0]] = (await memory.supersede(id, step.texts[0])).id
            case "archive":
                await memory.archive([id])
            case "restore":
                await memory.restore([id])
            case "erase":
                await memory.erase([id])
            case "say":
                # With ids, so that a retry would not say it twice.
                session = memory.session(SESSION)
                if not await session.exists():
                    await session.append([_message(text) for text in step.texts])
            case "fold":
                await self._fold(memory)
            case "outcome":
                await memory.learning.outcome(step.target, 1.0, key=step.target)
            case "item":
                await memory.items.run([PutItem(path=("shelf",), key=step.target, value={"text": step.texts[0]})])
            case "import":
                await memory.import_(export_of(step.texts))
            case "recall":
                await memory.recall("what lies beside what", k=3)

    async def _fold(self, memory: Memory) -> None:
        session = memory.session(SESSION)
        words = (await session.originals())[-1].text.split()
        if not await session.log():
            await session.fragment_context(" ".join(words[:5]), " ".join(words[-5:]), num_fragments=1)


def _message(text: str) -> Any:
    from mnemic.domain.memory import Role
    from mnemic.domain.working_memory.messages import Message, MessageId

    return Message(id=MessageId(""), role=Role.USER, text=text)


async def _texts(memory: Memory, clear: Callable[[], None]) -> set[str]:
    clear()
    return {record.text for record in await memory.records()}


async def observe(memory: Memory) -> State:
    """What a memory shows of what plans write."""
    texts = {record.text: str(record.status) for record in await memory.records()}
    session = memory.session(SESSION)
    messages: tuple[str, ...] = ()
    folded = False
    if await session.exists():
        messages = tuple(message.text for message in await session.originals())
        folded = bool(await session.log())
    tasks, items = set(), {}
    async for line in memory.export():
        entry = json.loads(line)
        if entry["type"] == "outcome":
            tasks.add(entry["task"])
        if entry["type"] == "item":
            items[entry["key"]] = json.loads(entry["value"])["text"]
    for key, text in items.items():
        (found,) = await memory.items.run([GetItem(path=("shelf",), key=key)])
        assert isinstance(found, Item) and found.value["text"] == text, key
    return State(texts=texts, messages=messages, folded=folded, tasks=frozenset(tasks), items=items)


async def unhealthy(memory: Memory) -> list[str]:
    """What `doctor` finds wrong once the housekeeper had time to finish what was interrupted."""
    end = asyncio.get_running_loop().time() + _SCRUBBED_SECONDS
    while True:
        findings = (await memory.doctor()).findings
        bad = [f"{finding.check}: {finding.detail}" for finding in findings if not finding.ok]
        if not bad or asyncio.get_running_loop().time() > end:
            return [f"doctor: {one}" for one in bad]
        await asyncio.sleep(0.02)
