"""A small sample of the reliability suite (`tests/soak`, ``make faults``): some of each kind, the same every time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.soak import chroma, faultfs

pytestmark = pytest.mark.skipif(faultfs.missing() is not None, reason=str(faultfs.missing()))


def sample(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    """What the suite says of a few faults of these kinds."""
    path = folder / "faults.json"
    command = [sys.executable, "-m", "tests.soak", "--sample", "--json", str(path), "--only", *kinds]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert path.exists(), done.stdout + done.stderr
    return list(json.loads(path.read_text())["kinds"])


def assert_nothing_was_lost(kinds: list[dict[str, Any]]) -> None:
    for kind in kinds:
        assert kind["injected"] > 0, kind
        assert (kind["lost"], kind["wrong"], kind["problems"]) == (0, 0, []), kind
        assert kind["recovered"] == kind["injected"], kind


@pytest.mark.slow
def test_whoever_is_killed_at_a_sync_or_a_write_loses_nothing_acknowledged(tmp_path: Path) -> None:
    assert_nothing_was_lost(sample(tmp_path, "kill at a sync", "kill at a write or name", "kill storm"))


def test_a_power_cut_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert_nothing_was_lost(sample(tmp_path, "power cut"))


@pytest.mark.slow
def test_calls_that_fail_are_clear_errors_and_work_once_the_fault_is_over(tmp_path: Path) -> None:
    kinds = ("disk full (ENOSPC)", "disk full, half a write done", "failing sync (EIO)", "failing write (EIO)")
    assert_nothing_was_lost(sample(tmp_path, *kinds, "failing read (EIO)", "read-only", "file size limit"))


def test_slow_disks_and_clocks_that_jump_change_no_answer(tmp_path: Path) -> None:
    assert_nothing_was_lost(sample(tmp_path, "slow disk, 0.2 s a sync", "clock jumps"))


@pytest.mark.slow
def test_every_released_ledger_is_upgraded_even_when_killed_and_a_newer_one_is_left_as_it_is(tmp_path: Path) -> None:
    assert_nothing_was_lost(sample(tmp_path, "upgrade", "kill in an upgrade", "newer schema refused"))


@pytest.mark.slow
def test_a_power_cut_in_an_upgrade_leaves_every_memory_once_and_upgraded_when_it_is_opened_again(
    tmp_path: Path,
) -> None:
    assert_nothing_was_lost(sample(tmp_path, "power cut in an upgrade"))


@pytest.mark.slow
@pytest.mark.skipif(chroma.available() is not None, reason=str(chroma.available()))
def test_a_chroma_server_that_closes_stalls_or_talks_nonsense_changes_no_answer(tmp_path: Path) -> None:
    assert_nothing_was_lost(sample(tmp_path, "Chroma server"))


def test_the_suite_notices_what_a_power_cut_takes_from_a_memory_that_is_not_durable(tmp_path: Path) -> None:
    (kind,) = sample(tmp_path, "power cut, not durable")
    assert kind["lost"] > 0
