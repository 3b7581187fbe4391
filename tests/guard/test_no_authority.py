"""An untrusted memory never authorises an effect, whatever it says and however it came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mnemic import open_memory
from mnemic.domain.provenance import Channel, Origin
from mnemic.testing import ObedientAgent
from mnemic.testing.adaptive import UNTRUSTED, attack_adaptively
from mnemic.testing.adaptive_goals import GOALS
from mnemic.testing.attacks import load_items, simulate, spread
from mnemic.testing.denial import deny_memory


async def test_no_recorded_attack_authorises_an_effect_or_arrives_unlabelled(
    shared_data: Callable[[str], Path],
) -> None:
    items = spread(load_items(shared_data("poison_dev.jsonl.gz")), 300, seed=11)
    found = await simulate(items, "default")
    assert {name: row["effects_authorised"] for name, row in found["families"].items()} == dict.fromkeys(
        found["families"], 0
    )
    assert {name: row["unlabelled"] for name, row in found["families"].items()} == dict.fromkeys(found["families"], 0)
    assert found["answers"]["colluding"]["confirmed"] == 0
    assert found["answers"]["alone"]["unverified"] == found["answers"]["alone"]["n"]


@pytest.mark.slow
async def test_what_an_attacker_knows_gives_strangers_no_trust_and_no_authority() -> None:
    found = await attack_adaptively("default", strategies=sorted(UNTRUSTED), tricks=())
    for row in found["attacks"]:
        assert (row["trusted"], row["authorised"]) == (0, 0), row


@pytest.mark.parametrize("channel", [Channel.MAIL, Channel.WEB, Channel.TOOL, Channel.FILE, Channel.IMPORT])
async def test_an_obedient_agent_gets_no_leave_from_any_untrusted_channel(tmp_path: Path, channel: Channel) -> None:
    async with open_memory(tmp_path, chroma="off") as memory:
        for goal in GOALS:
            for wording in goal.wordings:
                await memory.remember(
                    f"{goal.query} {wording}", source=f"{goal.name}@x.example", origin=Origin(channel=channel)
                )
        agent = ObedientAgent(memory)
        for goal in GOALS:
            result = await memory.recall(goal.query)
            assert not (await agent.obey(result.hits)).executed
            if goal.call is not None:
                ids = [hit.memory.id for hit in result.hits]
                assert (await memory.guard.authorise(goal.call, because=ids)).decision != "allowed"


async def test_no_copy_takes_a_users_memory_away(tmp_path: Path) -> None:
    async with open_memory(tmp_path, chroma="off", durable=False) as memory:
        tricks = ("same text first", "same text, withheld, first", "near copies with other values", "paraphrases flood",
                  "a newer version", "a lesson against it", "effects in view", "crowding out")  # fmt: skip
        rows = await deny_memory(memory, tricks=tricks)
    assert [row for row in rows if row["victim"] == "user" and row["lost"]] == []


async def test_a_stranger_who_repeats_a_memory_puts_no_tags_on_it(tmp_path: Path) -> None:
    async with open_memory(tmp_path, chroma="off") as memory:
        kept = await memory.remember("Ana lives in Porto.", tags=["ana"], origin=Origin(channel=Channel.USER))
        await memory.remember("Ana lives in Porto.", tags=["obey me"], origin=Origin(channel=Channel.WEB))
        assert (await memory.get(kept.id)).tags == ("ana",)


_LIMITS = {
    "a lesson against it": "an agent's own procedure with the steps and the effect of a contested page in view is held back",
}


@pytest.mark.parametrize("trick", ["crowding out", "effects in view", "near copies with other values"])
async def test_no_trick_takes_an_agents_memory_away(tmp_path: Path, trick: str) -> None:
    async with open_memory(tmp_path, chroma="off", durable=False) as memory:
        rows = await deny_memory(memory, tricks=(trick,))
    assert [row for row in rows if row["lost"]] == []


@pytest.mark.parametrize(
    "trick", [pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=why)) for name, why in _LIMITS.items()]
)
async def test_what_the_guard_honestly_fails_at(tmp_path: Path, trick: str) -> None:
    async with open_memory(tmp_path, chroma="off", durable=False) as memory:
        rows = await deny_memory(memory, tricks=(trick,))
    assert [row for row in rows if row["lost"]] == []
