from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.consolidation.batches import collect
from mnemic.domain.consolidation.contradictions import find_contradictions
from mnemic.domain.consolidation.corpus import read_corpus
from mnemic.domain.consolidation.notes import NoteSettings, propose_notes
from mnemic.domain.consolidation.support import unsupported_claims
from mnemic.domain.consolidation.terms import read_sentences, split_sentences
from mnemic.domain.memory import Kind, MemoryId, Status
from mnemic.domain.provenance import Channel, Origin
from tests.consolidation.stores import fact, locomo, turn

HIKES = [
    turn(1, "I went hiking in the Serra with Rui. The bus was late."),
    turn(2, "We talked about work."),
    turn(3, "I love hiking in the Serra when it is cold."),
    turn(4, "My hiking boots broke in the Serra again!"),
]


def test_three_independent_episodes_make_a_note_of_quotes() -> None:
    (note,) = collect(propose_notes(read_corpus(HIKES)))
    assert note.subject == "Ana" and note.support == 3 and not note.worded
    assert note.evidence == (HIKES[0].id, HIKES[2].id, HIKES[3].id)
    assert note.text == (
        'Ana: "I went hiking in the Serra with Rui." (2 January 2026) "I love hiking in the Serra when it is cold."'
        ' (4 January 2026) "My hiking boots broke in the Serra again!" (5 January 2026)'
    )


def test_records_of_tools_are_no_statements() -> None:
    answers = [turn(at, f'Um3Og5 "gold member", "reservations": ["UM3OG5", "QKRY0{at}"]}}') for at in range(1, 5)]
    assert not collect(propose_notes(read_corpus(answers)))


def test_two_episodes_or_one_session_make_no_note() -> None:
    assert not collect(propose_notes(read_corpus(HIKES[:3])))
    one_session = [turn(at, each.text, session="one") for at, each in enumerate(HIKES)]
    assert not collect(propose_notes(read_corpus(one_session)))


def test_copies_under_other_origins_are_one_witness() -> None:
    copies = [
        turn(at, "I love hiking in the Serra.", origin=Origin(channel=channel))
        for at, channel in enumerate([Channel.USER, Channel.WEB, Channel.MAIL, Channel.FILE])
    ]
    assert not collect(propose_notes(read_corpus(copies)))
    same_origin = [turn(at, "I love hiking in the Serra.") for at in range(3)]
    assert collect(propose_notes(read_corpus(same_origin)))


def test_memories_of_unknown_origin_are_one_episode() -> None:
    unknown = [turn(at, each.text, session=None, occurred_at=None) for at, each in enumerate(HIKES)]
    assert not collect(propose_notes(read_corpus(unknown)))


def test_notes_are_drawn_from_active_raw_episodes_alone() -> None:
    assert not collect(propose_notes(read_corpus([fact(at, each.text) for at, each in enumerate(HIKES)])))
    archived = [turn(at, each.text, status=Status.ARCHIVED) for at, each in enumerate(HIKES)]
    assert not collect(propose_notes(read_corpus(archived)))


def test_a_note_that_exists_is_not_proposed_again() -> None:
    (note,) = collect(propose_notes(read_corpus(HIKES)))
    stored = fact(9, note.text, evidence=note.evidence, kind=Kind.SEMANTIC)
    assert not collect(propose_notes(read_corpus([*HIKES, stored])))


def test_questions_are_no_statements() -> None:
    asked = [turn(at, "Did I tell you about hiking in the Serra?") for at in range(4)]
    assert not collect(propose_notes(read_corpus(asked)))


def test_contradicting_statements_are_reported_and_not_merged() -> None:
    turns = [
        turn(1, "I live in Porto near the harbour."),
        turn(2, "I live in Porto near the harbour."),
        turn(3, "I live in Lisbon near the harbour."),
    ]
    corpus = read_corpus(turns)
    (found,) = collect(find_contradictions(corpus))
    assert (found.older, found.newer, found.subject) == (turns[1].id, turns[2].id, "Ana")
    assert found.reason == "different values: porto and lisbon" and "Lisbon" in found.newer_text
    assert not collect(propose_notes(corpus))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("Ana lives in Porto.", "Ana lives in Lisbon."),
        ("The port is 8080.", "The port is 9090."),
        ("My favourite colour is blue.", "My favourite colour is green."),
        ("The deadline is Friday, but it moves.", "The deadline is Monday because of the holiday."),
        ("Ana eats meat.", "Ana doesn't eat meat."),
        ("Ana has two dogs.", "Ana has 3 dogs."),
    ],
)
def test_states_that_exclude_each_other_are_contradictions(older: str, newer: str) -> None:
    corpus = read_corpus([fact(1, older, speaker="Ana"), fact(2, newer, speaker="Ana")])
    (found,) = collect(find_contradictions(corpus))
    assert (found.older_text, found.newer_text) == (older, newer)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana flew to Porto.", "Ana flew to Lisbon."),
        ("Ana was in Porto.", "Ana is in Lisbon."),
        ("Ana lives in Porto.", "Rui lives in Lisbon."),
        ("Ana lives in Porto.", "Ana lives in Porto."),
        ("My dog is cute.", "My dog is old."),
        ("Ana has two dogs.", "Ana has 2 dogs."),
    ],
)
def test_events_and_other_subjects_contradict_nothing(one: str, other: str) -> None:
    corpus = read_corpus(
        [fact(1, one, speaker="Ana"), fact(2, other, speaker="Ana"), fact(3, "Rui is here.", speaker="Rui")]
    )
    assert not collect(find_contradictions(corpus))


