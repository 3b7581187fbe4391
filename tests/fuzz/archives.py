"""Zip archives and folders that somebody hands us, with the secret of somebody else beside them."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import warnings
import zipfile
from pathlib import Path
from random import Random

from tests.fuzz.parsers import PARSERS
from tests.fuzz.values import damaged

# Stands in files outside of what is handed in. Whoever imports it has read them.
SECRET = "Swordfishes sleep beneath the ninth bridge"
_WANTED = "conversations.json"
_NAMES = (
    _WANTED, f"export/{_WANTED}", f"../../{_WANTED}", f"/{_WANTED}", f"..\\{_WANTED}", f"a/../../outside/{_WANTED}",
    f"{_WANTED}/", f"C:/{_WANTED}", f"{_WANTED}\x00.txt", f"a\x1b[31m/{_WANTED}", "\u202e" + _WANTED, "user.json",
    "a" * 5_000, f"ä/{_WANTED}", f"./{_WANTED}", "conversations-000.json", "b/conversations-001.json", "memories.json",
)  # fmt: skip
_NOTES = (
    b"a.md", b"\xff\xfe.md", b"b c.MD", b".hidden.md", b"\x1b[31m.md", b"long" * 60 + b".md", b"x.txt", b"n\nl.md",
)  # fmt: skip
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def hand_in_archive(r: Random, folder: Path) -> tuple[str, Path, str]:
    """The format, an archive in ``folder``, and how it was made."""
    format = r.choice(("chatgpt", "claude"))
    how: list[str] = []
    raw = _archive(r, format, how)
    if r.random() < 0.3:
        raw = damaged(r, raw)
        how.append("damaged")
    (folder / "outside").mkdir()
    secret = PARSERS[format].seeds[0].replace(b"I like tea.", SECRET.encode())
    (folder / "outside" / _WANTED).write_bytes(secret)
    path = folder / r.choice(("export.zip", "EXPORT.ZIP", "export.zip", "a b.zip"))
    roll = r.random()
    if roll < 0.03:
        os.mkfifo(path)
        how = ["a pipe"]
    elif roll < 0.13:
        path = folder / "unpacked"
        path.mkdir()
        how = ["a folder"]
        inner = path / _WANTED
        kind = r.randrange(5)
        if kind == 0:
            inner.symlink_to(folder / "outside" / _WANTED)
        elif kind == 1:
            inner.mkdir()
        elif kind == 2:
            os.mkfifo(inner)
        elif kind == 3:
            inner.write_bytes(damaged(r, PARSERS[format].seeds[0]))
    else:
        path.write_bytes(raw)
    return format, path, ", ".join(how)


def _archive(r: Random, format: str, how: list[str]) -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w") as archive:
        warnings.simplefilter("ignore")  # names that stand there twice
        names = [_WANTED if r.random() < 0.6 else r.choice(_NAMES)]
        names += [r.choice(_NAMES) for _ in range(r.choice((0, 0, 1, 4)))]
        for name in names:
            content = r.choice(PARSERS[format].seeds)
            roll = r.random()
            if roll < 0.08:
                content = b" " * r.choice((100_000, 4_000_000))
                how.append("a bomb")
            elif roll < 0.3:
                content = damaged(r, content)
            elif roll < 0.33:
                content = r.randbytes(3_000)
            entry = zipfile.ZipInfo(name, date_time=(2024, 5, 8, 12, 0, 0))
            entry.compress_type = r.choice(_KINDS)
            if r.random() < 0.1:
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                content = f"../outside/{_WANTED}".encode()
                how.append("a link")
            if r.random() < 0.05:
                entry.extra = struct.pack("<HH", r.choice((1, 0x7075, 0x9901)), r.choice((0, 4, 60_000))) + r.randbytes(
                    8
                )
            with contextlib.suppress(ValueError, UnicodeError):
                archive.writestr(entry, content)
        if r.random() < 0.1:
            archive.comment = r.randbytes(r.choice((1, 22, 3_000)))
    return _bent(r, made.getvalue(), how) if r.random() < 0.4 else made.getvalue()


def _bent(r: Random, raw: bytes, how: list[str]) -> bytes:
    """Fields of the headers set to what they are not: flags, method, sums, sizes, places."""
    found = bytearray(raw)
    mark, fields = r.choice((
        (b"PK\x01\x02", ((8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (28, "<H"), (30, "<H"), (42, "<I"))),
        (b"PK\x03\x04", ((6, "<H"), (8, "<H"), (14, "<I"), (18, "<I"), (22, "<I"), (26, "<H"), (28, "<H"))),
        (b"PK\x05\x06", ((8, "<H"), (10, "<H"), (12, "<I"), (16, "<I"), (20, "<H"))),
    ))  # fmt: skip
    start = found.find(mark)
    offset, form = r.choice(fields)
    value = r.choice(
        (0, 1, 8, 9, 12, 14, 93, 99, 0x800, 0x801, 0x2001, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF, r.randrange(2**32))
    )
    struct.pack_into(form, found, start + offset, value & (0xFFFF if form == "<H" else 0xFFFFFFFF))
    if value == 0x800:
        # Names are said to be UTF-8 then.
        found = bytearray(bytes(found).replace(b"conversations", b"conv\xffrsations"))
    how.append(f"field {offset} of {mark!r} is {value}")
    return bytes(found)


def hand_in_folder(r: Random, folder: Path) -> tuple[str, Path, str]:
    """The format, a folder of notes, and how it was made."""
    format = r.choice(("markdown", "basic-memory"))
    (folder / "outside").mkdir()
    (folder / "outside" / "secret.md").write_text(f"{SECRET}.\n")
    root = folder / "notes"
    root.mkdir()
    how: list[str] = []
    for at in range(r.choice((0, 1, 3, 8))):
        path = root / os.fsdecode(str(at).encode() + r.choice(_NOTES))
        roll = r.randrange(12)
        with contextlib.suppress(OSError):
            if roll == 0:
                path.symlink_to(folder / "outside" / "secret.md")
            elif roll == 1:
                path.with_suffix("").symlink_to(r.choice((root, folder / "outside", folder)))
            elif roll == 2:
                os.mkfifo(path)
            elif roll == 3:
                path.mkdir()
            else:
                path.write_bytes(damaged(r, r.choice(PARSERS[format].seeds)))
                continue
            how.append(("a link", "a link to a folder", "a pipe", "a folder")[roll])
    return format, root, ", ".join(how)
