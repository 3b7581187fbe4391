"""Which rights each use case takes. What is not named here is for whoever has every right: it fails closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mnemic.domain.access import Right

_Rights = Right | frozenset[Right]
_READ_AND_WRITE = frozenset([Right.READ, Right.WRITE])

_OF_MODULES: Mapping[str, _Rights] = {
    "browse": Right.READ,
    "items.operations": _READ_AND_WRITE,  # a batch both reads and writes
    "learning.committing": _READ_AND_WRITE,  # what is refused tells what the evidence says
    "learning.distilling": Right.WRITE,
    "learning.experience": Right.WRITE,
    "learning.guidance": Right.READ,
    "learning.outcomes": Right.WRITE,
    "learning.packets": Right.READ,
    "learning.segmenting": Right.READ,
    "recalling.recall": Right.READ,
    "reviewing.authorisation": Right.READ,
    "reviewing.checking": Right.READ,
    "reviewing.review": Right.REVIEW,
    "storing.cold": Right.ADMIN,
    "storing.curate": Right.WRITE,
    "storing.facts": Right.WRITE,
    "storing.remember": Right.WRITE,
    "upkeep.applying": Right.WRITE,
    "upkeep.planning": _READ_AND_WRITE,  # the steps of a plan tell words of what they are about
    "working_memory.compose": Right.READ,
    "working_memory.sculpt": _READ_AND_WRITE,  # edits answer with what they found, cut or hid
    "working_memory.sessions": Right.WRITE,
}
_OF_USE_CASES: Mapping[str, _Rights] = {
    "health.status": Right.READ,
    "items.operations.erase_item": Right.ADMIN,
    "learning.experience.list_experiences": Right.READ,
    "learning.outcomes.utilities_of": Right.READ,
    "reviewing.review.policy_in_force": frozenset(),  # tells of no memory
    "storing.curate.erase": Right.ADMIN,
    "transferring.transfer.export_lines": Right.READ,
    "upkeep.planning.list_plans": Right.READ,
    "working_memory.compose.fit": frozenset(),  # looks at what it is given alone
    "working_memory.sessions.erase_session": Right.ADMIN,
    "working_memory.sessions.list_sessions": Right.READ,
    "working_memory.sessions.read_session": Right.READ,
    "working_memory.sessions.session_exists": Right.READ,
}
_PREFIX = "mnemic.services."


def rights_for(use_case: Callable[..., Any]) -> frozenset[Right]:
    """The rights that whoever runs ``use_case`` must have, all of them."""
    name = name_of(use_case)
    needed = _OF_USE_CASES.get(name, _OF_MODULES.get(name.rpartition(".")[0], Right.ADMIN))
    return frozenset([needed]) if isinstance(needed, Right) else needed


def name_of(use_case: Callable[..., Any]) -> str:
    """Its module within the services and its name, as in ``storing.curate.erase``; empty for what is none of theirs."""
    while isinstance(use_case, partial):
        use_case = use_case.func
    module = getattr(use_case, "__module__", "")
    return f"{module.removeprefix(_PREFIX)}.{use_case.__name__}" if module.startswith(_PREFIX) else ""
