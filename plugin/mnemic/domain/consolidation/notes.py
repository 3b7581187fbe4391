"""Semantic notes: what several independent episodes say about one subject, in their own words.

"Useful Memories Become Faulty" finds that forced consolidation halves accuracy; so a note needs several independent
episodes, quotes them, and takes nobody's place: the episodes stay. A model may word a note; what it says is checked
against the quotes, and the quotes are taken instead when it adds anything.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from mnemic.domain.consolidation.batches import Batch, collect, pieces, without_collecting
from mnemic.domain.consolidation.contradictions import find_contradictions
from mnemic.domain.consolidation.corpus import Corpus, episode_of, is_source, is_statement, subject_of
from mnemic.domain.consolidation.support import unsupported_claims
from mnemic.domain.consolidation.terms import MOVING_TIMES, TURNS, Sentence, stem
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord
from mnemic.domain.text import date_words, jaccard

Write = Callable[[str, tuple[str, ...]], str]
"""Words a note: subject and quotes in, text out. May raise anything: the quotes are taken then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSettings:
    """When notes are proposed.

    ``min_episodes`` ≥ 2 independent episodes must say it. ``pair_words`` ≥ 2 most telling words of a sentence are paired.
    ``max_share``: words in more than this share of the memories tell nothing, 0..1 (never fewer than 12 memories).
    Measured on LoCoMo dev (`tests/benchmarks/consolidating.py`): at 0.03 notes cost 0.3 points of R@5 where they compete
    with the turns, at 0.05 1.0; where notes have a place of their own, nothing (0.03) at both.
    ``max_quotes`` ≥ 1, ``max_evidence`` ≥ min_episodes. ``min_similarity``: mean cosine of a statement to the others of its
    note, where there are vectors. ``max_overlap``: a note whose evidence shares more than this with another's is left out.
    """

    min_episodes: int = 3
    pair_words: int = 6
    max_share: float = 0.03
    max_quotes: int = 3
    max_evidence: int = 12
    min_similarity: float = 0.35
    max_overlap: float = 0.34
    max_quote_chars: int = 240


DEFAULT = NoteSettings()
GENEROUS = NoteSettings(max_share=0.05)
"""Four times as many notes, for a recall that gives notes a place of their own beside the episodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A sentence, verbatim, of the memory ``id``. ``said``: its date as people write it, empty if unknown."""

    id: MemoryId
    text: str
    speaker: str | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteProposal:
    """A note that may be stored as a semantic memory with ``evidence``.

    ``support`` is the number of independent episodes, ≥ `NoteSettings.min_episodes`. ``worded`` is true when a model
    wrote the text and every word of it was found in the quotes.
    """

    text: str
    evidence: tuple[MemoryId, ...]
    subject: str
    reason: str
    support: int
    quotes: tuple[Quote, ...]
    worded: bool = False


# Words of passing things: what recurs in them is the manner of talking.
_PASSING = frozenset(
    stem(word)
    for word in [
        *MOVING_TIMES,
        *TURNS,
        *"day days year years hour minute time pic picture photo talk chat ages couple".split(),
    ]
)


_NEAR_WORDS = 3
# What somebody is about to do or asks for is no fact about him.
_INTENTIONS = frozenset("i'll we'll i'd we'd please wondering let's".split())


# Pieces of JSON: what a tool answered is a record, no statement about the word that happens to open it.
_RECORD = re.compile(r'"\s*:\s*(?:["\[{\d]|$)|["\]}]\s*[\]}]|[\[{]\s*[\[{"]')


class _Statement(NamedTuple):
    row: int
    sentence: Sentence


class _Group(NamedTuple):
    subject: str
    topic: tuple[str, str]
    statements: tuple[_Statement, ...]
    support: int
    weight: float


