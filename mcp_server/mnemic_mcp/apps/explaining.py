"""What an app is told beside the answer that the model gets, in the `_meta` of a tool's result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mnemic import RecallResult
from mnemic.domain.quoting import visible
from mnemic_mcp.views import MAX_WITHHELD

if TYPE_CHECKING:
    from mnemic.guard.policy import Policy
    from mnemic.services.reviewing.review import GuardReport

WHY = "mnemic/why"
REVIEW = "mnemic/review"
MAX_PENDING = 50
"""So many memories that wait for review are shown at once."""

TEXT_CHARS = 1_200


def why_view(result: RecallResult) -> dict[str, Any]:
    """Why a recall answered so: for each hit the parts of its score and its place in every channel that proposed it."""
    return {
        "considered": result.considered,
        "hits": {
            hit.shown_memory.id: {
                "rank": why.rank,
                "channels": dict(why.channels),
                "parts": {name: round(value, 4) for name, value in why.parts.items()},
            }
            for hit in result.hits
            if (why := hit.explanation) is not None
        },
        "withheld": [
            {"id": one.id, "origin": visible(one.origin), "reasons": list(map(visible, one.reasons))}
            | ({"contested": True} if one.contested else {})
            for one in result.withheld[:MAX_WITHHELD]
        ],
        "withheld_in_all": len(result.withheld),
    }


def review_text(found: Sequence[GuardReport], policy: Policy) -> str:
    """What waits, for whoever shows no app: ids, origins and reasons. The texts are not repeated."""
    from mnemic.services.guarding.naming import origin_label

    if not found:
        return "Nothing waits for review."
    lines = []
    for one in found[:MAX_PENDING]:
        why = "; ".join(one.verdict.reasons) or "by decision"
        lines.append(visible(f"{one.memory.id} · origin {origin_label(policy, one.memory.origin)} · {why}"))
    count = f"{MAX_PENDING}+" if len(found) > MAX_PENDING else str(len(found))
    decide = "A person decides with `mnemic guard release ID` or `mnemic guard reject ID`."
    return "\n".join([f"{count} waiting for review. {decide}", *lines])


def review_view(found: Sequence[GuardReport], *, policy: str, namespace: str) -> dict[str, Any]:
    """What waits, for a person to read: the beginnings of the texts, and where in them what was found stands."""
    return {
        "policy": policy,
        "namespace": namespace,
        "more": len(found) > MAX_PENDING,
        "waiting": [_waiting(one) for one in found[:MAX_PENDING]],
    }


def _waiting(one: GuardReport) -> dict[str, Any]:
    memory = one.memory
    return {
        "id": memory.id,
        "kind": memory.kind.value,
        "recorded_at": memory.recorded_at.isoformat(),
        "origin": visible(memory.origin.label()),
        "trust": round(one.trust, 2),
        "text": memory.text[:TEXT_CHARS],
        "characters": len(memory.text),
        "found": [
            {
                "rule": judged.finding.rule,
                "reason": visible(judged.finding.reason),
                "decision": judged.decision.value,
                "spans": [list(span) for span in judged.finding.spans],
            }
            for judged in one.verdict.judged
        ],
    }
