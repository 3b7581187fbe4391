"""The YAML between two lines ``---`` at the head of a Markdown file, read without anything that YAML can do besides data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from mnemic.domain.moving.json_values import moment_of
from mnemic.domain.moving.records import Unreadable

_MAX_CHARS = 65_536
_MAX_DEPTH = 12
_MAX_EVENTS = 5_000


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The values of the front matter, all of them strings, lists or objects, and what follows it.

    Without front matter the values are empty. No aliases (a few lines of them can stand for gigabytes) and no tags are read.
    Raises `Unreadable`.
    """
    text = text.removeprefix("\ufeff")
    if not text.startswith(("---\n", "---\r\n")):
        return {}, text
    lines = text.split("\n")
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), None)
    if end is None:
        # A ruler and not front matter.
        return {}, text
    head = "\n".join(lines[1:end])
    if len(head) > _MAX_CHARS:
        raise Unreadable(f"its front matter has {len(head):,} characters; at most {_MAX_CHARS:,} are read")
    return _values(head), "\n".join(lines[end + 1 :])


def date_in(values: Mapping[str, Any], *names: str) -> tuple[datetime | None, bool]:
    """The moment under the first of ``names`` that has a value, None without one; and whether that value is a moment.

    Anybody writes a date as they like, and a note is whole without it.
    """
    written = next((values[name] for name in names if values.get(name)), None)
    try:
        return moment_of(written, "date"), True
    except Unreadable:
        return None, False


def _values(head: str) -> dict[str, Any]:
    try:
        _check_events(head)
        # Everything stays a string: what a date or a number is, is for whoever asks for one.
        values = yaml.load(head, Loader=yaml.BaseLoader)  # noqa: S506  # nosec B506: strings, lists and objects only
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 2}" if error.problem_mark else ""
        raise Unreadable(f"its front matter is not YAML ({error.problem}{line})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"its front matter is not YAML ({type(error).__name__})") from None
    if values in (None, ""):
        return {}
    if not isinstance(values, dict):
        raise Unreadable("its front matter is no list of names and values")
    return {str(name): value for name, value in values.items()}


def _check_events(head: str) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(head, Loader=yaml.BaseLoader)):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable("its front matter uses anchors or aliases, which are not read")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH or count > _MAX_EVENTS:
            raise Unreadable("its front matter is nested too deeply or too long")
