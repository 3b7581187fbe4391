"""Which right each use case takes. What is not named here is for whoever has every right: it fails closed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mnemic.domain.access import Right

_OF_MODULES = {
    "authorisation": Right.READ,
    "browse": Right.READ,
    "checking": Right.READ,
    "cold": Right.ADMIN,
    "committing": Right.WRITE,
    "compose": Right.READ,
    "curate": Right.WRITE,
    "distilling": Right.WRITE,
    "experience": Right.WRITE,
    "facts": Right.WRITE,
    "guidance": Right.READ,
    "items": Right.WRITE,
    "outcomes": Right.WRITE,
    "packets": Right.READ,
    "recall": Right.READ,
    "remember": Right.WRITE,
    "review": Right.REVIEW,
    "sculpt": Right.WRITE,
    "segmenting": Right.READ,
    "sessions": Right.WRITE,
    "upkeep.applying": Right.WRITE,
    "upkeep.planning": Right.WRITE,
}
_OF_USE_CASES = {
    "curate.erase": Right.ADMIN,
    "experience.list_experiences": Right.READ,
    "health.status": Right.READ,
    "items.erase_item": Right.ADMIN,
    "outcomes.utilities_of": Right.READ,
    "review.policy_in_force": Right.READ,
    "sculpt.check_options": Right.READ,
    "sessions.erase_session": Right.ADMIN,
    "sessions.list_sessions": Right.READ,
    "sessions.read_session": Right.READ,
    "sessions.session_exists": Right.READ,
    "transfer.export_lines": Right.READ,
    "upkeep.planning.list_plans": Right.READ,
}
_PREFIX = "mnemic.services."


def right_for(use_case: Callable[..., Any]) -> Right:
    """The right that whoever runs ``use_case`` must have."""
    name = name_of(use_case)
    return _OF_USE_CASES.get(name, _OF_MODULES.get(name.rpartition(".")[0], Right.ADMIN))


def name_of(use_case: Callable[..., Any]) -> str:
    """Its module within the services and its name, as in ``curate.erase``; empty for what is no use case of theirs."""
    while isinstance(use_case, partial):
        use_case = use_case.func
    module = getattr(use_case, "__module__", "")
    return f"{module.removeprefix(_PREFIX)}.{use_case.__name__}" if module.startswith(_PREFIX) else ""
