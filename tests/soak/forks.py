"""Processes that are forked from one in which everything is imported: starting one costs milliseconds, not a second."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

# Machines that others use too stand still for a minute now and then.
HANG_SECONDS = 240.0
HUNG = 124


@dataclass(frozen=True, slots=True)
class Ended:
    """How a forked process ended. ``lines`` are those that it wrote whole; ``code`` is negative for a signal."""

    code: int
    lines: tuple[str, ...]

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def values(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]


class Child:
    """A forked process that says what it has to say on a pipe."""

    def __init__(self, does: Callable[[int], None]) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.close(reading)
                does(writing)
                code = 0
            except BaseException:
                with contextlib.suppress(BaseException):
                    say(writing, {"crash": traceback.format_exc()})
            finally:
                os._exit(code)
        os.close(writing)
        self._pipe = reading
        self._said = b""

    def read_some(self, seconds: float) -> bool:
        """Take what it says within ``seconds``; False once it will say nothing more."""
        if not select.select([self._pipe], [], [], max(seconds, 0.0))[0]:
            return True
        more = os.read(self._pipe, 1 << 16)
        self._said += more
        return bool(more)

    def lines(self) -> tuple[str, ...]:
        # What has no end was cut off by a kill: nobody could have taken it for an acknowledgement.
        return tuple(line.decode() for line in self._said.split(b"\n")[:-1])

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float = HANG_SECONDS) -> Ended:
        """Its end. One that hangs is killed, and its code is `HUNG`."""
        end = time.monotonic() + seconds
        hung = False
        while self.read_some(min(1.0, end - time.monotonic())):
            if time.monotonic() > end:
                hung = True
                self.kill()
                break
        _, status = os.waitpid(self.pid, 0)
        while self.read_some(0.0) and select.select([self._pipe], [], [], 0.0)[0]:
            pass
        os.close(self._pipe)
        return Ended(HUNG if hung else os.waitstatus_to_exitcode(status), self.lines())


def run(does: Callable[[int], None], *, seconds: float = HANG_SECONDS) -> Ended:
    """Do it in a forked process and wait for its end."""
    return Child(does).wait(seconds)


def say(to: int, value: Any) -> None:
    """One line, in one write: it is there whole or not at all."""
    os.write(to, json.dumps(value).encode() + b"\n")


def in_shards(cases: Iterable[Any], does: Callable[[Any], dict[str, Any]], *, jobs: int) -> list[dict[str, Any]]:
    """What ``does`` says of every case, worked on by several processes."""
    listed = list(cases)

    def shard(at: int) -> Callable[[int], None]:
        def work(to: int) -> None:
            for case in listed[at::jobs]:
                say(to, does(case))

        return work

    children = [Child(shard(at)) for at in range(min(jobs, len(listed)))]
    open_ones = set(children)
    while open_ones:
        for child in list(open_ones):
            if not child.read_some(0.05):
                open_ones.discard(child)
    results = []
    for child in children:
        ended = child.wait()
        values = ended.values
        if ended.code or any("crash" in value for value in values):
            raise RuntimeError(f"the suite itself failed ({ended.code}): {values[-1:]}")
        results += values
    return results
