"""Making files and the names of files outlive a power cut, and files that take no other's place."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk. Raises `OSError`; on Windows folders are left to the system."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
