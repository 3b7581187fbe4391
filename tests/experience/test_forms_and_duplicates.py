"""What a submitted experience must look like, and which ones say the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemic.domain.experience.forms import check_form, is_action_verb
from mnemic.domain.experience.similarity import same_content, value_difference
from mnemic.errors import InvalidInput
from tests.benchmarks.deduplicating import PRESETS, Compared, Reason, deduplicate

GOOD_SITUATION = "When a flight has to be moved to another day"
GOOD_CONTENT = "Look up the reservation first, then search flights for the new day and confirm the price."


def codes(**given: object) -> set[str]:
    asked = {"when_to_use": GOOD_SITUATION, "content": GOOD_CONTENT, **given}
    return {problem.code for problem in check_form(**asked)}  # type: ignore[arg-type]


def test_a_well_formed_experience_has_no_problem() -> None:
    assert codes(keywords=["flight"], confidence=0.5, query="Move my flight to Monday", tools=["search"]) == set()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"when_to_use": "now"}, "when_to_use-too-short"),
        ({"when_to_use": "when " * 100}, "when_to_use-too-long"),
        ({"content": "call it"}, "content-too-short"),
        ({"content": "Call the tool. " * 200}, "content-too-long"),
        ({"content": "The weather was rather pleasant and warm."}, "no-action"),
        ({"query": GOOD_SITUATION.upper() + "!"}, "when_to_use-copies-query"),
        ({"query": GOOD_CONTENT}, "content-copies-query"),
        ({"when_to_use": GOOD_CONTENT}, "content-copies-situation"),
        ({"when_to_use": "When ana.li@example.com asks for a refund"}, "one-entity"),
        ({"when_to_use": "When reservation UDCI_123 has to be cancelled"}, "one-entity"),
        ({"when_to_use": "When it is for Aarav Garcia"}, "one-entity"),
        ({"keywords": ["word"] * 21}, "too-many-keywords"),
        ({"keywords": [" "]}, "bad-keyword"),
        ({"confidence": 1.01}, "confidence-out-of-range"),
        ({"confidence": math.nan}, "confidence-out-of-range"),
    ],
)
def test_each_rule_of_form_is_told_by_its_code(given: dict[str, object], code: str) -> None:
    assert code in codes(**given)


@pytest.mark.parametrize(
    ("when_to_use", "content"),
    [
        ("Wenn der Druck in einem Kessel gemessen werden soll", "Öffne zuerst das Ventil und miss danach den Druck."),
        ("Quand il faut mesurer la pression d'une chaudière", "Ouvre d'abord la vanne, puis mesure la pression."),
        ("Когда нужно измерить давление в котле", "Сначала открой клапан, затем измерь давление."),
        ("测量锅炉压力时", "先开阀门，后测压力。"),
        ("ボイラーの圧力を測る時", "まずバルブを開けてから圧力を測る。"),
        ("보일러 압력을 측정해야 할 때", "먼저 밸브를 열고 그다음 압력을 측정한다."),
    ],
)  # fmt: skip
def test_what_is_to_be_done_may_be_said_in_any_language(when_to_use: str, content: str) -> None:
    assert codes(when_to_use=when_to_use, content=content) == set()


def test_all_problems_are_told_at_once_each_with_a_hint() -> None:
    found = check_form(when_to_use="x", content="y", keywords=["a"] * 30, confidence=2.0)
    assert {problem.code for problem in found} >= {
        "when_to_use-too-short",
        "content-too-short",
        "too-many-keywords",
        "confidence-out-of-range",
    }
    assert all(problem.message and problem.hint for problem in found)


def test_the_hint_for_one_entity_shows_how_to_say_it_in_general() -> None:
    (problem,) = check_form(when_to_use="When reservation UDCI_123 has to be cancelled", content=GOOD_CONTENT)
    assert "reservation <identifier>" in problem.hint


def test_a_known_tool_or_an_identifier_is_something_to_do() -> None:
    assert codes(content="The weather_of tool, with a town and a day.") == set()
    assert codes(content="The oracle, with a town and a day.", tools=["oracle"]) == set()


@pytest.mark.parametrize(
    "word", ["verify", "Verifies", "verified", "calling", "used", "planned", "Stopping", "applies", "uses"]
)
def test_forms_of_verbs_are_known(word: str) -> None:
    assert is_action_verb(word)


@pytest.mark.parametrize("word", ["weather", "banana", "thing", "bed", "red", "ring", ""])
def test_other_words_are_no_verbs(word: str) -> None:
    assert not is_action_verb(word)


@given(st.text(max_size=500), st.text(max_size=500), st.text(max_size=50))
def test_any_text_can_be_checked(when_to_use: str, content: str, query: str) -> None:
    for problem in check_form(when_to_use=when_to_use, content=content, query=query):
        assert problem.hint


# --- duplicates ---


def embed(texts: Sequence[str]) -> list[list[float]]:
    """A count for each letter: texts of the same words point the same way."""
    return [[text.lower().count(chr(97 + at)) + 0.001 for at in range(26)] for text in texts]


def item(id: str, content: str, when_to_use: str = "When paying") -> Compared:
    return Compared(id=id, when_to_use=when_to_use, content=content)


def test_importing_the_same_twice_adds_nothing() -> None:
    items = [item("a", "Call pay."), item("b", "Ask the user for a card.")]
    again = deduplicate([item("a2", "call PAY"), item("b2", "Ask the user for a card!")], items, embed)
    assert again.kept == ()
    assert [(entry.id, entry.into, entry.reason) for entry in again.dropped] == [
        ("a2", "a", Reason.SAME_TEXT),
        ("b2", "b", Reason.SAME_TEXT),
    ]


def test_the_same_content_for_another_situation_is_told_as_such() -> None:
    done = deduplicate([item("a", "Call pay."), item("b", "Call pay.", "When buying a ticket")], (), embed)
    assert done.kept == ("a",)
    assert done.dropped[0].reason is Reason.SAME_CONTENT


def test_a_near_duplicate_is_dropped_only_when_it_states_the_same_values() -> None:
    first = item("a", "Ask for the card and then call pay with the card and the amount of 12 and wait for the receipt.")
    same = item("b", "Ask for the card, then call pay with the card and the amount of 12, and wait for the receipt.")
    other = item("c", "Ask for the card and then call pay with the card and the amount of 13 and wait for the receipt.")
    never = item(
        "d", "Ask for the card and then never call pay with the card and the amount of 12 and wait for the receipt."
    )
    done = deduplicate([first, same, other, never], (), embed)
    assert done.kept == ("a", "c", "d")
    assert [(entry.id, entry.into, entry.reason) for entry in done.dropped] == [("b", "a", Reason.NEAR_DUPLICATE)]
    assert {(entry.id, entry.difference) for entry in done.apart} >= {("c", "12"), ("d", "never")}


def test_other_words_with_the_same_vector_are_kept_and_reported() -> None:
    listen, silent = item("a", "listen enlist", "x"), item("b", "silent tinsel", "x")
    done = deduplicate([listen, silent], (), embed)
    assert done.kept == ("a", "b")
    assert [entry.difference for entry in done.apart] == ["the wording"]
    assert deduplicate([listen, silent], (), embed, preset="reme-paper").kept == ("a",)


def test_both_sides_of_a_comparison_are_embedded_as_the_same_composed_text() -> None:
    seen: list[str] = []

    def noting(texts: Sequence[str]) -> list[list[float]]:
        seen.extend(texts)
        return embed(texts)

    deduplicate([item("b", "Call pay.")], [item("a", "Ask.")], noting)
    assert seen == ["When paying Ask.", "When paying Call pay."]


def test_an_unknown_preset_or_threshold_is_refused() -> None:
    with pytest.raises(InvalidInput, match="reme-paper"):
        deduplicate([], [], embed, preset="loose")
    with pytest.raises(InvalidInput, match=r"0\.9"):
        deduplicate([], [], embed, cosine=1.5)


def test_the_papers_preset_is_its_threshold_alone() -> None:
    paper = PRESETS["reme-paper"]
    assert (paper.cosine, paper.values_apart, paper.shared_words) == (0.5, False, 0.0)


def test_values_and_negations_tell_texts_apart_and_numbers_of_lists_do_not() -> None:
    assert value_difference("Call pay_now.", "Call pay_later.") == "paylater"
    assert value_difference("Do not wait.", "Do wait.") == "not"
    assert value_difference("1. Ask.\n2. Wait.", "Ask. Wait.") is None


_contents = st.lists(
    st.sampled_from(["Call pay.", "call pay", "Ask Ana.", "Wait 3 days.", "Wait 4 days.", "", "Été", "ETE"]), max_size=7
)


@given(_contents, _contents, st.sampled_from(sorted(PRESETS)))
def test_every_item_is_kept_or_reported_with_what_stands_for_it(new: list[str], old: list[str], preset: str) -> None:
    batch = [item(f"n{at}", content) for at, content in enumerate(new)]
    stored = [item(f"o{at}", content) for at, content in enumerate(old)]
    done = deduplicate(batch, stored, embed, preset=preset)
    dropped = {entry.id for entry in done.dropped}
    assert dropped | set(done.kept) == {entry.id for entry in batch}
    assert not dropped & set(done.kept)
    assert {entry.into for entry in done.dropped} <= {entry.id for entry in stored} | set(done.kept)
    if preset != "reme-paper":
        by_id = {entry.id: entry for entry in (*batch, *stored)}
        for entry in done.dropped:
            left, right = by_id[entry.id], by_id[entry.into]
            assert same_content(left.content, right.content) or value_difference(left.text, right.text) is None
