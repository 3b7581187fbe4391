"""Reading exports of conversations: a file, a folder, an archive, or the several archives that one export comes in."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mnemic.errors import InvalidInput
from mnemic.storage.foreign_files import (
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_FOLDER_BYTES,
    check_file,
    decoded,
    read_bytes,
    read_text,
    too_large,
)

# An archive within another also holds pictures; it is unpacked beside the temporary files of the system.
MAX_PART_BYTES = 1 << 31
# Text shrinks to a tenth or a twentieth; what unfolds a thousandfold is a bomb.
_MAX_RATIO = 200
# A folder for the export, one for each of its archives, and one within it.
_MAX_DEPTH = 3
# All that `zipfile` and the decompressors raise for an archive that is none, or only half of one.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError, NotImplementedError,
    ValueError, OverflowError,
)  # fmt: skip
_WHOLE = "Give the archive as it was sent, or that file."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFiles:
    """Which files of an export are read: ``files`` fits their whole path (with ``/``), ``parts`` the names of the archives
    that an export comes in, which lie in a folder or in another archive. ``what`` names the files for people.
    """

    files: re.Pattern[str]
    parts: re.Pattern[str]
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file of an export: its name in the plan, the same for error messages, and its bytes."""

    name: str
    shown: str
    raw: bytes


def read_export(path: Path, wanted: ExportFiles) -> Iterator[tuple[str, str]]:
    """Names and texts of the wanted files of an export, by name: the file itself whatever it is called, those in a folder,
    or those in a zip archive, in whichever folder of it.

    What lies in archives that are parts of the export is read too, one level deep. Where a folder itself holds nothing
    wanted, its subfolders are searched. Of an archive only what is wanted is read, one after the other and into memory.
    Raises `InvalidInput`.
    """
    if not path.is_dir() and path.suffix.lower() != ".zip":
        yield path.name, read_text(path)
        return
    total = files = 0
    for one in _in_folder(path, wanted) if path.is_dir() else _in_archive_at(path, wanted, parts=True):
        files += 1
        total += len(one.raw)
        if total > MAX_FOLDER_BYTES:
            raise too_large(path)
        yield one.name, decoded(one.raw, one.shown)
    if not files:
        raise InvalidInput(f"{path} holds 0 files {wanted.what}.", hint=_WHOLE)


def _in_folder(folder: Path, wanted: ExportFiles) -> Iterator[_File]:
    try:
        found = _wanted_paths(folder, wanted)
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read ({error.strerror or error}).", hint="Check the path.") from error
    for name in sorted(found, key=_place):
        one = folder / name
        if one.is_symlink():
            # As everywhere in a folder: an archive may have brought it.
            raise InvalidInput(f"{one} is a symbolic link.", hint="Give the file that it leads to.")
        if wanted.files.fullmatch(name):
            yield _File(name=name, shown=str(one), raw=read_bytes(one, MAX_FILE_BYTES))
        else:
            for inner in _in_archive_at(one, wanted, parts=False):
                yield _File(name=f"{name}, {inner.name}", shown=inner.shown, raw=inner.raw)


def _wanted_paths(folder: Path, wanted: ExportFiles) -> list[str]:
    """The wanted files and archives in a folder and in folders of the export's own there; if it has none, those below."""
    here: list[str] = []
    below: list[str] = []
    count = 0
    for where, folders, files in os.walk(folder, onerror=_raise):
        place = Path(where).relative_to(folder)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            count += 1
            if count > MAX_FILES:
                raise too_large(folder)
            path = (place / name).as_posix()
            if wanted.parts.fullmatch(name) or wanted.files.fullmatch(path):
                (below if place.parts else here).append(path)
        if here and not place.parts:
            # A folder of downloads may hold other exports deeper down.
            folders[:] = [name for name in folders if wanted.files.fullmatch(f"{name}/any.json")]
        elif len(place.parts) >= _MAX_DEPTH or here:
            folders.clear()
    return here + below


def _raise(error: OSError) -> None:
    raise error


def _place(name: str) -> tuple[str, int, str]:
    """Where a file stands among numbered ones, whose numbers may get longer."""
    folder, _, file = name.rpartition("/")
    return folder, len(file), file


def _in_archive_at(path: Path, wanted: ExportFiles, *, parts: bool) -> Iterator[_File]:
    check_file(path)
    with path.open("rb") as file:
        yield from _in_archive(file, str(path), wanted, parts=parts)


def _in_archive(file: IO[bytes], shown: str, wanted: ExportFiles, *, parts: bool) -> Iterator[_File]:
    """The wanted files of an archive; with ``parts``, also of the archives in it."""
    try:
        with zipfile.ZipFile(file) as archive:
            for name, one in _wanted_members(archive, shown, wanted):
                with archive.open(one) as member:
                    # What the archive says of the size need not be so.
                    raw = member.read(one.file_size + 1)
                yield _File(name=name, shown=f"{name} in {shown}", raw=raw)
            for one in _parts_of(archive, shown, wanted) if parts else ():
                with tempfile.TemporaryFile() as unpacked:
                    with archive.open(one) as member:
                        shutil.copyfileobj(member, unpacked, 1 << 20)
                    part = one.filename.rpartition("/")[2]
                    for inner in _in_archive(unpacked, f"{part} in {shown}", wanted, parts=False):
                        yield _File(name=f"{part}, {inner.name}", shown=inner.shown, raw=inner.raw)
    except _UNREADABLE as error:
        raise InvalidInput(
            f"{shown} is no zip archive that can be read ({error}).", hint="Download it again."
        ) from error


def _members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    return (one for one in archive.infolist() if one.filename and not one.is_dir())


def _wanted_members(archive: zipfile.ZipFile, shown: str, wanted: ExportFiles) -> list[tuple[str, zipfile.ZipInfo]]:
    found = [(_name_of(one.filename, wanted), one) for one in _members(archive) if wanted.files.fullmatch(one.filename)]
    found.sort(key=lambda entry: _place(entry[0]))
    for name, times in Counter(name for name, _ in found).items():
        if times > 1:
            raise InvalidInput(f"{shown} holds {times} files {name}.", hint=_WHOLE)
    for name, one in found:
        _check_unfolding(one, f"{name} in {shown}", MAX_FILE_BYTES, "it and give the file")
    if sum(one.file_size for _, one in found) > MAX_FOLDER_BYTES:
        raise too_large(Path(shown))
    return found


def _name_of(path: str, wanted: ExportFiles) -> str:
    """The shortest end of a path that is still wanted: the file's name, or with a folder of the export's own."""
    ends = [path[at:] for at in range(len(path)) if at == 0 or path[at - 1] == "/"]
    return next(end for end in reversed(ends) if wanted.files.fullmatch(end))


def _parts_of(archive: zipfile.ZipFile, shown: str, wanted: ExportFiles) -> list[zipfile.ZipInfo]:
    found = [one for one in _members(archive) if wanted.parts.fullmatch(one.filename.rpartition("/")[2])]
    for one in found:
        part = one.filename.rpartition("/")[2]
        _check_unfolding(one, f"{part} in {shown}", MAX_PART_BYTES, f"{shown} and give {part}")
    return sorted(found, key=lambda one: _place(one.filename))


def _check_unfolding(one: zipfile.ZipInfo, shown: str, limit: int, unpack: str) -> None:
    if one.file_size > limit or one.file_size > _MAX_RATIO * max(one.compress_size, 1_000):
        raise InvalidInput(
            f"{shown} would unfold from {one.compress_size:,} to {one.file_size:,} bytes.",
            hint=f"This is no export of conversations, or a very large one: unpack {unpack}.",
        )
