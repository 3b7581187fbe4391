"""Reading files that anybody may have made: nothing outside what was named, nothing without end, nothing that unfolds."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mnemic.domain.moving.records import Damage, LeftOut
from mnemic.errors import InvalidInput

MAX_FILE_BYTES = 1 << 29
MAX_FOLDER_BYTES = 1 << 30
MAX_FILES = 100_000


def read_text(path: Path, *, limit: int = MAX_FILE_BYTES) -> str:
    """A text file in UTF-8, its line ends as they are. Raises `InvalidInput`."""
    return decoded(read_bytes(path, limit), str(path))


def read_last_lines(path: Path, *, limit: int) -> str:
    """The last ``limit`` bytes of a text file, or the whole lines in them; what is not UTF-8 is replaced.

    Raises `InvalidInput`.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            # One more: where it ends a line, the first line that is read is whole.
            file.seek(max(size - limit - 1, 0))
            raw = file.read(limit + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror or error}).", hint="Check the path.") from error
    if size > limit:
        raw = raw.partition(b"\n")[2]
    return raw.decode("utf-8", errors="replace")


def read_folder(root: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, str] | Damage | LeftOut]:
    """Names (with ``/``, from ``root``) and texts of the files in a folder, by name; a single file is a folder of one.

    Hidden files and folders are passed over. Symbolic links are not followed, so nothing outside is read. Raises
    `InvalidInput` when there are too many or they are too large together.
    """
    if root.is_file():
        yield root.name, read_text(root)
        return
    if not root.is_dir():
        raise InvalidInput(f"There is no file or folder {root}.", hint="Give the path of what to import.")
    links = read = 0
    for path, is_link in sorted(_walk(root, suffixes)):
        if is_link:
            links += 1
            continue
        name = path.relative_to(root).as_posix()
        raw = read_bytes(path, MAX_FILE_BYTES)
        read += len(raw)
        if read > MAX_FOLDER_BYTES:
            raise too_large(root)
        try:
            text = decoded(raw, name)
        except InvalidInput as error:
            yield Damage(place=name, message=error.message)
        else:
            yield name, text
    if links:
        yield LeftOut(reason="symbolic links, which are not followed", count=links)


def _walk(root: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[Path, bool]]:
    count = 0
    for folder, folders, files in os.walk(root, followlinks=False):
        here = Path(folder)
        for name in list(folders):
            if name.startswith("."):
                folders.remove(name)
            elif (here / name).is_symlink():
                yield here / name, True
        for name in files:
            if name.startswith(".") or not name.lower().endswith(suffixes):
                continue
            count += 1
            if count > MAX_FILES:
                raise too_large(root)
            yield here / name, (here / name).is_symlink()


def too_large(root: Path) -> InvalidInput:
    """What is said of a folder or an archive of which too much would be read."""
    return InvalidInput(
        f"{root} holds more than {MAX_FILES:,} files or {MAX_FOLDER_BYTES >> 20:,} MiB.", hint="Import it in parts."
    )


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file, at most ``limit`` of them. Raises `InvalidInput`."""
    check_file(path)
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror or error}).", hint="Check the path.") from error
    if len(raw) > limit:
        raise InvalidInput(f"{path} is larger than {limit >> 20:,} MiB.", hint="Import it in parts.")
    return raw


def check_file(path: Path) -> None:
    """Raise `InvalidInput` unless it is a file: a pipe or a device would be waited for without end."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        told = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{str(path)!r} cannot be read ({told}).", hint="Check the path.") from error
    if not regular:
        raise InvalidInput(f"{path} is no file.", hint="Give the path of what to import.")


def decoded(raw: bytes, name: str) -> str:
    """The text of the bytes of ``name``, its line ends as they are. Raises `InvalidInput` unless it is UTF-8, or UTF-16 with
    its mark, which is what Windows PowerShell writes into a file.
    """
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"{name} is no text in UTF-16: byte {error.start:,}.", hint="Save it as UTF-8."
            ) from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            f"{name} is no text in UTF-8: line {line}, byte {error.start:,}.", hint="Save it as UTF-8."
        ) from None
