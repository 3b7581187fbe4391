"""Namespaces are counted once for each state of the ledger, and nobody sees an older count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic.domain.access import Right, make_access
from mnemic.services import namespace_counts
from mnemic.storage.sql.snapshot import SqlSnapshot


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one whenever the namespaces of a ledger are counted."""
    counts: list[str] = []
    count: Callable[..., Any] = SqlSnapshot.namespaces

    def noted(self: SqlSnapshot, *args: Any) -> Any:
        counts.append("counted")
        return count(self, *args)

    monkeypatch.setattr(SqlSnapshot, "namespaces", noted)
    return counts


async def test_a_status_counts_again_only_when_something_has_changed(tmp_path: Path, counted: list[str]) -> None:
    async with mnemic.open_memory(tmp_path, durable=False) as memory:
        await memory.remember("The ferry leaves at nine.")
        for _ in range(3):
            assert (await memory.status()).namespaces == ((("default",), 1),)
        assert len(counted) == 1
        await memory.remember("The ferry has two decks.", namespace="harbour")
        assert (await memory.status()).namespaces == ((("default",), 1), (("harbour",), 1))
        assert len(counted) == 2


async def test_what_another_process_adds_or_erases_is_counted_at_once(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, durable=False) as memory, mnemic.open_memory(tmp_path) as other:
        receipts = await other.remember_many([f"Berth {number} is free." for number in range(3)])
        assert (await memory.status()).namespaces == ((("default",), 3),)
        await other.erase([receipts[0].id])
        status = await memory.status()
        assert status.namespaces == ((("default",), 2),)
        assert status.memories == 2
        await other.erase([receipt.id for receipt in receipts[1:]])
        assert (await memory.status()).namespaces == ()


async def test_a_count_of_the_whole_ledger_is_not_shown_to_whoever_may_see_a_part(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, durable=False) as memory:
        await memory.remember("The ferry leaves at nine.", namespace="harbour")
        await memory.remember("The vault opens at ten.", namespace="bank")
        assert len((await memory.status()).namespaces) == 2
        clerk = memory.within(make_access("clerk", namespaces=["bank"], rights=list(Right)))
        assert (await clerk.status()).namespaces == ((("bank",), 1),)
        assert len((await memory.status()).namespaces) == 2


async def test_a_count_of_very_many_namespaces_is_not_kept(
    tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespace_counts, "_MOST_KEPT", 1)
    async with mnemic.open_memory(tmp_path, durable=False) as memory:
        await memory.remember("The ferry leaves at nine.", namespace="harbour")
        await memory.remember("The vault opens at ten.", namespace="bank")
        for _ in range(2):
            assert len((await memory.status()).namespaces) == 2
        assert len(counted) == 2
