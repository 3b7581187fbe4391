"""What ranking is made of, each part on its own."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import mnemic
import mnemic.retrieval.turns as turn_index
from mnemic.domain.memory import Role, RowKey
from mnemic.domain.recall import PARTS
from mnemic.protocols import LedgerSnapshot, SearchedText, TurnRow
from mnemic.retrieval import bm25
from mnemic.retrieval.bags import Bags
from mnemic.retrieval.fusion import Evidence, rank
from mnemic.retrieval.maxsim import WordVectors, nearness
from mnemic.retrieval.meaning import apart, cosines
from mnemic.retrieval.proximity import together
from mnemic.retrieval.roles import role_asked
from mnemic.retrieval.smoothing import links, passed
from mnemic.retrieval.timing import asks_when, is_temporal
from mnemic.retrieval.turns import NONE, TurnIndex, Turns
from mnemic.storage.static_embedder import StaticEmbedder
from mnemic.testing import WordEmbedder

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = "apples harbour green jazz concert boiler printer".split()


class _Texts:
    """A snapshot of a few texts whose stems are their words without a final s."""

    def __init__(self, *texts: str, dated: str = "") -> None:
        self.texts = {RowKey(key): SearchedText(dated, text) for key, text in enumerate(texts, 1)}
        self.asked_for: list[int] = []
        self.seq = 0

    def last_seq(self) -> int:
        return self.seq

    def searched_texts(self, keys: list[RowKey]) -> dict[RowKey, SearchedText]:
        self.asked_for += keys
        return {key: self.texts[key] for key in keys if key in self.texts}

    def stems(self, words: list[str]) -> list[str]:
        return [word.rstrip("s") for word in words]


def _snapshot(fake: object) -> LedgerSnapshot:
    return fake  # type: ignore[return-value]  # as much of one as is asked for


def _shares(texts: _Texts, asked: list[str], telling: list[float], average: float = 4.0) -> list[float]:
    gathered = Bags().gather(_snapshot(texts), list(texts.texts), asked)
    found = bm25.occurrences(gathered, np.array(telling))
    return [float(share) for share in bm25.shares(found, gathered.lengths, average)]


def test_a_memory_covers_more_of_a_question_the_more_telling_its_words_are() -> None:
    texts = _Texts("a red car", "a blue car", "red blue car", "nothing of it at all")
    red, blue, both, none = _shares(texts, ["red", "blue"], [3.0, 1.0])
    assert both > red > blue > none == 0.0
    assert both < 1.0


def test_words_are_counted_by_their_stem_and_two_of_one_stem_ask_once() -> None:
    texts = _Texts("cats")
    assert _shares(texts, ["cat"], [2.0]) == _shares(texts, ["cat", "cats"], [2.0, 2.0]) != [0.0]


def test_the_same_words_say_less_in_a_long_text() -> None:
    short, long = _shares(_Texts("red car", "red car " + "and more " * 40), ["red"], [1.0])
    assert short > long > 0


def test_a_rare_word_tells_more_and_an_unknown_one_as_much_as_the_rarest() -> None:
    weights = bm25.weights(bm25.Frequencies(np.array([90.0, 2.0, 1.0, 0.0]), 100)).tolist()
    assert weights == sorted(weights)
    assert weights[2] == weights[3]
    assert weights[0] > 0


def test_words_are_read_once_until_they_change() -> None:
    texts = _Texts("one", "two")
    bags = Bags()
    for _ in range(2):
        gathered = bags.gather(_snapshot(texts), [1, 2, 77], ["two"])
    assert texts.asked_for == [1, 2, 77]
    assert gathered.lengths.tolist() == [1, 1, 0]
    texts.texts[RowKey(2)] = SearchedText("", "two three")
    bags.forget([2])
    assert bags.gather(_snapshot(texts), [2, 1], []).lengths.tolist() == [2, 1]


def test_words_from_before_a_change_are_not_kept_by_whoever_reads_them_after_it_was_told() -> None:
    before, after = _Texts("two"), _Texts("two three")
    before.seq, after.seq = 6, 7
    bags = Bags()
    bags.forget([1], up_to=7)
    bags.take(_snapshot(before), [RowKey(1)])
    assert not bags.knows(RowKey(1))
    assert bags.gather(_snapshot(before), [1], []).lengths.tolist() == [1], "who asked before the change sees what was"
    assert bags.gather(_snapshot(after), [1], []).lengths.tolist() == [2]
    assert bags.gather(_snapshot(before), [1], []).lengths.tolist() == [2]


def test_a_namespace_that_was_let_go_meanwhile_tells_what_may_have_changed_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turn_index, "_MOST_BYTES", 1)
    feeds, changed = {1: _Feed(), 2: _Feed()}, list[int]()
    for number, feed in feeds.items():
        feed.put(number, None)
    index = TurnIndex(lambda keys, _: changed.extend(keys))
    for number in (1, 2):
        index.follow(_snapshot(feeds[number]), [number])
    feeds[1].put(1, None, present=False)
    index.follow(_snapshot(feeds[1]), [1])
    assert changed == [1, 2, 1]


def test_what_was_remembered_is_forgotten_when_there_is_too_much_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemic.retrieval.bags._MAX_MEMORIES", 1)
    texts = _Texts("red car", "blue car")
    bags = Bags()
    for _ in range(3):
        gathered = bags.gather(_snapshot(texts), [1, 2], ["car"])
        assert bm25.occurrences(gathered, np.ones(1)).often.tolist() == [[1.0], [1.0]]
    assert texts.asked_for == [1, 2] * 3


def test_a_synonym_comes_near_and_the_word_itself_nearest() -> None:
    texts = _Texts("the physician came", "the doctor came", "the carpet is green", dated="7 May 2023")
    gathered = Bags().gather(_snapshot(texts), [1, 2, 3], ["doctor"])
    embedder = StaticEmbedder()
    vectors = WordVectors(embedder.embed, embedder.dimensions)
    synonym, itself, other = nearness(gathered, np.ones(1), vectors, np.arange(3)).tolist()
    assert itself == pytest.approx(1.0, abs=1e-5)
    assert itself > synonym > other
    assert nearness(gathered, np.ones(1), vectors, np.array([2])).tolist() == [0.0, 0.0, other]


def test_the_date_of_a_memory_is_not_what_it_is_about() -> None:
    texts = _Texts("the party is in June", dated="7 May 2023")
    gathered = Bags().gather(_snapshot(texts), [1], ["may"])
    assert gathered.own.tolist() == [False] * 3 + [True] * 5
    vectors = WordVectors(WordEmbedder().embed, WordEmbedder().dimensions)
    assert nearness(gathered, np.ones(1), vectors, np.arange(1)).tolist()[0] < 1.0


class _Feed:
    """A snapshot of turns."""

    def __init__(self) -> None:
        self.rows: dict[int, TurnRow] = {}
        self.seq = 0

    def put(self, key: int, session: str | None, speaker: str | None = None, role: str | None = None, *, at: int = 0,
            present: bool = True) -> None:  # fmt: skip
        self.seq += 1
        self.rows[key] = TurnRow(RowKey(key), self.seq, session, speaker, role, at, present)

    def last_seq(self) -> int:
        return self.seq

    def turns(self, namespace_key: int, *, after: int, limit: int) -> list[TurnRow]:
        return sorted((row for row in self.rows.values() if row.seq > after), key=lambda row: row.seq)[:limit]


def _chain(turns: Turns) -> list[tuple[int, int, int]]:
    keys = [*turns.keys.tolist(), NONE]
    return [(keys[at], keys[turns.before[at]], keys[turns.after[at]]) for at in range(len(turns.keys))]


def test_the_turns_beside_a_candidate_are_found_in_the_order_in_which_they_were_said() -> None:
    feed = _Feed()
    for key, at in ((1, 30), (2, 10), (3, 20), (4, 20)):
        feed.put(key, "s", "Ana", at=at)
    feed.put(9, None)
    found = TurnIndex().around(_snapshot(feed), [1], [3, 9], reach=1)
    assert _chain(found) == [(2, NONE, 3), (3, 2, 4), (4, 3, NONE), (9, NONE, NONE)]
    assert _chain(TurnIndex().around(_snapshot(feed), [1], [3], reach=1, among=np.array([3, 4])))[1:] == [(4, 3, NONE)]


def test_what_recall_must_not_return_is_nobodys_neighbour() -> None:
    feed = _Feed()
    for key in (1, 2, 3):
        feed.put(key, "s", "Ana")
    changed: list[int] = []
    index = TurnIndex(lambda keys, _: changed.extend(keys))
    index.around(_snapshot(feed), [1], [1], reach=1)
    feed.put(2, "s", "Ana", present=False)
    assert _chain(index.around(_snapshot(feed), [1], [1], reach=1)) == [(1, NONE, 3), (3, 1, NONE)]
    feed.put(2, "s", "Ana")
    assert _chain(index.around(_snapshot(feed), [1], [1], reach=1)) == [(1, NONE, 2), (2, 1, NONE)]
    feed.put(2, None, present=False)
    assert len(index.around(_snapshot(feed), [1], [1], reach=2).keys) == 2
    assert changed == [1, 2, 3, 2, 2, 2]


@pytest.mark.parametrize("most_steps", [3, 20_000])
@pytest.mark.parametrize("seed", range(6))
def test_turns_that_come_one_by_one_are_linked_as_those_that_come_at_once(
    seed: int, most_steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those that are further back than so many steps are linked by sorting all of them.
    monkeypatch.setattr(turn_index, "_MOST_STEPS", most_steps)
    chance = random.Random(seed)
    feed, index = _Feed(), TurnIndex()
    for step in range(120):
        key = chance.randint(1, step + 1) if step and chance.random() < 0.3 else step + 1
        old = feed.rows.get(key)
        session = old.session if old else chance.choice("ab")
        feed.put(key, session, at=old.at if old else chance.randint(0, 9), present=chance.random() < 0.8)
        if chance.random() < 0.7:
            index.around(_snapshot(feed), [1], [], reach=0)
    everything = sorted(feed.rows)
    grown = index.around(_snapshot(feed), [1], everything, reach=0)
    assert _chain(grown) == _chain(TurnIndex().around(_snapshot(feed), [1], everything, reach=0))


def test_what_is_told_late_is_linked_without_a_walk_through_all_that_was_said_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turn_index, "_MOST_STEPS", 10)
    sorted_anew: list[int] = []
    link_all = turn_index._Shelf._link_all

    def noted(self: turn_index._Shelf) -> None:
        sorted_anew.append(self.count)
        link_all(self)

    feed, index = _Feed(), TurnIndex()
    for key in range(1, 301):
        feed.put(key, "s", "Ana", at=key)
    index.around(_snapshot(feed), [1], [], reach=0)
    monkeypatch.setattr(turn_index._Shelf, "_link_all", noted)
    feed.put(301, "s", "Ana", at=295)
    index.around(_snapshot(feed), [1], [], reach=0)
    assert sorted_anew == []
    feed.put(302, "s", "Ana", at=0)
    assert _chain(index.around(_snapshot(feed), [1], [302], reach=1)) == [(1, 302, NONE), (302, NONE, 1)]
    assert sorted_anew == [302]


def test_somebody_takes_part_in_the_sessions_where_that_person_speaks() -> None:
    feed = _Feed()
    feed.put(1, "a", "Ana")
    feed.put(2, "a", "Ben")
    feed.put(3, "b", "Ben")
    index, snapshot = TurnIndex(), _snapshot(feed)
    turns = index.around(snapshot, [1], [1, 2, 3], reach=0)

    def takes_part(*people: str) -> list[bool]:
        found: list[bool] = index.takes_part(snapshot, [1], people, turns.session).tolist()
        return found

    assert takes_part("Ana") == [True, True, False]
    assert takes_part("Ben") == [True, True, True]
    assert takes_part("Cleo") == [False, False, False]
    assert takes_part("Ana", "Ben") == [True, True, False]
    assert takes_part("Ana", "Cleo") == [True, True, False]


def test_the_company_of_a_person_is_left_out_where_it_is_most_of_all_or_too_much() -> None:
    feed = _Feed()
    for key, (session, speaker) in enumerate([("a", "Ana"), ("a", "Ben"), *([("b", "Cleo")] * 4)], 1):
        feed.put(key, session, speaker)
    index = TurnIndex()
    assert index.company(_snapshot(feed), [1], ["Ana"], limit=10).tolist() == [1, 2]
    assert index.company(_snapshot(feed), [1], ["Cleo"], limit=10).tolist() == []
    assert index.company(_snapshot(feed), [1], ["Ana"], limit=1).tolist() == []


def test_what_memories_have_in_common_says_nothing_of_their_meaning() -> None:
    random = np.random.default_rng(5)
    common = np.ones(32) / 32**0.5
    rows = common + 0.5 * np.linalg.qr(random.normal(size=(200, 32)))[0]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    question = rows[7] * 0.5 + common.astype(np.float32) * 0.5
    question /= np.linalg.norm(question)
    near, worth = cosines(rows, question), apart(rows, question)
    assert near.argmax() == worth.argmax() == 7
    assert np.median(near) > 0.7
    assert np.median(worth) < np.median(near) / 2
    assert apart(rows[:1], question)[0] == pytest.approx(near[0], abs=0.1)
    assert apart(rows[:0], question).tolist() == []


def _turns(*voices: int) -> Turns:
    count = len(voices)
    places = np.arange(count)
    return Turns(
        places + 1,
        np.zeros(count, np.int64),
        np.array(voices),
        places - 1,
        np.where(places + 1 < count, places + 1, NONE),
    )


@pytest.mark.parametrize(
    ("voices", "received"),
    [
        ((1, 2, 1), [0.4, 0.0, 0.4]),  # the middle one passes to both sides
        ((2, 1, 1), [0.4, 0.0, 0.0]),
        ((1, 1, 1), [0.0, 0.0, 0.0]),
        ((0, 0, 0), [0.0, 0.0, 0.0]),
        ((-1, -2, -1), [0.7, 0.0, 0.0]),  # a reply to its prompt alone
        ((-2, -1, -2), [0.0, 0.0, 0.0]),
    ],
)
def test_a_score_passes_only_where_the_speaker_changes(voices: tuple[int, ...], received: list[float]) -> None:
    assert passed(np.array([0.0, 1.0, 0.0]), links(_turns(*voices)), "words").tolist() == pytest.approx(received)


def test_a_score_reaches_the_turn_behind_somebody_elses() -> None:
    assert passed(np.array([1.0, 0.0, 0.0]), links(_turns(1, 2, 1)), "words").tolist() == pytest.approx([0, 0.4, 0.2])


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("When did Ana paint it?", True),
        ("How long has she lived there?", True),
        ("In what year did it open?", True),
        ("Which month was that?", True),
        ("What did Ana do when it rained?", False),
        ("How many cats are there?", False),
    ],
)
def test_questions_about_time_are_known_by_how_they_begin(question: str, asks: bool) -> None:
    assert asks_when(question) is asks


def test_words_of_time_are_days_months_years_and_what_relates_to_now() -> None:
    assert all(map(is_temporal, ("yesterday", "ago", "monday", "june", "1999", "2023", "week")))
    assert not any(map(is_temporal, ("cat", "42", "3000", "")))


@pytest.mark.parametrize(
    ("question", "role"),
    [
        ("Where did I put my keys?", Role.USER),
        ("What did you recommend for dinner?", Role.ASSISTANT),
        ("I want the list that you gave me", Role.ASSISTANT),
        ("Who wrote the report?", None),
    ],
)
def test_a_question_tells_whose_words_it_is_after(question: str, role: Role | None) -> None:
    assert role_asked(question) == role


def _evidence(
    words: list[float], similarity: dict[int, float], turns: Turns | None = None, **flags: list[bool]
) -> Evidence:
    count = len(words)
    alone = np.full(count, NONE)
    turns = turns or Turns(np.arange(count) + 1, alone, np.zeros(count, np.int64), alone, alone)
    given = {name: np.array(flags.get(name, [False] * count)) for name in ("spoken", "part", "role", "timely")}
    cosines = {RowKey(key): value for key, value in similarity.items()}
    meaning = np.array([similarity.get(key, 0.0) for key in turns.keys.tolist()])
    return Evidence(
        turns=turns, words=np.array(words), together=np.zeros(count), meaning=meaning, similarity=cosines,
        dated=np.zeros(count), **given,
    )  # fmt: skip


def test_scores_lie_between_nothing_and_one_and_ties_go_by_key() -> None:
    ranked = rank(_evidence([1.0, 0.5, 0.0], {1: 1.0, 3: -0.4}), lambda _: np.array([1.0, 0.0, 0.0]))
    assert [candidate.key for candidate in ranked] == [1, 2, 3]
    assert 0.8 < ranked[0].score < 1.0
    assert (ranked[2].score, ranked[2].lexical, ranked[2].similarity) == (0.0, None, -0.4)
    assert [candidate.key for candidate in rank(_evidence([0.5, 0.5], {}))] == [1, 2]
    assert rank(_evidence([], {})) == []


def test_a_score_is_the_sum_of_its_parts() -> None:
    evidence = _evidence([0.4, 0.1, 0.0], {1: 0.3, 2: 0.5}, _turns(1, 2, 1), spoken=[True, False, True])
    for candidate in rank(evidence):
        assert len(candidate.parts) == len(PARTS)
        assert candidate.score == pytest.approx(sum(candidate.parts), abs=1e-5)


def test_the_best_are_told_apart_however_much_speaks_for_them() -> None:
    yes = [True] * 3
    evidence = _evidence([0.8, 0.9, 1.0], {1: 0.9, 2: 0.9, 3: 0.9}, spoken=yes, part=yes, role=yes, timely=yes)
    one, two, three = rank(evidence)
    assert [one.key, two.key, three.key] == [3, 2, 1]
    assert 1 > one.score > two.score > three.score > 0.6


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("my support group met", 3 / 8),
        ("the group of support met", 3 / 8),
        ("a group met yesterday and will support him", 0.0),
        ("support group and support group", 3 / 8),
        ("support the LGBTQ group", 1 / 8),
        ("nothing of it", 0.0),
    ],
)
def test_words_that_stand_together_in_a_question_count_where_they_stand_together(text: str, share: float) -> None:
    texts = _Texts(text)
    gathered = Bags().gather(_snapshot(texts), list(texts.texts), ["lgbtq", "support", "group"])
    (found,) = together(gathered, np.array([1.0, 3.0, 4.0])).tolist()
    assert found == pytest.approx(share)


def test_the_right_person_saying_something_else_is_no_answer() -> None:
    said, answer = rank(_evidence([0.0, 0.2], {}, spoken=[True, False], part=[True, True]))[::-1]
    assert (said.key, said.score) == (1, 0.0)
    assert answer.score > 0


def test_the_other_turns_of_the_best_session_gain() -> None:
    alone = np.full(3, NONE)
    turns = Turns(np.array([1, 2, 3]), np.array([0, 0, 1]), np.zeros(3, np.int64), alone, alone)
    assert [candidate.key for candidate in rank(_evidence([0.8, 0.3, 0.3], {}, turns))] == [1, 2, 3]
    assert rank(_evidence([0.8, 0.3, 0.3], {}, turns))[2].score < rank(_evidence([0.8, 0.3, 0.3], {}, turns))[1].score


async def test_a_reply_finds_its_prompt_and_an_answer_its_question(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        prompt = await memory.remember("Any idea for Saturday night?", session="one", role="user", occurred_at=_AT)
        await memory.remember("Try the jazz concert at the harbour", session="one", role="assistant", occurred_at=_AT)
        await memory.remember("Thanks", session="one", role="user", occurred_at=_AT)
        for at in range(20):
            await memory.remember(
                f"Ticket {at} is about the printer", session=f"other {at}", role="user", occurred_at=_AT
            )
        found = await memory.recall("jazz concert at the harbour", k=3)
        assert found.hits[0].memory.text == "Try the jazz concert at the harbour"
        assert prompt.id in {hit.memory.id for hit in found.hits}


async def test_two_open_memories_rank_alike_whatever_each_has_seen_before(tmp_path: Path) -> None:
    texts = [f"note {at}: {word} and {other}" for at, (word, other) in enumerate(product(_WORDS, _WORDS))]
    async with mnemic.open_memory(tmp_path, chroma="off") as one, mnemic.open_memory(tmp_path, chroma="off") as two:
        for at, text in enumerate(texts):
            await one.remember(text, session=f"s{at // 5}", speaker=["Ana", "Ben"][at % 2], occurred_at=_AT)
            if at % 7 == 0:
                await two.recall(text)
        for question in ("What did Ana say of apples?", "When was the harbour green?", "jazz"):
            answers = [await memory.recall(question, k=20) for memory in (one, two)]
            left, right = ([(hit.memory.id, hit.score) for hit in answer.hits] for answer in answers)
            assert left == right
            assert left


async def test_a_tag_that_is_given_later_is_found_by_its_word(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        kept = await memory.remember("the boiler was mended")
        assert (await memory.recall("boiler")).hits
        with memory._open.backends.ledger.transaction() as transaction:  # type: ignore[union-attr]
            ((key, _),) = transaction.find([kept.id]).values()
            transaction.set_tags(key, ["plumbing"])
        (hit,) = (await memory.recall("plumbing")).hits
        assert hit.lexical is not None
        assert hit.lexical > 0
