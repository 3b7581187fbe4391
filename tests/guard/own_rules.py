"""A policy with one rule of a team's own."""

from __future__ import annotations

from mnemic.guard.policy import Policy, parse_policy


def own(when: str, *, phase: str = "write", decision: str = "quarantine") -> Policy:
    return parse_policy(
        f"name: a\nrules: [{{id: mine, phase: {phase}, when: {when}, decision: {decision}, reason: Because.}}]"
    )
