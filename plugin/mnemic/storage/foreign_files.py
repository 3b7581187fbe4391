"""Reading files that anybody may have made: nothing outside what was named, nothing without end, nothing that unfolds."""

from __future__ import annotations

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from mnemic.domain.moving.records import Damage, LeftOut
from mnemic.errors import InvalidInput

MAX_FILE_BYTES = 1 << 29
MAX_FOLDER_BYTES = 1 << 30
MAX_FILES = 100_000
# Text shrinks to a tenth or a twentieth; what unfolds a thousandfold is a bomb.
_MAX_RATIO = 200
# All that `zipfile` and the decompressors raise for an archive that is none, or only half of one.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError, NotImplementedError,
    ValueError, OverflowError,
)  # fmt: skip


def read_text(path: Path, *, limit: int = MAX_FILE_BYTES) -> str:
    """A text file in UTF-8, its line ends as they are. Raises `InvalidInput`."""
    return _decoded(_read(path, limit), str(path))


def read_export(path: Path, member: str) -> str:
    """``member`` of an export: the file itself, a folder that has it, or a zip archive that has it anywhere.

    Only that one member of an archive is read, and into memory. Raises `InvalidInput`.
    """
    if path.is_dir():
        if (path / member).is_symlink():
            # As everywhere in a folder: an archive may have brought it.
            raise InvalidInput(f"{path / member} is a symbolic link.", hint="Give the file that it leads to.")
        return read_text(path / member)
    if path.suffix.lower() != ".zip":
        return read_text(path)
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            found = [
                one for one in archive.infolist() if one.filename.rpartition("/")[2] == member and not one.is_dir()
            ]
            if len(found) != 1:
                raise InvalidInput(
                    f"{path} holds {len(found)} files {member}.", hint="Give the archive as it was sent, or that file."
                )
            (one,) = found
            if one.file_size > MAX_FILE_BYTES or one.file_size > _MAX_RATIO * max(one.compress_size, 1_000):
                raise InvalidInput(
                    f"{member} in {path} would unfold from {one.compress_size:,} to {one.file_size:,} bytes.",
                    hint="This is no export of conversations, or a very large one: unpack it and give the file.",
                )
            with archive.open(one) as file:
                # What the archive says of the size need not be so.
                raw = file.read(one.file_size + 1)
    except _UNREADABLE as error:
        raise InvalidInput(
            f"{path} is no zip archive that can be read ({error}).", hint="Download it again."
        ) from error
    return _decoded(raw, f"{member} in {path}")


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
        try:
            raw = _read(path, MAX_FILE_BYTES)
            read += len(raw)
            if read > MAX_FOLDER_BYTES:
                raise _too_large(root)
            yield name, _decoded(raw, name)
        except _NotText as error:
            yield Damage(place=name, message=error.message)
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
                raise _too_large(root)
            yield here / name, (here / name).is_symlink()


class _NotText(InvalidInput):
    """A file that is no text."""


def _too_large(root: Path) -> InvalidInput:
    return InvalidInput(
        f"{root} holds more than {MAX_FILES:,} files or {MAX_FOLDER_BYTES >> 20:,} MiB.", hint="Import it in parts."
    )


def _read(path: Path, limit: int) -> bytes:
    _check_file(path)
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror or error}).", hint="Check the path.") from error
    if len(raw) > limit:
        raise InvalidInput(f"{path} is larger than {limit >> 20:,} MiB.", hint="Import it in parts.")
    return raw


def _check_file(path: Path) -> None:
    """Raise `InvalidInput` unless it is a file: a pipe or a device would be waited for without end."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        told = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{str(path)!r} cannot be read ({told}).", hint="Check the path.") from error
    if not regular:
        raise InvalidInput(f"{path} is no file.", hint="Give the path of what to import.")


def _decoded(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _NotText(
            f"{name} is no text in UTF-8: line {line}, byte {error.start:,}.", hint="Save it as UTF-8."
        ) from None
