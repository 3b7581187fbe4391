"""Words in disguise: letters set apart or under marks, words joined, broken or each by itself, digits for letters. What they
say is read like the rest.

Identifiers, slugs and part numbers look the same, so only what then speaks of the reader's instructions or answer counts.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from mnemic.domain.language import is_foreign
from mnemic.domain.verdict import Span
from mnemic.guard.screening.clauses import Clause, clauses_of
from mnemic.guard.screening.plain import Plain, holds_any, lowered

# Four words or more in one: IGNORE_ALL_RULES_NOW, ignoreAllRulesNow, ignore+all+rules+now, ignore%20all%20rules.
_JOINED = re.compile(
    r"(?<![\w+%-])[A-Za-z]{2,20}(?:(?:[_+/\u00b7|~-]|%20)[A-Za-z]{1,20}){3,40}"
    r"|(?<!\w)[A-Za-z][a-z]{1,20}(?:[A-Z][a-z]{1,20}){3,40}"
)
_SHORTEST_JOINED = 16
_LONG = re.compile(rf"\S{{{_SHORTEST_JOINED},}}")
_LADDER = re.compile(r"[A-Za-z]{2,20}(?:\s[/|\u00b7~]\s[A-Za-z]{1,20}){3,40}")
_RUNGS = (" / ", " | ", " \u00b7 ", " ~ ")
_JOINTS = re.compile(r"[_+/\u00b7|~\s-]+|%20|(?<=[a-z])(?=[A-Z])")
# Seven letters or more, each set apart from the next.
_APART = re.compile(
    r"(?<!\w)(?:[A-Za-z](?:[ ]{1,6}(?:[.*_\u00b7|-][ ]{0,2})?|[.*_\u00b7|-]{1,3}[ ]{0,2})){6,400}[A-Za-z](?!\w)"
)
_WIDE = re.compile(r"\s{2,}")
_BETWEEN = re.compile(r"[\s.*_\u00b7|-]+")
_BROKEN = re.compile(r"[a-z]-[a-z]")
_DIGIT_IN = re.compile(r"[a-z][013457@$][a-z]|[013457@$][a-z]{2}")
_DIGITS_IN = re.compile(r"(?<![\w])(?=\w{0,20}[a-z])(?=\w{0,20}[013457@$])[\w@$]{3,20}(?![\w])")
# What a clause in disguise has to speak of: nothing else of it would count.
_ABOUT_READER = re.compile(
    r"instruction|prompt|guideline|directive|command|order|rule|answer|respon|repl|output|summar|say|write|system|previous|prior"
    r"|above|earlier|task|goal|polic|restriction|check|training|assistant|model|agent|chat ?bot|everything"
)
# Words with something besides spaces between each two: "ignore, all, ...", one in each line, [each] [in] [brackets].
_EACH_BY_ITSELF = re.compile(
    r"(?<![A-Za-z])[A-Za-z]{1,20}(?:[ \t]{0,2}[^A-Za-z \t]{1,4}[ \t]{0,2}(?:[^A-Za-z \t]{1,3}[ \t]?)?[A-Za-z]{1,20}){3,60}"
)
_SENTENCE_END = re.compile(r"[.!?\u2026]\s+")
_DIGIT = re.compile(r"\d{1,3}")
_FEWEST_ALIKE = 4
_LETTERS = re.compile(r"[A-Za-z]+")
_NO_LETTERS = re.compile(r"[^A-Za-z]+")
_ACCENTED = re.compile("[\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff]")
_FEWEST_ACCENTED = 4
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff]+")
# A command that is no sentence of its own: in brackets, in a field, behind "so".
_WITHIN = re.compile(r"(?:[(\[]\s?|,(?=[A-Z])|[,;]\s(?:so|then|therefore|thus|hence),?\s)(?=[A-Za-z]{3,20}\s)")
# Markup, comments and signs inside a word.
_INSIDE = re.compile(
    r"(?<=[A-Za-z])(?:\*{2,3}|_{2,3}|~~|`|</?[A-Za-z][^<>\n]{0,60}>(?:</?[A-Za-z][^<>\n]{0,60}>)?|<!--[^\n]{0,40}?-->"
    r"|[\u2190-\u2bff\U0001f300-\U0001faff]\ufe0f?)(?=[A-Za-z])"
)
_INSIDE_SIGNS = ("**", "__", "~~", "`", "<")
_MARKUP = re.compile(
    r"\*{2,3}|_{2,3}|~~|`|</?[A-Za-z][^<>\n]{0,60}>|<!--[^\n]{0,40}?-->|[\u2190-\u2bff\U0001f300-\U0001faff]\ufe0f?"
)
_FEWEST_INSIDE = 3
_FEWEST_DIGITS_IN = 4
_SIGN = r"[\u2190-\u2bff\U0001f300-\U0001faff]\ufe0f?"
_SIGNS = re.compile(rf"(?:{_SIGN})+")
_SIGNS_FOR_SPACES = re.compile(rf"[A-Za-z'\u2019]{{1,20}}(?:(?:{_SIGN}){{1,3}}[\w'\u2019@.-]{{1,40}}){{3,60}}")
_DIGITS = (str.maketrans("013457@$", "oieastas"), str.maketrans("013457@$", "oleastas"))


def undisguised(plain: Plain, clauses: Sequence[Clause]) -> Iterator[Clause]:
    """What the words in disguise say, as clauses in the places where they stand. Linear."""
    longest = len(max(plain.text.split(), key=len, default=""))
    for long in _LONG.finditer(plain.text) if longest >= _SHORTEST_JOINED else ():
        for match in _JOINED.finditer(plain.text, *long.span()):
            yield _said(match.start(), match.end(), _JOINTS.sub(" ", match[0]))
    for match in _LADDER.finditer(plain.text) if holds_any(plain.text, _RUNGS) else ():
        yield _said(match.start(), match.end(), _JOINTS.sub(" ", match[0]))
    for match in _APART.finditer(plain.text):
        words = _WIDE.split(match[0]) if _WIDE.search(match[0]) else match[0].split(" ")
        yield _said(match.start(), match.end(), " ".join(_BETWEEN.sub("", word) for word in words))
    for one in clauses:
        if one.low.count("-") > 1 and len(_BROKEN.findall(one.low)) > 1:
            yield _said(one.start, one.end, _BROKEN.sub(lambda found: found[0][0] + found[0][2], one.text))
    yield from _commands_within(plain, clauses)
    for run in _EACH_BY_ITSELF.finditer(plain.text):
        if _ABOUT_READER.search(_NO_LETTERS.sub(" ", plain.low[run.start() : run.end()])):
            uniform = _is_uniform(run[0])
            for start, end in (*(_sentences(run) if uniform else ()), *_stretches(run)):
                yield _said(start, end, _NO_LETTERS.sub(" ", plain.text[start:end]).strip())
    if not plain.text.isascii() and len(_ACCENTED.findall(plain.text)) >= _FEWEST_ACCENTED:
        yield from _unmarked(plain)


def with_digits(plain: Plain, clauses: Sequence[Clause]) -> Iterator[tuple[Clause, bool]]:
    """What words say that are spelt with digits for letters, and whether that is all over the clause, in no language."""
    if _DIGIT_IN.search(plain.low) is not None:
        for one in clauses:
            yield from _spelt_with_digits(one)


def unmistakable(plain: Plain) -> Iterator[Clause]:
    """What words say that nobody writes so but to hide them: with signs for spaces. Linear."""
    if not plain.text.isascii():
        for match in _SIGNS_FOR_SPACES.finditer(plain.text):
            yield _said(match.start(), match.end(), _SIGNS.sub(" ", match[0]))


def _spelt_with_digits(one: Clause) -> Iterator[tuple[Clause, bool]]:
    found = len(_DIGITS_IN.findall(one.low))
    if found < 2:
        return
    all_over = found >= _FEWEST_DIGITS_IN and is_foreign(one.text) is not False
    for table in _DIGITS:
        said = one.text.translate(table)
        yield _said(one.start, one.end, said), all_over and is_foreign(said) is False


def _commands_within(plain: Plain, clauses: Sequence[Clause]) -> Iterator[Clause]:
    starts = [one.start for one in clauses]
    for within in _WITHIN.finditer(plain.text):
        at = bisect_right(starts, within.start()) - 1
        end = clauses[at].end if at >= 0 else 0
        if end > within.end() and _ABOUT_READER.search(plain.low, within.end(), end):
            yield _said(clauses[at].start, end, plain.text[within.end() : end])


def _is_uniform(run: str) -> bool:
    """Whether nearly everywhere the same stands between two words, but for numbers: else nobody set them apart."""
    gaps = Counter(_DIGIT.sub("0", gap) for gap in _NO_LETTERS.findall(run))
    return bool(gaps) and max(gaps.values()) * 4 >= gaps.total() * 3


def _stretches(run: re.Match[str]) -> Iterator[Span]:
    """The parts of a run in which the same stands between each two words, four times or more."""
    words = list(_LETTERS.finditer(run.string, *run.span()))
    first = 0
    for at in range(1, len(words)):
        gap = run.string[words[at - 1].end() : words[at].start()]
        after = run.string[words[at].end() : words[at + 1].start()] if at + 1 < len(words) else None
        if after is None or _DIGIT.sub("0", after) != _DIGIT.sub("0", gap):
            if at - first >= _FEWEST_ALIKE:
                yield words[first].start(), words[at].end()
            first = at


def _sentences(run: re.Match[str]) -> Iterator[Span]:
    """The parts of a run of single words between the ends of sentences."""
    at = run.start()
    for end in _SENTENCE_END.finditer(run.string, *run.span()):
        yield at, end.start()
        at = end.end()
    yield at, run.end()


def _unmarked(plain: Plain) -> Iterator[Clause]:
    """The clauses with letters under accents and other marks, as they read without them."""
    pieces: list[str] = []
    origins: list[int] = []
    for at, char in enumerate(plain.text):
        bare = char if char < "\x80" else _MARKS.sub("", unicodedata.normalize("NFD", char))
        pieces.append(bare)
        origins += [at] * len(bare)
    text = "".join(pieces)
    if text == plain.text or not _ABOUT_READER.search(text.lower()):
        return
    for one in clauses_of(Plain(text=text, low=lowered(text), size=len(plain.text), origins=origins)):
        if _ABOUT_READER.search(one.low):
            start, end = origins[one.start], origins[one.end - 1] + 1
            if plain.text[start:end] != one.text:
                yield Clause(start, end, one.text, one.low)


def mended(plain: Plain) -> list[Clause]:
    """The clauses of a text that has markup, comments or signs inside its words, as they read without those. Linear."""
    text = plain.text
    if text.isascii() and not holds_any(text, _INSIDE_SIGNS):
        return []
    if len(list(islice(_INSIDE.finditer(text), _FEWEST_INSIDE))) < _FEWEST_INSIDE:
        return []
    pieces: list[str] = []
    origins: list[int] = []
    last = 0
    for match in _MARKUP.finditer(text):
        pieces.append(text[last : match.start()])
        origins += range(last, match.start())
        last = match.end()
    pieces.append(text[last:])
    origins += range(last, len(text))
    whole = "".join(pieces)
    bare = Plain(text=whole, low="".join(plain.low[at] for at in origins), size=len(text), origins=origins)
    found = []
    for one in clauses_of(bare):
        start, end = bare.span(one.start, one.end)
        if _INSIDE.search(text, start, end):
            found.append(Clause(start, end, one.text, one.low))
    return found


def _said(start: int, end: int, text: str) -> Clause:
    return Clause(start, end, text, lowered(text))
