"""Whom a question names, of those who speak where it is asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from mnemic.domain.forms import forms_of, is_unspaced
from mnemic.domain.text import STOP_WORDS, WORD, without_marks, words_of
from mnemic.retrieval.nicknames import beginnings, other_names
from mnemic.retrieval.timing import is_temporal

_POSSESSIVE = re.compile(r"['\u2019]s?(?!\w)", re.IGNORECASE)
_HONORIFIC = re.compile("さん|くん|君|ちゃん|さま|様|씨|님")
_TITLES = frozenset(
    "mr mrs ms miss mx dr prof professor sir madam herr frau hr fr mme mlle monsieur madame sr sra srta".split()
)
_SHORTEST_FURTHER = 3
# A word that more speakers have in their names tells nothing of which of them is meant.
_MOST_NAMESAKES = 8
_THREE_CHARACTERS = 3


class Naming(NamedTuple):
    """For each name all speakers who are called so, and the question without the names.

    ``perhaps``: those of the names, in lower case, by which others may be meant.
    """

    people: tuple[tuple[str, ...], ...]
    rest: str
    perhaps: tuple[str, ...] = ()


class _Name(NamedTuple):
    """``words``: the whole name. By ``first`` anybody may call its bearer; by one of ``further`` with a capital. ``other``
    are other names that go with the first, such as a shorter one.

    ``unspaced`` are the ways to write it among words that no space divides, ``each`` is every word of all others.
    """

    words: tuple[str, ...]
    first: str | None
    further: tuple[str, ...]
    other: frozenset[str]
    unspaced: tuple[str, ...]
    each: frozenset[str]


class _Word(NamedTuple):
    """A word of a question as names are compared, and where it stands."""

    plain: str
    start: int
    end: int


def named_in(text: str, speakers: Collection[str]) -> Naming:
    """Whom ``text`` names: by the whole name, by its first word, or by another part of it that is written with a capital.

    People call ``jonas_k``, ``Dr. Jonas Keller`` and ``Keller, Jonas`` Jonas. The longest name goes first, so that a whole
    name is never taken for a namesake's first. A name by which several are called names each of them.
    """
    if not speakers:
        return Naming((), text)
    ascii_only = text.isascii()
    plain = words_of(text) if ascii_only else [_plain(word) for word in WORD.findall(text)]
    # A genitive without an apostrophe is one word with its name.
    present = {*plain, *(word[:-1] for word in plain if word[-1] == "s")}
    present.update(*map(beginnings, plain))
    near = [
        (person, name) for person in speakers for name in (_name(person),)
        if not present.isdisjoint(name.each) or (name.unspaced and not ascii_only)
    ]  # fmt: skip
    if not near:
        return Naming((), text)
    words = [_Word(word, found.start(), found.end()) for word, found in zip(plain, WORD.finditer(text), strict=True)]
    named: list[tuple[str, ...]] = []
    taken: list[tuple[int, int]] = []
    for person, name in sorted(near, key=lambda one: -len(one[1].words)):
        for start, end in [*_whole(text, words, person, name.words), *_among_letters(text, name.unspaced)]:
            if not _overlaps(taken, start, end):
                named.append((person,))
                taken.append((start, end))
    known = frozenset().union(*(name.each for _, name in near))
    perhaps: list[str] = []
    for word in words:
        if _overlaps(taken, word.start, word.end):
            continue
        called = _called(text, word, near) if word.plain in known or word.plain[:-1] in known else ()
        if not called:
            called = _perhaps_called(text, word, near)
            perhaps += [word.plain] if called else []
        if called:
            named.append(called)
            taken.append((word.start, word.end))
    return Naming(tuple(dict.fromkeys(named)), _without(text, taken), tuple(perhaps))


def _whole(text: str, words: Sequence[_Word], person: str, name: Sequence[str]) -> list[tuple[int, int]]:
    """Where all words of a name stand one after the other."""
    count = len(name)
    found = []
    for at in range(len(words) - count + 1 if count else 0):
        if words[at].plain != name[0]:
            continue
        group = words[at : at + count]
        if all(word.plain == part for word, part in zip(group, name, strict=True)):
            start, end = group[0].start, group[-1].end
            # "Will" and "A" are names only as they are written, and not where every word has a capital.
            if count > 1 or name[0] not in STOP_WORDS or (at and text[start:end] == person):
                found.append((start, end))
    return found


def _among_letters(text: str, forms: Sequence[str]) -> list[tuple[int, int]]:
    """Where a name stands that needs no space around it."""
    found = []
    for form in forms:
        start = text.find(form)
        while start >= 0:
            honorific = _HONORIFIC.match(text, start + len(form))
            end = honorific.end() if honorific else start + len(form)
            found.append((start, end))
            start = text.find(form, end)
    return found


def _called(text: str, word: _Word, near: Sequence[tuple[str, _Name]]) -> tuple[str, ...]:
    """Who is called by one word; none when too many are."""
    capital = text[word.start].isupper()
    forms = (word.plain, word.plain[:-1]) if capital and word.plain.endswith("s") else (word.plain,)
    for form in forms:
        found = tuple(person for person, name in near if name.first == form)
        # At the beginning every word has a capital.
        if not found and capital and text[: word.start].strip():
            found = tuple(person for person, name in near if form in name.further)
        if found:
            return found if len(found) <= _MOST_NAMESAKES else ()
    return ()


def _perhaps_called(text: str, word: _Word, near: Sequence[tuple[str, _Name]]) -> tuple[str, ...]:
    """Who may be called by a word with a capital that is nobody's own name; none when too many may."""
    if not text[word.start].isupper() or not text[: word.start].strip() or is_temporal(word.plain):
        return ()
    longer = beginnings(word.plain)
    found = tuple(person for person, name in near if word.plain in name.other or name.first in longer)
    return found if len(found) <= _MOST_NAMESAKES else ()


