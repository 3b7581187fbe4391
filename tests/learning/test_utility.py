"""The utility ledger: each published formula to the digit."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.learning.utility import (
    NO_UTILITY,
    Utility,
    credit,
    update_doubt,
    update_q,
    upper_bound,
    value_scores,
)

AT = datetime(2026, 5, 1, tzinfo=UTC)


def after(rewards: list[float], *, used: bool = True, attributed: bool = True) -> Utility:
    utility = NO_UTILITY
    for reward in rewards:
        utility = credit(utility, reward=reward, used=used, attributed=attributed, at=AT)
    return utility


def test_five_successes_and_three_failures_give_the_q_values_of_memrl() -> None:
    assert after([1.0] * 5).q_value == pytest.approx(0.83193, abs=5e-6)
    assert after([1.0] * 5 + [0.0] * 3).q_value == pytest.approx(-0.37165, abs=5e-6)
    assert update_q(0.0, 1.0, alpha=0.3) == pytest.approx(0.3)


def test_uses_are_counted_with_their_rewards_and_decay() -> None:
    utility = after([1.0, 0.0, 0.5, 1.0])
    assert (utility.used, utility.used_successes, utility.reward_sum) == (4, 2, 2.5)
    assert (utility.trials, utility.successes, utility.mean) == (4, 2, 0.5)
    assert utility.recent == pytest.approx(1 + 0.9 + 0.81 + 0.729)
    assert utility.recent_successes == pytest.approx(0.729 + 1)
    assert utility.last_used_at == AT


def test_what_was_delivered_and_not_used_is_neither_praised_nor_blamed() -> None:
    utility = after([1.0, 0.0], used=False)
    assert (utility.shown, utility.shown_successes) == (2, 1)
    assert utility == Utility(shown=2, shown_successes=1)


def test_presence_counts_only_where_nobody_says_what_was_used() -> None:
    weak = after([1.0, 1.0, 0.0], attributed=False)
    assert (weak.trials, weak.successes, weak.attributed) == (3, 2, False)
    known = credit(weak, reward=0.0, used=True, attributed=True, at=AT)
    assert (known.trials, known.successes) == (1, 0)
    assert known.q_value == pytest.approx(-0.3)
    same = credit(known, reward=1.0, used=False, attributed=False, at=AT)
    assert (same.trials, same.successes, same.q_value, same.doubt) == (1, 0, known.q_value, known.doubt)


def test_wilsons_upper_bound_is_that_of_the_textbook() -> None:
    # 2 of 10 at z = 1.96: (0.2 + 0.19208 + 1.96 * sqrt(0.016 + 0.009604)) / 1.38416
    assert upper_bound(2, 10, z=1.96) == pytest.approx(0.50984, abs=5e-5)
    assert upper_bound(0, 0, z=1.28) == 1.0


def test_similarity_and_value_weigh_the_same_after_scaling() -> None:
    assert value_scores([0.9, 0.1], [-1.0, 1.0]) == [0.0, 0.0]
    assert value_scores([0.9, 0.1], [-1.0, 1.0], weight=0.0) == [1.0, -1.0]
    assert value_scores([0.5, 0.5, 0.5], [0.0, 0.0, 0.0]) == [0.0, 0.0, 0.0]
    assert value_scores([0.0] * 20 + [1.0], [0.0] * 21, weight=0.0)[-1] == 3.0


def test_doubt_grows_with_failures_and_never_falls_below_nothing() -> None:
    assert update_doubt(0.0, success=True, scope_rate=0.5) == 0.0
    once = update_doubt(0.0, success=False, scope_rate=0.5)
    assert once == pytest.approx(0.371564, abs=5e-7)  # log(0.725 / 0.5)
    assert update_doubt(once, success=False, scope_rate=0.5) == pytest.approx(2 * once)
    assert update_doubt(0.0, success=False, scope_rate=0.15) < 0.11


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=40))
def test_counters_stay_within_their_bounds_whatever_happens(tasks: list[tuple[float, bool, bool]]) -> None:
    utility = NO_UTILITY
    for reward, used, attributed in tasks:
        utility = credit(utility, reward=reward, used=used, attributed=attributed, at=AT)
    assert utility.shown == len(tasks)
    assert 0 <= utility.successes <= utility.trials <= utility.shown
    assert 0 <= utility.used_successes <= utility.reward_sum + 1e-9 <= utility.used + 1e-6
    assert -1 <= utility.q_value <= 1
    assert 0 <= utility.recent_successes <= utility.recent <= 10
    assert utility.doubt >= 0
