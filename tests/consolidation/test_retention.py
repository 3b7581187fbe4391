from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemic.domain.consolidation.batches import collect
from mnemic.domain.consolidation.corpus import read_corpus
from mnemic.domain.consolidation.fading import FadingSettings, fades, propose_fading
from mnemic.domain.consolidation.retention import (
    RetentionModel,
    Usage,
    Zone,
    base_level,
    ebbinghaus_retention,
    ebbinghaus_strength,
    rank_factor,
    retention,
    retrieval_chance,
    superlocal_strength,
    zone_of,
)  # fmt: skip
from mnemic.domain.memory import Kind
from tests.consolidation.stores import DAY_ONE, fact, turn

LATER = DAY_ONE + timedelta(days=400)


def test_ebbinghaus_to_the_digit() -> None:
    assert round(ebbinghaus_retention(1, 1), 6) == 0.367879
    assert round(ebbinghaus_retention(2, ebbinghaus_strength(3)), 6) == 0.606531
    assert ebbinghaus_retention(0, 1) == 1.0 and ebbinghaus_retention(-3, 1) == 1.0
    with pytest.raises(ValueError, match="strength"):
        ebbinghaus_retention(1, 0)


def test_a_stronger_memory_fades_more_slowly_unlike_in_memorybank_as_released() -> None:
    def as_released(days: float, strength: float) -> float:
        return math.exp(-days / 5 * strength)  # what `exp(-t / 5*S)` means in Python

    assert as_released(2, 4) < as_released(2, 1)
    assert ebbinghaus_retention(2, 4) > ebbinghaus_retention(2, 1)


def test_a_recall_adds_a_day_of_strength_and_starts_time_again() -> None:
    now = DAY_ONE + timedelta(days=3)
    never = retention(Usage(), created=DAY_ONE, now=now)
    once = retention(Usage(recalls=1, last_used=DAY_ONE + timedelta(days=1)), created=DAY_ONE, now=now)
    assert round(never, 6) == round(math.exp(-3), 6) == 0.049787
    assert round(once, 6) == round(math.exp(-1), 6)


def test_superlocal_strength_and_retention_to_the_digit() -> None:
    strength = superlocal_strength(access=3, importance=0.8, confirmations=2, emotion=0.4)
    assert round(strength, 6) == round(2 * math.log(4) + 1.2 + 2 + 0.2, 6) == 6.172589
    assert superlocal_strength(access=0, importance=0, confirmations=0, emotion=0) == 0.1
    assert superlocal_strength(access=10**30, importance=1, confirmations=10**3, emotion=1) == 100.0
    usage = Usage(recalls=3, importance=0.8, confirmations=2, emotion=0.4)
    left = retention(usage, created=DAY_ONE, now=DAY_ONE + timedelta(hours=6), model=RetentionModel.SUPERLOCAL)
    assert round(left, 6) == round(math.exp(-6 / strength), 6) == 0.378311


def test_zones_have_the_published_bounds() -> None:
    found = [zone_of(value) for value in (0.81, 0.8, 0.51, 0.5, 0.21, 0.2, 0.051, 0.05, 0.0)]
    assert found == [
        Zone.ACTIVE, Zone.WARM, Zone.WARM, Zone.COLD, Zone.COLD, Zone.ARCHIVE, Zone.ARCHIVE, Zone.FORGOTTEN, Zone.FORGOTTEN
    ]  # fmt: skip


def test_base_level_activation_to_the_digit() -> None:
    assert base_level([1.0]) == 0.0
    assert round(base_level([1.0, 4.0, 25.0]), 6) == round(math.log(1.7), 6) == 0.530628
    assert base_level([]) == -math.inf and retrieval_chance(-math.inf) == 0.0
    assert retrieval_chance(-2.0) == 0.5
    assert (
        round(
            retention(Usage(), created=DAY_ONE, now=DAY_ONE + timedelta(days=math.exp(4)), model=RetentionModel.ACT_R),
            6,
        )
        == 0.5
    )


@given(st.floats(-1, 2), st.floats(0.01, 1), st.floats(0, 1))
def test_the_only_answer_stays_first_however_old(retained: float, floor: float, score: float) -> None:
    factor = rank_factor(retained, floor)
    assert floor <= factor <= 1.0
    assert score * factor > 0 or score == 0 or score < 1e-300


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0.1, 1000), st.sampled_from(list(RetentionModel)))
def test_more_recalls_never_lower_retention_and_time_never_raises_it(
    fewer: int, more: int, days: float, model: RetentionModel
) -> None:
    fewer, more = sorted((fewer, more))
    now = DAY_ONE + timedelta(days=days)

    def left(recalls: int, moment: timedelta = timedelta(0)) -> float:
        return retention(Usage(recalls=recalls), created=DAY_ONE, now=now + moment, model=model)

    assert 0 <= left(fewer) <= left(more) <= 1
    assert left(fewer, timedelta(days=1)) <= left(fewer)


def test_nothing_that_is_protected_cited_or_replaced_fades() -> None:
    records = [turn(at, f"I had soup number {at}.") for at in range(4)]
    note = fact(7, "Ana: soup", evidence=(records[1].id,), supersedes=records[2].id)
    found = collect(propose_fading(read_corpus([*records, note]), now=LATER, protected={records[0].id}))
    assert {one.id for one in found} == {note.id, records[3].id}
    assert all(one.zone is Zone.FORGOTTEN for one in found)


def test_the_only_evidence_of_a_note_stays_although_nobody_says_that_it_is_protected() -> None:
    episode, note = turn(1, "I had soup."), fact(2, "Ana: soup", evidence=(turn(1, "").id,))
    found = collect(propose_fading(read_corpus([episode, note]), now=LATER))
    assert [one.id for one in found] == [note.id]


def test_what_was_used_or_made_within_ninety_days_does_not_fade() -> None:
    record = turn(0, "I had soup.", recorded_at=DAY_ONE)
    assert fades(record, Usage(), now=DAY_ONE + timedelta(days=89)) is None
    assert fades(record, Usage(), now=DAY_ONE + timedelta(days=90)) is not None
    assert fades(record, Usage(recalls=1, last_used=LATER - timedelta(days=80)), now=LATER) is None
    often = Usage(recalls=60, last_used=DAY_ONE)
    assert fades(record, often, now=DAY_ONE + timedelta(days=100)) is None


def test_lessons_and_procedures_do_not_fade_by_default() -> None:
    for kind in (Kind.LESSON, Kind.PROCEDURAL):
        assert fades(fact(1, "x", kind=kind), Usage(), now=LATER) is None
    settings = FadingSettings(kinds=frozenset(Kind))
    assert fades(fact(1, "x", kind=Kind.LESSON), Usage(), now=LATER, settings=settings) is not None
