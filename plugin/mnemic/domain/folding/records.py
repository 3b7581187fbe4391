"""The records of a result that the conversation has named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from mnemic.domain.folding.atoms import parse_json
from mnemic.domain.folding.compaction import notation
from mnemic.domain.folding.visible import word_key

_MAX_DEPTH = 32
_MANY = 3


def named_records(text: str, mentioned: set[str]) -> str:
    """The innermost records with a value that is mentioned, whole; of other text the lines that hold one.

    ``mentioned`` holds `word_key`s. Empty when nothing in the text is mentioned.
    """
    document = parse_json(text)
    if document is None:
        return "\n".join(line for line in text.split("\n") if _line_names(line, mentioned))
    kept = _kept(document, mentioned, 0)
    try:
        return notation(kept) if kept else ""
    except ValueError:  # nested deeper than the notation goes
        return ""


def _kept(value: Any, mentioned: set[str], depth: int) -> Any:
    """The part of a document to keep; an empty value when there is none."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        if not mentioned.isdisjoint(_values(value)):
            return value
        parts = (
            (key, item if word_key(key) in mentioned else _kept(item, mentioned, depth + 1))
            for key, item in value.items()
        )
        return {key: part for key, part in parts if part}
    if isinstance(value, list):
        if not mentioned.isdisjoint(_values(value)):
            return value
        records = [
            part
            for group in value
            for part in (group if isinstance(group, list) else [group])
            if isinstance(part, dict)
        ]
        if len(records) >= _MANY:
            found = Counter(key for record in records for key in set(_values(record)) & mentioned)
            # What most records share, such as the date that was searched for, tells none of them from the others.
            mentioned = mentioned - {key for key, count in found.items() if 2 * count > len(records)}
        return [part for part in (_kept(item, mentioned, depth + 1) for item in value) if part]
    return None


def _values(container: dict[str, Any] | list[Any]) -> Iterator[str]:
    """The scalar values directly in a record or list, as `word_key`s."""
    for value in container.values() if isinstance(container, dict) else container:
        if value is not None and not isinstance(value, dict | list | bool):
            yield word_key(str(value))


def _line_names(line: str, mentioned: set[str]) -> bool:
    words = word_key(line).split(" ")
    return any(
        " ".join(words[at : at + size]) in mentioned for size in (1, 2, 3) for at in range(len(words) - size + 1)
    )
