"""Maintenance plans as the ledger keeps them: a row each, with all but what is searched by in a body of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence, Set
from dataclasses import asdict
from typing import Any

from mnemic.domain.learning.plan import LOST, Plan, PlanId, PlanStatus, PlanStep, StepAction, Upkeep
from mnemic.domain.memory import MemoryId
from mnemic.domain.moments import from_microseconds
from mnemic.errors import InvalidInput
from mnemic.storage.sql.rows import encode_json, namespace_of, optional_microseconds

PLAN_COLUMNS = "p.id, n.path, p.status, p.created_at, p.body"
"""Of a plan ``p`` and its namespace ``n``."""
_AN_ID = re.compile(r"(?=(m[0-9a-z]{15}))")


def encode_plan(plan: Plan) -> str:
    """The body of a plan: compact JSON of what it has beside the other columns."""
    body = {
        "upkeep": plan.upkeep, "rule": plan.rule, "steps": [asdict(step) for step in plan.steps],
        "examined": plan.examined, "kept": plan.kept, "applied_at": optional_microseconds(plan.applied_at),
        "undone_at": optional_microseconds(plan.undone_at), "done": plan.done, "created": plan.created,
        "skipped": plan.skipped, "cursor": plan.cursor,
    }  # fmt: skip
    return encode_json({name: value for name, value in body.items() if value})


def plan_from_row(row: Sequence[Any]) -> Plan:
    """A plan from a row of `PLAN_COLUMNS`. Raises `InvalidInput` for one that was changed by hand."""
    try:
        return _read_plan(row)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"The plan {row[0]} cannot be read: it was changed by hand.", hint="Draw up a new one and use its id."
        ) from error


def _step(step: dict[str, Any]) -> PlanStep:
    read = PlanStep(
        action=StepAction(step["action"]), upkeep=Upkeep(step["upkeep"]), ids=tuple(step["ids"]),
        reason=step["reason"], detail=step.get("detail", {}),
    )  # fmt: skip
    needed = {StepAction.LINK: "relation", StepAction.NOTE: "text"}.get(read.action)
    if len(read.ids) < 1 + (read.action is StepAction.LINK) or (needed and needed not in read.detail):
        raise ValueError("a step without what it needs")
    return read


def _read_plan(row: Sequence[Any]) -> Plan:
    id, path, status, created_at, body = row
    values = json.loads(body)
    moments = {
        name: None if values.get(name) is None else from_microseconds(values[name])
        for name in ("applied_at", "undone_at")
    }
    return Plan(
        id=PlanId(id), namespace=namespace_of(path), status=PlanStatus(status), created_at=from_microseconds(created_at),
        upkeep=tuple(Upkeep(name) for name in values.get("upkeep", ())), rule=values.get("rule", ""),
        steps=tuple(_step(step) for step in values.get("steps", ())),
        examined=values.get("examined", 0), kept=tuple(values.get("kept", ())),
        done=tuple(values.get("done", ())), created=tuple(MemoryId(id) for id in values.get("created", ())),
        skipped=tuple(values.get("skipped", ())), cursor=values.get("cursor", {}), **moments,
    )  # fmt: skip


def names_any(text: str, ids: Set[str]) -> bool:
    """Whether any of ``ids`` stands in a text."""
    # One may begin within what looks like another.
    return not ids.isdisjoint(_AN_ID.findall(text))


def without_erased(body: str, ids: Set[str]) -> str:
    """A plan's body without erased memories and what may quote them. What was done otherwise can be undone still."""
    plan = json.loads(body)
    done = set(plan.get("done", ()))
    steps: list[dict[str, Any]] = []
    places: dict[int, int] = {}
    for at, step in enumerate(plan.get("steps", ())):
        named = names_any(encode_json(step), ids)
        # What was archived in favour of it comes back when the plan is undone; before that it is not archived any more.
        if not ids.isdisjoint(step["ids"]) or (named and at not in done):
            continue
        places[at] = len(steps)
        steps.append({**step, "reason": "what it was about was erased", "detail": {}} if named else step)
    told = {name: [text for text in plan.get(name, ()) if not _tells_of(text, ids)] for name in ("kept", "skipped")}
    created = [other for other in plan.get("created", ()) if other not in ids]
    left = {"steps": steps, "done": [places[at] for at in plan.get("done", ()) if at in places], "created": created}
    return encode_json({**plan, **left, **told})


def _tells_of(text: str, ids: Set[str]) -> bool:
    # A question of the gate is made from the words of memories and names none.
    return names_any(text, ids) or text.startswith(LOST)
