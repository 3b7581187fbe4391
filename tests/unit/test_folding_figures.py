"""What folding saves on recorded episodes and what stays readable, as `tests.benchmarks.folding` measures it.

All episodes of the data are replayed once for each token counter; the thresholds are what folding is meant to reach.
Where the rules of thumb of the heuristic counter put a figure below that, its own threshold is written beside it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from mnemic.storage.token_counters import is_encoding_cached
from tests.benchmarks.folding import run
from tests.benchmarks.folding_data import INTERFERENCE_FILE, TAU_FILE, WORLDS_FILE
from tests.conftest import SHARED_DATA

TAU, SCIENCE, ALF = "tau-bench airline", "ScienceWorld", "ALFWorld"


@cache
def _measured(counter: str) -> dict[str, Any]:
    return run(SHARED_DATA, counter, policies=("lossless", "lean", "live", "k2", "hiagent"))


@pytest.fixture(params=["heuristic", "tiktoken"])
def figures(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Every figure by one token counter."""
    for name in (TAU_FILE, WORLDS_FILE, INTERFERENCE_FILE):
        if not (SHARED_DATA / name).is_file():
            pytest.skip(f"the recorded data {name} is not on this machine ({SHARED_DATA} lacks it)")
    if request.param == "tiktoken" and not is_encoding_cached():
        pytest.skip("tiktoken's encoding is not on this machine")
    return _measured(request.param)


def _row(figures: dict[str, Any], domain: str, preset: str) -> dict[str, Any]:
    row: dict[str, Any] = figures["domains"][domain]["rows"][preset]
    return row


def _least(figures: dict[str, Any], exact: float, heuristic: float) -> float:
    return heuristic if figures["counter"] == "heuristic" else exact


@pytest.mark.slow
def test_lean_saves_most_of_a_chat_and_every_later_argument_stays_readable(figures: dict[str, Any]) -> None:
    row = _row(figures, TAU, "lean")
    assert row["hist"] >= 58
    assert row["arg_missed"] == 0 and row["arg_all"] > 2000
    assert row["say"] == 100 and row["stale"] == 0


def test_live_keeps_most_records_of_a_chat_readable(figures: dict[str, Any]) -> None:
    row = _row(figures, TAU, "live")
    assert row["hist"] >= 50 and row["rec"] >= 80
    assert row["arg_missed"] == 0


def test_lossless_keeps_everything_readable_and_never_changes_a_prompt(figures: dict[str, Any]) -> None:
    row = _row(figures, TAU, "lossless")
    assert row["hist"] >= _least(figures, 28, 26)
    for domain in (TAU, SCIENCE, ALF):
        row = _row(figures, domain, "lossless")
        assert (row["arg"], row["say"], row["rec"], row["inv"], row["stale"]) == (100, 100, 100, 0, 0)


def test_a_text_world_is_folded_without_losing_what_later_actions_name(figures: dict[str, Any]) -> None:
    lean, k2, alf = _row(figures, SCIENCE, "lean"), _row(figures, SCIENCE, "k2"), _row(figures, ALF, "lean")
    assert lean["hist"] >= 60 and lean["arg"] >= 99.8
    assert k2["hist"] >= 54 and k2["arg"] == 100
    assert alf["hist"] >= 48 and alf["arg"] >= 99.7


def test_folding_is_cheaper_than_never_folding_where_prompts_are_cached(figures: dict[str, Any]) -> None:
    row = _row(figures, TAU, "lean")
    assert row["cost"] <= 0.78 and row["input"] <= 0.78


def test_keeping_only_the_last_message_loses_arguments_that_values_keep(figures: dict[str, Any]) -> None:
    assert (
        _row(figures, TAU, "hiagent")["arg"] < 80
        and _row(figures, TAU, "lean")["hist"] > _row(figures, TAU, "hiagent")["hist"]
    )


def test_milestones_are_found_without_seeing_the_score(figures: dict[str, Any]) -> None:
    found = figures["segmentation"]
    assert found["milestones"] >= 0.60 and found["chunk ends"] > found["every 3"] + 0.1


def test_the_latest_value_of_every_key_can_be_read_at_every_step_of_a_stream(figures: dict[str, Any]) -> None:
    saved = {row["updates"]: row["final_saved"] for row in figures["interference"]}
    assert all(row["wrong"] == 0 for row in figures["interference"]) and len(saved) == 7
    assert saved[4] >= 65 and all(saved[updates] >= 90 for updates in (64, 128, 256))
