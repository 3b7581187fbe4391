"""Running an HTTP server: one process, or several behind one port, and ending without losing an answer."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import multiprocessing.connection
import os
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import uvicorn

from mnemic import Settings
from mnemic.errors import StoreUnavailable
from mnemic.logs import get_logger
from mnemic_mcp.http.app import MCP_PATH, HttpOptions, HttpServer
from mnemic_mcp.listening import bound_socket
from mnemic_mcp.log_output import configure_logs
from mnemic_mcp.serving import end, on_signal, warm_up_later

if TYPE_CHECKING:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

log = get_logger(__name__)

_GRACE_SECONDS = 5
_MOST_AT_ONCE = 1_000
_BACKLOG = 1_024
# Where the system deals connections out to several sockets of one port. Processes that share one do not get equal parts:
# asyncio takes all that wait, so the first to wake has them all.
_SHARES_PORTS = sys.platform == "linux"
_POLL_SECONDS = 0.5
# What a supervisor tells its workers: to end as at a signal, and to wait no longer. By a pipe, because Windows has no signal
# that asks a process to end: `Process.terminate` kills it there, in the middle of an answer.
_END, _NOW = b"end", b"now"
# A worker that ends sooner than this has not served: something is wrong that another start will not mend.
_SHORT_LIFE_SECONDS = 5.0
_MOST_SHORT_LIVES = 5


def serve_http(settings: Settings, options: HttpOptions, *, workers: int = 1, drain_seconds: float = 0.0) -> None:
    """Serve streamable HTTP at ``/mcp`` until a signal ends it. Never returns.

    Without any token only loopback addresses are served. With several ``workers`` each is a process of its own over the same
    memory, nothing is kept between requests, and one that dies is replaced. ``drain_seconds`` is for how long a server that
    was told to end says so at ``/readyz`` before it takes no more requests; told a second time it takes none at once. Raises
    `InvalidInput`, `StoreUnavailable`.
    """
    several = workers > 1
    if several:
        options = replace(options, stateless=True, state_key=options.state_key or secrets.token_bytes(32))
    server = HttpServer(settings, options)
    options = replace(options, closed=server.closed)
    shared = several and _SHARES_PORTS
    listening = bound_socket(options.host, options.port, shared=shared)
    if not shared:
        listening.listen(_BACKLOG)
    told = f"mnemic serves http://{options.host}:{options.port}{MCP_PATH}"
    print(told + (f" with {workers} processes" if several else ""), file=sys.stderr, flush=True)  # noqa: T201  # for people
    if several:
        _supervise(settings, options, listening, workers, drain_seconds)
    else:
        _serve(server, listening, drain_seconds)


def _serve(
    server: HttpServer, listening: socket.socket, drain_seconds: float, *, orders: Connection[Any, Any] | None = None
) -> None:
    """``orders`` is where the supervisor of this process tells it to end, and then to wait no longer."""
    # h11 strips the white space around header values, as HTTP demands; httptools hands it on, and the SDK refuses it.
    config = uvicorn.Config(
        server.app, log_level="warning", http="h11", timeout_graceful_shutdown=_GRACE_SECONDS, server_header=False,
        limit_concurrency=_MOST_AT_ONCE, access_log=False,
    )  # fmt: skip

    class Server(uvicorn.Server):
        """Leaves signals to us: uvicorn's own handling would end the process before the memory is closed."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    async def run() -> None:
        http = Server(config)

        async def drain() -> None:
            await anyio.sleep(drain_seconds)
            http.should_exit = True

        async def told() -> None:
            again, server.draining = server.draining, True
            if not again:
                # Beside: a second signal is heard meanwhile, and ends the waiting.
                tasks.start_soon(drain)
            elif orders is None:
                http.should_exit = True
            # A worker has the first one twice where it goes to all processes: from a terminal's Ctrl-C, or systemd.

        async def obey(orders: Connection[Any, Any]) -> None:
            waiting = anyio.CapacityLimiter(1)
            with suppress(EOFError, OSError):
                while not http.should_exit:
                    order = await anyio.to_thread.run_sync(orders.recv_bytes, abandon_on_cancel=True, limiter=waiting)
                    log.info("server.ending", told=order.decode())
                    if order == _NOW:
                        http.should_exit = True
                    else:
                        await told()
                return
            # Nobody else has the other end, so this is told at once and everywhere: on Windows a process whose parent has
            # ended still names it.
            log.info("server.ending", reason="supervisor is gone")
            await end(server.holder, 0)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(on_signal, told)
            tasks.start_soon(warm_up_later, server.holder)
            if orders is not None:
                tasks.start_soon(obey, orders)
            await http.serve([listening])
            await end(server.holder, 0)

    anyio.run(run, backend_options={} if orders is None else loop_of_workers())


