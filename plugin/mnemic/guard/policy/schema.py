"""The JSON schema of policies, made from the model. ``python -m mnemic.guard.policy.schema FILE`` writes it."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

from mnemic.guard.policy.defaults import KNOWN_RULES
from mnemic.guard.policy.loading import preset_names
from mnemic.guard.policy.model import Policy


def policy_schema() -> str:
    """The text of ``policy.schema.json``."""
    schema: dict[str, Any] = _tidy(Policy.model_json_schema(by_alias=True))
    rules = schema["$defs"]["Writing"]["properties"]["rules"]
    setting = rules["additionalProperties"]
    schema["$defs"]["RuleSetting"] = setting
    reference = {"$ref": "#/$defs/RuleSetting"}
    rules["properties"] = {
        rule_id: {**reference, "description": f"Text that {rule.sees}."}
        if rule_id != "rule-failed"
        else {**reference, "description": f"{rule.sees[:1].upper()}{rule.sees[1:]}."}
        for rule_id, rule in KNOWN_RULES.items()
    }
    rules["additionalProperties"] = reference
    extends = {
        "enum": list(preset_names()),
        "description": "Take over a policy that comes with mnemic: parts are merged, lists and values replaced.",
    }
    schema["properties"] = {"name": schema["properties"].pop("name"), "extends": extends, **schema["properties"]}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Policy of mnemic's guard"}
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


def _tidy(value: Any) -> Any:
    """Without the titles that only repeat the names, and with descriptions on one line."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidied: dict[str, Any] = {}
    for key, item in value.items():
        if key == "title" and isinstance(item, str):
            continue
        is_text = key == "description" and isinstance(item, str)
        tidied[key] = " ".join(inspect.cleandoc(item).split()) if is_text else _tidy(item)
    return tidied


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(policy_schema(), encoding="utf-8")
