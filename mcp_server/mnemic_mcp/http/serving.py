"""Running an HTTP server: one process, or several behind one port, and ending without losing an answer."""

from __future__ import annotations

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import anyio
import uvicorn

from mnemic import Settings
from mnemic.errors import StoreUnavailable
from mnemic.logs import get_logger
from mnemic_mcp.http.app import MCP_PATH, HttpOptions, HttpServer
from mnemic_mcp.listening import bound_socket
from mnemic_mcp.log_output import configure_logs
from mnemic_mcp.serving import end, end_without_parent, on_signal, warm_up_later

log = get_logger(__name__)

_GRACE_SECONDS = 5
_MOST_AT_ONCE = 1_000
_BACKLOG = 1_024
# Where the system deals connections out to several sockets of one port. Processes that share one do not get equal parts:
# asyncio takes all that wait, so the first to wake has them all.
_SHARES_PORTS = sys.platform == "linux"
_POLL_SECONDS = 0.5
# A worker that ends sooner than this has not served: something is wrong that another start will not mend.
_SHORT_LIFE_SECONDS = 5.0
_MOST_SHORT_LIVES = 5


def serve_http(settings: Settings, options: HttpOptions, *, workers: int = 1, drain_seconds: float = 0.0) -> None:
    """Serve streamable HTTP at ``/mcp`` until a signal ends it. Never returns.

    Without any token only loopback addresses are served. With several ``workers`` each is a process of its own over the same
    memory, nothing is kept between requests, and one that dies is replaced. ``drain_seconds`` is for how long a server that
    was told to end says so at ``/readyz`` before it takes no more requests. Raises `InvalidInput`, `StoreUnavailable`.
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


def _serve(server: HttpServer, listening: socket.socket, drain_seconds: float, *, parent: bool = False) -> None:
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
            if again:
                http.should_exit = True
            else:
                # Beside: a second signal is heard meanwhile, and ends the waiting.
                tasks.start_soon(drain)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(on_signal, told)
            tasks.start_soon(warm_up_later, server.holder)
            if parent:
                tasks.start_soon(end_without_parent, server.holder)
            await http.serve([listening])
            await end(server.holder, 0)

    anyio.run(run)


def _work(
    settings: Settings, options: HttpOptions, listening: socket.socket | None, drain_seconds: float, verbose: bool
) -> None:
    # A process of its own knows nothing of how the command's logs were set up.
    configure_logs(verbose)
    if listening is None:
        listening = bound_socket(options.host, options.port, shared=True)
        listening.listen(_BACKLOG)
    _serve(HttpServer(settings, options), listening, drain_seconds, parent=True)


def _supervise(
    settings: Settings, options: HttpOptions, listening: socket.socket, workers: int, drain_seconds: float
) -> None:
    """Keep so many workers alive until a signal comes; then let them end and go."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    spawn = multiprocessing.get_context("spawn")
    short_lives = 0
    with tempfile.TemporaryDirectory(prefix="mnemic-metrics-") as metrics:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        options = replace(options, delivered=Path(metrics) / "deliveries.sqlite3")

        verbose = logging.getLogger().isEnabledFor(logging.INFO)

        def start() -> tuple[BaseProcess, float]:
            # The supervisor's own socket then only holds the port.
            given = None if _SHARES_PORTS else listening
            process = spawn.Process(target=_work, args=(settings, options, given, drain_seconds, verbose))
            process.start()
            return process, time.monotonic()

        running = [start() for _ in range(workers)]
        while not stopping and short_lives < _MOST_SHORT_LIVES:
            multiprocessing.connection.wait([process.sentinel for process, _ in running], timeout=_POLL_SECONDS)
            for at, (process, since) in enumerate(running):
                if process.is_alive() or stopping:
                    continue
                _forget_metrics(process)
                short_lives = short_lives + 1 if time.monotonic() - since < _SHORT_LIFE_SECONDS else 0
                log.warning("http.worker_ended", pid=process.pid, code=process.exitcode, short_lives=short_lives)
                running[at] = start()
        for process, _ in running:
            process.terminate()
        for process, _ in running:
            process.join(drain_seconds + 2 * _GRACE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
    if not stopping:
        raise StoreUnavailable(
            f"The server's processes ended {_MOST_SHORT_LIVES} times within {_SHORT_LIFE_SECONDS:.0f} s of their start.",
            hint="Start it with --workers 1 and -v to see why.",
        )
    sys.exit(0)


def _forget_metrics(process: BaseProcess) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(process.pid)  # type: ignore[no-untyped-call]  # untyped upstream
