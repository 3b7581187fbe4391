"""Notes of basic-memory (https://docs.basicmemory.com): Markdown with front matter, observations and relations.

A note becomes a memory of its title and its prose; each observation (``- [category] words #tag (context)``) one that names
its note; each relation (``- type [[Target]] (context)``, or a ``[[link]]`` in the text, which is *links_to*) a sentence
that is linked to both notes. An observation without a category is one when it has a hash tag.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from mnemic.domain.memory import Kind
from mnemic.domain.moving.front_matter import date_in, split_front_matter
from mnemic.domain.moving.plain import NO_DATE, tags_of
from mnemic.domain.moving.records import Damage, LeftOut, Reading, RecordLink, SourceRecord, Unreadable, label, labels

FORMAT = "basic-memory"
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+(.*)$")
_TASK = re.compile(r"^\[[ xX-]\](?:\s|$)")
_CATEGORY = re.compile(r"^\[([^\[\]()]+)\]\s+(\S.*)$")
_LINK = re.compile(r"\[\[([^\[\]]+)\]\]")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observation:
    category: str | None
    content: str
    context: str | None
    tags: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Note:
    key: str
    title: str
    place: str
    tags: tuple[str, ...]
    at: datetime | None
    dates_readable: bool
    prose: list[str] = field(default_factory=list)
    observations: list[_Observation] = field(default_factory=list)
    relations: list[tuple[str, str, str | None]] = field(default_factory=list)


def read_basic_memory(files: Iterable[tuple[str, str]]) -> Reading:
    """The records of a folder of notes: name and text of each file. Relations find notes by title, permalink or file."""
    notes: list[_Note] = []
    for name, text in files:
        try:
            notes.append(note := _note(name, text))
            if not note.dates_readable:
                yield LeftOut(reason=NO_DATE)
        except Unreadable as error:
            yield Damage(place=name, message=str(error))
    known: dict[str, str] = {}
    for note in notes:
        for alias in (note.title, note.key, note.key.partition("/")[2], note.place.removesuffix(".md")):
            known.setdefault(alias.casefold(), note.key)
    lost = 0
    counts: dict[str, int] = defaultdict(int)
    for note in notes:
        counts[note.key] += 1
        if counts[note.key] > 1:
            yield Damage(place=note.place, message=f"another note has the permalink {note.key}")
            continue
        yield SourceRecord(
            key=f"note/{note.key}", text="\n".join([note.title, *note.prose]).strip(), place=note.place, part="note",
            kind=Kind.SEMANTIC, tags=note.tags, occurred_at=note.at, valid_from=note.at,
        )  # fmt: skip
        for number, one in enumerate(note.observations, 1):
            ending = f" ({one.context})" if one.context else ""
            yield SourceRecord(
                key=f"observation/{note.key}", text=f"{note.title}: {one.content}{ending}",
                place=f"{note.place}, observation {number}", part="observation", kind=Kind.SEMANTIC,
                tags=labels(*note.tags, *one.tags, f"category:{one.category}" if one.category else None),
                occurred_at=note.at, valid_from=note.at, links=(RecordLink(target=f"note/{note.key}"),),
            )  # fmt: skip
        for number, (relation, target, context) in enumerate(note.relations, 1):
            other = known.get(target.casefold())
            lost += other is None
            ends = dict.fromkeys(one for one in (note.key, other) if one is not None)
            yield SourceRecord(
                key=f"relation/{note.key}/{number}/{relation}/{target}",
                text=f"{note.title} {relation} {target}" + (f" ({context})" if context else ""),
                place=f"{note.place}, relation {number}", part="relation", kind=Kind.SEMANTIC, tags=labels(relation),
                occurred_at=note.at, valid_from=note.at, links=tuple(RecordLink(target=f"note/{one}") for one in ends),
            )  # fmt: skip
    if lost:
        yield LeftOut(
            reason="ends of relations to notes that nobody has written (their names stay in the text)", count=lost
        )


def _note(name: str, text: str) -> _Note:
    values, body = split_front_matter(text)
    stem = name.rpartition("/")[2].removesuffix(".md")
    # Vaults of other programs are read too.
    at, readable = date_in(values, "created", "date")
    note = _Note(
        key=str(values.get("permalink") or name.removesuffix(".md")), title=label(values.get("title")) or stem, place=name,
        tags=tags_of(values), at=at, dates_readable=readable,
    )  # fmt: skip
    fence = ""
    for line in body.replace("\r\n", "\n").split("\n"):
        mark = _FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        if fence or mark or line.lstrip().startswith(">") or not _take(note, line):
            note.prose.append(line)
    said = next((at for at, line in enumerate(note.prose) if line.strip()), None)
    if said is not None and note.prose[said].lstrip("# ").strip() == note.title:
        # The title is said once.
        del note.prose[: said + 1]
    return note


def _take(note: _Note, line: str) -> bool:
    """Whether a line is wholly an observation or a relation. Links in other lines are noted, and the line stays prose."""
    item = _ITEM.match(line)
    content = (item[1] if item else line).strip()
    if item and "[[" in content and (relation := _relation(content)) is not None:
        note.relations.append(relation)
        return True
    observation = _observation(content) if item else None
    if observation is not None:
        note.observations.append(observation)
    note.relations += [("links_to", one.strip(), None) for one in _LINK.findall(content) if one.strip()]
    return observation is not None


def _relation(content: str) -> tuple[str, str, str | None] | None:
    """Type, target and context of an explicit relation: its type is one word, or stands in quotes."""
    before, _, rest = content.partition("[[")
    target, closed, after = rest.partition("]]")
    kind = before.strip()
    if len(kind) > 1 and kind[0] in "'\"" and kind[-1] == kind[0]:
        kind = kind[1:-1].strip()
    elif any(letter.isspace() for letter in kind):
        return None
    if not kind or not closed or not target.strip():
        return None
    after = after.strip()
    context = after[1:-1].strip() or None if after.startswith("(") and after.endswith(")") else None
    return kind, target.strip(), context


def _observation(content: str) -> _Observation | None:
    if _TASK.match(content):
        return None
    found = _CATEGORY.match(content)
    tags = [tag for word in content.split() if word.startswith("#") for tag in word.split("#") if tag]
    if not found and not tags:
        return None
    words = found[2].strip() if found else content
    context = None
    if words.endswith(")") and (start := words.rfind("(")) != -1:
        words, context = words[:start].strip(), words[start + 1 : -1].strip() or None
    if not words:
        return None
    return _Observation(category=found[1].strip() if found else None, content=words, context=context, tags=tuple(tags))
