"""What a sentence commits itself to: words, names, numbers, and the small words that turn its meaning round. English.

Sentences are verbatim pieces of a text. A *stem* is a lower-case word roughly without its inflection; a number in words
becomes digits. Everything is linear in the text and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from functools import lru_cache
from typing import NamedTuple

from mnemic.domain.numbers import NUMBER_WORDS
from mnemic.domain.stems import canonical_number, uninflected
from mnemic.domain.text import STOP_WORDS

READ_CHARS = 8_000
"""No more of a memory's text is read: a memory is a turn or a statement, not a book."""

_TOKEN = re.compile(r"\w+(?:['\u2019]\w+|(?<=\d)[.,:]\d+)*")
_SENTENCE_END = re.compile(r"[.!?\u2026\n](?=[\s\"')\]])[\"')\]]*\s+|\n")
_CAPTION = re.compile(r"\s(?=\[)")
# "one" is left out: it is a pronoun more often than a number.
_NUMBER_WORDS = {word: str(value) for word, value in NUMBER_WORDS.items() if word != "one"}
NEGATIONS = frozenset(
    "no not nor never none nothing nobody neither without cannot hardly isn't aren't wasn't weren't don't doesn't didn't"
    " won't can't couldn't wouldn't shouldn't haven't hasn't hadn't ain't stopped quit longer former formerly unlike".split()
)
# Two sentences that differ in one of these may say different things, however much else they share.
TURNS = NEGATIONS | frozenset(
    "if unless until except only almost maybe perhaps might may could should would must will shall used was were had did"
    " before after from to less more than always sometimes often rarely seldom usually once again still yet"
    " my your his her our their i you he she we they and or but off over under in out up down all any some every each"
    " him them us me it its this that these those by with for".split()
)
MOVING_TIMES = frozenset(
    "today yesterday tomorrow tonight now currently recently lately soon ago last next week month year weekend morning"
    " evening afternoon night monday tuesday wednesday thursday friday saturday sunday just".split()
)
"""Words whose meaning depends on the day they were said."""
_FIRST_PERSON = frozenset("i me my mine myself we us our ours i'm i've i'll i'd we're we've we'll we'd".split())
_INTERJECTIONS = frozenset(
    """wow hey hi hello yeah yes yep no nope nah sure thanks thank congrats cool awesome great nice oh ooh aw aww haha hah
    lol okay ok bye well right exactly absolutely definitely totally totes glad sounds good please sorry gotcha true
    take keep looking hope hopefully let maybe also actually honestly check there here""".split()
)
# Denials are no content: "eats" and "doesn't eat" are about the same.
_STOPS = (
    STOP_WORDS
    | (NEGATIONS - frozenset("stopped quit longer former formerly".split()))
    | frozenset(
        """i'm i've i'll i'd you're you've you'll you'd he's she's it's that's there's what's let's we're we've we'll we'd
    they're they've they'll us me really just also got get gonna lot lots much many thing things stuff yeah well oh hey
    wow thanks thank hi bye one even still way like here here's more now back all only been since last next""".split()
    )
)


_PLAIN, _NUMBER, _CAPITAL = range(3)


class Sentence(NamedTuple):
    """One sentence, taken apart. All words are in the order of the text.

    ``stems``: content words, numbers among them. ``names``: stems of words that are written with a capital as names are.
    ``opening``: the stem of the first word if it is written with a capital, whether a name or not. ``tokens``: all words
    in lower case. What few sentences are asked for follows from these.
    """

    text: str
    stems: tuple[str, ...]
    names: tuple[str, ...]
    opening: str
    tokens: tuple[str, ...]

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple([word for word in self.stems if word[0].isdigit()])

    @property
    def turns(self) -> frozenset[str]:
        return TURNS.intersection(self.tokens)

    @property
    def moving(self) -> frozenset[str]:
        return MOVING_TIMES.intersection(self.tokens)

    @property
    def asks(self) -> bool:
        return "?" in self.text[-3:]

    @property
    def first_person(self) -> bool:
        return not _FIRST_PERSON.isdisjoint(self.tokens)

    @property
    def negated(self) -> bool:
        return not NEGATIONS.isdisjoint(self.tokens)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A lower-case word without its inflection, roughly: lives, lived and living are one. Numbers come out canonical."""
    if word[0].isdigit():
        return canonical_number(word)
    if word in _NUMBER_WORDS:
        return _NUMBER_WORDS[word]
    if len(word) > 2 and word[-1] == "s" and word[-2] in "'\u2019":
        word = word[:-2]
    return uninflected(word)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, verbatim and stripped, those of a picture's ``[caption]`` apart."""
    text = text[:READ_CHARS]
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    if " [" in text:
        ends = sorted({*ends, *(found.end() for found in _CAPTION.finditer(text))})
    if not ends:
        return [stripped] if (stripped := text.strip()) else []
    parts = [text[at:end].strip() for at, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    return [part for part in parts if part]


def read_sentence(text: str) -> Sentence:
    """Take one sentence apart."""
    words = tuple(map(read_word, _TOKEN.findall(text)))
    if not words:
        return Sentence(text, (), (), "", ())
    tokens, bases, forms = zip(*words, strict=True)
    opening = bases[0] if forms[0] == _CAPITAL else ""
    names: tuple[str, ...] = ()
    if forms.count(_CAPITAL) > (forms[0] == _CAPITAL):
        names = tuple([base for _, base, form in words[1:] if form == _CAPITAL])
    return Sentence(text, tuple(filter(None, bases)), names, opening, tokens)


@lru_cache(maxsize=100_000)
def read_word(word: str) -> tuple[str, str, int]:
    """A word in lower case, its stem (empty for function words), and whether it is a number or has a capital."""
    lower = word.lower().replace("\u2019", "'")
    if lower in _STOPS and word != "May":  # the month
        return lower, "", _PLAIN
    base = stem(lower)
    if base[0].isdigit():
        return lower, base, _NUMBER
    return lower, base, _CAPITAL if word[0].isupper() and lower not in _INTERJECTIONS else _PLAIN


def read_sentences(text: str) -> tuple[Sentence, ...]:
    """All sentences of a text, taken apart."""
    return tuple(read_sentence(part) for part in split_sentences(text))


def in_same_order(one: Iterable[str], other: Iterable[str], shared: Set[str]) -> bool:
    """Whether two sequences name what they share in the same order: "dog bites man" is not "man bites dog"."""
    return list(dict.fromkeys(word for word in one if word in shared)) == list(
        dict.fromkeys(word for word in other if word in shared)
    )
