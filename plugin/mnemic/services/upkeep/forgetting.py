"""Letting go of plans that nobody applied."""

from __future__ import annotations

from datetime import timedelta

from mnemic.services.backends import Backends

# What a plan of so long ago says of memories is not true of them any more, and drawing up another takes seconds.
_KEPT_FOR = timedelta(days=90)
_PATIENCE_SECONDS = 0.25


def forget_plans(backends: Backends) -> None:
    """Let go of plans that have waited for long to be applied. Raises `StoreUnavailable`."""
    with backends.ledger.transaction(patience_seconds=_PATIENCE_SECONDS) as transaction:
        transaction.forget_plans(before=backends.clock.now() - _KEPT_FOR)
