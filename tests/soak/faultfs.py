"""Building the failing file system of `faultfs.c`, and telling it what shall fail."""

from __future__ import annotations

import ctypes
import enum
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("faultfs.c")
_MARK = "MNEMIC_TESTS_FAULTFS"
ALWAYS = -1


class Calls(enum.IntFlag):
    """Which calls are counted, and so may fail."""

    SYNC = 1
    WRITE = 2
    NAME = 4
    READ = 8
    CHANGES = SYNC | WRITE | NAME


class Fault(enum.IntEnum):
    """What happens at a call."""

    NOTHING = 0
    KILL_BEFORE = 1
    KILL_AFTER = 2
    KILL_TORN = 3  # half of a write is done
    FAIL = 4
    SHORT = 5  # half of a write is done, which is no error yet
    SLOW = 6


def missing() -> str | None:
    """Why faults cannot be injected on this machine, None when they can."""
    if not sys.platform.startswith("linux"):
        return "faults are injected by a preloaded library, which is written for Linux"
    if shutil.which("cc") is None:
        return "there is no C compiler (cc) to build the library that injects faults"
    if set(tempfile.gettempdir()) & set(" :"):
        return f"LD_PRELOAD takes no path with a space or a colon: set TMPDIR to another folder than {tempfile.gettempdir()}"
    return None


def build() -> Path:
    """The library, compiled once for each version of its source."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    built = Path(tempfile.gettempdir()) / f"mnemic-faultfs-{os.getuid()}" / f"{digest}.so"
    if not built.exists():
        built.parent.mkdir(mode=0o700, exist_ok=True)
        partial = built.with_name(f"{digest}.{os.getpid()}.so")
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(partial), str(SOURCE), "-ldl", "-lpthread"]
        subprocess.run(command, check=True)
        partial.replace(built)
    return built


def environment() -> dict[str, str]:
    """The environment of a process in which faults can be injected."""
    threads = {"OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MNEMIC_")}
    return {**kept, **threads, "LD_PRELOAD": str(build()), _MARK: "1"}


def is_loaded() -> bool:
    return _MARK in os.environ


class FaultFs:
    """The library as it is loaded into this process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.faultfs_arm.argtypes = [
            ctypes.c_char_p, ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long,
        ]  # fmt: skip
        self._library.faultfs_clock.argtypes = [ctypes.c_double]
        for name in ("faultfs_calls", "faultfs_fired"):
            getattr(self._library, name).restype = ctypes.c_long

    def arm(
        self, folder: Path, fault: Fault, *, calls: Calls = Calls.CHANGES, at: int = 1, error: int = errno.EIO,
        how_many: int = 1, pause_seconds: float = 0.0,
    ) -> None:  # fmt: skip
        """From now on the ``at``-th of ``calls`` on files below ``folder`` meets ``fault``, and so do ``how_many`` from it
        on (`ALWAYS`: until `disarm`).
        """
        self._library.faultfs_arm(
            str(folder).encode(), int(calls), at, int(fault), error, how_many, int(pause_seconds * 1e6)
        )

    def disarm(self) -> None:
        self._library.faultfs_disarm()

    def trace(self, to: int, *, acknowledged_on: int) -> None:
        """Write every change, and what is written to the descriptor ``acknowledged_on``, to the descriptor ``to``."""
        self._library.faultfs_trace(to, acknowledged_on)

    def set_clock_off(self, seconds: float) -> None:
        self._library.faultfs_clock(seconds)

    @property
    def calls(self) -> int:
        return int(self._library.faultfs_calls())

    @property
    def fired(self) -> int:
        return int(self._library.faultfs_fired())
