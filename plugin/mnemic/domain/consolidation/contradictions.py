"""Statements about one subject that cannot both hold at once. English, no model; a label for a person, never a verdict.

Only *states* are compared (lives, is, has, costs …): two trips to two cities contradict nothing. Two states conflict when
the words around the value are the same and the values differ: names, numbers, a negation, or what follows *is* after a
word that can have one value only (favourite, birthday, port …). Within a text the last word counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mnemic.domain.consolidation.batches import Batch, pieces, without_collecting
from mnemic.domain.consolidation.corpus import Corpus, is_statement, moment, names_of, subject_of
from mnemic.domain.consolidation.terms import Sentence, stem
from mnemic.domain.memory import MemoryId

_STATES = frozenset(
    """is are am i'm it's he's she's isn't aren't live lives living work works own owns have has cost costs like likes love
    loves prefer prefers need needs use uses weigh weighs hate hates drink drinks eat eats study studies speak speaks don't
    doesn't listens runs close closes open opens start starts end ends belongs we're they're""".split()
)
_PAST = frozenset("was were had did used been would could might may if went ago when yesterday".split())
_SINGLE_VALUED = re.compile(
    r"\b(?:(?:favou?rite|first|last|middle|current|default|maximum|minimum|only|main|best)\s+[\w-]+|name|birthday|age|job|address"
    r"|phone(?: number)?|number|port|version|deadline|capital|price|budget|size|height|weight|status|owner|boss|manager"
    r"|major|hometown|nationality|password|allergy)\s+(?:is|are)\s+",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[,;!?](?!\d)|\b(?:and|but|because|so|since|although)\b")
_MAX_BLOCK = 64
_MAX_VALUE_WORDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two statements that cannot both hold at once, ``older`` first by the time they speak of.

    ``older_text`` and ``newer_text`` are the sentences, verbatim. ``reason`` says what differs. The newer one may be an
    update or a mistake: nobody here decides which.
    """

    older: MemoryId
    newer: MemoryId
    subject: str
    older_text: str
    newer_text: str
    reason: str


class _Claim(NamedTuple):
    row: int
    sentence: Sentence
    around: frozenset[str]
    values: frozenset[str]


def find_contradictions(corpus: Corpus, *, size: int = 2_000, start: int = 0) -> Iterator[Batch[Contradiction]]:
    """Contradictions by blocks of statements with the same words around their values, at most one for two memories.

    Linear: of a block with more than 64 statements the newest 64 are compared, each with the one before it that differs.
    """
    with without_collecting():
        blocks = sorted(_blocks(corpus).items())
    for at, end in pieces(len(blocks), size, start):
        found: dict[tuple[MemoryId, MemoryId], Contradiction] = {}
        for key, claims in blocks[at:end]:
            for contradiction in _within(corpus, key, claims):
                found.setdefault((contradiction.older, contradiction.newer), contradiction)
        yield Batch(proposals=tuple(found.values()), cursor=end, total=len(blocks))


def _blocks(corpus: Corpus) -> dict[tuple[str, str], list[_Claim]]:
    blocks: dict[tuple[str, str], list[_Claim]] = defaultdict(list)
    for row, (record, sentences) in enumerate(zip(corpus.records, corpus.sentences, strict=True)):
        for sentence in sentences:
            if not is_state(sentence):
                continue
            subject = subject_of(corpus, record, sentence)
            slot = _slot(sentence) if "is" in sentence.tokens or "are" in sentence.tokens else None
            if slot is not None:
                key, values = slot
                blocks[(subject or "", f"= {key}")].append(_Claim(row, sentence, frozenset(), values))
                continue
            if subject is None:
                continue
            own = stem(subject.split()[0].lower())
            values = frozenset({*names_of(corpus, sentence), *sentence.numbers}) - {own}
            around = frozenset(sentence.stems) - values - {own}
            if around:
                blocks[(subject, " ".join(sorted(around)))].append(_Claim(row, sentence, around, values))
    return {key: claims for key, claims in blocks.items() if len(claims) > 1}


def is_state(sentence: Sentence) -> bool:
    """Whether it says how something is now, not what happened or may happen."""
    tokens = sentence.tokens
    return not _STATES.isdisjoint(tokens) and _PAST.isdisjoint(tokens) and is_statement(sentence)


def _slot(sentence: Sentence) -> tuple[str, frozenset[str]] | None:
    """What can have one value only, and the words of its value; None when there is no such thing, or no short value."""
    found = _SINGLE_VALUED.search(sentence.text)
    if found is None:
        return None
    head = sentence.text[: found.end()].lower()
    key = [stem(word) for word in re.findall(r"[^\W_]+", head)]
    clause = _CLAUSE_END.split(sentence.text[found.end() :].lower(), maxsplit=1)[0]
    rest = re.findall(r"\d+(?:[.,:]\d+)*|[^\W_]+", clause)
    value = frozenset(stem(word) for word in rest) & frozenset(sentence.stems)
    return (" ".join(key), value) if 0 < len(value) <= _MAX_VALUE_WORDS else None


def _within(corpus: Corpus, key: tuple[str, str], claims: list[_Claim]) -> Iterator[Contradiction]:
    recent = claims[-_MAX_BLOCK:]
    for at, newer in enumerate(recent):
        for older in reversed(recent[:at]):
            reason = _difference(older, newer)
            if reason and older.row != newer.row:
                first, second = corpus.records[older.row], corpus.records[newer.row]
                if moment(first) > moment(second):  # pragma: no cover - records are sorted by time
                    first, second = second, first
                yield Contradiction(
                    older=first.id, newer=second.id, subject=key[0], older_text=older.sentence.text,
                    newer_text=newer.sentence.text, reason=reason,
                )  # fmt: skip
                break


def _difference(older: _Claim, newer: _Claim) -> str | None:
    if older.sentence.negated != newer.sentence.negated:
        return "one denies what the other says" if older.values == newer.values and older.around else None
    if not older.values or not newer.values or older.values & newer.values:
        return None
    numbers = all(value[0].isdigit() for value in older.values | newer.values)
    # A name in one and a number in the other answer different questions.
    kinds = [{value[0].isdigit() for value in claim.values} for claim in (older, newer)]
    if kinds[0] != kinds[1]:
        return None
    return f"different {'numbers' if numbers else 'values'}: {_listed(older.values)} and {_listed(newer.values)}"


def _listed(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))
