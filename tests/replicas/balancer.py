"""A plain load balancer: each connection goes to the next replica in turn, or to another when that one does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Sequence

_CONNECT_SECONDS = 1.0


class Balancer:
    """Listens on a free port of loopback, in a thread of its own. Looks at nothing that passes through it.

    It stands for nginx or haproxy, which are asked for nothing more: a stream is connected once and never sent again.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._turns = itertools.cycle(range(len(ports)))
        self._ports = list(ports)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="balancer")
        self._thread.start()
        self._listens.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._ending.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = next(self._turns)
            for at in range(len(self._ports)):
                port = self._ports[(first + at) % len(self._ports)]
                try:
                    connecting = asyncio.open_connection("127.0.0.1", port)
                    behind = await asyncio.wait_for(connecting, _CONNECT_SECONDS)
                except (OSError, TimeoutError):
                    continue
                await asyncio.gather(_pass(reader, behind[1]), _pass(behind[0], writer))
                return
        except asyncio.CancelledError:
            return
        finally:
            writer.close()


async def _pass(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    """Everything until one side ends; then the other ends as well."""
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 16):
            to.write(data)
            await to.drain()
    with contextlib.suppress(OSError):
        to.close()
