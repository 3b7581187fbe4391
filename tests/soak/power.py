"""What a disk may hold after a power cut: a trace of `faultfs.c`, replayed up to a moment, without what was never synced.

The model is POSIX's, not that of one file system: of a file, what was written before its last fsync is there and of what
was written since any part of it, in pages of 4 KiB; of a folder, the names that were there at the last fsync of the folder
and of those made, moved or removed since the first few. See Pillai et al., "All File Systems Are Not Created Equal" (OSDI
2014), for file systems that do so.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.tally import scratch

_HEAD = struct.Struct("<cQqII")
_PAGE = 4096
_SECTOR = 512
VARIANTS = ("nothing", "everything, the last write torn", "some pages", "names alone", "contents alone")


@dataclass(slots=True)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut to that length

    def sync(self) -> None:
        for at, data in self.pending:
            _apply(self.synced, at, data)
        self.pending.clear()


@dataclass(slots=True)
class _Folder:
    synced: dict[str, _File | _Folder] = field(default_factory=dict)
    pending: list[tuple[str, _File | _Folder | None]] = field(default_factory=list)

    def names(self, count: int | None = None) -> dict[str, _File | _Folder]:
        found = dict(self.synced)
        for name, what in self.pending[:count]:
            if what is None:
                found.pop(name, None)
            else:
                found[name] = what
        return found

    def sync(self) -> None:
        self.synced = self.names()
        self.pending.clear()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a trace."""

    what: str
    inode: int
    number: int
    one: bytes
    two: bytes


def read_trace(path: Path) -> list[Entry]:
    data = path.read_bytes()
    entries, at = [], 0
    while at + _HEAD.size <= len(data):
        what, inode, number, one, two = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        entries.append(Entry(what.decode(), inode, number, data[at : at + one], data[at + one : at + one + two]))
        at += one + two
    return entries


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a run: after which entry, and how many steps were acknowledged by then."""

    entry: int
    acknowledged: int


class Disk:
    """A folder's files as they are, and as they would be after a power cut."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = _Folder()
        self._by_inode: dict[int, _File | _Folder] = {}
        self._last: tuple[_File, int] | None = None

    def do(self, entry: Entry) -> None:
        """What one entry of the trace changes."""
        match entry.what:
            case "c":
                made = _File()
                self._by_inode[entry.inode] = made
                self._name(entry.one, made)
            case "m":
                self._name(entry.one, _Folder())
            case "o" | "d":
                found = self._find(entry.one)
                if found is not None:
                    self._by_inode[entry.inode] = found
            case "w" | "t":
                file = self._by_inode[entry.inode]
                assert isinstance(file, _File)
                file.pending.append((entry.number, entry.one if entry.what == "w" else None))
                self._last = (file, len(file.pending)) if entry.what == "w" else None
            case "s":
                self._by_inode[entry.inode].sync()
            case "u":
                self._name(entry.one, None)
            case "r" | "l":
                moved = self._find(entry.one)
                assert moved is not None
                self._name(entry.two, moved)
                if entry.what == "r":
                    self._name(entry.one, None)

    def write(self, to: Path, variant: str, chance: random.Random) -> None:
        """Make ``to`` what the disk may hold if the power were cut now."""
        self._write(self._top, to, variant, chance)

    def _write(self, folder: _Folder, to: Path, variant: str, chance: random.Random) -> None:
        to.mkdir(parents=True, exist_ok=True)
        count = {
            "nothing": 0, "contents alone": 0, "some pages": chance.randint(0, len(folder.pending)),
        }.get(variant, len(folder.pending))  # fmt: skip
        for name, what in folder.names(count).items():
            if isinstance(what, _Folder):
                self._write(what, to / name, variant, chance)
            else:
                (to / name).write_bytes(self._content(what, variant, chance))

    def _content(self, file: _File, variant: str, chance: random.Random) -> bytes:
        content = bytearray(file.synced)
        if variant in ("nothing", "names alone"):
            return bytes(content)
        for number, (at, data) in enumerate(file.pending, 1):
            if variant == "some pages":
                if data is None:
                    if chance.random() < 0.5:
                        _apply(content, at, None)
                    continue
                for start in range(0, len(data), _PAGE):
                    if chance.random() < 0.5:
                        _apply(content, at + start, data[start : start + _PAGE])
            elif data is not None and variant.startswith("everything") and self._last == (file, number):
                _apply(content, at, data[: len(data) // 2 // _SECTOR * _SECTOR])
            else:
                _apply(content, at, data)
        return bytes(content)

    def _parent(self, path: bytes) -> tuple[_Folder, str]:
        parts = Path(path.decode()).relative_to(self._root).parts
        folder = self._top
        for part in parts[:-1]:
            found = folder.names()[part]
            assert isinstance(found, _Folder)
            folder = found
        return folder, parts[-1]

    def _name(self, path: bytes, what: _File | _Folder | None) -> None:
        folder, name = self._parent(path)
        folder.pending.append((name, what))

    def _find(self, path: bytes) -> _File | _Folder | None:
        if Path(path.decode()) == self._root:
            return self._top
        folder, name = self._parent(path)
        return folder.names().get(name)


def moments(entries: list[Entry], *, every: int) -> Iterator[Moment]:
    """Before and after each sync, after each acknowledgement and each change of names, and after each ``every``-th write."""
    acknowledged = writes = 0
    for at, entry in enumerate(entries):
        if entry.what == "a":
            said = json.loads(entry.one)
            acknowledged += bool(said.get("done")) and said["step"] >= 0
            yield Moment(at, acknowledged)
        elif entry.what in "scumrl" or (at + 1 < len(entries) and entries[at + 1].what == "s"):
            yield Moment(at, acknowledged)
        elif entry.what in "wt":
            writes += 1
            if writes % every == 0:
                yield Moment(at, acknowledged)


def images(
    entries: list[Entry], found: list[Moment], root: Path, *, part: int, jobs: int, seed: int
) -> Iterator[tuple[Moment, str, Path]]:
    """Every ``jobs``-th of what the disk may hold at the moments of ``found``, in every variant: the moment, the variant and
    a folder that is gone when the next one is asked for. What was there already is passed over.
    """
    disk = Disk(root)
    tried: set[tuple[int, bytes]] = set()
    wanted = {moment.entry: moment for moment in found}
    number = 0
    for at, entry in enumerate(entries):
        disk.do(entry)
        moment = wanted.get(at)
        if moment is None:
            continue
        for variant in VARIANTS:
            number += 1
            if number % jobs != part:
                continue
            with scratch() as target:
                disk.write(target, variant, random.Random(f"{seed} {at} {variant}"))
                image = (moment.acknowledged, _digest(target))
                if image not in tried:
                    tried.add(image)
                    yield moment, variant, target


def _digest(folder: Path) -> bytes:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            found.update(path.read_bytes())
    return found.digest()


def _apply(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del content[at:]
        content.extend(bytes(at - len(content)))
        return
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data