def propose_notes(
    corpus: Corpus,
    settings: NoteSettings = DEFAULT,
    *,
    write: Write | None = None,
    contested: Set[MemoryId] | None = None,
    size: int = 50,
    start: int = 0,
) -> Iterator[Batch[NoteProposal]]:
    """Notes, best supported first within each subject, by batches of subjects.

    ``contested`` memories are no evidence; by default those in a contradiction (`find_contradictions`). Statements of
    different values are therefore never merged. Notes that exist already are not proposed again.
    """
    if contested is None:
        found = collect(find_contradictions(corpus))
        contested = {id for pair in found for id in (pair.older, pair.newer)}
    known = [
        frozenset(record.evidence) for record in corpus.records if record.kind is Kind.SEMANTIC and record.evidence
    ]
    with without_collecting():
        subjects = _statements(corpus, contested)
    order = sorted(subjects)
    for at, end in pieces(len(order), size, start):
        notes = [
            note for name in order[at:end] for note in _notes(corpus, name, subjects[name], known, settings, write)
        ]
        yield Batch(proposals=tuple(notes), cursor=end, total=len(order))


def _statements(corpus: Corpus, contested: Set[MemoryId]) -> dict[str, list[_Statement]]:
    subjects: dict[str, list[_Statement]] = defaultdict(list)
    for row, (record, sentences) in enumerate(zip(corpus.records, corpus.sentences, strict=True)):
        if not is_source(record) or record.id in contested:
            continue
        for sentence in sentences:
            if not _INTENTIONS.isdisjoint(sentence.tokens) or _RECORD.search(sentence.text):
                continue
            if is_statement(sentence) and (subject := subject_of(corpus, record, sentence)) is not None:
                subjects[subject].append(_Statement(row, sentence))
    return subjects


def _notes(
    corpus: Corpus,
    subject: str,
    statements: list[_Statement],
    known: list[frozenset[MemoryId]],
    settings: NoteSettings,
    write: Write | None,
) -> Iterator[NoteProposal]:
    taken = list(known)
    for group in sorted(_groups(corpus, subject, statements, settings), key=lambda one: (-one.weight, one.topic)):
        evidence = frozenset(corpus.records[row].id for row, _ in group.statements)
        if any(len(evidence & other) > settings.max_overlap * len(evidence) for other in taken):
            continue
        taken.append(evidence)
        yield _note(corpus, group, settings, write)


def _groups(corpus: Corpus, subject: str, statements: list[_Statement], settings: NoteSettings) -> Iterator[_Group]:
    """Statements that share two telling words, in enough independent episodes."""
    most = max(settings.max_share * len(corpus), 12)
    own = {stem(word) for word in subject.lower().split()} | set(corpus.speakers)
    episodes: dict[str, set[str]] = defaultdict(set)
    told: list[list[str]] = []
    for row, sentence in statements:
        episode = episode_of(corpus.records[row])
        words = [
            word
            for word in dict.fromkeys(sentence.stems)
            if word not in own and _tells(corpus.frequency[word], word, most)
        ]
        told.append(words)
        for word in words:
            episodes[word].add(episode)
    pairs: dict[tuple[str, str], list[_Statement]] = defaultdict(list)
    for statement, words in zip(statements, told, strict=True):
        often = [word for word in words if len(episodes[word]) >= settings.min_episodes]
        often.sort(key=lambda word: (corpus.frequency[word], word))
        for pair in combinations(sorted(often[: settings.pair_words]), 2):
            if _close(statement.sentence.stems, *pair):
                pairs[pair].append(statement)
    for pair, found in pairs.items():
        if len(found) >= settings.min_episodes:
            kept = _alike(corpus, found, settings)
            support = _independent(corpus, kept)
            if support >= settings.min_episodes:
                weight = support * (corpus.idf(pair[0]) + corpus.idf(pair[1]))
                yield _Group(subject, pair, tuple(kept), support, weight)


def _tells(frequency: int, word: str, most: float) -> bool:
    return 2 <= frequency <= most and not word[0].isdigit() and len(word) > 2 and word not in _PASSING


def _close(stems: tuple[str, ...], one: str, other: str) -> bool:
    """Whether two words stand near each other: "lost my job" is one statement, two words of a long sentence are none."""
    return abs(stems.index(one) - stems.index(other)) <= _NEAR_WORDS


def _alike(corpus: Corpus, found: list[_Statement], settings: NoteSettings) -> list[_Statement]:
    """Without the statements that share the words by chance, where there are vectors; the newest ones of too many."""
    recent = found[-4 * settings.max_evidence :]
    if corpus.vectors is None:
        return recent
    rows = corpus.vectors[[row for row, _ in recent]]
    total = rows.sum(axis=0)
    mean = (rows @ total - (rows * rows).sum(axis=1)) / max(len(recent) - 1, 1)
    return [statement for statement, close in zip(recent, mean, strict=True) if close >= settings.min_similarity]


