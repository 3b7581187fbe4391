"""Cuts a text into clauses: the pieces that may each be an instruction, also where somebody has glued one to a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mnemic.guard.screening.plain import Plain
from mnemic.guard.screening.verbs import MIXED, NAMES_TOO, RARE, SURE, VERBS

# Where one clause ends and the next begins. Every alternative is bounded, so cutting is linear in the text.
_CUT = re.compile(
    r"""
      [\r\n\u2028\u2029]+
    | [.!?\u2026][)\]"'\u201d\u2019*_]{0,3}\s+(?=[^\w\s]{1,8}[A-Z]|[A-Z"'\u201c\u2018(\[<*_\-\u2022#{\d])  # a sentence's end
    | (?<=[a-z0-9)\]"'][.!?])(?=[A-Z][a-z]|[<\[{])                                # ... with the space forgotten
    | (?<=[a-z])[!?](?=[a-z]{2}) | [!?]\s+(?=[a-z])  # ... or a sentence put into another
    | (?<=[A-Za-z0-9]\.)[ \t]+(?=[a-z]) | \u3002(?=[A-Za-z])  # ... in small letters, or of other scripts
    | <!--+ | (?<!-)--+> | </?[A-Za-z!|][^<>]{0,4000}>                                  # markup
    | (?<=\])\([^()\s]{1,400}\s+["'] | ["']\)                                      # the title of a link
    | \|(?=\s{0,9}[A-Z]|\s*$)                                                      # fields of one line
    | ",\s{0,3}" | "\s{0,3}:\s{0,3}"(?=[A-Za-z]) | [{}]                           # JSON
    | (?<=\s)[\u2022\u2023\u25aa\u00b7*\u2013\u2014\-]{1,3}\s+(?=[A-Za-z"'])         # bullets and dashes
    | ;\s+(?=[A-Za-z])
    | (?<=[a-z][:)])\s+(?=[A-Z"'\u201c][a-z]{2})                                  # a label before a sentence
    | (?<=\s\s)(?=[A-Z])
    """,
    re.VERBOSE,
)
# Inside a line: a capitalised word that may start a clause of its own, and what makes it likely.
_INNER = re.compile(
    r"(?<=[^\s.!?:])\s(?=([A-Z][a-z]+)(?:['\u2019](?:s|re))?\s+(?:(?P<strong>your|the|a|an|my|all|each|every|this"
    r"|that|these|those|any|some"
    r"|me|us|them|him|her|it)\b|(?P<loose>in|with|using|to|into|as|for|about|how|why|what|who|whether|if|on|up|down"
    r"|only|[\"'\u201c\u2018\d])|(?P<be>is|are|was|were|do|does|did|can|could|would|will|many|much|should|has|have"
    r"|you)\b"
    r"|(?P<other>\w)))"
)
_QUESTION_WORDS = frozenset("What Who Whose Where Why How Which".split())
_AUXILIARIES = frozenset("Can Could Would Will Is Are Does Did When".split())
_OPENERS = frozenset("In At When Whenever If Before After While From Throughout Instead Also Please Kindly".split())
_LONGEST = 600

# Inside a tag: the name of an attribute with what opens its value, or what closes it. What is left may be sentences.
_ATTRIBUTE = re.compile(r"[\w:.-]{1,60}\s{0,3}=\s{0,3}[\"']|[\"'](?=[\s/]|$)|[\r\n]+")
_SPOKEN = re.compile(r"[A-Za-z]{2,}[\s,]+[A-Za-z]{2,}[\s,]+[A-Za-z]")
_SPACES = re.compile(r"\s+")
# A full stop behind these ends no sentence, unless a command begins there.
_SHORT_FORM = re.compile(r"(?:^|[\s(])(?:Dr|Mr|Mrs|Ms|Prof|St|Sr|Jr|Nr|Rev|Gen|Col|Capt|[A-Z])$")
_LONG_WORD = re.compile(r"[A-Za-z]{4}\.$")
_SMALL_FORM = re.compile(
    r"(?:^|[\s(.])(?:e\.g|i\.e|[a-z]|etc|vs|no|nr|cf|al|ca|pp|ed|fig|vol|op|inc|ltd|co|st|dr|mr|ms|mrs)\.$", re.I
)
_NEXT_WORD = re.compile(r"[A-Za-z]+")
# The next line goes on with the sentence of this one: no end here, and no beginning there.
_GAP = re.compile(r"[ \t]*\r?\n[ \t]*(?:>[ \t]?){0,5}")
_GOES_ON = re.compile(
    r"(?!\w[\w.-]{0,30}[ \t]{0,2}[:=]|[^\n]{0,80}[={};])(?:>[ \t]?){0,5}(?:[a-z\d(\"'\u201c$~/+]|\S{1,60}(?:@|://))"
)
_MOST_LINES = 3
# What opens a comment or a point of a list: only a line that is opened in the same way goes on with it.
_OPENER = re.compile(r"(?:#+|//+|--|/?\*+|;+|%+|-)\s")
# No sentence ends with one of these.
_UNFINISHED = re.compile(
    r"(?:^|\s)(?:to|the|an?|of|at|in|for|with|and|or|from|by|on|into|your|our|my|his|her|their|this|that|all|every|any|via)$"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause: its range in the plain text, its words as written with single spaces, and the same in small letters."""

    start: int
    end: int
    text: str
    low: str

    @property
    def is_question(self) -> bool:
        return self.text.rstrip("\"')]\u201d\u2019 ").endswith("?")


def clauses_of(plain: Plain) -> list[Clause]:
    """The clauses, in order and without overlap. None is longer than 600 characters."""
    found: list[Clause] = []
    text = plain.text
    last = 0
    for cut in _CUT.finditer(text):
        first = text[cut.start()]
        if first == "." and _abbreviates(text, last, cut):
            continue
        if first in " \t" and text[cut.start() - 1] == "." and not _goes_on_small(text, last, cut):
            continue
        _add(found, plain, last, cut.end() if first in ".!?\u2026" else cut.start())
        if first == "<":
            _add_tag(found, plain, cut.start() + 1, cut.end() - 1)
        last = cut.end()
    _add(found, plain, last, len(text))
    return found


def _abbreviates(text: str, start: int, cut: re.Match[str]) -> bool:
    if not _SHORT_FORM.search(text[max(start, cut.start() - 6) : cut.start()]):
        return False
    word = _NEXT_WORD.match(text, cut.end())
    return word is not None and word[0].lower() not in VERBS


def _goes_on_small(text: str, start: int, cut: re.Match[str]) -> bool:
    """Whether a sentence ends before a small letter: behind a word that is no short form, or before a command."""
    if _LONG_WORD.search(text, max(start, cut.start() - 5), cut.start()):
        return True
    word = _NEXT_WORD.match(text, cut.end())
    return (
        word is not None
        and word[0].lower() in SURE
        and not _SMALL_FORM.search(text, max(start, cut.start() - 8), cut.start())
    )


def _add_tag(found: list[Clause], plain: Plain, start: int, end: int) -> None:
    """What a tag says: the values of its attributes, and all of it where it is no tag but a sentence in angle brackets."""
    if not _SPOKEN.search(plain.text, start, end):
        return
    last = start
    for cut in _ATTRIBUTE.finditer(plain.text, start, end):
        if _SPOKEN.search(plain.text, last, cut.start()):
            _add(found, plain, last, cut.start())
        last = cut.end()
    if _SPOKEN.search(plain.text, last, end):
        _add(found, plain, last, end)


def with_wrapped_lines(plain: Plain, clauses: Sequence[Clause], at: int) -> Clause:
    """The clause at a place with the lines that go on with its sentence, at most three: mails break lines anywhere."""
    whole = clauses[at]
    if whole.end == len(plain.text) or "\n" not in plain.text[whole.end : whole.end + 3]:
        return whole
    opener = _OPENER.match(whole.text)
    for after in clauses[at + 1 : at + 1 + _MOST_LINES]:
        if whole.text[-1] in ".!?:;" or after.start - whole.end > 12:
            break
        if not _GAP.fullmatch(plain.text, whole.end, after.start):
            break
        text, low = after.text.lstrip("> \t"), after.low.lstrip("> \t")
        if opener is not None:
            if not text.startswith(opener[0]):
                break
            text, low = text[opener.end() :], low[opener.end() :]
        if not text or (not _GOES_ON.match(text) and not _UNFINISHED.search(whole.low)):
            break
        whole = Clause(whole.start, after.end, f"{whole.text} {text}", f"{whole.low} {low}")
    return whole


def _add(found: list[Clause], plain: Plain, start: int, end: int) -> None:
    """Appends what lies between two cuts, cut once more where a capitalised command or question begins."""
    while end - start > 1:
        stop = min(end, start + _LONGEST)
        if stop < end:
            stop = max(plain.text.rfind(" ", start + 1, stop), start + _LONGEST // 2)
        at = start
        for inner in _INNER.finditer(plain.text, start, stop):
            if _begins(inner):
                _append(found, plain, at, inner.start())
                at = inner.end()
        _append(found, plain, at, stop)
        start = stop


def _append(found: list[Clause], plain: Plain, start: int, end: int) -> None:
    text = plain.text[start:end]
    stripped = text.lstrip()
    start += len(text) - len(stripped)
    stripped = stripped.rstrip()
    if len(stripped) > 1:
        end = start + len(stripped)
        low = plain.low[start:end]
        if "  " in stripped or "\t" in stripped or "\n" in stripped:
            stripped, low = _SPACES.sub(" ", stripped), _SPACES.sub(" ", low)
        found.append(Clause(start, end, stripped, low))


def _begins(inner: re.Match[str]) -> bool:
    word = inner[1]
    if word in _QUESTION_WORDS or (word in _OPENERS and not inner["other"]):
        return True
    if word in _AUXILIARIES:
        return inner["be"] is not None or (inner["strong"] is not None and word not in ("Will", "Can"))
    if word in ("Please", "Kindly"):
        return True
    verb = word.lower()
    if verb in NAMES_TOO:
        return inner["strong"] is not None
    if verb in SURE:
        return inner["be"] is None
    return (verb in MIXED and bool(inner["strong"] or inner["loose"])) or (verb in RARE and bool(inner["strong"]))
