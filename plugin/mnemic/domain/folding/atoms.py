"""The values of a text that a later action may need: ids, names, numbers, codes and the objects it speaks of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from mnemic.domain.text import STOP_WORDS

# A leaf of a JSON document that is longer than this is prose and is searched for values like any other text.
_PROSE_WORDS = 12
_PHRASE_WORDS = 6
_HEAD_WORDS = 4
# Shorter numbers are amounts more often than names; shorter runs of digits in a key number a field ("address2").
_TELLING_DIGITS = 4
_KEY_DIGITS = 3

# Accents, and the vowels of Hebrew, Arabic and Indian scripts, Thai and their neighbours: no word ends there.
_SIGNS = (
    "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0970-\u0df3\u0e31-\u0e3a\u0e47-\u0e4e"
    "\u0eb1-\u0ebc\u0ec8-\u0ecd\u0f71-\u0f84\u102b-\u103e"
)
# One run of characters that belong together, else one mark. Neither part can match the same characters in two ways.
_PIECE = re.compile(rf"\w[\w{_SIGNS}@./:+#&'-]*|[^\w\s]|\n")
_LETTER = re.compile(r"[^\W\d_]")
_ARTICLES = frozenset("a an the some another each every this that these those".split())
# Words behind which an object is named although no article stands there.
_OPENERS = frozenset("called named containing titled labelled of with on in into onto to from at by for".split())
_STARTERS = _ARTICLES | _OPENERS
_JOINERS = (["with"], ["in"], ["of"])
_JOINED = (["a"], ["an"], ["the"])
_CLOSERS = (
    frozenset(
        """called named containing titled labelled closed open empty available now currently connected likely nothing
    around reading inside until within without near upon against using per than""".split()
    )
    | STOP_WORDS
)
# Scripts without capitals, which would tell names: Semitic, Indian, Thai and their neighbours, Korean, Chinese, Japanese.
_WITHOUT_CAPITALS = re.compile(
    "[\u0590-\u109f\u1100-\u139f\u1780-\u18af\u2e80-\ua63f\ua800-\ud7ff\uf900-\ufaff\ufb1d-\ufefc\U00020000-\U0003ffff]"
)
_WRITTEN_CALL = re.compile(r"[^({]{1,200}\(\s*(\{.*\})\s*\)\s*\Z", re.DOTALL)


def atoms_of(text: str, *, phrases: bool = True) -> tuple[str, ...]:
    """The values in a text in the order of their first mention, each once, as they are written there.

    Of JSON: every scalar except true, false and null, keys with digits (ids used as keys) and keys of numbers with an
    underscore (codes used as keys). Of other text: words with digits, underscores or slashes, numbers of two digits and
    more, capitals, names, and with ``phrases`` what an article or a preposition introduces and the entries of lists. Of a
    script without capitals nobody here can tell the names: with ``phrases`` all between two marks is a value.
    """
    document = parse_json(text)
    found = _json_atoms(document, phrases) if isinstance(document, dict | list) else _text_atoms(text, phrases)
    return tuple(dict.fromkeys(found))


def prose_of(text: str) -> tuple[str, ...]:
    """The long texts among the scalars of a JSON document, of which `atoms_of` gives only the values; () for other text.

    A call that is written as text, ``name({...})``, counts as the document in it.
    """
    found: list[str] = []
    written = _WRITTEN_CALL.match(text)
    open_parts = [parse_json(text if written is None else written[1])]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, dict | list):
            open_parts.extend(reversed(list(part.values()) if isinstance(part, dict) else part))
        elif isinstance(part, str) and _is_prose(part) and part.strip():
            found.append(part.strip())
    return tuple(found)


def parse_json(text: str) -> Any:
    """The JSON object or array a text is; None when it is neither, or nested deeper than the parser goes."""
    if text[:64].lstrip()[:1] not in ("{", "["):
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None


def _json_atoms(document: Any, phrases: bool) -> Iterator[str]:
    open_parts = [document]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, dict):
            for key, value in reversed(part.items()):
                number = isinstance(value, int | float) and not isinstance(value, bool)
                open_parts.append(value)
                digits = sum(map(str.isdigit, key))
                names = digits >= _KEY_DIGITS or (digits and isinstance(value, dict | list))
                if names or ("_" in key and number):
                    open_parts.append(key)
        elif isinstance(part, list):
            open_parts.extend(reversed(part))
        elif isinstance(part, str):
            if _is_prose(part):
                yield from _text_atoms(part, phrases)
            elif part.strip():
                yield part.strip()
        elif part is not None and not isinstance(part, bool):
            yield str(part)


def _is_prose(leaf: str) -> bool:
    return leaf.count(" ") >= _PROSE_WORDS or "\n" in leaf


def _text_atoms(text: str, phrases: bool) -> Iterator[str]:
    whole = phrases and not text.isascii() and _WITHOUT_CAPITALS.search(text)
    for words, is_entry, starts_sentence in _segments(text):
        if whole and any(map(_WITHOUT_CAPITALS.search, words)):
            yield " ".join(words)
            continue
        if phrases and is_entry and len(words) <= _HEAD_WORDS and not any(_closes(word) for word in words):
            yield " ".join(words)
        yield from _segment_atoms(words, starts_sentence, phrases)


def _segments(text: str) -> Iterator[tuple[list[str], bool, bool]]:
    """The runs of words between marks: the words, whether the run is an entry of a list, whether a sentence starts."""
    words: list[str] = []
    listed = True
    sentence = True
    # What stands before an opening bracket: "desk (1)" is read as "desk 1".
    before: list[str] = []
    for piece in _PIECE.findall(text):
        if piece[0].isalnum() or piece[0] == "_":
            word = piece.rstrip("./:+#&'-")
            if before and not words and word.isdigit():
                words.extend(before)
            before = []
            words.append(word)
            if word == piece or piece[len(word)] not in ".:":
                continue
            piece = piece[len(word)]
        elif piece in "'\"*`\u2019":
            continue
        entry = listed and piece in ",\n;)("
        if words:
            yield words, entry, sentence
        before = words[0 if entry and len(words) <= _HEAD_WORDS else -1 :] if piece == "(" else []
        sentence = piece in ".!?\n:"
        listed = piece in ",\n(:;-"
        words = []
    if words:
        yield words, listed, sentence


def _segment_atoms(words: list[str], starts_sentence: bool, phrases: bool) -> Iterator[str]:
    for at, word in enumerate(words):
        follower = words[at + 1] if at + 1 < len(words) else ""
        if follower.isdigit() and _LETTER.match(word) and word.lower() not in STOP_WORDS:
            yield f"{word} {follower}"
        elif _is_code(word) or (_is_name(word) and (at or not starts_sentence)):
            yield word
        if phrases and word.lower() in _STARTERS:
            end = _phrase_end(words, at + 1)
            if end == at + 1:
                continue
            # "an inclined plane with a wooden surface" names one thing by what it has.
            if word.lower() in _ARTICLES and words[end : end + 1] in _JOINERS and words[end + 1 : end + 2] in _JOINED:
                end = max(end, _phrase_end(words, end + 2))
            yield " ".join(words[at + 1 : end])


def _phrase_end(words: list[str], start: int) -> int:
    end = start
    while end < len(words) and end - start < _PHRASE_WORDS and not _closes(words[end]):
        end += 1
    return end


def _closes(word: str) -> bool:
    # A lone capital is a label ("plane H", "material D"), not the article.
    return word.lower() in _CLOSERS and not (len(word) == 1 and word.isupper())


def _is_name(word: str) -> bool:
    return word[0].isupper() and word.lower() not in STOP_WORDS


def _is_code(word: str) -> bool:
    if word.isdigit():
        return len(word) >= 2
    if any(letter.isdigit() or letter in "_/@" for letter in word):
        return True
    if "." in word:
        return True
    return len(word) >= 2 and word.isupper()


def telling(atoms: Iterable[str]) -> Iterator[str]:
    """Of some values those that name one thing: codes of letters and digits, and numbers of four digits and more.

    Dates and times are not among them: they say when, not what.
    """
    for atom in atoms:
        if any(map(str.isdigit, atom)) and (
            len(atom) >= _TELLING_DIGITS if atom.isdigit() else any(map(str.isalpha, atom))
        ):
            yield atom
