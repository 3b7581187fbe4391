"""A real PostgreSQL server of Debian's packages (or of any other on the path), started on a free port for the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.ports import free_port

_PLACES = (
    "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)  # fmt: skip


def binary(name: str) -> str | None:
    """Where a program of PostgreSQL is, None when it is not installed."""
    found = shutil.which(name)
    if found is not None:
        return found
    there = sorted(path for place in _PLACES for path in Path("/").glob(f"{place[1:]}/{name}"))
    return str(there[-1]) if there else None


class PostgresServer:
    """A server of its own in a folder of its own. ``kill`` is a crash: what it acknowledged must be there afterwards."""

    def __init__(self, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self.log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200",
            "shared_buffers": "64MB", **(settings or {}),
        }  # fmt: skip
        # PostgreSQL refuses to run as root, as tests in containers do.
        self._user: str | None = None
        if sys.platform != "win32" and os.geteuid() == 0:
            import pwd

            self._user = "postgres"
            account = pwd.getpwnam(self._user)
            for path in (folder, *folder.parents):
                if path.stat().st_uid == os.geteuid() and path != Path("/tmp") and path != Path("/"):
                    path.chmod(path.stat().st_mode | 0o011)
            self.data.mkdir()
            os.chown(self.data, account.pw_uid, account.pw_gid)
        subprocess.run(
            [binary("initdb") or "initdb", "-D", str(self.data), "-U", "mnemic", "-A", "trust", "-E", "UTF8", "--locale=C",
             "--no-sync"], check=True, capture_output=True, user=self._user, cwd="/",
        )  # fmt: skip
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://mnemic@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int | None:
        """Of the process that all others of the server descend from."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [binary("postgres") or "postgres", "-D", str(self.data), "-p", str(self.port), *options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd="/")
        _until(self._answers, f"PostgreSQL does not answer: {self.log.read_text()[-2_000:]}")

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        assert self._process is not None
        import psutil

        first = psutil.Process(self._process.pid)
        first.suspend()  # or it might start another process while those that there are are being looked up
        family = [first, *first.children(recursive=True)]
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()
        psutil.wait_procs(family, timeout=60)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended: {self.log.read_text()[-2_000:]}")
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres_server(**settings: str) -> Iterator[PostgresServer]:
    """A server that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="mnemic-postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder), settings=settings)
        try:
            yield server
        finally:
            server.stop()


def _until(true: Callable[[], bool], complaint: str, *, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(complaint)
        time.sleep(0.05)