def test_a_model_may_word_a_note_that_its_quotes_support() -> None:
    def write(subject: str, quotes: tuple[str, ...]) -> str:
        assert subject == "Ana" and len(quotes) == 3
        return "Ana says she loves hiking in the Serra when it is cold."

    (note,) = collect(propose_notes(read_corpus(HIKES), write=write))
    assert note.worded and note.text == "Ana says she loves hiking in the Serra when it is cold."


@pytest.mark.parametrize(
    "invented",
    [
        "Ana loves hiking in the Alps.", "Ana hiked in the Serra 3 times.",
        "Ana never loves hiking in the Serra when it is cold.",
        "Rui loves hiking in the Serra when it is cold.", "Ana and Bob love hiking in the Serra.", "",
        "Porto is where Ana loves hiking.", "Rui went hiking with Ana in the Serra and won.",
    ],
)  # fmt: skip
def test_what_a_model_adds_is_replaced_by_the_quotes(invented: str) -> None:
    (note,) = collect(propose_notes(read_corpus(HIKES), write=lambda *_: invented))
    assert not note.worded and note.text.startswith('Ana: "I went hiking')


def test_a_model_that_fails_does_not_stop_the_notes() -> None:
    def write(subject: str, quotes: tuple[str, ...]) -> str:
        raise RuntimeError("no model")

    (note,) = collect(propose_notes(read_corpus(HIKES), write=write))
    assert not note.worded


def test_support_looks_at_numbers_denials_and_who_did_what() -> None:
    evidence = ["Ana has 2 dogs and 3 cats.", "Rui beat Maria at chess."]
    assert not unsupported_claims("Ana has two dogs.", evidence)
    assert not unsupported_claims("Rui beat Maria.", evidence)
    for false in (
        "Ana has 3 dogs.",
        "Ana has no dogs.",
        "Maria beat Rui.",
        "Ana has dogs and a horse.",
        "Ana has 2 dogs, 4 cats.",
    ):
        assert unsupported_claims(false, evidence), false


def test_resuming_gives_what_follows() -> None:
    turns = [
        turn(10 * who + at, each.text, speaker=f"Person{who}", session=f"{who} {at}")
        for who in range(4)
        for at, each in enumerate(HIKES)
    ]
    corpus = read_corpus(turns)
    whole = list(propose_notes(corpus, size=2))
    assert [batch.cursor for batch in whole] == [2, 4] and len(collect(whole)) == 4
    assert list(propose_notes(corpus, size=2, start=2)) == whole[1:]


def test_memories_of_two_namespaces_are_refused() -> None:
    with pytest.raises(ValueError, match="namespace"):
        read_corpus([turn(1, "a"), turn(2, "b", namespace=("other",))])


def test_notes_on_locomo_say_nothing_that_the_episodes_do_not(shared_data: Callable[[str], Path]) -> None:
    notes = 0
    for corpus, turns, vectors in locomo(shared_data("locomo_dev.json.gz")):
        texts = {each.id: each for each in turns}
        for note in collect(propose_notes(corpus)):
            notes += 1
            assert note.support >= 3 and len({texts[id].session for id in note.evidence}) >= 3
            for quote in note.quotes:
                assert quote.text in texts[quote.id].text and quote.id in note.evidence
                assert f'"{quote.text}"' in note.text and quote.said in note.text
            known = [note.subject, *(quote.said for quote in note.quotes)]
            assert not unsupported_claims(note.text, [texts[id].text for id in note.evidence], known=known)
            said = " ".join(
                [note.subject, *(texts[id].text for id in note.evidence), *(quote.said for quote in note.quotes)]
            )
            for value in re.findall(r"\d+|\b[A-Z]\w+", note.text):
                assert value in said
        shuffled = list(range(len(turns)))
        random.Random(3).shuffle(shuffled)
        mixed = read_corpus([turns[at] for at in shuffled], vectors[shuffled])
        assert collect(propose_notes(mixed)) == collect(propose_notes(corpus))
    assert notes >= 8


words = st.sampled_from("I Ana Rui hiking Serra dogs 2 3 not never was is love Porto again. when? the with".split())


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.lists(words, min_size=3, max_size=9).map(" ".join), max_size=12),
    sessions=st.lists(st.integers(0, 4), min_size=12, max_size=12),
    seed=st.randoms(use_true_random=False),
)
def test_every_note_is_quoted_and_independent_of_the_order(
    texts: list[str], sessions: list[int], seed: random.Random
) -> None:
    turns = [turn(at, text, session=f"s{sessions[at]}") for at, text in enumerate(texts)]
    notes = collect(propose_notes(read_corpus(turns), NoteSettings(min_episodes=2)))
    by_id = {each.id: each for each in turns}
    for note in notes:
        assert len({by_id[id].session for id in note.evidence}) >= 2
        assert all(quote.text in by_id[quote.id].text for quote in note.quotes)
    mixed = list(turns)
    seed.shuffle(mixed)
    assert collect(propose_notes(read_corpus(mixed), NoteSettings(min_episodes=2))) == notes


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_sentences_are_verbatim_and_any_text_is_read(text: str) -> None:
    at = 0
    for part in split_sentences(text):
        at = text.index(part, at) + len(part)
    for sentence in read_sentences(text):
        assert sentence.first_person in (True, False) and sentence.turns <= frozenset(sentence.tokens)
    assert not unsupported_claims(text, [text]) or len(text) > 8_000
    assert read_corpus([fact(1, text or "x")]).position[MemoryId("m000000000000001")] == 0
