"""What becomes of a memory that a person lets out of quarantine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnemic.domain.memory import Status
from tests.guard.stores import USER, open_guarded


@pytest.mark.parametrize("vouch", [False, True])
async def test_what_was_archived_before_it_was_rejected_is_archived_again_when_it_is_released(
    tmp_path: Path, vouch: bool
) -> None:
    async with open_guarded(tmp_path) as memory:
        id = (await memory.remember("The old gate code is on the board.", origin=USER)).id
        await memory.archive([id])
        for _ in range(2):  # the second time the last that happened is a release
            await memory.guard.reject([id])
            await memory.guard.reject([id])
            assert await memory.guard.release([id], vouch=vouch) == (id,)
            assert (await memory.get(id)).status is Status.ARCHIVED
        assert (await memory.recall("gate code")).hits == ()
        await memory.restore([id])
        assert (await memory.recall("gate code")).hits[0].memory.id == id


async def test_what_was_restored_before_it_was_rejected_is_in_recall_again_when_it_is_released(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as memory:
        id = (await memory.remember("The old gate code is on the board.", origin=USER)).id
        await memory.archive([id])
        await memory.restore([id])
        await memory.guard.reject([id])
        await memory.guard.release([id])
        assert (await memory.recall("gate code")).hits[0].memory.id == id
