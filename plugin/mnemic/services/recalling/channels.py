"""The channels that propose candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.arrays import distinct
from mnemic.domain.memory import RowKey
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols import LedgerSnapshot, Vectors, WordStatistics
from mnemic.retrieval import bm25
from mnemic.retrieval.meaning import cosines
from mnemic.retrieval.passages import Cosines
from mnemic.retrieval.postings import Keys
from mnemic.retrieval.question import Question, with_names
from mnemic.retrieval.smoothing import Scores
from mnemic.services.backends import Backends
from mnemic.services.recalling.wording import holding, words_asked

PER_CHANNEL = 100
# By their passages: a long text costs as much as a hundred turns to look at, and more of them find nothing more (measured on
# sessions as documents, 30 against 100).
_LONG_PER_CHANNEL = 30
# Ranking thousands costs more than all else: what holds none but frequent words has little to win.
_FEW = 1_000
_MOST_COMPANY = 2_000
_OF_A_TIME = 50
# A question's rarest words are enough within one time, and the others cost most.
_TELLING_OF_A_TIME = 3
_MOST_WORDS = 32
# From 100 to 400 find the same in LoCoMo dev to within half a point.
_BORROWED = 400
# The full-text index takes 2 microseconds for each memory that it ranks, whichever of the words it holds.
_MOST_RANKED = 3_000
_DECIMALS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A question on its way through one snapshot.

    ``words`` tell candidates apart, ``sought`` are those of them that are rare enough to be worth a search. ``vector`` is
    None when there is no meaning to go by. ``namespaces`` are keys; ``among`` (ascending keys) are the memories that pass
    the filter, None when it restricts no more than the namespace does; with ``chosen`` they are those of them that alone
    may be candidates. ``frequencies`` are those of ``words``.
    """

    backends: Backends
    snapshot: LedgerSnapshot
    filter: MemoryFilter
    question: Question
    vector: Vectors | None
    words: Sequence[str]
    frequencies: bm25.Frequencies
    sought: Sequence[str]
    namespaces: Sequence[int]
    among: NDArray[np.int64] | None
    chosen: bool = False


def begin(
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, question: Question, vector: Vectors | None, *,
    only: Sequence[RowKey] | None = None,
) -> Search:  # fmt: skip
    """Find out where and for what to search. ``only`` these memories are searched, if given."""
    namespaces = namespace_keys(snapshot, filter)
    # First of all: what is kept of words is kept until this tells that they have changed.
    backends.turns.follow(snapshot, namespaces)
    if question.named and backends.turns.in_groups(snapshot, namespaces, question.named):
        question = with_names(question)
    words = words_asked(backends, snapshot, filter, namespaces, question)
    sought = snapshot.telling(words)
    # What is too frequent to be sought still tells those that were found apart.
    words = words if len(words) <= _MOST_WORDS else sought
    return Search(
        backends=backends, snapshot=snapshot, filter=filter, question=question, vector=vector, words=words,
        frequencies=_frequencies(snapshot, namespaces, words), sought=sought, namespaces=namespaces,
        among=(
            passing(backends, snapshot, filter, namespaces)
            if only is None
            else snapshot.matching_keys(filter, among=only)
        ),
        chosen=only is not None,
    )  # fmt: skip


def namespace_keys(snapshot: LedgerSnapshot, filter: MemoryFilter) -> list[int]:
    """The namespaces in which a filter looks, as far as they hold anything."""
    if filter.subtree:
        return snapshot.namespace_keys(filter.namespace)
    key = snapshot.namespace_key(filter.namespace)
    return [] if key is None else [key]


def passing(
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, namespaces: Sequence[int]
) -> NDArray[np.int64] | None:
    """The memories that pass a filter (ascending keys), None when it restricts no more than its namespaces do."""
    if filter.is_plain():
        return None
    if len(namespaces) != 1 or filter.subtree or filter.looks_back():
        return snapshot.matching_keys(filter)
    return backends.filters.matching(snapshot, filter, namespaces[0])


def by_words(search: Search) -> list[RowKey]:
    """The first by our own BM25 of the memories that hold a word sought; where those are too many, of those that hold the
    rarest. Where each is held by too many, the full-text index's best.
    """
    if search.chosen:
        return _chosen_by_words(search)
    lists = list(holding(search.backends, search.snapshot, search.filter, search.namespaces, search.sought).values())
    keys = _together(lists) if len(lists) == len(search.sought) else None
    if keys is None or len(keys) > _FEW:
        lists.sort(key=len)
        few = int(np.searchsorted(np.cumsum([len(one) for one in lists]), _FEW, side="right"))
        keys = _together(lists[:few])
        if not len(keys):
            words = _affordable(search, search.sought)
            return [hit.key for hit in search.snapshot.lexical(words, search.filter, limit=PER_CHANNEL)]
    return _first(keys, _shares(search, keys, search.sought))


