"""What runs on several machines in a deployment, as processes of this one: a database, a Chroma server and replicas.

Each is restarted by a supervisor as soon as it has ended, as systemd or Kubernetes would, and by nobody else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mnemic_mcp.http.tokens import TokenFile
from tests.e2e.servers import SERVE
from tests.ports import free_port
from tests.postgres.servers import PostgresServer
from tests.replicas.balancer import Balancer

NAMESPACE = "chaos"
CHROMA = Path(sys.executable).parent / "chroma"
_RESTART_SECONDS = 0.2
_START_SECONDS = 90.0


class Part(Protocol):
    """A process that may be killed and started again at the same address."""

    name: str

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def ended(self) -> bool: ...

    def ready(self) -> bool: ...

    def stop(self) -> None: ...


class Program:
    """A command that listens on a port."""

    def __init__(
        self, name: str, command: Sequence[str], port: int, *, probe: str, env: Mapping[str, str] | None = None
    ):
        self.name = name
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None
        self._command = [*command]
        self._probe = f"http://127.0.0.1:{port}{probe}"
        self._env = {**os.environ, **(env or {})}

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(self._probe, timeout=2) as answer:
            return bool(answer.status == 200)
        return False

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


class Database:
    """PostgreSQL as a `Part`."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self.server = PostgresServer(folder)
        self._killed = False

    def start(self) -> None:
        if self._killed:
            self.server.start()
            self._killed = False

    def kill(self) -> None:
        self.server.kill()
        self._killed = True

    def ended(self) -> bool:
        return self._killed

    def ready(self) -> bool:
        if self._killed:
            return False
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.server.port), 1).close()
            return True
        return False

    def stop(self) -> None:
        self.server.stop()


class Supervisor:
    """Starts parts, and whichever ends again. ``kill`` is what befalls them."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self._stopping = threading.Event()
        self._locks = {part.name: threading.Lock() for part in parts}
        self._threads = [threading.Thread(target=self._keep, args=(part,), daemon=True) for part in parts]
        for part in parts:
            part.start()
        for thread in self._threads:
            thread.start()

    def kill(self, part: Part) -> None:
        with self._locks[part.name]:
            part.kill()

    def close(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(_START_SECONDS)
        for part in reversed(self.parts):
            part.stop()

    def _keep(self, part: Part) -> None:
        while not self._stopping.wait(0.02):
            if part.ended() and not self._stopping.wait(_RESTART_SECONDS):
                # What does not start is tried again: PostgreSQL refuses to while anything of its last life is still there.
                with self._locks[part.name], contextlib.suppress(RuntimeError, TimeoutError):
                    part.start()


class Site:
    """A whole deployment: ``replicas`` servers over one database and one Chroma server, behind one address."""

    def __init__(self, folder: Path, *, replicas: int, chroma: bool = True, chroma_from: int = 50) -> None:
        self.folder = folder
        folder.joinpath("postgres").mkdir()
        self.database = Database(folder / "postgres")
        tokens = folder / "tokens.json"
        rights = ["read", "write", "admin"]
        self.token = TokenFile(tokens).create("chaos", namespaces=[NAMESPACE], rights=rights)[1]
        port = free_port()
        self.settings: dict[str, Any] = {
            "database": self.database.server.url, "chroma": "server" if chroma else "off", "chroma_port": str(port),
            "chroma_from_memories": str(chroma_from), "chroma_poll_seconds": "0.2",
        }  # fmt: skip
        env = {f"MNEMIC_{name.upper()}": value for name, value in self.settings.items()}
        env["OPENBLAS_NUM_THREADS"] = "1"
        self.chroma = Program(
            "chroma", [str(CHROMA), "run", "--path", str(folder / "chroma"), "--port", str(port)], port,
            probe="/api/v2/heartbeat",
        )  # fmt: skip
        self.replicas = [
            Program(
                f"replica {at}",
                [*SERVE, "--http", "--port", str(port), "--home", str(folder / f"home {at}"), "--tokens", str(tokens),
                 "--rate", "off"],
                port, probe="/readyz", env=env,
            )
            for at, port in enumerate(free_port() for _ in range(replicas))
        ]  # fmt: skip
        self.parts: list[Part] = [self.database, *([self.chroma] if chroma else []), *self.replicas]
        self.supervisor = Supervisor(self.parts)
        self.balancer = Balancer([replica.port for replica in self.replicas])

    def until_ready(self, part: Part | None = None) -> float:
        """Seconds until it, or everything, answers."""
        began = time.monotonic()
        waiting = self.parts if part is None else [part]
        while waiting := [one for one in waiting if not one.ready()]:
            if time.monotonic() - began > _START_SECONDS:
                raise TimeoutError(f"{', '.join(one.name for one in waiting)} did not come back by itself")
            time.sleep(0.02)
        return time.monotonic() - began

    def close(self) -> None:
        self.balancer.close()
        self.supervisor.close()


@contextlib.contextmanager
def site(folder: Path, *, replicas: int, chroma: bool = True, chroma_from: int = 50) -> Iterator[Site]:
    """A deployment that answers, gone at the end."""
    found = Site(folder, replicas=replicas, chroma=chroma, chroma_from=chroma_from)
    try:
        found.until_ready()
        yield found
    finally:
        found.close()
