"""What a reader of a foreign format gives: records, what is damaged, what it leaves out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from mnemic.domain.memory import Kind, Relation
from mnemic.domain.quoting import shows_something
from mnemic.domain.text import normalise
from mnemic.domain.validation import MAX_LABEL_CHARS

_MAX_KEY_CHARS = 300
_MAX_NAME_CHARS = 200
_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLink:
    """A link to another record of the same source, by its key."""

    target: str
    relation: Relation = Relation.RELATED


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One thing that another memory holds.

    ``key`` names it there and is the same whenever that memory is read; ``place`` says where in the files it stands, for
    people. ``part`` is what it is in the words of its source ("observation", "message"). ``author`` is who wrote it, as the
    source says. Moments without an offset are UTC.
    """

    key: str
    text: str
    place: str
    part: str
    kind: Kind | None = None
    tags: tuple[str, ...] = ()
    session: str | None = None
    speaker: str | None = None
    role: str | None = None
    author: str | None = None
    occurred_at: datetime | None = None
    valid_from: datetime | None = None
    said_source: str | None = None
    when_to_use: str | None = None
    links: tuple[RecordLink, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Something that cannot be read as what it should be, and where."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that is whole and is not taken over, and why. ``count`` of them."""

    reason: str
    count: int = 1


Found = SourceRecord | Damage | LeftOut
Reading = Iterator[Found]


class Unreadable(ValueError):
    """A part of a source is not what it should be; its text says what was expected."""


def source_of(format: str, file: str, record: SourceRecord) -> str:
    """What is kept as the source of an imported memory: format, file, record and, if it said one, its own source.

    What stands before ``#`` names the witness (`mnemic.guard.policy.origins.source_key`), and what follows the record.
    """
    said = f" {' '.join(record.said_source.split())}"[:1_000] if record.said_source else ""
    return f"{format}:{quote(file[-_MAX_NAME_CHARS:], safe='._-', errors='surrogatepass')}#{token_of(record)}{said}"


def token_of(record: SourceRecord) -> str:
    """The name under which an import knows a record again: its key there, and a digest of what it says and when.

    What was changed at the source since is another record.
    """
    key = quote(record.key, safe="._-/:", errors="surrogatepass")
    if len(key) > _MAX_KEY_CHARS:
        key = f"{key[:_MAX_KEY_CHARS]}~{_digest(record.key)}"
    moments = [moment.isoformat() if moment else "" for moment in (record.occurred_at, record.valid_from)]
    return f"{key}@{_digest(normalise(record.text), *moments)}"


def token_in(source: str) -> str:
    """The token of a source that `source_of` made; empty when it is none."""
    return source.partition("#")[2].partition(" ")[0]


def label(value: object) -> str | None:
    """A short text such as a tag or a session's name that is stored whatever it was: on one line, without control
    characters, cut at `MAX_LABEL_CHARS`. None when nothing is left to see.
    """
    if value is None or isinstance(value, dict | list):
        return None
    words = "".join(letter if letter.isprintable() else " " for letter in str(value)).split()
    found = " ".join(words)[:MAX_LABEL_CHARS].strip()
    return found if shows_something(found) else None


def labels(*values: object) -> tuple[str, ...]:
    """The distinct labels among ``values``, in their order."""
    return tuple(dict.fromkeys(found for value in values if (found := label(value)) is not None))


def _digest(*parts: str) -> str:
    joined = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=_DIGEST_BYTES).hexdigest()