def loop_of_workers() -> dict[str, Any]:
    """Options of `anyio.run` for one of several processes that serve on one socket.

    Windows lets only one of them wait for it by a completion port, as asyncio's loop there does: all others fail at once.
    """
    return {"loop_factory": asyncio.SelectorEventLoop} if sys.platform == "win32" else {}


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process that serves. ``since`` is when it was started, ``orders`` is where it is told to end."""

    process: BaseProcess
    orders: Connection[Any, Any]
    since: float

    def tell(self, order: bytes) -> None:
        with suppress(OSError):  # it has just ended
            self.orders.send_bytes(order)


def _work(
    settings: Settings, options: HttpOptions, listening: socket.socket | None, orders: Connection[Any, Any],
    drain_seconds: float, verbose: bool,
) -> None:  # fmt: skip
    # A process of its own knows nothing of how the command's logs were set up.
    configure_logs(verbose)
    if listening is None:
        listening = bound_socket(options.host, options.port, shared=True)
        listening.listen(_BACKLOG)
    _serve(HttpServer(settings, options), listening, drain_seconds, orders=orders)


def _supervise(
    settings: Settings, options: HttpOptions, listening: socket.socket, workers: int, drain_seconds: float
) -> None:
    """Keep so many workers alive until a signal comes; then let them end and go, and at a second one at once."""
    signals = 0

    def stop(*_: object) -> None:
        nonlocal signals
        signals += 1

    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    spawn = multiprocessing.get_context("spawn")
    short_lives = 0
    # What a worker that was killed leaves open stays behind on Windows, and is no reason to fail at the end.
    with tempfile.TemporaryDirectory(prefix="mnemic-metrics-", ignore_cleanup_errors=True) as metrics:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        options = replace(options, delivered=Path(metrics) / "deliveries.sqlite3")

        verbose = logging.getLogger().isEnabledFor(logging.INFO)

        def start() -> _Worker:
            # The supervisor's own socket then only holds the port.
            given = None if _SHARES_PORTS else listening
            heard, orders = spawn.Pipe(duplex=False)
            process = spawn.Process(target=_work, args=(settings, options, given, heard, drain_seconds, verbose))
            process.start()
            heard.close()
            return _Worker(process, orders, time.monotonic())

        running = [start() for _ in range(workers)]
        while not signals and short_lives < _MOST_SHORT_LIVES:
            _wait_for_one_of(running)
            for at, one in enumerate(running):
                if one.process.is_alive() or signals:
                    continue
                _forget_metrics(one.process)
                one.orders.close()
                short_lives = short_lives + 1 if time.monotonic() - one.since < _SHORT_LIFE_SECONDS else 0
                log.warning(
                    "http.worker_ended", pid=one.process.pid, code=one.process.exitcode, short_lives=short_lives
                )
                running[at] = start()
        _end_workers(running, drain_seconds, hurried=lambda: signals > 1)
    if not signals:
        raise StoreUnavailable(
            f"The server's processes ended {_MOST_SHORT_LIVES} times within {_SHORT_LIFE_SECONDS:.0f} s of their start.",
            hint="Start it with --workers 1 and -v to see why.",
        )
    sys.exit(0)


def _end_workers(running: Sequence[_Worker], drain_seconds: float, *, hurried: Callable[[], bool]) -> None:
    """Tell workers to end, and to hurry as soon as ``hurried``. Whoever has not ended in time is killed."""
    for one in running:
        one.tell(_END)
    until = time.monotonic() + drain_seconds + 2 * _GRACE_SECONDS
    told = False
    while (alive := [one for one in running if one.process.is_alive()]) and time.monotonic() < until:
        if hurried() and not told:
            told = True
            until = min(until, time.monotonic() + 2 * _GRACE_SECONDS)
            for one in alive:
                one.tell(_NOW)
        _wait_for_one_of(alive)
    for one in running:
        if one.process.is_alive():
            one.process.kill()
        one.process.join()


def _wait_for_one_of(workers: Sequence[_Worker]) -> None:
    """Wait until one of them has ended, a signal comes or a moment has passed."""
    with suppress(InterruptedError):  # so Windows tells of Ctrl-C; the signal's handler has run
        multiprocessing.connection.wait([one.process.sentinel for one in workers], timeout=_POLL_SECONDS)


def _forget_metrics(process: BaseProcess) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(process.pid)  # type: ignore[no-untyped-call]  # untyped upstream
