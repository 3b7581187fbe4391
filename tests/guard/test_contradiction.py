"""Contradiction with a trusted memory, and agreement among untrusted ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemic.guard.contradiction import Claim, claim_tokens, compare, contradictions
from tests.benchmarks.contradiction import measure


def between(query: str, trusted: str, untrusted: str) -> Claim:
    return compare(claim_tokens(query), claim_tokens(trusted), claim_tokens(untrusted))


WHERE = "Where does Ana live?"


@pytest.mark.parametrize(
    ("query", "trusted", "untrusted", "relation"),
    [
        (WHERE, "Ana lives in Porto.", "Ana is living in Lisbon these days, by the river.", "contradicts"),
        (WHERE, "Ana lives in Porto.", "In Porto, where Ana lives, it rains.", "agrees"),
        (WHERE, "Ana lives in Porto.", "Bo likes chess.", "off_topic"),
        (WHERE, "Bo likes chess.", "Ana lives in Lisbon.", "unknown"),
        (WHERE, "Ana lives in a flat in Porto, near the river, with two cats.", "Ana lives in Porto.", "agrees"),
        (WHERE, "Ana lives in Porto. In 2019 Bo moved to Faro with 3 cats and a dog.",
         "Ana lives in Porto since 2021.", "agrees"),
        ("Is the pool open on Monday?", "Is the pool open on Monday? — yes", "The pool is not open on Monday.", "unknown"),
        ("How long is a term?", "A term is four years.", "A term is 4 years long.", "agrees"),
        ("How long is a term?", "A term is four years.", "A term is limited to two years.", "contradicts"),
        ("How many seats are there?", "There are twenty-one seats.", "The hall has 21 seats.", "agrees"),
        ("What is the price of the car?", "The price of the car is 1,200.50 euros.",
         "The car has a price of 1200.5 euros.", "agrees"),
        ("How far is a mile?", "A mile is 1.609 km.", "A mile is 1.7 km.", "contradicts"),
        ("", "Ana lives in Porto.", "Ana lives in Lisbon.", "off_topic"),
    ],
)  # fmt: skip
def test_a_memory_stands_to_a_trusted_one(query: str, trusted: str, untrusted: str, relation: str) -> None:
    assert between(query, trusted, untrusted).relation == relation


def test_an_answer_that_stands_only_in_a_contrast_is_labelled() -> None:
    assert between(WHERE, "Ana lives in Porto.", "Ana does not live in Porto but in Faro.").negated
    assert not between(WHERE, "Ana lives in Porto.", "Ana lives in Porto and not in Faro.").negated


def test_the_strictest_relation_to_any_trusted_memory_counts() -> None:
    query, trusted = claim_tokens(WHERE), [claim_tokens("Bo likes chess."), claim_tokens("Ana lives in Porto.")]
    found = contradictions(query, trusted, [claim_tokens("Ana lives in Faro."), claim_tokens("Ana lives in Porto.")])
    assert [claim.relation for claim in found] == ["contradicts", "agrees"]
    assert contradictions(query, [], [claim_tokens("Ana lives in Faro.")])[0].relation == "unknown"


@given(st.text(), st.text(), st.text())
def test_any_texts_can_be_compared(query: str, trusted: str, untrusted: str) -> None:
    claim = between(query, trusted, untrusted)
    assert 0 <= claim.share <= 1


def test_three_of_four_wrong_values_are_contested_and_almost_no_true_passage(
    shared_data: Callable[[str], Path],
) -> None:
    figures = measure(shared_data("poison_dev.jsonl.gz"))
    assert figures["contested"] >= 0.75
    assert figures["control_contested"] <= 0.01
