"""What ranking is made of, each part on its own."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import mnemic
from mnemic.domain.memory import Role, RowKey
from mnemic.domain.recall import PARTS
from mnemic.protocols import SearchedText
from mnemic.retrieval import bm25
from mnemic.retrieval.bags import Bags
from mnemic.retrieval.fusion import Features, rank
from mnemic.retrieval.maxsim import WordVectors, nearness
from mnemic.retrieval.meaning import apart, cosines
from mnemic.retrieval.proximity import together
from mnemic.retrieval.roles import answer_of, role_asked
from mnemic.retrieval.smoothing import links, passed
from mnemic.retrieval.timing import asks_when, is_temporal
from mnemic.retrieval.turns import NONE, Turns
from mnemic.storage.static_embedder import StaticEmbedder
from mnemic.testing import WordEmbedder
from tests.unit.snapshots import Texts, snapshot_of

_AT = datetime(2026, 1, 1, tzinfo=UTC)


_WORDS = "apples harbour green jazz concert boiler printer".split()


def _shares(texts: Texts, asked: list[str], telling: list[float], average: float = 4.0) -> list[float]:
    gathered = Bags().gather(snapshot_of(texts), list(texts.texts), asked)
    found = bm25.occurrences(gathered, np.array(telling))
    return [float(share) for share in bm25.shares(found, gathered.lengths, average)]


def test_a_memory_covers_more_of_a_question_the_more_telling_its_words_are() -> None:
    texts = Texts("a red car", "a blue car", "red blue car", "nothing of it at all")
    red, blue, both, none = _shares(texts, ["red", "blue"], [3.0, 1.0])
    assert both > red > blue > none == 0.0
    assert both < 1.0


def test_words_are_counted_by_their_stem_and_two_of_one_stem_ask_once() -> None:
    texts = Texts("cats")
    assert _shares(texts, ["cat"], [2.0]) == _shares(texts, ["cat", "cats"], [2.0, 2.0]) != [0.0]


def test_the_same_words_say_less_in_a_long_text() -> None:
    short, long = _shares(Texts("red car", "red car " + "and more " * 40), ["red"], [1.0])
    assert short > long > 0


def test_a_rare_word_tells_more_and_an_unknown_one_as_much_as_the_rarest() -> None:
    weights = bm25.weights(bm25.Frequencies(np.array([90.0, 2.0, 1.0, 0.0]), 100)).tolist()
    assert weights == sorted(weights)
    assert weights[2] == weights[3]
    assert weights[0] > 0


def test_words_are_read_once_until_they_change() -> None:
    texts = Texts("one", "two")
    bags = Bags()
    for _ in range(2):
        gathered = bags.gather(snapshot_of(texts), [1, 2, 77], ["two"])
    assert texts.asked_for == [1, 2, 77]
    assert gathered.lengths.tolist() == [1, 1, 0]
    texts.texts[RowKey(2)] = SearchedText("", "two three")
    bags.forget([2])
    assert bags.gather(snapshot_of(texts), [2, 1], []).lengths.tolist() == [2, 1]


def test_words_from_before_a_change_are_not_kept_by_whoever_reads_them_after_it_was_told() -> None:
    before, after = Texts("two"), Texts("two three")
    before.seq, after.seq = 6, 7
    bags = Bags()
    bags.forget([1], up_to=7)
    bags.take(snapshot_of(before), [RowKey(1)])
    assert not bags.knows(RowKey(1))
    assert bags.gather(snapshot_of(before), [1], []).lengths.tolist() == [1], (
        "who asked before the change sees what was"
    )
    assert bags.gather(snapshot_of(after), [1], []).lengths.tolist() == [2]
    assert bags.gather(snapshot_of(before), [1], []).lengths.tolist() == [2]


def test_what_was_remembered_is_forgotten_when_there_is_too_much_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemic.retrieval.bags._MAX_MEMORIES", 1)
    texts = Texts("red car", "blue car")
    bags = Bags()
    for _ in range(3):
        gathered = bags.gather(snapshot_of(texts), [1, 2], ["car"])
        assert bm25.occurrences(gathered, np.ones(1)).often.tolist() == [[1.0], [1.0]]
    assert texts.asked_for == [1, 2] * 3


def test_a_synonym_comes_near_and_the_word_itself_nearest() -> None:
    texts = Texts("the physician came", "the doctor came", "the carpet is green", dated="7 May 2023")
    gathered = Bags().gather(snapshot_of(texts), [1, 2, 3], ["doctor"])
    embedder = StaticEmbedder()
    vectors = WordVectors(embedder.embed, embedder.dimensions)
    synonym, itself, other = nearness(gathered, np.ones(1), vectors, np.arange(3)).tolist()
    assert itself == pytest.approx(1.0, abs=1e-5)
    assert itself > synonym > other
    assert nearness(gathered, np.ones(1), vectors, np.array([2])).tolist() == [0.0, 0.0, other]


def test_the_date_of_a_memory_is_not_what_it_is_about() -> None:
    texts = Texts("the party is in June", dated="7 May 2023")
    gathered = Bags().gather(snapshot_of(texts), [1], ["may"])
    assert gathered.own_among(np.arange(8))[0].tolist() == [3, 4, 5, 6, 7]
    vectors = WordVectors(WordEmbedder().embed, WordEmbedder().dimensions)
    assert nearness(gathered, np.ones(1), vectors, np.arange(1)).tolist()[0] < 1.0


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
        ((2, 1, 1), [0.4, 0.0, 0.2]),  # and less to what the same person goes on to say
        ((1, 1, 1), [0.0, 0.0, 0.0]),
        ((0, 0, 0), [0.0, 0.0, 0.0]),
        ((-1, -2, -1), [0.7, 0.0, 0.0]),  # a reply to its prompt alone
        ((-2, -1, -2), [0.0, 0.0, 0.0]),
    ],
)
def test_a_score_passes_where_speakers_change(voices: tuple[int, ...], received: list[float]) -> None:
    assert passed(np.array([0.0, 1.0, 0.0]), links(_turns(*voices)), "words").tolist() == pytest.approx(received)


def test_a_score_reaches_the_turn_behind_somebody_elses() -> None:
    assert passed(np.array([1.0, 0.0, 0.0]), links(_turns(1, 2, 1)), "words").tolist() == pytest.approx([0, 0.4, 0.2])


def test_a_question_reaches_all_messages_of_an_answer() -> None:
    received = passed(np.array([1.0, 0.0, 0.0]), links(_turns(1, 2, 2)), "words").tolist()
    assert received == pytest.approx([0, 0.4, 0.2])


def test_whoever_asks_and_tells_nothing_passes_more_to_the_answer() -> None:
    asking = np.array([True, False, False])
    received = passed(np.array([1.0, 0.0, 0.0]), links(_turns(1, 2, 1), asking), "words").tolist()
    assert received == pytest.approx([0, 0.6, 0.2])


@pytest.mark.parametrize(
    ("only_asks", "answer_of", "received"),
    [
        (False, None, [0.7, 0.0]),
        (True, None, [0.0, 0.2]),
        (True, Role.USER, [0.7, 0.0]),  # what a user asks says what the user is about
        (False, Role.ASSISTANT, [0.0, 0.2]),
    ],
)
def test_of_a_prompt_and_its_reply_the_one_that_may_hold_the_answer_gains(
    only_asks: bool, answer_of: Role | None, received: list[float]
) -> None:
    around = links(_turns(-1, -2), np.array([only_asks, False]), answer_of)
    assert passed(np.array([1.0, 1.0]), around, "words").tolist() == pytest.approx(received)


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
        ("Which two routes did you put into the plan?", Role.ASSISTANT),
        ("How hot should the oven be, according to you?", Role.ASSISTANT),
        ("Which bolt was too short in your answer?", Role.ASSISTANT),
        ("Did you know that I sold my car?", Role.USER),
        ("What was the name of the café we talked about?", Role.ASSISTANT),
        ("What did we decide when we talked about my roof?", Role.USER),
        ("Who wrote the report?", None),
        ("Can you recommend a film for me?", None),
        ("Could you remind me where the spare key is?", None),
        ("How can I see who is logged in?", None),
        ("I was looking at our last chat. Which port was it?", Role.ASSISTANT),
        ("What did I say in our last chat?", Role.USER),
        ("Tell me the name of my dentist", Role.USER),
        ("Welche Platten hast du mir empfohlen?", Role.ASSISTANT),
        ("Wie heißt mein Zahnarzt?", Role.USER),
        ("Quel vin m'as-tu conseillé ?", Role.ASSISTANT),
        ("¿Cuánto gel me dijiste que tomara?", Role.ASSISTANT),
        ("你推荐我买哪一本书?", Role.ASSISTANT),
        ("我的猫几岁了?", Role.USER),
        ("何日保存できると言いましたか?", Role.ASSISTANT),
    ],
)
def test_a_question_tells_whose_words_it_is_after(question: str, role: Role | None) -> None:
    assert role_asked(question) == role


@pytest.mark.parametrize(
    ("question", "role"),
    [
        ("Can you recommend a film for me?", Role.USER),  # what suits the user is what the user has said
        ("How can I see who is logged in?", None),
        ("What did you recommend for dinner?", Role.ASSISTANT),
    ],
)
def test_a_question_tells_in_which_role_its_answer_was_said(question: str, role: Role | None) -> None:
    assert answer_of(question, role_asked(question)) == role


def _features(
    words: list[float], similarity: dict[int, float], turns: Turns | None = None, **flags: list[bool]
) -> Features:
    count = len(words)
    alone = np.full(count, NONE)
    turns = turns or Turns(np.arange(count) + 1, alone, np.zeros(count, np.int64), alone, alone)
    spoken, part, role, timely, asking = (
        np.array(flags.get(name, [False] * count)) for name in ("spoken", "part", "role", "timely", "asking")
    )
    cosines = {RowKey(key): value for key, value in similarity.items()}
    meaning = np.array([similarity.get(key, 0.0) for key in turns.keys.tolist()])
    return Features(
        turns=turns, words=np.array(words), together=np.zeros(count), meaning=meaning, similarity=cosines,
        dated=np.zeros(count), spoken=spoken, part=part, role=role, timely=timely, asking=asking,
    )  # fmt: skip


def test_scores_lie_between_nothing_and_one_and_ties_go_by_key() -> None:
    ranked = rank(_features([1.0, 0.5, 0.0], {1: 1.0, 3: -0.4}), lambda _: np.array([1.0, 0.0, 0.0]))
    assert [candidate.key for candidate in ranked] == [1, 2, 3]
    assert 0.8 < ranked[0].score < 1.0
    assert (ranked[2].score, ranked[2].lexical, ranked[2].similarity) == (0.0, None, -0.4)
    assert [candidate.key for candidate in rank(_features([0.5, 0.5], {}))] == [1, 2]
    assert rank(_features([], {})) == []


def test_a_score_is_the_sum_of_its_parts() -> None:
    features = _features([0.4, 0.1, 0.0], {1: 0.3, 2: 0.5}, _turns(1, 2, 1), spoken=[True, False, True])
    for candidate in rank(features):
        assert len(candidate.parts) == len(PARTS)
        assert candidate.score == pytest.approx(sum(candidate.parts), abs=1e-5)


def test_the_best_are_told_apart_however_much_speaks_for_them() -> None:
    yes = [True] * 3
    features = _features([0.8, 0.9, 1.0], {1: 0.9, 2: 0.9, 3: 0.9}, spoken=yes, part=yes, role=yes, timely=yes)
    one, two, three = rank(features)
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
    texts = Texts(text)
    gathered = Bags().gather(snapshot_of(texts), list(texts.texts), ["lgbtq", "support", "group"])
    (found,) = together(gathered, np.array([1.0, 3.0, 4.0])).tolist()
    assert found == pytest.approx(share)


def test_the_right_person_saying_something_else_is_no_answer() -> None:
    said, answer = rank(_features([0.0, 0.2], {}, spoken=[True, False], part=[True, True]))[::-1]
    assert (said.key, said.score) == (1, 0.0)
    assert answer.score > 0


def test_what_one_person_asks_another_counts_less_than_what_tells_as_much() -> None:
    people, roles = _turns(1, 2), _turns(-1, -2)
    asked, told = rank(_features([0.6, 0.6], {}, people, asking=[True, False]))[::-1]
    assert (asked.key, told.key) == (1, 2)
    assert asked.score == pytest.approx(sum(asked.parts), abs=1e-5)
    plain, same = (
        rank(_features([0.6, 0.6], {}, roles, asking=[flag, False])._replace(answer_of=Role.USER))
        for flag in (False, True)
    )
    assert [one.score for one in plain] == [one.score for one in same]


def test_the_other_turns_of_the_best_session_gain() -> None:
    alone = np.full(3, NONE)
    turns = Turns(np.array([1, 2, 3]), np.array([0, 0, 1]), np.zeros(3, np.int64), alone, alone)
    assert [candidate.key for candidate in rank(_features([0.8, 0.3, 0.3], {}, turns))] == [1, 2, 3]
    assert rank(_features([0.8, 0.3, 0.3], {}, turns))[2].score < rank(_features([0.8, 0.3, 0.3], {}, turns))[1].score


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


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        ("Any idea for aubergines?", "How long do the aubergines keep in the fridge?"),
        ("My aubergines are ripe.", "Which cheese did you put on the aubergines for the fridge?"),
    ],
)
async def test_a_prompt_gains_nothing_by_a_reply_that_is_the_answer(prompt: str, question: str, tmp_path: Path) -> None:
    reply = (
        "Layer the aubergines with tomatoes, crumble cheese on top and bake it. It keeps for three days in a fridge."
    )
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember(prompt, session="one", role="user", occurred_at=_AT)
        await memory.remember(reply, session="one", role="assistant", occurred_at=_AT)
        first, second = (await memory.recall(question, k=2, explain=True)).hits
        assert (first.memory.text, second.memory.text) == (reply, prompt)
        assert first.explanation is not None and first.explanation.parts["words_around"] > 0
        assert second.explanation is not None and "words_around" not in second.explanation.parts


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
