"""The guard from the name of its policy and from the rules that other packages bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any

from mnemic.errors import InvalidInput
from mnemic.guard.guard import Guard, OutsideRules
from mnemic.guard.judge import ModelJudge
from mnemic.guard.policy import KNOWN_RULES
from mnemic.guard.policy.watching import PolicySource
from mnemic.protocols import ChatModel, Clock, RecallPhaseRule, Vectors, WritePhaseRule
from mnemic.protocols.rules import RECALL_RULES, WRITE_RULES


def create_guard(
    policy: str, *, embed: Callable[[Sequence[str]], Vectors] | None = None, model: ChatModel | None = None,
    clock: Clock | None = None,
) -> Guard:  # fmt: skip
    """The guard with a policy that comes with mnemic, by its name, or with the YAML file at a path.

    ``model`` with ``clock`` is asked for its judgement where the policy says so (``judge.when``).

    Raises `PolicyError` for a policy that cannot be used, `InvalidInput` for a rule that is none. A file that becomes
    unusable later leaves the last good policy in force.
    """
    outside = find_outside_rules()
    known = {*KNOWN_RULES, *(rule.id for rule in outside.write), *(rule.id for rule in outside.recall)}
    is_path = any(sign in policy for sign in "/\\~")
    source = PolicySource(Path(policy).expanduser() if is_path else policy, known_rules=known)
    judge = None
    if model is not None and clock is not None:
        judge = ModelJudge(model, clock, max_calls=lambda: source.current().judge.max_calls_per_hour)
    return Guard(source.current, embed=embed, outside=outside, model_judge=judge)


def find_outside_rules() -> OutsideRules:
    """The rules that are registered as entry points. Raises `InvalidInput`."""
    # Asked once: every package that is installed is looked at.
    installed = entry_points()
    return OutsideRules(
        write=_registered(installed.select(group=WRITE_RULES), WritePhaseRule),
        recall=_registered(installed.select(group=RECALL_RULES), RecallPhaseRule),
    )


def _registered(entries: EntryPoints, protocol: type[Any]) -> tuple[Any, ...]:
    found = []
    for entry in entries:
        rule = entry.load()
        if isinstance(rule, type) or (callable(rule) and not isinstance(rule, protocol)):
            rule = rule()
        if not isinstance(rule, protocol):
            raise InvalidInput(
                f"The guard rule {entry.name} ({entry.value}) is not what it has to be.",
                hint=f"It needs an id and a method check; see {protocol.__module__}.{protocol.__name__}.",
            )
        found.append(rule)
    return tuple(found)
