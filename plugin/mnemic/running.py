"""Opening a memory, closing it, and running use cases on it in between."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from mnemic.domain.provenance import Origin
from mnemic.errors import StoreUnavailable
from mnemic.partitioning import Opened, open_all
from mnemic.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from mnemic.protocols import ChatModel, Embedder, Observer, Reranker

_T = TypeVar("_T")
_WORKERS = 8
_STREAM_CHUNK = 500


class RunningMemory:
    """The part of `mnemic.Memory` that every call goes through. Its arguments and methods are those of `Memory`."""

    def __init__(
        self, settings: Settings, *, embedder: Embedder | None = None, origin: Origin | None = None,
        summarise: Callable[[str, str], str] | None = None,
        model: ChatModel | None = None, reranker: Reranker | None = None, observer: Observer | None = None,
        delivered: Path | None = None,
    ) -> None:  # fmt: skip
        self.settings = settings
        self._observer = observer
        self._embedder = embedder
        self._summarise = summarise
        self._model = model
        self._reranker = reranker
        self._delivered = delivered
        self._origin = origin or Origin()
        self._open: Opened | None = None
        self._opened_in = 0
        # One for each event loop: a limiter that two loops share loses wake-ups.
        self._limiters: RunVar[anyio.CapacityLimiter] = RunVar("mnemic-limiter")
        self._opening = threading.Lock()

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            # Nobody leaves what was not entered, and the thread that opens it goes on after a cancellation.
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the folder, and make it if it is not there. Idempotent. The process that opens it is the one that may use it.

        Raises `StoreUnavailable`, `WrongPartitions`, `StoreCorrupted`, `ModelFailed`.
        """

        if self._open is not None:
            self._opened()
            return
        wanted = True

        def open_once() -> None:
            with self._opening:
                if self._open is None and wanted:
                    self._open = open_all(
                        self.settings, embedder=self._embedder, summarise=self._summarise, model=self._model,
                        reranker=self._reranker, delivered=self._delivered,
                    )  # fmt: skip
                    self._opened_in = os.getpid()

        try:
            await anyio.to_thread.run_sync(open_once, limiter=self._limiter)
        except BaseException:
            wanted = False
            raise

    async def close(self) -> None:
        """Wait for whoever opens it and for running calls, then let go of files, threads and locks. Idempotent.

        Once begun it is done, whatever becomes of the caller.
        """
        executor = ThreadPoolExecutor(1, thread_name_prefix="mnemic-closing")
        closed = executor.submit(self.close_now)
        executor.shutdown(wait=False)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(closed.result, limiter=anyio.CapacityLimiter(1))

    def close_now(self) -> None:
        """`close` for callers without an event loop."""
        if self._open is not None and self._opened_in != os.getpid():
            return  # it is still the parent's
        with self._opening:
            opened, self._open = self._open, None
        if opened is not None:
            opened.close()

    async def run(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> _T:
        """Run a use case of `mnemic.services` on this memory's backends in a worker thread: for adapters."""
        opened = self._opened()

        def call() -> _T:
            return opened.run(use_case, *args, **named)

        if self._observer is None:
            return await anyio.to_thread.run_sync(call, limiter=self._limiter)
        with self._observer(getattr(use_case, "__name__", "other")):
            return await anyio.to_thread.run_sync(call, limiter=self._limiter)

    async def _stream(
        self, use_case: Callable[..., Generator[_T, None, None]], **named: Any
    ) -> AsyncGenerator[_T, None]:
        """What a use case gives bit by bit, some hundreds at a time: a change of thread for each would cost more than it."""
        opened = self._opened()

        def read() -> Generator[_T, None, None]:
            with opened.ready(use_case, **named) as begin, closing(begin()) as found:
                yield from found

        bits, reading = read(), threading.Lock()

        def take() -> list[_T]:
            with reading:
                return list(islice(bits, _STREAM_CHUNK))

        def end() -> None:
            with reading:
                bits.close()

        try:
            while chunk := await anyio.to_thread.run_sync(take, limiter=self._limiter):
                for bit in chunk:
                    yield bit
        finally:
            if reading.locked():
                # Whoever was cancelled has left a thread that reads still: the end waits for that, and nobody for the end.
                threading.Thread(target=end, name="mnemic-reading-ends").start()
            else:
                end()

    def run_now(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> _T:
        """`run` in the calling thread, which waits: for adapters whose callers have no event loop. Threads may share it."""
        return self._opened().run(use_case, *args, **named)

    @property
    def _limiter(self) -> anyio.CapacityLimiter:
        try:
            return self._limiters.get()
        except LookupError:
            limiter = anyio.CapacityLimiter(_WORKERS)
            self._limiters.set(limiter)
            return limiter

    def _opened(self) -> Opened:
        if self._open is None:
            raise StoreUnavailable("This memory is not open.", hint='Use it inside "async with", or call open() first.')
        if self._opened_in != os.getpid():
            # Locks that were held at the fork, ours and SQLite's, are never let go of in the child.
            raise StoreUnavailable(
                "This memory was opened before this process was forked off.",
                hint="Call open_memory in each process, and fork before one is open, or use multiprocessing's spawn.",
            )
        return self._open
