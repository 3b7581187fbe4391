"""Plain Markdown and plain JSON lines: the formats for what comes from anywhere else."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from mnemic.domain.memory import Kind, Role
from mnemic.domain.moving.front_matter import date_in, split_front_matter
from mnemic.domain.moving.json_values import check_kind, moment_of, optional_field, read_lines, shown
from mnemic.domain.moving.records import Damage, LeftOut, Reading, SourceRecord, Unreadable, label, labels

MARKDOWN = "markdown"
JSONL = "jsonl"
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]++(.+)")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
NO_DATE = "dates in front matter that are no moments"
_NO_WORDS = "headings with nothing below them"
_TEXT_NAMES = ("text", "content", "memory")
_KNOWN = frozenset(
    "id text content memory kind tags session speaker role author occurred_at created_at valid_from source "
    "when_to_use".split()
)


def read_markdown(text: str, name: str) -> Reading:
    """Every section of a Markdown file that says something: its heading and its words, up to the next heading.

    Headings above it become tags, with those of the front matter and the note's title, which is the file's name unless the
    front matter has one: many notes do not say again whom they are about. ``date`` or ``created`` is when it happened.
    """
    try:
        values, body = split_front_matter(text.replace("\r\n", "\n").replace("\r", "\n"))
    except Unreadable as error:
        yield Damage(place=name, message=str(error))
        return
    at, readable = date_in(values, "date", "created", "created_at")
    if not readable:
        yield LeftOut(reason=NO_DATE)
    tags = tags_of(values)
    title = label(values.get("title")) or name.rpartition("/")[2].rpartition(".")[0]
    seen: Counter[str] = Counter()
    above: list[tuple[int, str]] = []
    first = text.count("\n") - body.count("\n") + 1
    sections = _sections(body)
    for number, (line, level, heading, words) in enumerate(sections):
        above = [entry for entry in above if entry[0] < level]
        headings = [one for _, one in [*above, (level, heading)] if one]
        path = "/".join(headings)
        if words.strip():
            seen[path] += 1
            repeated = f"#{seen[path]}" if seen[path] > 1 else ""
            known = {one.casefold() for one in headings}
            yield SourceRecord(
                key=f"{name}/{path}{repeated}", text=f"{heading}\n\n{words.strip()}" if heading else words.strip(),
                place=f"{name}, line {first + line}", part="section", kind=Kind.SEMANTIC,
                tags=labels(*tags, *(one for _, one in above), None if title.casefold() in known else title),
                author=label(values.get("author")), occurred_at=at, valid_from=at,
            )  # fmt: skip
        elif heading and not any(below > level for _, below, *_ in sections[number + 1 : number + 2]):
            yield LeftOut(reason=_NO_WORDS)
        if heading:
            above.append((level, heading))


def tags_of(values: dict[str, Any]) -> tuple[str, ...]:
    """The tags of front matter: a list, or words between commas."""
    tags = values.get("tags")
    found = tags if isinstance(tags, list) else str(tags).split(",") if tags else []
    return labels(*(one.strip().lstrip("#") for one in found if isinstance(one, str)))


def _sections(body: str) -> list[tuple[int, int, str, str]]:
    """Line, level, heading and words of each section; the first has no heading. Headings in code are none."""
    sections: list[tuple[int, int, str, list[str]]] = [(0, 0, "", [])]
    fence = ""
    for number, line in enumerate(body.split("\n")):
        clean = line.rstrip("\r")
        mark = _FENCE.match(clean)
        if mark:
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and clean.strip() == mark[1]:
                fence = ""
        found = None if fence or mark else _HEADING.match(clean)
        if found:
            sections.append((number, len(found[1]), _without_closing(found[2]), []))
        else:
            sections[-1][3].append(clean)
    return [(line, level, heading, "\n".join(words)) for line, level, heading, words in sections]


def _without_closing(heading: str) -> str:
    """A heading without the signs that may close it, which stand apart from its words: ``C# ##`` is *C#*.

    A pattern that looks for them from every blank on takes minutes for a line of ten thousand blanks.
    """
    words = heading.rstrip(" \t")
    open_end = words.rstrip("#")
    return open_end.rstrip(" \t") if not open_end or open_end[-1] in " \t" else words


def read_jsonl(text: str, name: str) -> Reading:
    """One memory a line: an object with ``text`` (or ``content``, ``memory``) and, where known, ``id``, ``kind``, ``tags``,
    ``session``, ``speaker``, ``role``, ``author``, ``occurred_at`` (or ``created_at``), ``valid_from``, ``source`` and
    ``when_to_use``; or a string. A field of another name is damage, because nobody would miss it later.
    """
    return read_lines(
        text, name, lambda value, place: [_line({"text": value} if isinstance(value, str) else value, place)]
    )


def _line(value: Any, place: str) -> SourceRecord:
    check_kind(value, dict, "the line", "an object or a string")
    unknown = sorted(value.keys() - _KNOWN)
    if unknown:
        raise Unreadable(f"{shown(unknown[0])} is no field; known are {', '.join(sorted(_KNOWN))}")
    texts = [optional_field(value, one, str, "a string") for one in _TEXT_NAMES]
    text = next((one for one in texts if one is not None), None)
    if text is None:
        raise Unreadable("text is missing")
    kind, role = (optional_field(value, one, str, "a string") for one in ("kind", "role"))
    for found, choices, one in ((kind, Kind, "kind"), (role, Role, "role")):
        if found is not None and found not in tuple(choices):
            raise Unreadable(f"{one} is {shown(found)}, not one of {', '.join(choices)}")
    tags = optional_field(value, "tags", list, "a list") or []
    id = optional_field(value, "id", (str, int), "a string or a number")
    return SourceRecord(
        key="line" if id is None else f"id/{id}", text=text, place=place, part="memory",
        kind=Kind(kind) if kind else None, tags=labels(*(check_kind(one, str, "a tag", "a string") for one in tags)),
        session=label(optional_field(value, "session", (str, int), "a string")),
        speaker=label(optional_field(value, "speaker", str, "a string")), role=role,
        author=label(optional_field(value, "author", str, "a string")),
        occurred_at=moment_of(value.get("occurred_at") or value.get("created_at"), "occurred_at"),
        valid_from=moment_of(value.get("valid_from"), "valid_from"),
        said_source=optional_field(value, "source", str, "a string"),
        when_to_use=optional_field(value, "when_to_use", str, "a string"),
    )  # fmt: skip
