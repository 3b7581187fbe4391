"""Starting the real server, and speaking to it byte by byte."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import anyio
from mcp.client.stdio import StdioServerParameters

from tests.ports import free_port

SERVE = (sys.executable, "-m", "mnemic_mcp.main", "serve")
# The server as ever, but it opens no memory by itself a while after its start: how long a while is depends on the machine.
_COLD = """
import sys
from mnemic_mcp import serving
serving._WARM_UP_DELAY_SECONDS = 3_600.0
sys.argv = ["mnemic", "serve", "--home", sys.argv[1]]
from mnemic_mcp.main import main
main()
"""
# The server as ever, on an event loop that knows no signals, as that of Windows.
_WITHOUT_SIGNALS = """
import asyncio, sys
def refused(*_):
    raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = refused
sys.argv = ["mnemic", "serve", *sys.argv[1:]]
from mnemic_mcp.main import main
main()
"""
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}  # fmt: skip
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def parameters(home: Path, **env: str) -> StdioServerParameters:
    """How an MCP client starts the server on ``home``."""
    return StdioServerParameters(command=SERVE[0], args=[*SERVE[1:], "--home", str(home)], env=env)


def importing_nothing_by_itself(home: Path) -> tuple[str, ...]:
    """The command of a server that tells on stderr what it imports, and imports what is asked of it alone."""
    return (sys.executable, "-X", "importtime", "-c", _COLD, str(home))


def without_signals(home: Path, *arguments: str) -> tuple[str, ...]:
    """The command of a server on an event loop that knows no signals."""
    return (sys.executable, "-c", _WITHOUT_SIGNALS, "--home", str(home), *arguments)


class RawServer:
    """A server process under byte-level control. ``with`` greets it, and ends it."""

    def __init__(self, home: Path, *, command: tuple[str, ...] | None = None, **env: str) -> None:
        # A file: nobody reads it meanwhile, and a pipe that is full (after 4 KB on Windows) would stop the server.
        self._told = tempfile.TemporaryFile()  # noqa: SIM115  # closed by whoever ends the server
        self.process = subprocess.Popen(
            [*(command or (*SERVE, "--home", str(home)))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told, env={**os.environ, **env},
        )  # fmt: skip
        self.received: list[bytes] = []

    def __enter__(self) -> Self:
        self.handshake()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def send(self, *messages: dict[str, Any] | bytes) -> None:
        assert self.process.stdin is not None
        for message in messages:
            data = message if isinstance(message, bytes) else json.dumps(message).encode()
            self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    def answer(self, id: int) -> dict[str, Any]:
        """The response to request ``id``; everything read on the way is kept in ``received``."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            self.received.append(line)
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == id:
                return message
        raise AssertionError(f"the server ended: {self.finish()[1].decode()[-2_000:]}")

    def call(self, id: int, tool: str, **arguments: Any) -> dict[str, Any]:
        self.send(
            {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        )
        result: dict[str, Any] = self.answer(id)["result"]
        return result

    def handshake(self) -> None:
        self.send(INITIALIZE, INITIALIZED)
        assert self.answer(1)["result"]["serverInfo"]["name"] == "mnemic"

    def finish(self, timeout: float = 60) -> tuple[bytes, bytes]:
        """Close stdin, wait for the end, and return all of stdout and stderr."""
        out, _ = self.process.communicate(timeout=timeout)
        with self._told as told:
            told.seek(0)
            return b"".join(self.received) + out, told.read()

    def let_go(self) -> None:
        """Close what the tests hold of a server that has ended."""
        for file in (self.process.stdin, self.process.stdout, self._told):
            assert file is not None
            with contextlib.suppress(BrokenPipeError):
                file.close()


@contextlib.asynccontextmanager
async def served(home: Path, *arguments: str, log: str = "", **env: str) -> AsyncIterator[str]:
    """A server on a free port; its URL. With ``log`` it tells everything that happens, into that file."""
    port = free_port()
    serve = SERVE if not log else (*SERVE[:-1], "--verbose", SERVE[-1])
    with Path(log or os.devnull).open("wb") as told:
        process = subprocess.Popen(
            [*serve, "--http", "--port", str(port), "--home", str(home), *arguments],
            env={**os.environ, **env}, stderr=told,
        )  # fmt: skip
    try:
        with anyio.fail_after(60):
            while True:
                with contextlib.suppress(OSError):
                    await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
                    break
                assert process.poll() is None
                await anyio.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        # Windows has no signal for it: there this kills.
        assert process.wait(timeout=60) == (1 if sys.platform == "win32" else 0)
