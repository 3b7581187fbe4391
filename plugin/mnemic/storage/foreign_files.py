"""Reading files that anybody may have made: nothing outside what was named, nothing without end, nothing that unfolds."""

from __future__ import annotations

import lzma
import os
import re
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


def read_last_lines(path: Path, *, limit: int) -> str:
    """The last ``limit`` bytes of a text file, or the whole lines in them; what is not UTF-8 is replaced.

    Raises `InvalidInput`.
    """
    _check_file(path)
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


def read_export(path: Path, wanted: re.Pattern[str], what: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the files of an export whose name is ``wanted``, by name: the file itself whatever it is called,
    those in a folder, or those in a zip archive, in whichever folder of it.

    Of an archive only they are read, one after the other and into memory. ``what`` names them for people. Raises
    `InvalidInput`.
    """
    if path.is_dir():
        yield from _export_in_folder(path, wanted, what)
    elif path.suffix.lower() != ".zip":
        yield path.name, read_text(path)
    else:
        _check_file(path)
        try:
            with zipfile.ZipFile(path) as archive:
                for name, one in _wanted_members(archive, path, wanted, what):
                    with archive.open(one) as file:
                        # What the archive says of the size need not be so.
                        raw = file.read(one.file_size + 1)
                    yield name, _decoded(raw, f"{name} in {path}")
        except _UNREADABLE as error:
            raise InvalidInput(
                f"{path} is no zip archive that can be read ({error}).", hint="Download it again."
            ) from error


def _export_in_folder(folder: Path, wanted: re.Pattern[str], what: str) -> Iterator[tuple[str, str]]:
    try:
        found = sorted(
            (one for one in folder.iterdir() if wanted.fullmatch(one.name)), key=lambda one: _place(one.name)
        )
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read ({error.strerror or error}).", hint="Check the path.") from error
    if not found:
        raise InvalidInput(f"{folder} holds no {what}.", hint="Give the archive as it was sent, or that file.")
    read = 0
    for one in found:
        if one.is_symlink():
            # As everywhere in a folder: an archive may have brought it.
            raise InvalidInput(f"{one} is a symbolic link.", hint="Give the file that it leads to.")
        raw = _read(one, MAX_FILE_BYTES)
        read += len(raw)
        if read > MAX_FOLDER_BYTES:
            raise _too_large(folder)
        yield one.name, _decoded(raw, str(one))


def _place(name: str) -> tuple[int, str]:
    """Where a file stands among numbered ones, whose numbers may get longer."""
    return len(name), name


def _wanted_members(
    archive: zipfile.ZipFile, path: Path, wanted: re.Pattern[str], what: str
) -> list[tuple[str, zipfile.ZipInfo]]:
    members = [
        (one.filename.rpartition("/")[2], one) for one in archive.infolist() if one.filename and not one.is_dir()
    ]
    found = sorted(((name, one) for name, one in members if wanted.fullmatch(name)), key=lambda one: _place(one[0]))
    if not found:
        inner = next((one.filename for _, one in members if one.filename.lower().endswith("conversations.zip")), None)
        raise InvalidInput(
            f"{path} holds 0 files {what}.",
            hint=f"Unpack {inner} and give that." if inner else "Give the archive as it was sent, or that file.",
        )
    names = [name for name, _ in found]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(
                f"{path} holds {names.count(name)} files {name}.", hint="Give the archive as it was sent, or that file."
            )
    for name, one in found:
        if one.file_size > MAX_FILE_BYTES or one.file_size > _MAX_RATIO * max(one.compress_size, 1_000):
            raise InvalidInput(
                f"{name} in {path} would unfold from {one.compress_size:,} to {one.file_size:,} bytes.",
                hint="This is no export of conversations, or a very large one: unpack it and give the file.",
            )
    if sum(one.file_size for _, one in found) > MAX_FOLDER_BYTES:
        raise _too_large(path)
    return found


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