def _chosen_by_words(search: Search) -> list[RowKey]:
    """The first by BM25 of what is chosen; where that is much, of what of it holds a rare word or what the full-text index
    ranks first.
    """
    assert search.among is not None
    keys = search.among
    if len(keys) > _MOST_RANKED:
        lists = holding(search.backends, search.snapshot, search.filter, search.namespaces, search.sought)
        hits = search.snapshot.lexical(search.sought, search.filter, limit=_MOST_RANKED)
        found = _together([*lists.values(), np.array([hit.key for hit in hits], np.int64)])
        keys = found[np.isin(found, keys, assume_unique=True)]
    return _first(keys, _shares(search, keys, search.sought))


def those_chosen(search: Search, keys: Sequence[RowKey]) -> list[RowKey]:
    """Those of ``keys`` that may be candidates where only some may, in their order."""
    assert search.among is not None
    among: list[RowKey] = np.array(keys, np.int64)[np.isin(keys, search.among)].tolist() if len(keys) else []
    return among


def _together(lists: Sequence[Keys]) -> Keys:
    """What is on any of the lists, ascending."""
    return distinct(np.concatenate(lists)) if lists else np.zeros(0, np.int64)


def by_meaning(search: Search) -> list[RowKey]:
    """The nearest, best first."""
    if search.vector is None:
        return []
    near: dict[RowKey, float] = {}
    for namespace in search.namespaces:
        near |= search.backends.index.search(
            search.snapshot, search.vector, namespace, limit=PER_CHANNEL, among=search.among
        )
    return sorted(near, key=lambda key: (-near[key], key))


def in_company(search: Search) -> tuple[list[RowKey], Scores]:
    """The best by words and by meaning of the sessions in which those take part who are named, if there is much besides;
    and how much each of the question's words tells: there if so, else wherever is searched.

    A question that names somebody is after what was said in that company, however much else is more like its words:
    without this, 100,000 turns of others cost a tenth of recall (LoCoMo dev in one store, R@10 78.5 to 68.0). And
    what is rare there tells most, however often others say it: with the counts of all alone R@5 is 68.1 instead of 69.4
    and MRR 58.2 instead of 59.4; among 3,600 turns of others 69.5 instead of 70.1, without others the same but for noise.
    """
    turns = _company(search)
    if not len(turns):
        return [], bm25.weights(search.frequencies)
    keys: list[RowKey] = turns.tolist()
    gathered = search.backends.bags.gather(search.snapshot, turns, search.words)
    telling, occurring = bm25.weights_among(gathered, search.frequencies)
    best = _first(turns, bm25.shares(occurring, gathered.lengths, search.snapshot.average_length()))
    if search.vector is not None:
        held, matrix = vectors_of(search, keys)
        near = dict(zip(held, cosines(matrix, search.vector).tolist(), strict=True))
        best += _first(turns, np.array([near.get(key, 0.0) for key in keys]))
    return list(dict.fromkeys(best)), telling


def _company(search: Search) -> Keys:
    if not search.question.named:
        return np.zeros(0, np.int64)
    found = search.backends.turns.company(
        search.snapshot, search.namespaces, search.question.named, limit=_MOST_COMPANY
    )
    if search.among is not None:
        found = found[np.isin(found, search.among, assume_unique=True)]
    return found


def by_passages(search: Search) -> tuple[list[RowKey], list[Cosines]]:
    """The long memories that hold the best passages by words and by meaning, and how near every passage is."""
    snapshot = search.snapshot
    long = snapshot.with_passages(search.namespaces)
    if not long:
        return [], []
    words = _affordable(search, search.sought)
    found = list(snapshot.lexical_passages(words, search.filter, limit=_LONG_PER_CHANNEL))
    near: list[Cosines] = []
    if search.vector is not None:
        near = [search.backends.passages.compare(snapshot, search.vector, namespace) for namespace in long]
    for cosines_of in near:
        found += cosines_of.nearest(limit=_LONG_PER_CHANNEL, among=search.among)
    return list(dict.fromkeys(found)), near


