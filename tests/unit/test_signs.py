"""Texts whose words are the same and that say different things."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnemic
from mnemic.domain.consolidation.signs import signs_of
from mnemic.domain.consolidation.terms import READ_CHARS

OPPOSITES = [
    ("x < 5 must hold for all inputs", "x > 5 must hold for all inputs"),
    ("The +5 offset delta is applied to the clock", "The -5 offset delta is applied to the clock"),
    ("Retry when status == 200 in the client", "Retry when status != 200 in the client"),
    ("We use C++ for the engine core", "We use C# for the engine core"),
    ("Ana has blood group A+ says the card", "Ana has blood group A- says the card"),
    ("The team reacted with 👍 to the new plan", "The team reacted with 👎 to the new plan"),
    ("Take 1/2 of the pills in the morning", "Take 1-2 of the pills in the morning"),
    ("The key is abcD1234 for staging", "The key is abcd1234 for staging"),
    ("The server runs with 16 GB of memory", "The server runs with 16 Gb of memory"),
    ("rm -rf /tmp/a is safe here", "rm -rf /tmp/A is safe here"),
    ("The flight leaves from gate A to gate B", "The flight leaves from gate B to gate A"),
    ("word " * (READ_CHARS // 5) + "and the code is open", "word " * (READ_CHARS // 5) + "and the code is shut"),
]
THE_SAME = [
    ("Ana said yes to the offer.", "Ana said: yes to the offer!"),
    ("A kettle boils at 3 pm on weekdays", "A kettle boils at 3 PM on weekdays."),
    ("Ana\u2019s office in Porto opens at 9 - on weekdays", "Ana's office in Porto opens at 9 on weekdays"),
    ('The "blue" printer (second floor) is slow', "The blue printer, second floor, is slow"),
]


@pytest.mark.parametrize(("one", "other"), OPPOSITES)
async def test_nothing_is_merged_or_hidden_for_what_differs_by_a_sign_or_a_capital(
    tmp_path: Path, one: str, other: str
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", durable=False, facts="off") as memory:
        await memory.remember(one)
        await memory.remember(other)
        assert (await memory.learning.plan(["merge"])).steps == ()
        found = await memory.recall(one[-200:], min_score=0)
        assert len(found.hits) == 2
        assert all(not hit.alike for hit in found.hits)


@pytest.mark.parametrize(("one", "other"), THE_SAME)
def test_punctuation_and_what_sets_words_apart_count_for_nothing(one: str, other: str) -> None:
    assert signs_of(one) == signs_of(other)


@given(st.text(max_size=200))
def test_any_text_has_its_signs_and_white_space_does_not_change_them(text: str) -> None:
    assert signs_of(text) == signs_of(f"  {text}\n")
