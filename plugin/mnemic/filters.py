"""What the public API takes to narrow a recall or a list."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TypedDict

from mnemic.domain.memory import Kind, Namespace, Status
from mnemic.domain.provenance import Channel

Moment = datetime | date | str
"""A datetime, a date (its first moment), or an ISO 8601 string; without an offset it is UTC."""


class Filters(TypedDict, total=False):
    """What `Memory.recall` and `Memory.list` may be narrowed to. All conditions must hold; those left out do not matter.

    ``subtree`` takes in all namespaces below. ``tags``: all of them must be there. ``since``/``until`` bound when it
    happened (else when it was recorded), ``until`` exclusive. ``as_of``: what was true then; ``known_at``: what the ledger
    held for true then. ``kinds``: without it, all but lessons; ``statuses``: without it, active.
    """

    namespace: Namespace | str
    subtree: bool
    kinds: Iterable[Kind | str]
    tags: Iterable[str]
    session: str | None
    speaker: str | None
    channels: Iterable[Channel | str]
    source: str | None
    since: Moment | None
    until: Moment | None
    as_of: Moment | None
    known_at: Moment | None
    statuses: Iterable[Status | str]
