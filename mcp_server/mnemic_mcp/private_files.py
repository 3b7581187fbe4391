"""Files for their owner alone that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mnemic.storage.syncing import place_new, sync_handle, take_place


@contextmanager
def replacing(target: Path, *, new: bool = False) -> Iterator[IO[str]]:
    """A file to write that takes the place of ``target`` when the block ends, synced and with mode 0600.

    Until then it stands beside it under a name that nobody knows ahead, so that no link can wait there; when the block
    fails, ``target`` is what it was. Raises `OSError`; with ``new``, `FileExistsError` rather than replace anything.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial")
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            sync_handle(file.fileno())
        if new:
            place_new(partial, target)
        else:
            take_place(partial, target)
    finally:
        partial.unlink(missing_ok=True)