def _independent(corpus: Corpus, statements: Iterable[_Statement]) -> int:
    """How many episodes say it. The same words from another origin are a copy and count with the first."""
    first: dict[tuple[str, ...], str] = {}
    episodes: set[str] = set()
    for row, sentence in statements:
        record = corpus.records[row]
        origin = f"{record.origin.channel} {record.origin.actor} {record.speaker}"
        if first.setdefault(sentence.tokens, origin) == origin:
            episodes.add(episode_of(record))
    return len(episodes)


def _note(corpus: Corpus, group: _Group, settings: NoteSettings, write: Write | None) -> NoteProposal:
    quotes = _quotes(corpus, group, settings)
    quoted = {quote.id for quote in quotes}
    rows = sorted({row for row, _ in group.statements})
    others = [corpus.records[row].id for row in rows if corpus.records[row].id not in quoted]
    room = max(settings.max_evidence - len(quoted), 0)
    chosen = quoted | set(others[-room:] if room else ())
    text, worded = _worded(group.subject, quotes, write)
    return NoteProposal(
        text=text,
        evidence=tuple(corpus.records[row].id for row in rows if corpus.records[row].id in chosen),
        subject=group.subject,
        reason=f"{' and '.join(group.topic)} recur in {group.support} independent episodes about {group.subject}",
        support=group.support,
        quotes=quotes,
        worded=worded,
    )


def _quotes(corpus: Corpus, group: _Group, settings: NoteSettings) -> tuple[Quote, ...]:
    """The sentences that say most of what the group says, one of each episode, in the order of time."""
    weights: dict[str, float] = defaultdict(float)
    for _, sentence in group.statements:
        for word in set(sentence.stems):
            weights[word] += corpus.idf(word)
    shared = {word: weight for word, weight in weights.items() if weight > 1.5 * corpus.idf(word)}

    def says(statement: _Statement) -> tuple[float, int, int]:
        words = set(statement.sentence.stems)
        return (-sum(shared.get(word, 0.0) for word in words) / (len(words) + 4) ** 0.5, statement.row, len(words))

    chosen: list[_Statement] = []
    episodes: set[str] = set()
    for statement in sorted(group.statements, key=says):
        episode = episode_of(corpus.records[statement.row])
        same = any(jaccard(set(statement.sentence.stems), set(other.sentence.stems)) > 0.8 for other in chosen)
        if episode not in episodes and not same and len(statement.sentence.text) <= settings.max_quote_chars:
            chosen.append(statement)
            episodes.add(episode)
        if len(chosen) == settings.max_quotes:
            break
    chosen = chosen or sorted(group.statements, key=says)[:1]
    return tuple(_quote(corpus.records[row], sentence) for row, sentence in sorted(chosen, key=lambda one: one.row))


def _quote(record: MemoryRecord, sentence: Sentence) -> Quote:
    said = date_words(record.occurred_at)
    return Quote(id=record.id, text=sentence.text, speaker=record.speaker, said=said)


def _worded(subject: str, quotes: tuple[Quote, ...], write: Write | None) -> tuple[str, bool]:
    if write is not None:
        try:
            text = write(subject, tuple(quote.text for quote in quotes)).strip()
        except Exception:
            text = ""  # a model that fails must not stop a plan; the quotes say the same
        known = [subject, *(quote.speaker or "" for quote in quotes)]
        if text and not unsupported_claims(text, [quote.text for quote in quotes], known=known):
            return text, True
    return quoted_text(subject, quotes), False


def quoted_text(subject: str, quotes: tuple[Quote, ...]) -> str:
    """A note of quotes alone: ``Ana: "I love the sea." (Ana, 7 May 2023)``."""
    parts = []
    for quote in quotes:
        where = ", ".join(part for part in (quote.speaker if quote.speaker != subject else None, quote.said) if part)
        parts.append(f'"{quote.text}"' + (f" ({where})" if where else ""))
    return f"{subject}: {' '.join(parts)}"
