"""A model's judgement in a memory: what it settles, and what becomes of what it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mnemic.testing import ScriptedModel, plan_queries
from tests.guard.stores import CONSENSUS_ALONE, ask, open_guarded, policy_file


class Auditor:
    """A model that reads every text by itself and finds those wrong that delete."""

    def complete(self, prompt: str, **_: Any) -> str:
        if "Remembered text:" in prompt:
            return "wrong" if "DeleteDB" in prompt else "right"
        chains = re.findall(r'^(\d+): "(\w+)"$', prompt, re.MULTILINE)
        return json.dumps([{"id": int(n), "consistent": said == "right", "safe": True} for n, said in chains])


async def test_a_model_settles_what_is_contested(tmp_path: Path) -> None:
    policy = policy_file(tmp_path, CONSENSUS_ALONE + "judge: {when: contested}\n")
    (query,) = plan_queries(1, poisoned=3, seed=13)
    async with open_guarded(tmp_path, policy, model=Auditor()) as memory:
        seen = await ask(memory, query, "a")
        assert seen.poison and not seen.poison_delivered
        result = await memory.recall(query.query, namespace="a", min_score=0)
        assert len(result.hits) == seen.benign > 0
        for hit in result.hits:
            assert hit.standing is not None and hit.standing.labels == ("a model judged it consistent and safe",)
            assert not hit.standing.doubtful
        for one in result.withheld:
            assert one.reasons[-1] == "judge: a model judged it inconsistent with the others"
        assert not await memory.guard.lessons(namespace="a")


async def test_a_judgement_that_failed_lets_nothing_through_and_only_what_is_contested_is_asked_about(
    tmp_path: Path,
) -> None:
    policy = policy_file(tmp_path, CONSENSUS_ALONE + "judge: {when: contested}\n")
    (query,) = plan_queries(1, poisoned=3, seed=13)
    model = ScriptedModel(["chain"] * 4 + ["no judgement at all"])
    async with open_guarded(tmp_path, policy, model=model) as memory:
        seen = await ask(memory, query, "a")
        assert len(model.prompts) == 5, "K chains and one audit"
        assert seen.poison_delivered == 0
        assert not await memory.guard.lessons(namespace="a"), "a judgement that failed teaches nothing"
        await memory.remember("Ana likes tea.", namespace="b")
        await memory.recall("what does Ana like?", namespace="b")
        assert len(model.prompts) == 5
