"""How a supervisor ends its workers, and how they notice that it has ended, where there are no signals as well."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from mnemic_mcp.http import serving
from tests.e2e.servers import served
from tests.serving.test_several_processes import supervisor
from tests.waiting import until


class Worker:
    """A process that ends when it is told ``by``, and not by being killed, as ``terminate`` does on Windows."""

    def __init__(self, by: bytes) -> None:
        self.told: list[bytes] = []
        self._by = by
        self.sentinel = self

    def send_bytes(self, order: bytes) -> None:
        if not self.is_alive():
            raise OSError("the pipe has been ended")
        self.told.append(order)

    def is_alive(self) -> bool:
        return self._by not in self.told

    def terminate(self) -> None:
        raise AssertionError("killed in the middle of an answer")

    kill = terminate

    def join(self) -> None:
        assert not self.is_alive()


def test_workers_are_told_to_end_and_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    soon, late = Worker(serving._END), Worker(serving._NOW)
    signals: Iterator[bool] = iter([False, False, True])

    def wait(*_: object, **__: object) -> None:
        raise InterruptedError("a signal came")  # as on Windows

    monkeypatch.setattr(serving, "multiprocessing", SimpleNamespace(connection=SimpleNamespace(wait=wait)))
    running = [serving._Worker(cast("Any", worker), cast("Any", worker), 0.0) for worker in (soon, late)]
    serving._end_workers(running, 600.0, hurried=lambda: next(signals))
    assert (soon.told, late.told) == ([serving._END], [serving._END, serving._NOW])


async def test_workers_end_when_their_supervisor_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(AssertionError):  # the server that was served did not end as it should
        async with served(tmp_path, "--workers", "2", log=str(log)):
            await until(lambda: log.read_text().count("session manager started") == 2)
            server = supervisor(tmp_path)
            workers = [one for one in server.children() if "spawn_main" in " ".join(one.cmdline())]
            assert len(workers) == 2
            server.kill()
            await until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in workers))


def test_on_windows_workers_wait_for_their_socket_without_a_completion_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert serving.loop_of_workers() == {"loop_factory": asyncio.SelectorEventLoop}
    monkeypatch.setattr(sys, "platform", "linux")
    assert serving.loop_of_workers() == {}