def _without(text: str, taken: Iterable[tuple[int, int]]) -> str:
    for start, end in sorted(taken, reverse=True):
        possessive = _POSSESSIVE.match(text, end)
        text = f"{text[:start]} {text[possessive.end() if possessive else end :]}"
    return text


def _overlaps(taken: Iterable[tuple[int, int]], start: int, end: int) -> bool:
    return any(start < other_end and other_start < end for other_start, other_end in taken)


# Every question asks about everybody who speaks where it is asked.
@lru_cache(maxsize=16_384)
def _name(speaker: str) -> _Name:
    speaker = speaker if speaker.isascii() else unicodedata.normalize("NFC", speaker)
    unspaced = tuple(form for part in speaker.split() for form in _unspaced(part))
    words = tuple(_plain(word) for word in WORD.findall(speaker) if not is_unspaced(word))
    # "Jonas92" and "JonasK" are called Jonas.
    parts = words if len(words) != 1 else tuple(map(_plain, forms_of(speaker).parts)) or words
    calling = [part for part in parts if part not in STOP_WORDS and part not in _TITLES]
    first = calling[0] if calling else None
    further = tuple(
        part for part in dict.fromkeys(calling)
        if part != first and len(part) >= _SHORTEST_FURTHER and part.isalpha() and not is_temporal(part)
    )  # fmt: skip
    other = other_names(first) if first else frozenset[str]()
    each = frozenset((*words, *further, *other)) | ({first} if first else set())
    return _Name(words, first, further, other, unspaced, each)


def _unspaced(part: str) -> tuple[str, ...]:
    """A name of Chinese characters or the like; also one of three without the first, which is the family's."""
    if len(part) < 2 or not is_unspaced(part):
        return ()
    return (part, part[1:]) if len(part) == _THREE_CHARACTERS else (part,)


def _plain(word: str) -> str:
    """In lower case and without marks over letters."""
    return without_marks(word.lower())
