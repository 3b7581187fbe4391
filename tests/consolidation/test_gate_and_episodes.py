from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.consolidation.batches import collect
from mnemic.domain.consolidation.corpus import read_corpus
from mnemic.domain.consolidation.notes import propose_notes
from mnemic.domain.consolidation.probe import CitingNote, Probe, answers, decide, gate, make_probes
from mnemic.domain.consolidation.segmentation import SegmentationSettings, boundaries, segment
from mnemic.domain.memory import MemoryId, MemoryRecord
from mnemic.domain.text import search_words
from tests.consolidation.scoring import score_boundaries
from tests.consolidation.stores import DAY_ONE, fact, locomo, turn


def searching(records: Sequence[MemoryRecord]) -> Callable[[str], list[MemoryId]]:
    """Counts shared words, as plainly as a search can."""

    def search(question: str) -> list[MemoryId]:
        asked = set(search_words(question))
        scored = sorted((-len(asked & set(search_words(record.text))), record.id) for record in records)
        return [id for score, id in scored if score]

    return search


EPISODES = [
    turn(1, "I went hiking in the Serra with Rui on 7 May."),
    turn(2, "I love hiking in the Serra when the river is frozen."),
    turn(3, "My hiking boots broke in the Serra near chapel 12."), turn(4, "Dinner was soup and bread."),
]  # fmt: skip


def test_a_note_beside_its_evidence_passes_the_gate() -> None:
    (note,) = collect(propose_notes(read_corpus(EPISODES)))
    stored = fact(9, note.text, evidence=note.evidence)
    probes = make_probes(read_corpus(EPISODES), note.evidence)
    verdict = gate(probes, searching(EPISODES), searching([*EPISODES, stored]))
    assert verdict.passed and verdict.answered_before == len(probes) == 3 and not verdict.lost


def test_a_bad_note_that_archives_its_evidence_fails_the_gate() -> None:
    evidence = frozenset(each.id for each in EPISODES[:3])
    bad = fact(9, "Ana likes the outdoors.", evidence=tuple(evidence))
    probes = make_probes(read_corpus(EPISODES), evidence)
    notes = {bad.id: CitingNote(text=bad.text, evidence=evidence)}
    verdict = gate(probes, searching(EPISODES), searching([EPISODES[3], bad]), notes=notes)
    assert not verdict.passed and verdict.answered_after == 0
    assert {id for probe in verdict.lost for id in probe.expected} == evidence


def test_a_note_stands_in_for_what_it_cites_only_if_it_holds_the_answer() -> None:
    probe = Probe(question="Ana chapel", expected=frozenset({EPISODES[2].id}), answer=frozenset({"12"}))
    note = MemoryId("note")
    for text, holds in (("boots broke near chapel 12", True), ("boots broke near a chapel", False)):
        notes = {note: CitingNote(text=text, evidence=frozenset({EPISODES[2].id}))}
        assert answers(probe, [note], notes=notes) is holds
    assert not answers(probe, [note], notes={note: CitingNote(text="chapel 12", evidence=frozenset())})
    assert not answers(probe, [MemoryId(str(at)) for at in range(5)] + [EPISODES[2].id])


def test_probes_ask_for_a_value_that_the_question_does_not_hold() -> None:
    for probe in make_probes(read_corpus(EPISODES), [each.id for each in EPISODES]):
        assert not probe.answer & set(search_words(probe.question)) and len(probe.expected) == 1
    (probe,) = make_probes(read_corpus(EPISODES), [EPISODES[2].id])
    assert probe.answer == {"12"} and probe.question.startswith("Ana ") and "chapel" in probe.question
    assert not make_probes(read_corpus(EPISODES), [MemoryId("unknown")])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20))
def test_one_lost_answer_is_enough_to_fail(pairs: list[tuple[bool, bool]]) -> None:
    probes = [Probe(question=str(at), expected=frozenset()) for at in range(len(pairs))]
    verdict = decide(probes, [was for was, _ in pairs], [is_ for _, is_ in pairs])
    assert verdict.passed == all(is_ for was, is_ in pairs if was)
    assert verdict.answered_after - verdict.answered_before == len(verdict.gained) - len(verdict.lost)
    with pytest.raises(ValueError, match="zip"):
        decide(probes, [True] * (len(pairs) + 1), [])


