"""The real clock, on systems whose own is coarse or is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import mnemic
from mnemic.storage import system
from mnemic.storage.system import SystemClock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def _standing_at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(system, "datetime", SimpleNamespace(now=lambda _: moment))


def test_a_moment_is_later_than_the_one_before_though_the_systems_clock_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    _standing_at(monkeypatch, NOON)
    told = [clock.now() for _ in range(1_000)]
    assert told == sorted(set(told))
    assert told[0] == NOON and told[-1] - NOON < timedelta(milliseconds=2)
    _standing_at(monkeypatch, NOON + timedelta(milliseconds=16))
    assert clock.now() == NOON + timedelta(milliseconds=16)


def test_a_clock_that_is_set_back_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    for moment in (NOON, NOON - timedelta(hours=1), NOON - timedelta(seconds=1)):
        _standing_at(monkeypatch, moment)
        assert clock.now() == moment


async def test_of_two_values_within_one_tick_the_second_is_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _standing_at(monkeypatch, NOON)
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        old = await memory.remember("The staging port is 8080")
        new = await memory.remember("The staging port is 8081")
        assert new.superseded == old.id
