"""From a question to everything that may answer it, best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.memory import MemoryRecord, Role, RowKey
from mnemic.domain.moments import to_microseconds
from mnemic.domain.recall import CHANNELS, PARTS, Explanation, MemoryFilter, Passage
from mnemic.protocols import LedgerSnapshot, Vectors
from mnemic.retrieval import bm25
from mnemic.retrieval.bags import Gathered
from mnemic.retrieval.fusion import Candidate, Features, rank
from mnemic.retrieval.maxsim import nearness
from mnemic.retrieval.meaning import apart, cosines
from mnemic.retrieval.passages import focus
from mnemic.retrieval.proximity import together
from mnemic.retrieval.question import Question
from mnemic.retrieval.recency import recency
from mnemic.retrieval.roles import answer_of, may_answer, role_asked
from mnemic.retrieval.smoothing import Scores
from mnemic.retrieval.timing import asks_when
from mnemic.retrieval.turns import NOBODY, NONE, Places, Turns, voice_of_person, voice_outside_sessions
from mnemic.services.backends import Backends
from mnemic.services.recalling import channels
from mnemic.services.recalling.channels import Search
from mnemic.services.storing.facets import scenario_similarities

# The turns on both sides of a candidate are candidates too: the answer to what was asked says it in other words.
_REACH = 1
_WEAK_SHARE = 0.3


class Found(NamedTuple):
    """All candidates, best first.

    ``complete`` hold every telling word of the question though it weighs little there. ``proposed``: what each channel
    found, best first. ``passages``: the number of the best passage of each long one. ``parts``: the names of what
    scores are made of.
    """

    candidates: list[Candidate]
    complete: set[RowKey]
    proposed: dict[str, list[RowKey]]
    passages: dict[RowKey, int]
    parts: tuple[str, ...] = PARTS

    def explain(self, key: RowKey) -> Explanation:
        """Why this candidate is where it is."""
        place, one = next((place, one) for place, one in enumerate(self.candidates) if one.key == key)
        parts = sorted(zip(self.parts, one.parts.tolist(), strict=True), key=lambda part: -part[1])
        return Explanation(
            rank=place + 1,
            channels={name: keys.index(one.key) + 1 for name, keys in self.proposed.items() if one.key in keys},
            parts={name: round(value, 4) for name, value in parts if round(value, 4)},
        )


def find_candidates(
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, question: Question, vector: Vectors | None, *,
    also: Sequence[RowKey] = (), only: Sequence[RowKey] | None = None,
) -> Found:  # fmt: skip
    """Everything that may answer ``question``.

    ``also``: memories that pass the filter and are candidates whether or not they share a word or a meaning.
    ``only``: nothing but these, as far as they pass the filter, are candidates, and nothing else takes their place.
    """
    search = channels.begin(backends, snapshot, filter, question, vector, only=only)
    long, near_passages = channels.by_passages(search)
    by_words = channels.by_words(search)
    of_that_time = channels.of_that_time(search, by_words)
    in_company, telling = channels.in_company(search)
    proposed = [by_words, channels.by_meaning(search), in_company, long, of_that_time, list(also)]
    if only is not None:
        proposed = [channels.those_chosen(search, keys) for keys in proposed]
    turns = backends.turns.around(
        snapshot, search.namespaces, {key for keys in proposed for key in keys}, reach=_REACH, among=search.among
    )
    keys: list[RowKey] = turns.keys.tolist()
    gathered = backends.bags.gather(snapshot, turns.keys, search.words)
    found = bm25.occurrences(gathered, telling)
    average = snapshot.average_length()
    share = bm25.shares(found, gathered.lengths, average)
    passages: dict[RowKey, int] = {}
    nearest: dict[RowKey, float] = {}
    whole = gathered
    if gathered.cuts:
        # A long memory is as good as its best passage: length drowns in it the few words that answer.
        known = {at: one for at in gathered.cuts for near in near_passages if (one := near.of(keys[at])) is not None}
        gathered, numbers, cosines_at = focus(gathered, telling, average, known)
        found = bm25.occurrences(gathered, telling)
        share = np.maximum(share, bm25.shares(found, gathered.lengths, average))
        nearest = {keys[at]: cosine for at, cosine in cosines_at.items()}
        passages = {keys[at]: number for at, number in numbers.items()}
    similarity, meaning = _meaning(search, keys, nearest)
    dated = _dated(search, keys, gathered, share, similarity)
    if question.when is not None and question.when.alone:
        # The date is all that is asked for, so whatever is of that date answers in full.
        share = np.maximum(share, dated)
    asked = role_asked(question.text)
    features = Features(
        turns=turns, words=share, together=together(gathered, telling), meaning=meaning, similarity=similarity,
        dated=dated, asking=gathered.asking, answer_of=answer_of(question.text, asked),
        recency=_recency(search, turns), **_occasion(search, turns, whole, gathered, asked),
    )  # fmt: skip
    vectors = backends.word_vectors

    def near(places: Places) -> Scores:
        return np.zeros(len(keys)) if vectors is None else nearness(gathered, telling, vectors, places)

    complete = np.flatnonzero((share > 0) & (share < _WEAK_SHARE) & (found.often > 0).all(axis=1))
    return Found(
        rank(features, near),
        {keys[at] for at in complete.tolist()},
        dict(zip(CHANNELS, proposed, strict=True)),
        passages,
    )


def best_passages(
    snapshot: LedgerSnapshot, records: Mapping[RowKey, MemoryRecord], numbers: Mapping[RowKey, int]
) -> dict[RowKey, Passage]:
    """Of those of ``records`` that are long, the passage whose number `Found.passages` gives."""
    spans = snapshot.passages([key for key in records if key in numbers]) if numbers else {}
    chosen = {key: among[numbers[key]] for key, among in spans.items() if numbers[key] < len(among)}
    return {
        key: Passage(span.start, span.end, records[key].text[span.start : span.end]) for key, span in chosen.items()
    }


def _meaning(
    search: Search, keys: list[RowKey], passages: Mapping[RowKey, float]
) -> tuple[dict[RowKey, float], Scores]:
    """The cosine of each that has a vector, or of its nearest passage or scenario; and what it is worth among the others."""
    meaning = np.zeros(len(keys))
    if search.vector is None or not keys:
        return {}, meaning
    held, matrix = channels.vectors_of(search, keys)
    rows = matrix.astype(np.float64)
    near = cosines(rows, search.vector)
    similarity = dict(zip(held, near.tolist(), strict=True))
    # Half of it without what all have in common, which tells them apart; half with it, for all of them may be to the point.
    worth = dict(zip(held, ((near + apart(rows, search.vector)) / 2).tolist(), strict=True))
    nearest = list(passages.items())
    # In a long text the few words that were asked for weigh little, though all of them are there.
    if search.filter.subtree or search.snapshot.has_experiences(search.filter.namespace):
        nearest += scenario_similarities(search.backends, search.snapshot, search.vector, keys).items()
    for key, cosine in nearest:
        gain = cosine - similarity.get(key, 0.0)
        if gain > 0:
            similarity[key] = cosine
            worth[key] = worth.get(key, 0.0) + gain
    return similarity, np.array([worth.get(key, 0.0) for key in keys])


def _occasion(
    search: Search, turns: Turns, whole: Gathered, words: Gathered, asked: Role | None
) -> dict[str, NDArray[np.bool_]]:
    """Who said it, to whom, in which role, and whether it speaks of time, as far as the question asks for that.

    Of long memories ``whole`` has all words, ``words`` those of the best passage.
    """
    backends, question, count = search.backends, search.question, len(turns.keys)
    spoken = part = role = timely = np.zeros(count, np.bool_)
    if question.named:
        people = {person for called in question.named for person in called}
        spoken = np.logical_or.reduce([_about(search, person, turns, whole) for person in people])
        part = spoken | backends.turns.takes_part(search.snapshot, search.namespaces, question.named, turns.session)
    if asked is not None:
        role = may_answer(asked, _voices(search, turns))
    if asks_when(question.text):
        timely = _holds(words, words.temporal, count)
    return {"spoken": spoken, "part": part, "role": role, "timely": timely}


def _about(search: Search, name: str, turns: Turns, words: Gathered) -> NDArray[np.bool_]:
    """Which are by ``name``, or of nobody and about ``name``."""
    found: NDArray[np.bool_] = turns.voice == voice_of_person(name)
    may_name = np.ones(len(found), np.bool_)
    holding = words.lexicon.holding_name(name)
    if holding is not None:
        may_name[:] = False
        may_name[words.owner_of(np.flatnonzero(holding.take(words.tokens)))] = True
    # Who speaks in a session is known, and outside of sessions it is not.
    unsure = (turns.session == NONE) | ((turns.voice <= NOBODY) & may_name)
    keys = turns.keys[unsure]
    found[unsure] = np.isin(keys, list(search.snapshot.about(name, keys.tolist())))
    return found


def _voices(search: Search, turns: Turns) -> Places:
    """Whose words each is, also those that were said in no session."""
    alone = np.flatnonzero(turns.session == NONE)
    if not len(alone):
        return turns.voice
    keys: list[RowKey] = turns.keys[alone].tolist()
    said = search.snapshot.said_by(keys)
    voice = turns.voice.copy()
    voice[alone] = [voice_outside_sessions(*said.get(key, (None, None))) for key in keys]
    return voice


def _dated(
    search: Search, keys: list[RowKey], words: Gathered, share: Scores, similarity: Mapping[RowKey, float]
) -> Scores:
    """How well each fits the date that the question names, 0..1."""
    when = search.question.when
    if when is None:
        return np.zeros(len(keys))
    promise = share + np.array([similarity.get(key, 0.0) for key in keys])
    timely = _holds(words, words.temporal, len(keys))
    return when.fit(search.snapshot, search.backends.datebook, keys, timely, promise)


def _recency(search: Search, turns: Turns) -> Callable[[Scores], Scores] | None:
    """How new each is among those that answer as well, if the question asks for what is newest."""
    if not search.question.now:
        return None
    keys: list[RowKey] = turns.keys.tolist()
    moments = search.backends.datebook.moments(search.snapshot, keys)
    now = to_microseconds(search.filter.now or search.backends.clock.now())
    strangers = np.zeros(len(keys), np.bool_)
    if search.snapshot.has_untrusted():
        strangers = np.isin(turns.keys, list(search.snapshot.tainted(keys)))
    return partial(recency, moments, turns.session, now=now, strangers=strangers)


def _holds(words: Gathered, flags: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Which memories hold a word of their own that is flagged."""
    _, owner = words.own_among(np.flatnonzero(flags[words.tokens]))
    held = np.zeros(count, np.bool_)
    held[owner] = True
    return held
