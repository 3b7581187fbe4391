"""Asking a language model about memories that are contested, where one is configured and the policy wants it."""

from __future__ import annotations

from collections.abc import Sequence

from mnemic.guard.policy import Policy
from mnemic.services.backends import Backends, log
from mnemic.services.guarding.standing import Vetted

_MAX_ASKED = 20


def consult_model(backends: Backends, policy: Policy, question: str, judged: Sequence[Vetted]) -> list[str]:
    """Have the model settle what is contested, and say what came of it. Without a model or without need: nothing.

    A model that cannot be understood, or whose budget is used up, has not judged: then all that it was asked about is
    withheld, or stays contested, as the policy says. No lessons are drawn from its judgement.
    """
    judge = backends.guard.model_judge
    if judge is None or policy.judge.when == "never" or not policy.enforced or not question:
        return []
    if policy.judge.when == "always":
        asked = [one for one in judged if not one.withheld or one.contested][: policy.recall.consensus.k]
    else:
        asked = [one for one in judged if one.contested]
    asked = asked[:_MAX_ASKED]
    if not asked:
        return []
    judgement = judge.judge(question, {one.record.id: one.record.text for one in asked})
    if judgement.error is not None:
        log.warning("guard.judge_failed", error=str(judgement.error))
        if policy.judge.on_error == "reject_all":
            for one in asked:
                one.settle(keep=False, reason="judge: the model's judgement failed, so none of these is delivered")
                one.rejected = False  # nobody has judged it: that is nothing against it
        return [f"The model's judgement failed: {judgement.error.message}"]
    for one in asked:
        verdict = judgement.verdicts[one.record.id]
        if verdict.keep:
            one.settle(keep=True, reason="a model judged it consistent and safe")
        else:
            said = "unsafe" if verdict.consistent else "inconsistent with the others"
            one.settle(keep=False, reason=f"judge: a model judged it {said}")
    return []
