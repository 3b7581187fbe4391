"""Whether both sides hold the same rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mnemic.storage.migrating.source import SourceSnapshot
from mnemic.storage.migrating.tables import Row, Table
from mnemic.storage.migrating.target import Target

_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Digest:
    """Of rows in any order: how many there are, and the sum of their hashes."""

    rows: int
    sum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A table whose rows differ, with the key of one such row."""

    table: str
    here: int
    there: int
    key: Row | None

    def __str__(self) -> str:
        row = "" if self.key is None else f", such as that of {'/'.join(map(str, self.key))[:80]}"
        return f"{self.table}: {self.here:,} rows in the folder, {self.there:,} in the database{row}"


def compare_table(source: SourceSnapshot, target: Target, table: Table) -> Difference | None:
    """Compare every row with all its columns. Both engines sort some texts differently, so the order counts for nothing."""
    here, there = digest(source.after(table, None)), digest(target.all_rows(table))
    if here == there:
        return None
    ours = Counter((_hash(row), table.key_of(row)) for row in source.after(table, None))
    ours.subtract((_hash(row), table.key_of(row)) for row in target.all_rows(table))
    odd = next((key for (_, key), count in ours.items() if count), None)
    return Difference(table=table.name, here=here.rows, there=there.rows, key=odd)


def compare_changed(source: SourceSnapshot, target: Target, table: Table, keys: Iterable[Row]) -> Difference | None:
    """Compare the rows with these keys, and how many rows there are."""
    listed = list(keys)
    here, there = digest(source.rows(table, listed)), digest(target.rows(table, listed) if listed else [])
    ours, theirs = source.count(table), target.count(table)
    if here == there and ours == theirs:
        return None
    return Difference(table=table.name, here=ours, there=theirs, key=listed[0] if here != there else None)


def digest(rows: Iterable[Row]) -> Digest:
    count = total = 0
    for row in rows:
        count += 1
        total += _hash(row)
    return Digest(count, total % _MODULUS)


def _hash(row: Row) -> int:
    # What Python shows of numbers, texts and bytes tells all their values and types apart.
    return int.from_bytes(hashlib.blake2b(repr(tuple(row)).encode("utf-8", "surrogatepass"), digest_size=16).digest())
