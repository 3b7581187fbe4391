"""Running rules that are not ours: a crash or an overrun is a finding, never an exception and never a delay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from mnemic.domain.verdict import Finding
from mnemic.logs import get_logger

log = get_logger(__name__)

RULE_FAILED = "rule-failed"

_T = TypeVar("_T")


def run_bounded(rule_id: str, check: Callable[[], _T], *, timeout_seconds: float) -> _T | Finding:
    """The result of ``check``, or the finding that it failed or was not done in time.

    It runs in a thread of its own. One that overruns is left behind: Python cannot stop it, and nobody waits for it.
    """
    answers: list[_T | Finding] = []

    def call() -> None:
        try:
            answers.append(check())
        except BaseException as error:  # whatever a foreign rule does, the guard fails closed
            log.warning("guard.rule_failed", rule=rule_id, error=f"{type(error).__name__}: {error}")
            answers.append(_failure(rule_id, f"it raised {type(error).__name__}"))

    thread = threading.Thread(target=call, daemon=True, name=f"mnemic-rule-{rule_id}")
    thread.start()
    thread.join(timeout_seconds)
    if not answers:
        log.warning("guard.rule_overran", rule=rule_id, seconds=timeout_seconds)
        return _failure(rule_id, f"it was not done within {timeout_seconds * 1000:.0f} ms")
    return answers[0]


def _failure(rule_id: str, what: str) -> Finding:
    return Finding(rule=RULE_FAILED, reason=f"the rule {rule_id} could not judge it: {what}", detail=rule_id)
