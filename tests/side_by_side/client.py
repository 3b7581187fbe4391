"""A memory's process, spoken to in lines of JSON-RPC: the same client for every system, so that none has a faster one."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

INITIALIZE = {
    "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "side-by-side", "version": "1"},
}  # fmt: skip
ANSWER_SECONDS = 300.0
_END_SECONDS = 30.0


class SystemFailed(Exception):
    """The process ended, was silent for too long, or answered with an error; the text is what it said."""


class Client:
    """One process in a session of its own, so that `kill` reaches its children too. ``log`` gets its stderr."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.started = time.perf_counter()
        self._log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
                env={**os.environ, **environment}, cwd=log.parent,
            )  # fmt: skip
        self._number = 0
        self._buffer = b""

    def handshake(self) -> list[dict[str, Any]]:
        """Initialize and list the tools, as a host does first. Raises `SystemFailed`."""
        self.request("initialize", INITIALIZE)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        tools: list[dict[str, Any]] = self.request("tools/list", {})["tools"]
        return tools

    def tool(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a tool call. Raises `SystemFailed` also for a result that says it is an error."""
        result = self.request("tools/call", {"name": name, "arguments": arguments})
        if result.get("isError"):
            raise SystemFailed(text_of(result)[:400])
        return result

    def request(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a request. Raises `SystemFailed`."""
        self._number += 1
        number = self._number
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters})
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                message = json.loads(self._line(deadline))
            except ValueError:
                continue  # what a library prints among the protocol
            if message.get("id") != number or "method" in message:
                continue
            if "error" in message:
                raise SystemFailed(str(message["error"].get("message"))[:400])
            result: dict[str, Any] = message["result"]
            return result

    def end(self) -> None:
        """Close its stdin as a host does when it quits, and wait; one that stays is terminated."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(_END_SECONDS)
        self._close()

    def kill(self) -> None:
        """kill -9, for it and everything that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(_END_SECONDS)
        self._close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill() if kind else self.end()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise SystemFailed(f"the process ended: {self._last_words()}") from error

    def _line(self, deadline: float) -> bytes:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self._buffer:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise SystemFailed(f"no answer within {ANSWER_SECONDS:.0f} s")
            read = os.read(descriptor, 1 << 20)
            if not read:
                raise SystemFailed(f"the process ended: {self._last_words()}")
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-400:].strip()

    def _close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()


def text_of(result: Mapping[str, Any]) -> str:
    """The text of a tool's result."""
    return "\n".join(part.get("text", "") for part in result.get("content", ()))
