"""A diary in which the same things happen again and again, and questions that only a date tells apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

import mnemic
from mnemic import Memory
from mnemic.errors import InvalidInput
from mnemic.retrieval.postings import MOST_HOLDING

_ASKED_AT = datetime(2024, 6, 12, 18, tzinfo=UTC)  # a Wednesday
_UNREAD = datetime(2150, 1, 1, tzinfo=UTC)
_DIARY = """
2021-03-14 Ran the city half marathon in the rain
2021-07-20 Holiday in Norway, hiked to the glacier
2021-12-25 Grandmother gave me a wool scarf for Christmas
2022-05-09 Dinner with Ana at the Thai place
2022-07-18 Holiday in Greece, swam every morning
2022-10-02 Ran the city half marathon in sunshine
2022-12-25 Grandmother gave me a cookbook for Christmas
2023-05-07 Dinner with Ana at the Lebanese place
2023-05-21 Saw the dentist, who filled a tooth
2023-06-03 Concert by the lake with Ben
2023-07-22 Holiday in Scotland, it rained all week
2023-08-11 Bought a second-hand bicycle
2023-10-01 Ran the city half marathon with a sore knee
2023-11-16 Saw the dentist, nothing to be done
2023-12-25 Grandmother gave me a teapot for Christmas
2024-01-15 Started the pottery course
2024-02-10 Skiing with the cousins
2024-02-14 Dinner with Ana at the French place
2024-03-03 Painted the kitchen yellow
2024-03-20 Saw the dentist for a cleaning
2024-04-06 Concert in the church with Clara
2024-04-21 Ran ten kilometres along the river
2024-05-04 Repaired the bicycle, new chain
2024-05-11 Dinner with Ana at the Korean place
2024-05-17 Lunch with Ben, noodle soup
2024-05-24 Painted the balcony door green
2024-05-28 Lunch with Ben, lentil curry
2024-05-29 Watched a film about whales
2024-06-01 Repaired the bicycle, both brakes
2024-06-02 Baked a rhubarb cake
2024-06-04 Ran five kilometres before breakfast
2024-06-05 Watched a film about the moon landing
2024-06-07 Lunch with Ben, fish tacos
2024-06-08 Baked an onion tart
2024-06-09 Concert in the park with Dora
2024-06-10 Watched a film about chess
2024-06-11 Lunch with Ben, pea risotto
2024-06-12 Ran six kilometres after work
2024-04-30 I sold the old camera last Tuesday
2024-02-05 The exhibition opened two days ago and I went with Clara
2024-05-20 The library wants its books back on the 3rd of June
2024-04-02 The exam in statistics is on 18 April
""".strip().splitlines()


@pytest_asyncio.fixture
async def diary(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember_many(
            [mnemic.NewMemory(text=line[11:], occurred_at=f"{line[:10]}T12:00:00Z") for line in _DIARY]
        )
        yield memory


_QUESTIONS = {
    "Where did I have dinner with Ana last May?": "Korean",
    "Where did I have dinner with Ana in May 2023?": "Lebanese",
    "Where did I have dinner with Ana on 9 May 2022?": "Thai",
    "Where was dinner on Valentine's Day 2024?": "French",
    "What did I eat for lunch with Ben yesterday?": "risotto",
    "What did I eat for lunch with Ben last Friday?": "tacos",
    "What did I eat for lunch with Ben two weeks ago?": "curry",
    "What did I eat for lunch with Ben on 17 May?": "soup",
    "Which film did I watch last week?": "moon",
    "Which film did I watch two weeks ago?": "whales",
    "Which film did I watch on Monday?": "chess",
    "Who was with me at the concert last weekend?": "Dora",
    "Who was with me at the concert in April?": "Clara",
    "Who was with me at the concert on 2023-06-03?": "Ben",
    "Where did I go on holiday last summer?": "Scotland",
    "Where did I go on holiday in summer 2021?": "Norway",
    "Where did I go on holiday two years ago?": "Greece",
    "What did grandmother give me last Christmas?": "teapot",
    "What did grandmother give me for Christmas in 2021?": "scarf",
    "How was the half marathon in October 2022?": "sunshine",
    "How was the half marathon last October?": "knee",
    "What did the dentist do in March?": "cleaning",
    "What did the dentist do in the spring of 2023?": "filled",
    "What did I paint in the week before 27 May 2024?": "balcony",
    "What did I paint three months ago?": "kitchen",
    "What did I bake last weekend?": "tart",
    "What did I bake the weekend before last?": "rhubarb",
    "What was repaired on the bicycle in early May?": "chain",
    "What was repaired on the bicycle this month?": "brakes",
    "How far did I run today?": "six kilometres",
    "How far did I run in the past two weeks?": "kilometres",
    "What did I sell on 23 April 2024?": "camera",
    "What did I go to with Clara on February 3rd?": "exhibition",
    "What happened yesterday?": "risotto",
    "What did I do last weekend?": "tart|Dora",
}
# What looks like a date and is none, or has none in the diary: the answer must be found all the same.
_TRAPS = {
    "Which skiing trip may the cousins remember?": "Skiing",
    "What did I do the day before my exam in statistics?": "exam",
    "When did I start the pottery course?": "pottery",
    "What second-hand thing did I buy?": "second-hand",
    "Tell me about the concert, Ben may have been there": "Ben",
    "Which film was about the moon landing, and not from last year?": "moon",
    "What did I paint green on Christmas 2019?": "balcony",
    "Is the fall in the price of bicycles why I bought one?": "Bought",
}


async def _wrong(diary: Memory, questions: dict[str, str], asked_at: datetime) -> list[str]:
    """The questions whose first hit is not the answer."""
    wrong = []
    for question, answer in questions.items():
        hits = (await diary.recall(question, asked_at=asked_at, k=3)).hits
        if not hits or not any(part in hits[0].memory.text for part in answer.split("|")):
            wrong.append(question)
    return wrong


async def test_the_date_of_a_question_tells_which_time_is_meant(diary: Memory) -> None:
    wrong = await _wrong(diary, _QUESTIONS, _ASKED_AT)
    assert len(wrong) <= 2, wrong
    # Dates are not read there, so this is what words and meaning find alone.
    assert len(await _wrong(diary, _QUESTIONS, _UNREAD)) >= 12


async def test_what_is_no_date_or_not_the_point_changes_nothing(diary: Memory) -> None:
    assert await _wrong(diary, _TRAPS, _ASKED_AT) == []
    assert await _wrong(diary, _TRAPS, _UNREAD) == []


async def test_a_date_alone_asks_for_what_is_of_that_date_and_for_nothing_else(diary: Memory) -> None:
    found = await diary.recall("What happened in the first week of June 2024?", asked_at=_ASKED_AT, k=6)
    # The library's memory is of May, and speaks of the 3rd of June.
    assert {hit.memory.text[:5] for hit in found.hits[:6]} == {"Repai", "Baked", "The l", "Ran f", "Watch", "Lunch"}
    nothing = await diary.recall("What happened on 5 August 2020?", asked_at=_ASKED_AT)
    assert not nothing.hits
    assert "Nothing relevant" in str(nothing.reason)


async def test_a_date_counts_in_full_only_for_what_answers_besides(diary: Memory) -> None:
    found = await diary.recall("Who repaired the submarine yesterday?", asked_at=_ASKED_AT, min_score=0)
    scores = {hit.memory.text: hit.score or 0 for hit in found.hits}
    assert max(scores, key=lambda text: scores[text]).startswith("Repaired")
    assert scores.get("Lunch with Ben, pea risotto", 0) < 0.2


async def test_days_begin_and_end_where_the_asker_is(diary: Memory) -> None:
    question = "What did I eat for lunch with Ben yesterday?"
    for asked_at, meal in (("2024-06-11T23:30:00-02:00", "pea"), ("2024-06-12T00:30:00+02:00", "pea")):
        # Half past one at night in UTC on the 12th, and half past ten in the evening on the 11th.
        hit = (await diary.recall(question, asked_at=asked_at, k=1)).hits[0]
        assert (meal in hit.memory.text) == (asked_at.endswith("+02:00"))


async def test_a_moment_of_asking_that_is_none_is_refused(diary: Memory) -> None:
    with pytest.raises(InvalidInput, match="asked_at"):
        await diary.recall("yesterday?", asked_at="the day after")


async def test_the_next_page_belongs_to_the_same_moment_of_asking(diary: Memory) -> None:
    first = await diary.recall("lunch with Ben last week", asked_at=_ASKED_AT, k=1)
    second = await diary.recall("lunch with Ben last week", asked_at=_ASKED_AT, k=1, cursor=first.cursor)
    assert first.hits[0].memory.id != second.hits[0].memory.id
    with pytest.raises(InvalidInput):
        await diary.recall("lunch with Ben last week", asked_at=_UNREAD, k=1, cursor=first.cursor)


async def test_without_a_moment_of_asking_days_are_reckoned_from_now(diary: Memory) -> None:
    now = datetime.now(UTC)
    await diary.remember("Lunch with Ben, tomato salad", occurred_at=now - timedelta(days=7))
    await diary.remember("Lunch with Ben, stuffed peppers", occurred_at=now - timedelta(days=1))
    hit = (await diary.recall("What was for lunch with Ben a week ago?", k=1)).hits[0]
    assert "tomato" in hit.memory.text


async def test_a_filter_holds_whatever_the_date_of_a_question(diary: Memory) -> None:
    found = await diary.recall("What happened last week?", asked_at=_ASKED_AT, until="2024-06-05")
    assert found.hits[0].memory.text == "Ran five kilometres before breakfast"
    assert all(
        hit.memory.occurred_at < datetime(2024, 6, 5, tzinfo=UTC) for hit in found.hits if hit.memory.occurred_at
    )


@pytest.mark.parametrize("count", [400, MOST_HOLDING + 100], ids=["words with a list", "words that too many hold"])
async def test_in_a_large_store_what_is_of_the_time_is_found_behind_a_hundred_others(
    tmp_path: Path, count: int
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        start = datetime(2021, 1, 1, 12, tzinfo=UTC) - timedelta(days=count - 34)
        await memory.remember_many(
            [
                mnemic.NewMemory(text=f"Lunch with Ben number {at}", occurred_at=start + timedelta(days=at))
                for at in range(count)
            ]
        )
        hit = (await memory.recall("Which lunch with Ben was three days ago?", asked_at="2021-01-04T18:00Z", k=1)).hits[
            0
        ]
        assert hit.memory.occurred_at == datetime(2021, 1, 1, 12, tzinfo=UTC)


async def test_a_word_that_thousands_hold_is_found_at_the_time_beside_a_rarer_one_that_was_not_said_then(
    tmp_path: Path,
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        day, asked = timedelta(days=1), datetime(2021, 1, 4, 18, tzinfo=UTC)
        count = MOST_HOLDING + 100
        lunches = [(f"Lunch with Ben number {at}", asked - at * day) for at in range(count)]
        picnics = [(f"Picnic with Dora number {at}", asked - (count + at) * day) for at in range(150)]
        await memory.remember_many([mnemic.NewMemory(text=text, occurred_at=when) for text, when in lunches + picnics])
        found = await memory.recall("Was the picnic or the lunch three days ago?", asked_at=asked, k=5)
    assert "Lunch with Ben number 3" in [hit.memory.text for hit in found.hits]
