"""One score from all that speaks for a memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.memory import Role, RowKey
from mnemic.domain.recall import PARTS
from mnemic.retrieval.smoothing import Scores, links, passed
from mnemic.retrieval.turns import NONE, Places, Turns

# What each part weighs beside words, whose share of the question's information weighs 1. Chosen on LoCoMo dev, each
# conversation by itself and all in one store, and looked at on LongMemEval dev. Without a part, R@5 / R@10 / MRR (rescored
# offline):        LoCoMo               in one store         LongMemEval with the assistant's turns (15 cases)
#   all parts      71.0 / 78.6 / 60.7   70.3 / 77.5 / 60.3   63.3 / 75.8 / 69.7
#   no smoothing   65.1 / 73.8 / 57.6   64.6 / 72.6 / 57.1   45.0 / 62.4 / 62.4
#   no speaker     66.7 / 76.9 / 55.8   65.4 / 75.1 / 55.1
#   no part        71.2 / 78.8 / 60.8   69.9 / 76.3 / 59.3
#   no nearness    69.2 / 77.4 / 59.7   68.7 / 77.0 / 59.0   63.3 / 75.8 / 73.5
#   no meaning     70.5 / 77.9 / 61.1   69.7 / 76.9 / 60.8   55.3 / 65.8 / 64.7
#   no together    70.1 / 78.5 / 60.7   69.4 / 77.3 / 60.1   59.4 / 75.8 / 69.7
#   no session     69.8 / 78.2 / 60.3   69.1 / 76.7 / 59.9   60.6 / 73.6 / 68.3
#   no time        70.6 / 78.3 / 60.2   69.9 / 77.4 / 59.8
#   no role                                                  53.7 / 72.4 / 68.0
# These were measured with meaning at 0.8. It counts as much as words since stores of other kinds were looked at (chats with
# an assistant, documentation, facts, mails, a group's chat, procedures): at 1.0 their R@5 is 0.5 to 1.6 better on average,
# all of them in one store 0.4 to 3.4, and LongMemEval's R@10 3.3 to 6.7 (a case or half of one). LoCoMo loses 0.2 R@5 and
# 0.3 R@10, in one store 1.1 and 0.8; at 1.2 it loses 1 MRR.
# Date is worth 4.3 R@5 among the 101 questions of LoCoMo dev that name one, and 18 where five copies of each conversation
# differ in their dates alone.
TOGETHER_WEIGHT = 0.3
MEANING_WEIGHT = 1.0
NEARNESS_WEIGHT = 0.4
SPEAKER_WEIGHT = 0.4
PART_WEIGHT = 0.5
ROLE_WEIGHT = 0.2
TIME_WEIGHT = 0.15
DATE_WEIGHT = 0.3
# Of what its content is worth. Chosen on four stores of changing facts, told in passing by somebody who knew nothing of this
# (`tests/benchmarks/changing_facts.py` tells of streams): of 83 questions about now 11 find the latest first at 0, 25 at 1
# and 28 at 2, where R@5 among dialogues falls; questions about the past, and those that ask for no time, keep their order.
RECENCY_WEIGHT = 1.0
SESSION_WEIGHT = 0.25
# Word by word only for the best so far, which costs less and finds as much: R@10 78.8 among 48 and 78.6 among 64; with other
# weights 77.8 among 64 and 77.7 among all.
NEARNESS_AMONG = 48
# Who said it, to whom and when counts in full only for what answers the question besides: otherwise whatever a person
# said would be relevant to every question that names that person.
_ANSWERS_FROM = 0.3
# What is word for word the question comes to 1 before `_below_one`.
_SCALE = (1 + MEANING_WEIGHT + NEARNESS_WEIGHT) * (1 + SESSION_WEIGHT)
# What one person asks another is more like a question than any answer is: so much is left of it. Between 0.6 and 0.8 it
# gains 0.5 R@1 and 0.5 MRR on LoCoMo dev, and 2 to 5 MRR in chats in which people write short messages. What a user asks
# an assistant is not looked at: it often says what the user is about (LongMemEval dev R@10 78.8 to 72.1).
_ONLY_ASKS = 0.7
_KEPT_TO = 0.6
_DECIMALS = 6
_ROOM_SHARE = 0.5
_RECENCY = PARTS.index("recency")


class Candidate(NamedTuple):
    """A memory that at least one channel proposed, with its score in 0..1 and the `mnemic.domain.recall.PARTS` of it."""

    key: RowKey
    lexical: float | None
    similarity: float | None
    score: float
    parts: Scores

    @property
    def relevance(self) -> float:
        """The score without what being new adds: the newest of what has nothing to do with the question is no answer."""
        return self.score - float(self.parts[_RECENCY])


class Features(NamedTuple):
    """What is known of each candidate; all arrays are as long as ``turns.keys``.

    ``words``: BM25 as a share of the most that the question could earn. ``together``: the share of it whose words
    stand side by side. ``meaning``: how near it is in meaning, -1..1. ``similarity``: cosines by key, as they are
    reported. ``spoken``: by one of those whom the question names, or about that person in a note of nobody's. ``part``:
    they take part in the session. ``role``: may be the words of the role that the question asks for.
    ``timely``: speaks of time, as the question does. ``dated``: 0..1, how well it fits the date that the question names.
    ``recency``: gives by content how new each is, None where the question does not ask how things are now.
    ``asking``: its text asks and tells nothing. ``answer_of``: in which role the answer was said, None if that is open.
    """

    turns: Turns
    words: Scores
    together: Scores
    meaning: Scores
    similarity: Mapping[RowKey, float]
    spoken: NDArray[np.bool_]
    part: NDArray[np.bool_]
    role: NDArray[np.bool_]
    timely: NDArray[np.bool_]
    dated: Scores
    asking: NDArray[np.bool_]
    answer_of: Role | None = None
    recency: Callable[[Scores], Scores] | None = None


def rank(features: Features, nearness: Callable[[Places], Scores] | None = None) -> list[Candidate]:
    """All candidates, best first; ties by key, so that the order never depends on chance.

    ``nearness`` gives for every candidate how near its words come one by one, 0 where it is not among the places asked for.
    What a candidate and the turns around it say is on a fixed scale, so scores compare across questions and a threshold
    means the same everywhere.
    """
    turns = features.turns
    count = len(turns.keys)
    if not count:
        return []
    around = links(turns, features.asking, features.answer_of)
    meaning = MEANING_WEIGHT * np.maximum(features.meaning, 0.0)
    together = TOGETHER_WEIGHT * features.together
    words_around = passed(features.words + together, around, "words")
    meaning_around = passed(meaning, around, "meaning")
    content = features.words + together + words_around + meaning + meaning_around
    occasion = (
        SPEAKER_WEIGHT * features.spoken + PART_WEIGHT * features.part + ROLE_WEIGHT * features.role
        + TIME_WEIGHT * features.timely
    )  # fmt: skip
    date = DATE_WEIGHT * features.dated
    near = np.zeros(count)
    if nearness is not None:
        so_far = np.round(content + occasion + date, _DECIMALS)
        near = NEARNESS_WEIGHT * nearness(np.lexsort((turns.keys, -so_far))[:NEARNESS_AMONG])
        near += passed(near, around, "words")
        content += near
    telling = np.where(features.asking & (turns.voice > 0), _ONLY_ASKS, 1.0)
    content *= telling
    answers = np.minimum(content / _ANSWERS_FROM, 1.0)
    occasion, date = occasion * answers, date * answers
    newer = np.zeros(count)
    if features.recency is not None:
        newer = RECENCY_WEIGHT * content * features.recency(content)
    total = content + occasion + date
    session = SESSION_WEIGHT * _best_of_session(turns.session, total)
    of_content = [features.words, together, words_around, meaning, meaning_around, near]
    rows = np.stack([*of_content, occasion, date, newer, session], axis=1) / _SCALE
    rows[:, : len(of_content)] *= telling[:, None]
    scores = np.round(_below_one(rows.sum(axis=1)), _DECIMALS)
    order = np.lexsort((turns.keys, -scores))
    keys: list[RowKey] = turns.keys[order].tolist()
    own = [share or None for share in np.round(features.words, _DECIMALS)[order].tolist()]
    cosines = map(features.similarity.get, keys)
    # By way of `Candidate.__new__`, which is Python, the hundreds take half as long again.
    made = partial(tuple.__new__, Candidate)
    return list(map(made, zip(keys, own, cosines, scores[order].tolist(), rows[order], strict=True)))


def _below_one(totals: Scores) -> Scores:
    """What is small stays as it is; what is large comes ever nearer to 1, so that the order of the best is kept."""
    over = np.maximum(totals - _KEPT_TO, 0.0)
    return np.minimum(totals, _KEPT_TO) + (1 - _KEPT_TO) * -np.expm1(-over / (1 - _KEPT_TO))


def _best_of_session(session: Places, total: Scores) -> Scores:
    """For each the highest total of its session; what has none is a session of its own."""
    found, place = np.unique(session, return_inverse=True)
    best = np.zeros(len(found))
    np.maximum.at(best, place, total)
    return np.where(session == NONE, total, best[place])


def give_room(ranked: Sequence[Candidate], strangers: Set[RowKey]) -> list[Candidate]:
    """The same candidates with room for those that are no strangers, however many strangers there are.

    Among the first n of the result at most half, rounded up, are strangers, as long as others are left that score at least
    `_ROOM_SHARE` of the stranger whose place they take. So nobody can crowd out what is trusted by writing a lot about it.
    """
    waiting = deque(entry for entry in ranked if entry.key in strangers)
    others = deque(entry for entry in ranked if entry.key not in strangers)
    placed: list[Candidate] = []
    count = 0
    while waiting and others:
        full = count >= (len(placed) + 2) // 2
        better = others[0].score >= waiting[0].score
        if better or (full and others[0].score >= _ROOM_SHARE * waiting[0].score):
            placed.append(others.popleft())
        else:
            placed.append(waiting.popleft())
            count += 1
    return [*placed, *waiting, *others]
