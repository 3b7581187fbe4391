"""Making files and the names of files outlive a power cut, and files that take no other's place."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

_PATIENCE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.3)


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk. Raises `OSError`; on Windows folders are left to the system."""
    is_folder = path.is_dir()
    if os.name == "nt" and is_folder:
        return  # Windows opens no folders
    # Windows syncs only what is open for writing, and POSIX opens no folder for that.
    handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        sync_handle(handle)
    finally:
        os.close(handle)


def sync_handle(handle: int) -> None:
    """Write an open file to the disk, on macOS through the cache of the disk itself too. Raises `OSError`."""
    os.fsync(handle)
    if sys.platform == "darwin":
        import fcntl

        # Not every file system has it; the plain sync is done by then. So does SQLite.
        with suppress(OSError):
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)


def take_place(partial: Path, target: Path) -> None:
    """Give a complete file the name of another, which is gone then. Raises `OSError`.

    Windows refuses that while somebody reads the other one: such readers are waited for, a second at most.
    """
    for seconds in _PATIENCE if os.name == "nt" else ():
        try:
            partial.replace(target)
        except PermissionError:
            time.sleep(seconds)
        else:
            return
    partial.replace(target)


def place_new(partial: Path, target: Path) -> None:
    """Give a complete file its name. Raises `FileExistsError` where somebody else has made one meanwhile, else `OSError`.

    ``partial``, which stands beside it, may be left over and is the caller's to remove.
    """
    try:
        # Unlike a rename, a link fails where there is a file already.
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links.
        if target.exists():
            raise FileExistsError(target) from None
        partial.replace(target)
