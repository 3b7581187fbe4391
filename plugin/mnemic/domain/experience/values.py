"""The values in a text that are either right or wrong: numbers, dates, paths, addresses, identifiers, names,
quotations.

One pass of one regular expression. No repetition in it can match the same characters in two ways, and a run of word
characters is consumed whole, so the time is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from mnemic.domain import numbers
from mnemic.domain.text import STOP_WORDS

GAP = "…"
"""Stands for a value that was left out."""


class ValueKind(StrEnum):
    """What a value is."""

    QUOTED = "quoted"
    URL = "url"
    EMAIL = "email"
    PATH = "path"
    DATE = "date"
    TIME = "time"
    NUMBER = "number"
    IDENTIFIER = "identifier"
    CODE = "code"
    NAME = "name"


class Token(NamedTuple):
    """A value or word at ``start`` … ``end``; ``kind`` is None for a plain word.

    ``opens`` says that it starts a sentence, where a capital letter says nothing; ``listed`` that it numbers an item
    or a step. A tuple and no dataclass: a long text has thousands, and a frozen dataclass costs four times as much to
    make.
    """

    text: str
    start: int
    end: int
    kind: ValueKind | None
    opens: bool = False
    listed: bool = False


_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_PARTS = (
    r"(?P<url>(?:https?|ftp)://[^\s\"'<>`)\]}]{1,500}+|www\.[^\s\"'<>`)\]}]{1,500}+)",
    r"(?P<email>[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,5}+)",
    rf"(?P<date>\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?!\d)|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})(?![\w/])"
    rf"|{_MONTH}\b\.?\s{{1,3}}{_DAY}(?:,?\s{{1,3}}\d{{4}})?(?!\w)|{_DAY}\s{{1,3}}(?:of\s)?{_MONTH}\b(?:\.?,?\s{{1,3}}\d{{4}})?(?!\w))",
    r"(?P<time>T?\d{1,2}(?::\d\d){1,2}(?:\s?[ap]\.?m\b)?(?![\d:])|\d{1,2}\s?[ap]\.?m\b)",
    r"(?P<path>(?<![\w/.])(?:~|\.{1,2}|[a-z]:)?[/\\][\w.~-]++(?:[/\\][\w.~-]++)*+[/\\]?|\w[\w.-]*+(?:/[\w.-]++)++/?)",
    r"(?P<number>(?:(?<![\w.)])[-\u2212+])?[$€£]?\d++(?:,\d{3}(?!\d))*+(?:\.\d++)?+(?:%|st\b|nd\b|rd\b|th\b|[a-z]{1,3}\b)?(?![\w]|\.\d))",
    r"(?P<word>\w++(?:[-.'\u2019]\w++)*+)",
)
_QUOTED = (
    r"(?P<quoted>\"[^\"\n]{1,200}\"|\u201c[^\u201d\n]{1,200}\u201d|\u00ab[^\u00bb\n]{1,200}\u00bb|`[^`\n]{1,200}`"
    r"|(?<!\w)'[^'\n]{1,100}'(?!\w)|(?<!\w)\u2018[^\u2019\n]{1,100}\u2019(?!\w))"
)
_IN_CLAIMS = re.compile("|".join((_QUOTED, *_PARTS)), re.IGNORECASE)
_IN_EVIDENCE = re.compile("|".join(_PARTS), re.IGNORECASE)
_FILE = re.compile(
    r"[\w-]{1,100}(?:\.[\w-]{1,40}){0,4}\.(?:txt|csv|tsv|jsonl?|ya?ml|toml|ini|cfg|py|ipynb|js|ts|tsx|java|c|h|cpp|go|rs|sh|sql|pdf|md"
    r"|rst|log|xlsx?|docx?|pptx?|db|sqlite|png|jpe?g|gif|svg|zip|gz|tar|html?|css|xml|env|lock)",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"[a-z\d][A-Z]")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_MARK_OF_SENTENCE = re.compile(r"[.!?;\n\u2022*>#\u2192\"\u201c(\[|]|[-\u2013\u2014]\s|:")
_LIST_WORDS = frozenset("step steps phase part point stage".split())
# Capitals that stress a word or name a form of data, not a thing.
_STRESSED = STOP_WORDS | frozenset(
    """may might must should shall necessary contribute does never always only before after all every each yes true false
    null none important note warning first then unless until avoid use also and i ok id ids api json url http https
    am pm est tip""".split()
)
# Beyond twelve people write digits where it matters.
NUMBER_WORDS = {word: str(value) for word, value in numbers.NUMBER_WORDS.items() if 1 <= value <= 12}
ORDINAL_WORDS = {
    word: str(value)
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(), 1
    )
}


def tokens_of(text: str, *, quotations: bool = True) -> Iterator[Token]:
    """The values and words of a text in order, without overlap; ``quotations`` are taken as one value each."""
    last = 0
    enumerated = 0
    before = ""
    for match in (_IN_CLAIMS if quotations else _IN_EVIDENCE).finditer(text):
        start, end = match.span()
        kind, word = match.lastgroup, match.group()
        between = text[last:start]
        # A single space is what most often stands between two words.
        opens = between != " " and (last == 0 or _MARK_OF_SENTENCE.search(between) is not None)
        last = end
        if kind == "word":
            yield from _words(text, word, start, opens)
        elif kind == "number":
            listed, enumerated = _is_listed(text, word, start, end, before, enumerated)
            yield Token(word, start, end, ValueKind.NUMBER, opens, listed)
        elif kind == "path":
            yield from _paths(word, start, opens)
        elif kind == "url":
            trimmed = word.rstrip(".,;:!?…*\\")
            yield Token(trimmed, start, start + len(trimmed), ValueKind.URL, opens)
        else:
            assert kind is not None
            yield Token(word, start, end, ValueKind(kind), opens)
        before = word


def mask_values(text: str) -> str:
    """The text with every value replaced by ``…``: what two messages of one kind share. Names stay: few texts are
    cased.
    """
    parts: list[str] = []
    last = 0
    for token in tokens_of(text):
        if token.kind not in (None, ValueKind.NAME) and not (token.kind is ValueKind.CODE and token.text.isalpha()):
            parts += [text[last : token.start], GAP]
            last = token.end
    return "".join((*parts, text[last:]))


def fold(text: str) -> str:
    """Letters without case and marks."""
    if text.isascii():
        return text.casefold()
    kept = (char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) not in ("Mn", "Cf"))
    return "".join(kept).casefold()


def alphanumeric(text: str) -> str:
    """The folded letters and digits alone: ``user_id``, ``userId`` and ``USER-ID`` are one identifier."""
    return "".join(filter(str.isalnum, fold(text)))


def _words(text: str, word: str, start: int, opens: bool) -> Iterator[Token]:
    """A run of word characters with dots, hyphens and apostrophes inside, as one token or as its parts."""
    end = start + len(word)
    if word.isalpha():
        yield Token(word, start, end, _kind_of(word, text, start, opens), opens)
        return
    if _FILE.fullmatch(word):
        yield Token(word, start, end, ValueKind.PATH, opens)
        return
    head = re.sub(r"['\u2019](?:s|d|m|re|ve|ll|t)\Z", "", word)
    dotted = "." in head
    if dotted and max(map(len, head.split("."))) <= 2 and not _DIGIT.search(head):  # e.g., a.m., U.S.
        yield Token(word, start, end, None, opens)
    elif "_" in head or _DIGIT.search(head) or (dotted and head.islower()):
        number = head.replace(".", "").isdigit() and head.count(".") <= 1
        yield Token(head, start, start + len(head), ValueKind.NUMBER if number else ValueKind.IDENTIFIER, opens)
    else:
        at = start
        for part in re.split(r"([-.'\u2019])", head):
            if len(part) > 1 or part.isalpha():
                kind = _kind_of(part, text, at, opens or text[at - 1 : at] == ".")
                yield Token(part, at, at + len(part), kind, opens)
                opens = False
            at += len(part)


def _kind_of(word: str, text: str, start: int, opens: bool) -> ValueKind | None:
    if word.islower():
        # "one" is more often a pronoun, and "second" a unit of time.
        return ValueKind.NUMBER if word in NUMBER_WORDS and word != "one" else None
    lower = word.lower()
    if lower in _STRESSED:
        return None
    if len(word) > 1 and word.isupper():
        return ValueKind.CODE
    if lower in NUMBER_WORDS:
        return ValueKind.NUMBER if word != "One" else None
    if _CAMEL.search(word) and not word[0].isdigit():
        return ValueKind.IDENTIFIER
    if not word[0].isupper() or len(word) == 1:
        return None
    if opens:
        # "City: Denver." gives a value; "Beware: Never …" begins a sentence.
        alone = text[:start].rstrip(" ").endswith(":") and text[start + len(word) : start + len(word) + 1] in ";.)\n"
        return ValueKind.NAME if alone else None
    return ValueKind.NAME


def _paths(word: str, start: int, opens: bool) -> Iterator[Token]:
    trimmed = word.rstrip(".")
    last = trimmed.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    rooted = trimmed[0] in "/\\~." or trimmed[1:2] == ":"
    if (rooted and _LETTER.search(trimmed)) or trimmed.count("/") > 1 or _FILE.fullmatch(last):
        yield Token(trimmed, start, start + len(trimmed), ValueKind.PATH, opens)
        return
    at = start  # "in/on" and "1/2" are two words
    for part in re.split(r"([/\\])", trimmed):
        if part not in ("", "/", "\\"):
            for token in tokens_of(part, quotations=False):
                yield Token(token.text, at + token.start, at + token.end, token.kind, opens and at == start)
        at += len(part)


def _is_listed(text: str, word: str, start: int, end: int, before: str, enumerated: int) -> tuple[bool, int]:
    """Whether a number numbers an item ("2." at the head of a line, "2)" after "1)", "step 2"), and how far it
    counts.
    """
    if before.lower() in _LIST_WORDS:
        return True, enumerated
    if not word.isdigit() or len(word) > 2 or text[end : end + 1] not in (".", ")", ":"):
        return False, enumerated
    value = int(word)
    head = text[max(0, start - 40) : start].rpartition("\n")[2]
    if not head.strip(" \t(*#-") and (start - len(head) == 0 or "\n" in text[max(0, start - 40) : start]):
        return text[end : end + 1] != ":", value
    if value == enumerated + 1 and text[end : end + 2] in (") ", ". ") and text[start - 1] in " (":
        # "1. Ask. 2. Book." on one line: only what counts on from one.
        counts = text[end] == ")" or text[:start].rstrip(" (")[-1:] in ".;:,"
        return counts, value if counts else enumerated
    return False, enumerated
