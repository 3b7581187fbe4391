"""What the guard keeps about a memory: found once, when it was written, and read with it ever after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from mnemic.domain.memory import MemoryId, Namespace
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.verdict import Finding, Span


class Taint(NamedTuple):
    """A way by which text reached a memory or something it was drawn from. ``claimed`` as in `Origin`."""

    channel: Channel
    claimed: bool = False


def taint_of(origin: Origin) -> Taint:
    """The taint that an origin brings by itself."""
    return Taint(origin.channel, origin.claimed)


class Screened(IntEnum):
    """Which rules have looked at a memory's text. Trusted channels get fewer."""

    NOT = 0
    BRIEFLY = 1
    FULLY = 2


class Review(StrEnum):
    """What a person decided about a memory, the latest word counts.

    *released*: what was found does not withhold it again; it stays as trusted as its origin. *vouched*: besides, it counts
    as the person's own words. *rejected*: it stays out and is not shown for review again.
    """

    RELEASED = "released"
    VOUCHED = "vouched"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is known about a memory's text besides the text. It holds no judgement: a policy makes that of it, at any time.

    ``taints`` are all ways by which it or anything it was drawn from reached us, its own first; rewriting cannot lose them.
    ``directives`` are the ranges of characters that read like instructions. ``path`` is its reasoning path in plain JSON
    values, ``effects`` those that its steps have, or, of a stranger, that its words speak of. ``english`` is false when the
    rules for English could not judge it. ``review`` is what a person decided about it.
    ``source`` is a hash of what told its origin apart when it was written.
    """

    taints: tuple[Taint, ...]
    screened: Screened = Screened.NOT
    findings: tuple[Finding, ...] = ()
    directives: tuple[Span, ...] = ()
    path: dict[str, Any] | None = None
    effects: tuple[str, ...] = ()
    english: bool = True
    review: Review | None = None
    source: int = 0

    @property
    def unremarkable(self) -> bool:
        """Whether they say no more than where the text came from and that it was looked at."""
        return self == Marks(taints=self.taints[:1], screened=self.screened)


def merge_taints(first: Iterable[Taint], *others: Iterable[Taint]) -> tuple[Taint, ...]:
    """All taints, each once, in the order of their first appearance."""
    return tuple(dict.fromkeys([*first, *(taint for taints in others for taint in taints)]))


class GuardAction(StrEnum):
    """What the guard's audit log records."""

    QUARANTINED = "quarantined"
    REDACTED = "redacted"
    REFUSED = "refused"
    WATCHED = "watched"
    RELEASED = "released"
    VOUCHED = "vouched"
    REJECTED = "rejected"
    LESSON_LEARNT = "lesson_learnt"
    LESSON_RELEASED = "lesson_released"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry of the guard's log. Each entry's ``hash`` covers its own content and the hash before it.

    ``detail`` holds names of rules, decisions and reasons, never the text of a memory.
    """

    number: int
    at: datetime
    namespace: Namespace
    action: GuardAction
    memory_id: MemoryId | None
    origin: Origin
    policy: str
    detail: dict[str, Any] = field(default_factory=dict)
    hash: str = ""
