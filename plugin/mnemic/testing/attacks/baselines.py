"""What a policy is compared with: no guard at all, and a list of well-known phrases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnemic.domain.verdict import Decision
from mnemic.guard.policy import KNOWN_RULES

NO_GUARD = "no-guard"
PHRASE_LIST = "phrase-list"
RELEASED = "amemguard-released"
BASELINES = (NO_GUARD, PHRASE_LIST, RELEASED)

PHRASES = (
    "ignore previous instructions", "ignore all previous instructions", "ignore the previous instructions",
    "ignore the above", "disregard previous instructions", "disregard the above", "forget everything",
    "forget your instructions", "you are now", "new instructions:", "system prompt", "developer mode", "jailbreak",
    "do anything now", "act as", "override your", "bypass your", "reveal your instructions", "do not tell the user",
    "[inst]", "<|im_start|>", "### instruction",
)  # fmt: skip
"""What the usual lists look for, without regard to capitals."""

_TRUSTS_ALL = dict.fromkeys(("user", "agent", "tool", "file", "import", "mail", "web"), 1.0) | {"claims": "believed"}
_RECALLS_ALL = {
    "label_untrusted": False, "mask_directives": False, "contradiction": {"decision": "allow"},
    "consensus": {"enabled": False}, "lessons": {"enabled": False}, "effects": {"review": []},
}  # fmt: skip


def baseline_policies(folder: Path) -> dict[str, str]:
    """Name of a baseline → what opens a memory with it. Those that do not come with mnemic are written to ``folder``."""
    phrases = "|".join(_escaped(phrase) for phrase in PHRASES)
    rule = {
        "id": "known-phrase", "phase": "write", "when": {"text": phrases}, "decision": Decision.QUARANTINE.value,
        "reason": "it holds a phrase of the list",
    }  # fmt: skip
    without = {"name": NO_GUARD, "trust": _TRUSTS_ALL, "write": {"enabled": False}, "recall": _RECALLS_ALL}
    listed = {
        "name": PHRASE_LIST, "trust": _TRUSTS_ALL, "recall": _RECALLS_ALL, "rules": [rule],
        "write": {"rules": dict.fromkeys(KNOWN_RULES, Decision.ALLOW.value)},
    }  # fmt: skip
    return {
        NO_GUARD: _written(folder, NO_GUARD, without),
        PHRASE_LIST: _written(folder, PHRASE_LIST, listed),
        RELEASED: RELEASED,
    }


def _written(folder: Path, name: str, policy: Mapping[str, Any]) -> str:
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(policy), encoding="utf-8")  # JSON is YAML
    return str(path)


def _escaped(phrase: str) -> str:
    return "".join(letter if letter.isalnum() or letter == " " else f"\\{letter}" for letter in phrase)
