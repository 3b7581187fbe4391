"""Whether a text keeps to its evidence: every value that it states must occur there.

The check of HaluMem's stage of extraction (a memory's facts must have a span in the source), for values alone: what
can be decided without a model. What a text says *about* its values is not judged; `coverage` tells how much of its
wording the evidence shares.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import or_

from mnemic.domain.experience.evidence import (
    LETTERS,
    Evidence,
    is_supported,
    number_key,
    read_evidence,
    stand_together,
    stem_of,
)
from mnemic.domain.experience.values import Token, ValueKind, alphanumeric, fold, tokens_of
from mnemic.domain.language import capitalises_nouns, is_foreign
from mnemic.domain.text import FIRST_WIDE, STOP_WORDS

# "Did you mean" is a kindness: it may not cost more than the check.
_MOST_NEAREST = 12
_MOST_REPORTED = 256
_MOST_CANDIDATES = 400
_LEAST_LIKENESS = 0.34
# In languages whose endings nobody here knows, a word is another's that has so many letters of it in a row, from one of
# its first four letters on: a prefix may differ as well.
_ROW = 4
_MOST_PREFIX = 3
# "- **Total Price:** 12", "* New Flights: …": what heads an entry of a list is its label.
_LABEL = re.compile(
    r"(?m:^[ \t]{0,12}(?:[-*\u2022][ \t]{1,3}\*{0,2}|\d{1,2}[.)][ \t]{1,3}\*{0,2}|\*\*)([A-Z][^\n:*]{0,50}+)\*{0,2}:)"
    r"|(?m:^#{1,6}[ \t]([^\n]{1,80}))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """A value at ``start`` … ``end`` of the claim that the evidence does not have.

    ``nearest`` is the most similar value of its kind in the evidence, None when nothing there resembles it.
    """

    kind: ValueKind
    text: str
    start: int
    end: int
    nearest: str | None = None


def unsupported(claim_text: str, evidence_texts: Iterable[str] | Evidence) -> tuple[Unsupported, ...]:
    """The values of a claim that do not occur in the evidence, in order; empty when it keeps to it.

    Compared are normal forms: 1,203.00 is 1203, three is 3, 2024-05-23 is May 23rd, 2 pm is 14:00, ``userId`` is
    ``user_id``. A quotation must occur word by word; an ellipsis in it stands for what was left out. Numbers of lists
    and steps are no claims, nor are capitals at the head of a sentence, in a heading, in the label of a list's entry or
    in German, where all nouns have them. Linear in the claim and the evidence; the first 256 are reported.
    """
    evidence = evidence_texts if isinstance(evidence_texts, Evidence) else read_evidence(evidence_texts)
    titles, labels = _title_lines(claim_text), [match.span() for match in _LABEL.finditer(claim_text)]
    if capitalises_nouns(claim_text):
        titles = [(0, len(claim_text))]
    found: list[Unsupported] = []
    known: dict[tuple[ValueKind, str], bool] = {}
    previous: Token | None = None
    for token in tokens_of(claim_text):
        if token.kind is None or token.listed:
            previous = None
            continue
        if token.kind is ValueKind.NAME and (_is_within(token.start, titles) or _is_within(token.start, labels)):
            continue
        key = (token.kind, token.text)
        supported = known.get(key)
        if supported is None:
            supported = known[key] = is_supported(token, evidence)
        if supported and token.kind is ValueKind.NAME and _joins(previous, token, claim_text):
            assert previous is not None
            supported = stand_together(fold(previous.text), fold(token.text), evidence)
        previous = token if supported else None
        if not supported:
            nearest = _nearest(token, evidence) if len(found) < _MOST_NEAREST else None
            found.append(
                Unsupported(kind=token.kind, text=token.text, start=token.start, end=token.end, nearest=nearest)
            )
            if len(found) == _MOST_REPORTED:
                break
    return tuple(found)


def coverage(claim_text: str, evidence_texts: Iterable[str] | Evidence) -> float:
    """Share of the claim's content words (lightly stemmed) that occur in the evidence, 0..1; 1 when it has none.

    In another language than English a word occurs of which the evidence has a form, and in a script without spaces a letter
    that stands beside the same one there.
    """
    evidence = evidence_texts if isinstance(evidence_texts, Evidence) else read_evidence(evidence_texts)
    words = LETTERS.findall(fold(claim_text))
    if is_foreign(claim_text) or any(max(word) >= FIRST_WIDE for word in words):
        return _coverage_by_letters(words, evidence)
    stems = {stem_of(word) for word in words if len(word) > 2 and word not in STOP_WORDS}
    return len(stems & evidence.stems) / len(stems) if stems else 1.0


def _coverage_by_letters(words: Iterable[str], evidence: Evidence) -> float:
    rows = {word[at : at + _ROW] for word in evidence.places for at in range(len(word) - _ROW + 1)}
    pairs = {pair for word in evidence.places if max(word) >= FIRST_WIDE for pair in pairwise(word)}
    shared = whole = 0
    for word in set(words):
        if max(word) >= FIRST_WIDE:
            known = [pair in pairs for pair in pairwise(word)]
            shared += sum(map(or_, [False, *known], [*known, False]))
            whole += len(word) if known else 0
        elif len(word) >= _ROW:
            shared += any(word[at : at + _ROW] in rows for at in range(_MOST_PREFIX + 1))
            whole += 1
    return shared / whole if whole else 1.0


def _joins(previous: Token | None, token: Token, text: str) -> bool:
    """Whether two words are one name: both capitalised and nothing but a space between them."""
    return previous is not None and previous.kind is ValueKind.NAME and text[previous.end : token.start] == " "


def _title_lines(text: str) -> list[tuple[int, int]]:
    """The lines of three and more words in which almost every word is a capital's: headings, where names cannot be
    told.
    """
    titles = []
    at = 0
    for line in text.split("\n"):
        words = [word for word in line.split(" ") if len(word) > 3 and word[0].isalpha()]
        if len(words) >= 3 and len(line) <= 120 and all(word[0].isupper() for word in words):
            titles.append((at, at + len(line)))
        at += len(line) + 1
    return titles


def _is_within(place: int, spans: Sequence[tuple[int, int]]) -> bool:
    at = bisect_left(spans, (place + 1, 0)) - 1
    return at >= 0 and place < spans[at][1]


def _nearest(token: Token, evidence: Evidence) -> str | None:
    """The value of the same kind in the evidence that shares the most pairs of characters; of numbers the closest."""
    kinds = (
        (ValueKind.IDENTIFIER, ValueKind.CODE)
        if token.kind in (ValueKind.IDENTIFIER, ValueKind.CODE)
        else (token.kind,)
    )
    shown = [item for kind in kinds if kind is not None for item in evidence.shown.get(kind, {}).items()]
    if token.kind is ValueKind.NUMBER:
        value = float(number_key(token.text))
        keyed = [(abs(float(key) - value), key) for key in list(evidence.numbers)[:_MOST_CANDIDATES]]
        return min(keyed)[1] if keyed else None
    wanted = _pairs(alphanumeric(token.text))
    best, likeness = None, _LEAST_LIKENESS
    for key, text in shown[:_MOST_CANDIDATES]:
        pairs = _pairs(key)
        share = 2 * len(wanted & pairs) / (len(wanted) + len(pairs) or 1)
        if share > likeness:
            best, likeness = text, share
    return best


def _pairs(key: str) -> set[str]:
    return {key[at : at + 2] for at in range(len(key) - 1)}
