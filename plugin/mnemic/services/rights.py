"""Which rights each use case takes. What is not named here is for whoever has every right: it fails closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mnemic.domain.access import Right

_Rights = Right | frozenset[Right]
_READ_AND_WRITE = frozenset([Right.READ, Right.WRITE])

_OF_MODULES: Mapping[str, _Rights] = {
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
    "items": _READ_AND_WRITE,  # a batch both reads and writes
    "outcomes": Right.WRITE,
    "packets": Right.READ,
    "recall": Right.READ,
    "remember": Right.WRITE,
    "review": Right.REVIEW,
    "sculpt": _READ_AND_WRITE,  # edits answer with what they found, cut or hid
    "segmenting": Right.READ,
    "sessions": Right.WRITE,
    "upkeep.applying": Right.WRITE,
    "upkeep.planning": Right.WRITE,
}
_OF_USE_CASES: Mapping[str, _Rights] = {
    "compose.fit": frozenset(),  # looks at what it is given alone
    "curate.erase": Right.ADMIN,
    "experience.list_experiences": Right.READ,
    "health.status": Right.READ,
    "items.erase_item": Right.ADMIN,
    "outcomes.utilities_of": Right.READ,
    "review.policy_in_force": frozenset(),  # tells of no memory
    "sessions.erase_session": Right.ADMIN,
    "sessions.list_sessions": Right.READ,
    "sessions.read_session": Right.READ,
    "sessions.session_exists": Right.READ,
    "transfer.export_lines": Right.READ,
    "upkeep.planning.list_plans": Right.READ,
}
_PREFIX = "mnemic.services."


def rights_for(use_case: Callable[..., Any]) -> frozenset[Right]:
    """The rights that whoever runs ``use_case`` must have, all of them."""
    name = name_of(use_case)
    needed = _OF_USE_CASES.get(name, _OF_MODULES.get(name.rpartition(".")[0], Right.ADMIN))
    return frozenset([needed]) if isinstance(needed, Right) else needed


def name_of(use_case: Callable[..., Any]) -> str:
    """Its module within the services and its name, as in ``curate.erase``; empty for what is no use case of theirs."""
    while isinstance(use_case, partial):
        use_case = use_case.func
    module = getattr(use_case, "__module__", "")
    return f"{module.removeprefix(_PREFIX)}.{use_case.__name__}" if module.startswith(_PREFIX) else ""