def test_sessions_and_silences_end_episodes() -> None:
    turns = [turn(at, "soup", session="a" if at < 2 else "b", occurred_at=DAY_ONE) for at in range(4)]
    late = turn(5, "soup", session="b", occurred_at=DAY_ONE + timedelta(hours=5))
    found = segment([*turns, late])
    assert [(len(episode.turns), episode.reason) for episode in found] == [(2, "start"), (2, "session"), (1, "gap")]


def test_a_change_of_topic_is_found_where_it_happens() -> None:
    generator = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, 16, dtype=np.float32), 20, axis=0)
    vectors = centres + generator.normal(0, 0.05, (60, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    turns = [turn(at, "word", session=None, occurred_at=None) for at in range(60)]
    assert boundaries(turns, vectors) == {0: "start", 20: "drift", 40: "drift"}


def test_new_words_surprise() -> None:
    texts = ["the cat sat on the red mat again"] * 20 + [
        f"quantum{at} flux{at} boson{at} lepton{at}" for at in range(12)
    ]
    turns = [turn(at, text, session=None, occurred_at=None) for at, text in enumerate(texts)]
    starts = boundaries(turns, None, SegmentationSettings(ahead=2))
    assert any(18 <= at <= 22 and reason == "surprise" for at, reason in starts.items())


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(
        st.lists(st.sampled_from("hey cat dog sun rain bye".split()), max_size=4).map(" ".join), max_size=60
    ),
    sessions=st.integers(1, 3),
    min_size=st.integers(1, 5),
)
def test_every_turn_is_in_one_episode_and_sizes_hold(texts: list[str], sessions: int, min_size: int) -> None:
    turns = [
        turn(at, text or "x", session=str(at * sessions // (len(texts) + 1)), occurred_at=DAY_ONE)
        for at, text in enumerate(texts)
    ]
    chosen = SegmentationSettings(min_size=min_size, max_size=12)
    episodes = segment(turns, None, chosen)
    assert [id for episode in episodes for id in episode.turns] == [each.id for each in turns]
    session = {each.id: each.session for each in turns}
    for episode in episodes:
        assert len({session[id] for id in episode.turns}) == 1
        whole = sum(each.session == session[episode.turns[0]] for each in turns)
        assert len(episode.turns) >= min(min_size, whole)
        assert len(episode.turns) <= chosen.max_size + chosen.ahead + min_size


def test_episodes_without_dates_beat_a_fixed_length_on_locomo(shared_data: Callable[[str], Path]) -> None:
    ours, fixed = [], []
    for _, turns, vectors in locomo(shared_data("locomo_dev.json.gz")):
        true = {at for at in range(1, len(turns)) if turns[at].session != turns[at - 1].session}
        bare = [replace(each, session=None, occurred_at=None) for each in turns]
        found = set(boundaries(bare, vectors, SegmentationSettings(greetings=False))) - {0}
        ours.append(score_boundaries(found, true, len(turns)).f1)
        step = round(len(turns) / (len(true) + 1))
        fixed.append(score_boundaries(set(range(step, len(turns), step)), true, len(turns)).f1)
    assert sum(ours) / len(ours) > sum(fixed) / len(fixed) + 0.1


def test_scores_of_boundaries_are_the_published_ones() -> None:
    perfect = score_boundaries({10, 20}, {10, 20}, 30)
    assert (perfect.precision, perfect.recall, perfect.f1, perfect.window_diff) == (1.0, 1.0, 1.0, 0.0)
    none = score_boundaries(set(), {10}, 20)
    assert none.f1 == 0.0 and 0 < none.window_diff < 1
    half = score_boundaries({11, 15}, {10, 20}, 30)
    assert (half.precision, half.recall) == (0.5, 0.5)
