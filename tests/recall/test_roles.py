"""Questions in the first person where chats, facts and procedures are kept together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnemic import Memory, NewMemory, open_memory
from mnemic.domain.memory import Role
from mnemic.retrieval.roles import may_answer
from mnemic.retrieval.turns import ASSISTANT, NOBODY, USER

PERSON = 1
CHAT = [
    NewMemory(
        text="We are back from the sea, my mother was afraid of the flight. Which album?", session="may", role="user"
    ),
    NewMemory(text="Take one in landscape with matte paper.", session="may", role="assistant"),
    NewMemory(text="I booked a flight for June, should I learn some Portuguese?", session="may", role="user"),
    NewMemory(text="Yes, ten phrases are enough.", session="may", role="assistant"),
    NewMemory(text="What should I put on the balcony first?", session="may", role="user"),
    NewMemory(text="Start with thyme and chives, both forgive a lot.", session="may", role="assistant"),
]
FACT = NewMemory(text="Grows chives and thyme on the balcony", kind="semantic")
PROCEDURE = NewMemory(
    text="Ask for rerouting at the desk, keep receipts, and claim up to 600 euros.",
    kind="procedural",
    when_to_use="when a flight is cancelled",
)


def _voices(*voices: int) -> np.ndarray:
    return np.array(voices, np.int64)


@pytest.mark.parametrize(
    ("asked", "voices", "expected"),
    [
        (Role.USER, (USER, ASSISTANT, NOBODY, PERSON), (True, False, True, False)),
        (Role.USER, (ASSISTANT, NOBODY, PERSON), (False, False, False)),
        (Role.ASSISTANT, (USER, ASSISTANT, NOBODY, PERSON), (False, True, False, False)),
    ],
)
def test_what_nobody_said_may_be_the_users_where_the_user_has_spoken(
    asked: Role, voices: tuple[int, ...], expected: tuple[bool, ...]
) -> None:
    assert may_answer(asked, _voices(*voices)).tolist() == list(expected)


async def _order(memory: Memory, question: str) -> list[str]:
    result = await memory.recall(question, min_score=0)
    return [hit.memory.text for hit in result.hits]


async def test_a_procedure_is_not_behind_a_message_that_merely_shares_a_word(tmp_path: Path) -> None:
    async with open_memory(tmp_path) as memory:
        await memory.remember_many([*CHAT, PROCEDURE])
        assert (await _order(memory, "What should I do, my flight was called off?"))[0] == PROCEDURE.text


async def test_a_fact_counts_as_the_users_words_as_a_message_does(tmp_path: Path) -> None:
    async with open_memory(tmp_path) as memory:
        await memory.remember_many([*CHAT, FACT])
        result = await memory.recall("What do I grow on the balcony?", min_score=0, explain=True)
        best = result.hits[0]
        assert best.memory.text == FACT.text
        assert best.explanation is not None
        assert best.explanation.parts["occasion"] > 0


async def test_without_messages_of_the_user_nothing_counts_as_the_users_words(tmp_path: Path) -> None:
    async with open_memory(tmp_path) as memory:
        await memory.remember_many([FACT, PROCEDURE])
        result = await memory.recall("What do I grow on the balcony?", min_score=0, explain=True)
        parts = [hit.explanation.parts for hit in result.hits if hit.explanation is not None]
        assert len(parts) == 2
        assert not any("occasion" in one for one in parts)


@pytest.mark.parametrize("session", ["june", None])
async def test_whose_words_a_message_is_counts_in_a_session_and_in_none(tmp_path: Path, session: str | None) -> None:
    advice = NewMemory(text="The balcony gets thyme and chives.", session=session, role="assistant")
    told = NewMemory(text="The balcony is full of thyme.", session=session and "july", role="user")
    async with open_memory(tmp_path) as memory:
        await memory.remember_many([*CHAT[:2], advice, told])
        assert (await _order(memory, "What did you recommend for the balcony?"))[0] == advice.text
        assert (await _order(memory, "What do I grow on the balcony, thyme?"))[0] == told.text
