"""Machines scaled down: a process and its children held to a share of a processor by a control group of Linux.

Two processors cannot show what eight machines do; but a replica that may use an eighth of one, beside a database that may
use a quarter of one, is to its database what a whole machine is to a larger one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

_CPU = Path("/sys/fs/cgroup/cpu")
_UNIFIED = Path("/sys/fs/cgroup")
# Short, so that who has used up a period's share waits for milliseconds and not for a tenth of a second.
_PERIOD_US = 20_000
_LEAST_US = 1_000


class Unavailable(Exception):
    """This machine does not let us hold processes to a share."""


@contextlib.contextmanager
def held_to(name: str, process: psutil.Process, share: float) -> Iterator[None]:
    """``process``, its children, and those they will have, may use ``share`` processors together until the end.

    Raises:
        Unavailable: Where there are no control groups, or we may not write them.
    """
    groups = _UNIFIED if (_UNIFIED / "cgroup.controllers").exists() else _CPU
    group = groups / f"mnemic-{os.getpid()}-{name.replace(' ', '-')}"
    quota = max(_LEAST_US, round(share * _PERIOD_US))
    try:
        if groups is _UNIFIED:
            (groups / "cgroup.subtree_control").write_text("+cpu")
        group.mkdir()
        if groups is _UNIFIED:
            (group / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        _move([process, *process.children(recursive=True)], group)
    except OSError as error:
        raise Unavailable(f"control groups cannot be used here: {error}") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            _move([psutil.Process(int(pid)) for pid in (group / "cgroup.procs").read_text().split()], groups)
            group.rmdir()


def _move(processes: list[psutil.Process], group: Path) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(process.pid))
