"""What the guard says of memories that somebody has at hand already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnemic import Channel, NewMemory, Origin
from mnemic.errors import InvalidInput
from mnemic.testing import ScriptedModel, plan_queries
from tests.guard.stores import CONSENSUS_ALONE, USER, open_guarded, policy_file


async def test_the_poisoned_one_of_four_is_rejected_and_the_others_are_kept(tmp_path: Path) -> None:
    found = poisoned_out = kept = benign = 0
    async with open_guarded(tmp_path, policy_file(tmp_path, CONSENSUS_ALONE)) as memory:
        for at, query in enumerate(plan_queries(25, poisoned=1, seed=11)):
            new = [
                NewMemory(
                    text=one.text, namespace=f"q/{at}", kind="procedural",
                    origin=Origin(channel=Channel.AGENT, task=one.origin),
                )
                for one in query.records
            ]  # fmt: skip
            receipts = await memory.remember_many(new)
            poison = {r.id for r, one in zip(receipts, query.records, strict=True) if one.poisoned}
            ids = list(dict.fromkeys(receipt.id for receipt in receipts))
            alone = await memory.guard.check(ids)
            assert {one.decision for one in alone.memories} == {"kept"}, "by itself nothing is known against any"
            result = await memory.guard.check(ids, task=query.query, namespace=f"q/{at}")
            assert [one.id for one in result.memories] == ids
            found += len(poison)
            poisoned_out += sum(one.decision == "rejected" and one.hit is None for one in result.memories
                                if one.id in poison)  # fmt: skip
            benign += len(ids) - len(poison)
            kept += sum(
                one.decision == "kept" and one.hit is not None for one in result.memories if one.id not in poison
            )
        assert poisoned_out / found >= 0.98 and kept / benign >= 0.97
        # A check does not wait long for a machine that has no time to write what it learns: of a few that may be lost.
        taught = [bool(await memory.guard.lessons(namespace=f"q/{at}")) for at in range(25)]
        assert sum(taught) >= 20, "what is rejected teaches a lesson, as in recall"


async def test_a_flood_from_one_origin_is_contested_and_not_shown(tmp_path: Path) -> None:
    (query,) = plan_queries(1, poisoned=4, seed=14)
    async with open_guarded(tmp_path, policy_file(tmp_path, CONSENSUS_ALONE)) as memory:
        receipts = await memory.remember_many(
            [NewMemory(text=one.text, kind="procedural", origin=Origin(task=one.origin)) for one in query.records]
        )
        result = await memory.guard.check([receipt.id for receipt in receipts], task=query.query)
        assert {(one.decision, one.hit) for one in result.memories} == {("contested", None)}


async def test_what_is_gone_archived_held_or_elsewhere_is_rejected(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as memory:
        names = ("gone", "archived", "held", "elsewhere", "here")
        ids = {
            name: (
                await memory.remember(f"The {name} one.", namespace="b" if name == "elsewhere" else "a", origin=USER)
            ).id
            for name in names
        }
        await memory.erase([ids["gone"]])
        await memory.archive([ids["archived"]])
        await memory.guard.reject([ids["held"]])
        result = await memory.guard.check(ids.values(), namespace="a")
        assert [one.decision for one in result.memories] == ["rejected"] * 4 + ["kept"]
        assert [one.hit is not None for one in result.memories] == [False] * 4 + [True]
        assert "archived" in result.memories[1].reasons[0] and "quarantine" in result.memories[2].reasons[0]
        assert result.memories[3].origin == "", "of another namespace nothing is said"
        assert (await memory.guard.check([])).memories == ()
        with pytest.raises(InvalidInput):
            await memory.guard.check([f"m{at:015d}" for at in range(301)])


async def test_the_model_is_asked_once_by_recall_and_not_again_for_what_recall_delivered(tmp_path: Path) -> None:
    (query,) = plan_queries(1, poisoned=1, seed=3)
    flags = [{"id": at, "consistent": at != 1, "safe": True} for at in (1, 2, 3, 4)]
    model = ScriptedModel([*["A -> b"] * 4, json.dumps(flags)])
    policy = policy_file(
        tmp_path, "write: {enabled: false}\nrecall: {consensus: {enabled: false}}\njudge: {when: always}\n"
    )
    async with open_guarded(tmp_path, policy, model=model) as memory:
        await memory.remember_many(
            [NewMemory(text=one.text, kind="procedural", origin=Origin(task=one.origin)) for one in query.records]
        )
        result = await memory.recall(query.query, k=4, min_score=0)
        assert model.calls == 5 and len(result.hits) == 3 and len(result.withheld) == 1
        checked = await memory.guard.check([hit.memory.id for hit in result.hits], task=query.query)
        assert model.calls == 5 and {one.decision for one in checked.memories} == {"kept"}
