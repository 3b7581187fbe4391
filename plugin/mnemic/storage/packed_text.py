"""Text that may be packed by gzip, from files that anybody may have made."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from mnemic.errors import InvalidInput

_GZIP = b"\x1f\x8b"


def read_packed_text(path: Path) -> str:
    """The text of a file in UTF-8, gzipped or not, without its mark; line ends as they are. Raises `InvalidInput`."""
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{path} cannot be read ({why}).", hint="Check the path.") from error
    return packed_text(raw, str(path))


def packed_text(raw: bytes, name: str) -> str:
    """The text of the bytes of ``name``, as `read_packed_text` gives it. Raises `InvalidInput`."""
    try:
        text = gzip.decompress(raw) if raw.startswith(_GZIP) else raw
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"{name} cannot be unpacked ({error}).", hint="Check that the file is whole.") from error
    try:
        return text.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{name} is no text in UTF-8 ({error}).", hint="Save it as UTF-8, gzipped or not."
        ) from error
