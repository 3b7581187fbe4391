"""The same fact said again: which of two memories can be archived without losing a word that matters.

Found by the prefix filter of AllPairs (Bayardo, Ma & Srikant 2007): two sets whose Jaccard overlap is at least t share one
of their rarest |x| - ⌈t·|x|⌉ + 1 words, so nothing above the threshold is missed before blocks are cut to size. Whether
two memories say the same is then decided strictly: whatever could be a different value keeps both.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from mnemic.domain.consolidation.batches import Batch, pieces, without_collecting
from mnemic.domain.consolidation.corpus import Corpus
from mnemic.domain.consolidation.signs import signs_of
from mnemic.domain.consolidation.terms import READ_CHARS, Sentence, in_same_order
from mnemic.domain.language import are_english
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord
from mnemic.domain.text import jaccard

SAME_JACCARD = 0.8
_MAX_BLOCK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeProposal:
    """``keep`` says all that those in ``archive`` say; they may be archived. Nothing is rewritten."""

    keep: MemoryId
    archive: tuple[MemoryId, ...]
    reason: str


def propose_merges(
    corpus: Corpus,
    *,
    protected: Set[MemoryId] = frozenset(),
    threshold: float = SAME_JACCARD,
    size: int = 5_000,
    start: int = 0,
) -> Iterator[Batch[MergeProposal]]:
    """Near-duplicates that are the same fact, kept where most is said, by batches of memories.

    ``protected`` memories (pinned, vouched, contested, cited as evidence …) are never archived; those that other memories
    here cite are protected anyway. ``threshold``: Jaccard overlap of stems, 0..1. Turns of different sessions, of different
    people or times, and facts of different origins are never merged: they are events and witnesses, not copies.
    Resuming with ``start`` repeats the comparisons before it, because what was archived there cannot be archived again.
    """
    cited = {id for record in corpus.records for id in record.evidence}
    safe = protected | cited
    with without_collecting():
        words = _ranks(corpus)
        blocks = _blocks(corpus, words, threshold)
    rows = {row for block in blocks.values() for row in block}
    order = sorted(rows, key=lambda row: (-len(words[row]), corpus.records[row].id not in safe, row))
    meets: dict[int, list[list[int]]] = defaultdict(list)
    for _, block in sorted(blocks.items()):
        for row in block:
            meets[row].append(block)
    gone: set[int] = set()
    for at, end in pieces(len(order), size, 0):
        merges = []
        for row in order[at:end]:
            if row in gone:
                continue
            others = {other for block in meets[row] for other in _near(block, row)} - gone - {row}
            same = [
                other
                for other in sorted(others)
                if corpus.records[other].id not in safe
                and words[other] <= words[row]
                and jaccard(words[other], words[row]) >= threshold
                and same_fact(corpus, keep=row, archive=other)
            ]
            if same:
                gone.update(same)
                gone.add(row)  # what is kept for others is not archived for a third
                merges.append(_merge(corpus, row, same))
        if end > start:
            yield Batch(proposals=tuple(merges), cursor=end, total=len(order))


def _merge(corpus: Corpus, row: int, same: Iterable[int]) -> MergeProposal:
    archive = tuple(corpus.records[other].id for other in same)
    return MergeProposal(
        keep=corpus.records[row].id,
        archive=archive,
        reason=f"says all that {len(archive)} other{'s say' if len(archive) > 1 else ' says'}: the same numbers, names,"
        " dates and denials",
    )


def _near(block: list[int], row: int) -> list[int]:
    """The neighbours of a memory in its block, at most `_MAX_BLOCK` of them."""
    if len(block) <= _MAX_BLOCK:
        return block
    at = bisect_left(block, row)  # rows come in order
    return block[max(0, at - _MAX_BLOCK // 2) : at + _MAX_BLOCK // 2]


def _ranks(corpus: Corpus) -> list[frozenset[int]]:
    """Each memory's stems as their ranks from the rarest on; a stem of one memory alone has a rank below zero."""
    vocabulary = sorted(corpus.frequency, key=lambda word: (corpus.frequency[word], word))
    alone = sum(count == 1 for count in corpus.frequency.values())
    rank = {word: at - alone for at, word in enumerate(vocabulary)}
    return [frozenset([rank[stem] for sentence in found for stem in sentence.stems]) for found in corpus.sentences]


def _blocks(corpus: Corpus, words: list[frozenset[int]], threshold: float) -> dict[int, list[int]]:
    """Rows by occasion and one of their rarest words, where two meet."""
    occasions: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row, record in enumerate(corpus.records):
        if words[row] and record.valid_to is None:
            occasions[_occasion(record)].append(row)
    blocks: dict[int, list[int]] = defaultdict(list)
    for rows in occasions.values():
        if len(rows) > 1:
            first = rows[0] * len(corpus.frequency)  # one number stands for the occasion and the word
            for row in rows:
                content = words[row]
                prefix = len(content) - math.ceil(threshold * len(content)) + 1
                for word in sorted(content)[:prefix]:
                    if word >= 0:
                        blocks[first + word].append(row)
    return {key: block for key, block in blocks.items() if len(block) > 1}


def _occasion(record: MemoryRecord) -> tuple[object, ...]:
    """What must be equal before two memories are compared at all."""
    origin = record.origin
    who = (record.kind, record.speaker, record.role, record.when_to_use, record.source)
    whence = (origin.channel, origin.claimed, origin.actor, origin.client)
    if record.kind is not Kind.EPISODIC:
        return who, whence
    return who, whence, record.session, record.occurred_at or record.recorded_at


def same_fact(corpus: Corpus, *, keep: int, archive: int) -> bool:
    """Whether row ``keep`` says all that row ``archive`` says and nothing that turns it round.

    The same numbers and names in the same order, the same small words of denial, person, time and direction, the same
    signs, all other words in the same order; what depends on the day it was said (yesterday) was said on the same day. The
    small words are those of English: of what is not told to be English, no word may be in one of the two alone.
    """
    one, other = corpus.sentences[keep], corpus.sentences[archive]
    if [number for part in one for number in part.numbers] != [number for part in other for number in part.numbers]:
        return False
    if _capitals(one) != _capitals(other) or _small_words(one) != _small_words(other):
        return False
    if any(part.moving for part in one) and _day(corpus.records[keep]) != _day(corpus.records[archive]):
        return False
    keeping, archiving = (corpus.records[row].text for row in (keep, archive))
    if keeping[READ_CHARS:] != archiving[READ_CHARS:]:  # which nobody has read
        return False
    if signs_of(keeping[:READ_CHARS]) != signs_of(archiving[:READ_CHARS]):
        return False
    left, right = ([stem for part in parts for stem in part.stems] for parts in (one, other))
    if not are_english(keeping, archiving):
        return left == right
    return in_same_order(left, right, frozenset(left) & frozenset(right))


def _capitals(parts: Iterable[Sentence]) -> list[str]:
    return [name for part in parts for name in part.names]


def _small_words(parts: Iterable[Sentence]) -> list[str]:
    """Words of denial, person, time and direction in order, and whether it asks."""
    found: list[str] = []
    for part in parts:
        turns = part.turns | part.moving
        found += [token for token in part.tokens if token in turns]
        if part.asks:
            found.append("?")
    return found


def _day(record: MemoryRecord) -> str:
    return str((record.occurred_at or record.recorded_at).date())
