"""Whom a question names, however the speakers' names are written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mnemic
from mnemic import Memory
from mnemic.retrieval.naming import named_in

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_SPEAKERS = [
    "jonas_k",
    "Dr. Eva Weber",
    "Silva, Ana",
    "katie.b",
    "João P.",
    "Anna K.",
    "Anna M.",
    "Will",
    "Leo92",
    "健太",
    "王小明",
]


async def talk(memory: Memory, *said: tuple[str, str], session: str = "chat") -> None:
    """Remember what was said, by whom, a turn a minute."""
    for at, (speaker, text) in enumerate(said):
        await memory.remember(text, session=session, speaker=speaker, occurred_at=_AT.replace(minute=at))


@pytest.mark.parametrize(
    ("question", "people", "left"),
    [
        ("What did Jonas cook?", [["jonas_k"]], "What did cook?"),
        ("what did jonas cook?", [["jonas_k"]], "what did cook?"),
        ("Where does @katie.b live?", [["katie.b"]], "Where does @ live?"),
        ("Was Eva late?", [["Dr. Eva Weber"]], "Was late?"),
        ("Was Weber late?", [["Dr. Eva Weber"]], "Was late?"),
        ("Weber grills, where are they sold?", [], "Weber grills, where are they sold?"),
        ("Who is a weber by trade?", [], "Who is a weber by trade?"),
        ("Is there a dr. near here?", [], "Is there a dr. near here?"),
        ("Where did Ana’s sister go?", [["Silva, Ana"]], "Where did sister go?"),
        ("Was kocht Jonas heute?", [["jonas_k"]], "Was kocht heute?"),
        ("Wie heißt Evas Hund?", [["Dr. Eva Weber"]], "Wie heißt Hund?"),
        ("Did Joao call?", [["João P."]], "Did call?"),
        ("What did Anna M. paint?", [["Anna M."]], "What did . paint?"),
        ("What did Anna paint?", [["Anna K.", "Anna M."]], "What did paint?"),
        ("What did Anna K. tell Anna M.?", [["Anna K."], ["Anna M."]], "What did . tell .?"),
        ("What will Ana do?", [["Silva, Ana"]], "What will do?"),
        ("What did Will do?", [["Will"]], "What did do?"),
        ("Will Ana come?", [["Silva, Ana"]], "Will come?"),
        ("健太さんは何を食べた?", [["健太"]], "は何を食べた?"),
        ("小明的猫怎么了?", [["王小明"]], "的猫怎么了?"),
        ("what did leo say?", [["Leo92"]], "what did say?"),
        ("Who paid?", [], "Who paid?"),
    ],
)
def test_a_speaker_is_named_by_what_people_call_one_with_such_a_name(
    question: str, people: list[list[str]], left: str
) -> None:
    found = named_in(question, _SPEAKERS)
    assert [sorted(called) for called in found.people] == people
    assert " ".join(found.rest.split()) == left


@pytest.mark.parametrize(
    ("question", "speakers", "people"),
    [
        ("What did Bob cook?", ["Robert Carter", "Ana"], ["Robert Carter"]),
        ("What did Mel cook?", ["Melanie", "Ana"], ["Melanie"]),
        ("What did Melanie cook?", ["mel_92", "Ana"], ["mel_92"]),
        ("What did William's aunt cook?", ["Bill"], ["Bill"]),
        ("What did Kate cook?", ["Katherine", "Kathleen"], ["Katherine", "Kathleen"]),
        ("What did Kate cook?", ["Katherine", "Kate"], ["Kate"]),  # whose own name it is, is meant
        ("What did bob up and down?", ["Robert"], []),
        ("Bob what?", ["Robert"], []),  # at the beginning every word has a capital
        ("What happened in May?", ["Maya"], []),
        ("What did Anna cook?", ["Ann"], []),
        ("What did Rob cook?", [f"Robert {at}" for at in range(9)], []),
    ],
)
def test_a_shorter_or_a_longer_form_of_a_first_name_may_mean_its_bearer(
    question: str, speakers: list[str], people: list[str]
) -> None:
    assert [person for called in named_in(question, speakers).people for person in sorted(called)] == people


async def test_a_nickname_means_the_speaker_and_still_finds_somebody_else_who_is_called_so(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await talk(
            memory,
            ("Ana", "Bobby, what will you paint this summer?"),
            ("Robert", "I want to paint the boat green"),
            ("Ana", "Our neighbour Ted always grills on the roof in summer"),
            ("Edward", "I like the summer"),
            ("Ana", "So do I"),
        )
        (first, *_) = (await memory.recall("What does Bobby want to paint?")).hits
        (other, *_) = (await memory.recall("Where does Ted grill?")).hits
    assert first.memory.text.startswith("I want to paint")
    assert other.memory.text.startswith("Our neighbour Ted")


def test_a_word_that_many_have_in_their_names_names_nobody() -> None:
    assert named_in("What did the student say?", [f"Student {at}" for at in range(9)]).people == ()
    assert named_in("What did student 4 say?", [f"Student {at}" for at in range(9)]).people == (("Student 4",),)


async def test_who_said_it_counts_however_the_name_is_written(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await talk(
            memory,
            ("ben.r", "Jonas, do you take the train to work?"),
            ("jonas_k", "No, I cycle to work, even in winter"),
            ("ben.r", "I take the train to work, Jonas, and it is late every day"),
            ("jonas_k", "Poor you"),
        )
        (hit, *_) = (await memory.recall("How does Jonas get to work?")).hits
        assert hit.memory.text.startswith("No, I cycle")


async def test_a_question_that_names_two_is_after_what_either_said(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await talk(
            memory,
            ("Pia", "The present for the party is a kettle"),
            ("Ana", "The present for the party is a lamp"),
            ("Ben", "Nice"),
        )
        (hit, *_) = (await memory.recall("What present did Ana give Ben at the party?")).hits
        assert hit.memory.speaker == "Ana"


@pytest.mark.parametrize(("others", "sought"), [(["Dwight", "Angela"], True), (["Angela", "Angela"], False)])
async def test_where_three_talk_what_is_said_of_somebody_is_found_by_the_name(
    others: list[str], sought: bool, tmp_path: Path
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await talk(
            memory,
            (others[0], "They took Meredith to the hospital"),
            (others[1], "No!"),
            ("Meredith", "I am back"),
            session="office",
        )
        hits = (await memory.recall("What happened to Meredith?", min_score=0)).hits
        (told,) = (hit for hit in hits if hit.memory.text.startswith("They took"))
        assert (told.lexical is not None) is sought


@given(question=st.text(max_size=30), speakers=st.lists(st.text(min_size=1, max_size=12), max_size=4))
@example(question="\uff9e", speakers=["Ana"])  # a word that is nothing but a mark
@example(question="a b", speakers=["\uff9e", "Ana"])
def test_whatever_is_asked_nobody_is_named_but_those_who_speak(question: str, speakers: list[str]) -> None:
    found = named_in(question, speakers)
    assert {person for called in found.people for person in called} <= set(speakers)
    assert found.people or found.rest == question
