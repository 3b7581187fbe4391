"""Whose words they are, and what strangers did to a memory, as far as a model may read of it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from mnemic.domain.memory import Event
from mnemic.domain.provenance import Origin
from mnemic.guard.guard import HIDDEN
from mnemic.guard.policy import OriginClass, Policy, class_of
from mnemic.guard.screening import RULES, mask, screen

# A name may begin with a word that commands, as those of Grant Wood and of a newsletter called Save Now do.
_SHORTEST_ORDER = 4
_SAYS_NOTHING = frozenset({"secret", "personal-data", "other-language"})


def origin_label(policy: Policy, origin: Origin) -> str:
    """`Origin.label`, without the names in it where a stranger's name is an order: who sends a mail chooses theirs."""
    return (origin.without_names() if names_hidden(policy, origin) else origin).label()


def names_hidden(policy: Policy, origin: Origin) -> bool:
    """Whether the names in an origin say something to the reader, and are a stranger's."""
    if (
        not (_hides(policy) and (origin.actor or origin.client))
        or class_of(policy, origin) is not OriginClass.UNTRUSTED
    ):
        return False
    return any(_is_order(name) for name in (origin.actor, origin.client) if name)


def shown_event(policy: Policy, event: Event) -> Event:
    """An event as a model may read it: what a stranger said besides is masked like any text of theirs."""
    if not _hides(policy) or class_of(policy, event.origin) is not OriginClass.UNTRUSTED:
        return event
    origin = event.origin.without_names() if names_hidden(policy, event.origin) else event.origin
    return replace(event, origin=origin, detail={name: _masked(value) for name, value in event.detail.items()})


def _hides(policy: Policy) -> bool:
    return policy.recall.mask_directives and policy.enforced


@lru_cache(maxsize=512)
def _is_order(name: str) -> bool:
    seen = screen(name, rules=RULES.keys() - _SAYS_NOTHING)
    return bool(seen.findings) or any(len(name[at:end].split()) >= _SHORTEST_ORDER for at, end in seen.directives)


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(one) for one in value]
    if not isinstance(value, str):
        return value
    seen = screen(value, rules=RULES.keys() - _SAYS_NOTHING)
    return HIDDEN if seen.findings else mask(value, seen.directives, placeholder=HIDDEN)