def of_that_time(search: Search, found: Sequence[RowKey]) -> list[RowKey]:
    """The best by words of the time that is asked about, the newest of it when nothing else is asked.

    In a large store the best of all times leave no room for them. ``found`` are the best of all times.
    """
    when = search.question.when
    if when is None:
        return []
    periods = when.periods(search.filter)
    if when.alone:
        newest = (search.snapshot.select(period, limit=PER_CHANNEL) for period in periods)
        return list(dict.fromkeys(key for entries in newest for key, _ in entries))
    rest = [word for word in search.sought if word not in when.words]
    if len(found) < PER_CHANNEL or not rest:
        return []
    rest = _rarest(search, rest)[:_TELLING_OF_A_TIME]
    lists = holding(search.backends, search.snapshot, search.filter, search.namespaces, rest)
    keys = _together(list(lists.values()))
    shares = _shares(search, keys, rest)
    inside = [search.backends.datebook.within(search.snapshot, keys.tolist(), period) for period in periods]
    best = [key for of_it in inside for key in _first(keys[of_it], shares[of_it])[:_OF_A_TIME]]
    others = _affordable(search, [word for word in rest if word not in lists])
    # What has no list, because too many hold it, may be rare at that time.
    if others and (not best or (len(best) < _OF_A_TIME and _held_by(search, others).sum() <= _MOST_RANKED)):
        hits = (search.snapshot.lexical(others, period, limit=_OF_A_TIME) for period in periods)
        best += [hit.key for of_it in hits for hit in of_it]
    return list(dict.fromkeys(best))


def vectors_of(search: Search, keys: Sequence[RowKey]) -> tuple[list[RowKey], Vectors]:
    """Those of ``keys`` that have a vector, and their vectors, a row each."""
    parts = [search.backends.index.vectors(search.snapshot, namespace, keys) for namespace in search.namespaces]
    if len(parts) == 1:
        return parts[0]
    # An index may know a key that belongs to another of the namespaces.
    rows = {key: row for held, matrix in parts for key, row in zip(held, matrix, strict=True)}
    return list(rows), np.array(list(rows.values()), np.float32).reshape(len(rows), search.backends.embedder.dimensions)


def _frequencies(snapshot: LedgerSnapshot, namespaces: Sequence[int], words: Sequence[str]) -> bm25.Frequencies:
    """How many memories hold each word where it is searched, and of how many: of its namespace, and of as many like all
    others in the ledger, at most `_BORROWED`.

    By the counts of the whole ledger, 20,000 turns of others in another namespace cost LoCoMo dev, a namespace for each
    conversation, 1.2 points of R@1 and of MRR, and whoever writes a lot elsewhere moves the order here. A namespace
    by itself is small, and its counts are rough: without what is borrowed LongMemEval dev loses up to 5 of R@5 (15 cases;
    R@10 is between 70 and 74 either way).
    """
    whole = _counted(snapshot.word_statistics(words))
    if len(namespaces) != 1:
        return whole
    own = _counted(snapshot.word_statistics(words, namespaces[0]))
    return whole if own.rows == whole.rows else own.borrowing(whole, min(own.rows, _BORROWED))


def _counted(found: WordStatistics) -> bm25.Frequencies:
    return bm25.Frequencies(np.array(found.counts, np.float64), found.memories)


def _held_by(search: Search, words: Sequence[str]) -> NDArray[np.float64]:
    """How many memories hold each of some of the words searched with."""
    return search.frequencies.counts[[search.words.index(word) for word in words]]


def _rarest(search: Search, words: Sequence[str]) -> list[str]:
    """Some of the words searched with, the rarest first."""
    held = dict(zip(words, _held_by(search, words).tolist(), strict=True))
    return sorted(words, key=lambda word: held[word])


def _affordable(search: Search, words: Sequence[str]) -> list[str]:
    """The rarest, as long as they are held by no more than `_MOST_RANKED` memories together; one at least."""
    rarest = _rarest(search, words)
    return rarest[: max(int((np.cumsum(_held_by(search, rarest)) <= _MOST_RANKED).sum()), 1)]


def _shares(search: Search, keys: Keys, words: Sequence[str]) -> Scores:
    """By some of the words searched with."""
    gathered = search.backends.bags.gather(search.snapshot, keys, words)
    places = [search.words.index(word) for word in words]
    telling = bm25.weights(search.frequencies)[places]
    return bm25.shares(bm25.occurrences(gathered, telling), gathered.lengths, search.snapshot.average_length())


def _first(keys: Keys, scores: Scores) -> list[RowKey]:
    """Those with the highest scores above 0, ties by key; ``keys`` are ascending."""
    order = np.argsort(-np.round(scores, _DECIMALS), kind="stable")[:PER_CHANNEL]
    best: list[RowKey] = keys[order[scores[order] > 0]].tolist()
    return best
