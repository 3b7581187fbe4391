"""Questions about how things are now, and the newest of what answers them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnemic
from mnemic import NewMemory, Origin
from mnemic.domain.provenance import Channel
from mnemic.retrieval.question import parse_question
from mnemic.retrieval.recency import recency
from mnemic.retrieval.timing import asks_now
from mnemic.retrieval.turns import NONE

START = datetime(2025, 1, 10, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "question",
    [
        "What is my current job?",
        "Where is Ana living these days?",
        "Who's my doctor right now?",
        "Do I still take the bus?",
        "What's my most recent 10k time?",
        "How old is my cat now?",
        "What is the price as of today?",
        "Wie hoch ist die Miete derzeit?",
        "Où est-ce que j'habite actuellement ?",
        "我现在住在哪里？",
    ],
)
def test_a_question_about_now_says_so(question: str) -> None:
    assert asks_now(question)


@pytest.mark.parametrize(
    "question",
    [
        "What did I drive before the car I have now?",
        "Where did Ana live originally?",
        "Which job was the first?",
        "Who said that electric current is dangerous?",
        "What was the latest film we saw?",
        "Where does Ana live?",
        "What do they do now and then?",
        "Wo habe ich früher gewohnt, und wo jetzt?",
    ],
)
def test_questions_about_the_past_and_about_no_time_ask_for_nothing_new(question: str) -> None:
    assert not asks_now(question)


def test_words_for_now_are_not_searched_for_unless_there_are_no_others() -> None:
    assert parse_question("What is my current rent at the moment?", ()).words == ("rent",)
    assert parse_question("What is the latest?", ()).words == ("latest",)
    assert "current" in parse_question("Who measured the electric current?", ()).words


def test_who_names_a_date_asks_for_that_date_and_not_for_the_newest() -> None:
    asked = parse_question("What is Ana currently reading in May 2023?", (), asked_at=START)
    assert asked.when is not None
    assert not asked.now


async def _told(folder: Path, *texts: str, **fields: object) -> list[NewMemory]:
    return [
        NewMemory(text=text, occurred_at=START + timedelta(days=30 * at), **fields)  # type: ignore[arg-type]
        for at, text in enumerate(texts)
    ]


JOBS = (
    "Started at the bakery on Mill Street, my job is to make the bread.",
    "New job! I drive a delivery van for the flower market.",
    "My job with the vans ended, I look after the greenhouse at the botanic garden.",
)


async def test_the_newest_answer_comes_first_when_the_question_asks_about_now(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", facts="off") as memory:
        await memory.remember_many(await _told(tmp_path, *JOBS, "The bread knife is blunt.", "Bought a van ticket."))
        found = await memory.recall("What is my current job?", explain=True)
        assert found.hits[0].memory.text == JOBS[2]
        explanation = found.hits[0].explanation
        assert explanation is not None
        assert explanation.parts["recency"] > 0
        plain = await memory.recall("What was my job at the bakery?", explain=True)
        assert all(hit.explanation is not None and "recency" not in hit.explanation.parts for hit in plain.hits)


async def test_twenty_older_values_do_not_crowd_out_the_newest(tmp_path: Path) -> None:
    texts = [f"The door code of the studio was changed to {4_000 + 37 * at}." for at in range(21)]
    async with mnemic.open_memory(tmp_path, chroma="off", facts="off") as memory:
        await memory.remember_many(await _told(tmp_path, *texts))
        found = await memory.recall("What is the current door code of the studio?", k=3)
        assert [hit.memory.text for hit in found.hits] == texts[:-4:-1]


async def test_a_strangers_last_word_is_not_taken_for_the_news(tmp_path: Path) -> None:
    web = Origin(channel=Channel.WEB)
    async with mnemic.open_memory(tmp_path, chroma="off", facts="off") as memory:
        await memory.remember_many(await _told(tmp_path, *JOBS))
        await memory.remember(
            "My job: I clean the boats of the yacht club.", occurred_at=START + timedelta(days=200), origin=web
        )
        found = await memory.recall("What is my current job?")
        assert found.hits[0].memory.text == JOBS[2]


async def test_nothing_is_relevant_because_it_is_new(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember_many(await _told(tmp_path, *JOBS))
        before = await memory.recall("Which volcanoes erupted in Iceland?")
        now = await memory.recall("Which volcanoes are currently erupting in Iceland?")
        assert (before.hits, now.hits) == ((), ())


_MOMENTS = st.lists(st.integers(0, 50), min_size=1, max_size=12)


@given(_MOMENTS, st.data())
def test_newer_is_never_less_among_rivals_and_nothing_to_come_counts(moments: list[int], data: st.DataObject) -> None:
    count = len(moments)
    content = np.array(data.draw(st.lists(st.floats(0, 2), min_size=count, max_size=count)))
    strangers = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    found = recency(np.array(moments), np.full(count, NONE), content, now=40, strangers=strangers)
    assert ((found >= 0) & (found <= 1)).all()
    chosen = np.flatnonzero(found)
    assert all(moments[at] <= 40 and content[at] > 0 for at in chosen)
    assert not len(chosen) or found.max() == 1
    assert len({bool(strangers[at]) for at in chosen}) <= 1
    for one in chosen:
        for other in chosen:
            assert (moments[one] > moments[other]) == (found[one] > found[other])


def test_what_is_said_in_one_session_is_equally_new() -> None:
    found = recency(
        np.array([1, 2, 3, 4]), np.array([7, 8, 7, NONE]), np.ones(4), now=9, strangers=np.zeros(4, np.bool_)
    )
    assert found.tolist() == [0.5, 0.25, 0.5, 1.0]
