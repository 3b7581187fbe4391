"""What the commands read and write as text is UTF-8, wherever they run."""

from __future__ import annotations

import io
import sys


def write_utf8() -> None:
    """Write UTF-8 where no terminal shows it, and never fail for a letter that one cannot show.

    Memories hold letters of every script. Windows gives a pipe or a file the machine's code page, which has few.
    """
    for stream, instead in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=instead)


def read_utf8() -> str:
    """All of stdin, with or without a byte order mark. Raises `UnicodeDecodeError`."""
    return sys.stdin.buffer.read().decode("utf-8-sig")
