"""Texts of any characters in PostgreSQL, which has no NUL in a text: it is written as two others, and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.string import StrDumper, StrDumperUnknown, TextBinaryLoader, TextLoader

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import Buffer

# U+001A, "substitute", is what a character is replaced by that cannot be written.
_ESCAPE = "\x1a"
_WRITTEN = str.maketrans({"\x00": _ESCAPE + "0", _ESCAPE: _ESCAPE + "1"})


def written(text: str) -> str:
    """A text as it is stored."""
    return text.translate(_WRITTEN) if "\x00" in text or _ESCAPE in text else text


def read(text: str) -> str:
    """The inverse of `written`."""
    if _ESCAPE not in text:
        return text
    first, *rest = text.split(_ESCAPE)
    return first + "".join(("\x00" if part[:1] == "0" else _ESCAPE) + part[1:] for part in rest)


class _Dumper(StrDumperUnknown):
    def dump(self, obj: Any) -> Any:
        return super().dump(written(obj))


class _TypedDumper(StrDumper):
    def dump(self, obj: Any) -> Any:
        return super().dump(written(obj))


class _Loader(TextLoader):
    def load(self, data: Buffer) -> Any:
        return read(str(super().load(data)))


class _BinaryLoader(TextBinaryLoader):
    def load(self, data: Buffer) -> Any:
        return read(str(super().load(data)))


def register_texts(connection: psycopg.Connection[Any]) -> None:
    """Have a connection write and read texts so."""
    connection.adapters.register_dumper(str, _TypedDumper)
    connection.adapters.register_dumper(str, _Dumper)
    connection.adapters.register_loader("text", _Loader)
    connection.adapters.register_loader("text", _BinaryLoader)
